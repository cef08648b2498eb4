//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
)

func inOrder(m map[string]changeOfDisk) []string { return slices.Sorted(maps.Keys(m)) }

func asks(args ...string) func(*upset) []string { return func(*upset) []string { return args } }

func nothing(*upset) {}

// imported is a volume v of what can be imported.
func imported(k *upset) { must(k.T, k.h, "volume", "import", "v", k.file, "--format", "raw") }

// qcow2 is a volume v of the same, as qcow2.
func qcow2(k *upset) {
	path := filepath.Join(k.folder, "v.qcow2")
	if out, err := exec.CommandContext(k.Context(), "qemu-img", "convert", "-f", "raw", "-O", "qcow2", k.file, path).CombinedOutput(); err != nil {
		k.Fatalf("qemu-img convert: %v: %s", err, out)
	}
	must(k.T, k.h, "volume", "import", "v", path, "--format", "qcow2")
}

func trashed(k *upset) { imported(k); must(k.T, k.h, "volume", "delete", "--yes", "v") }
func used(k *upset)    { imported(k); k.runs("v") }
func unused(k *upset)  { imported(k); k.runs("") }

// away wants v to be there, or to lie in the trash, whole; it reports which.
func away(k *upset) bool {
	_, there := k.has("v")
	if !there {
		must(k.T, k.h, "volume", "trash", "restore", "v")
	}
	k.holds("v", k.want)
	return !there
}

func copied(k *upset) bool {
	_, there := k.has("c")
	if there {
		k.holds("c", k.want)
	}
	k.holds("v", k.want)
	return there
}

func grown(k *upset) bool {
	v, _ := k.has("v")
	k.holds("v", k.want)
	info, err := os.Stat(filepath.Join(k.folder, "held"))
	if err != nil || model.Bytes(info.Size()) != v.Spec.Size {
		k.Errorf("it is said to have %s and has %v, %v", v.Spec.Size, info, err)
	}
	return v.Spec.Size == 12*model.MiB
}

var changesOfDisks = map[string]changeOfDisk{
	"create": {
		before: nothing, args: asks("volume", "create", "v", "--size", "8MiB", "--format", "qcow2"),
		isNew: func(k *upset) bool {
			_, there := k.has("v")
			if there {
				k.holds("v", fmt.Sprintf("%x", sha256.Sum256(make([]byte, disk))))
			}
			return there
		},
	},
	"import": {
		before: nothing, args: func(k *upset) []string { return []string{"volume", "import", "v", k.file, "--format", "raw"} },
		isNew: func(k *upset) bool {
			_, there := k.has("v")
			if there {
				k.holds("v", k.want)
			}
			return there
		},
	},
	"resize":                 {before: qcow2, args: asks("volume", "resize", "v", "12MiB"), isNew: grown},
	"resize under its guest": {before: used, args: asks("volume", "resize", "v", "12MiB"), qemu: true, isNew: grown},
	"clone in full":          {before: imported, args: asks("volume", "clone", "v", "c"), isNew: copied},
	"clone in full under its guest": {
		before: used, args: asks("volume", "clone", "v", "c"), qemu: true, isNew: copied,
	},
	"clone linked": {before: qcow2, args: asks("volume", "clone", "v", "c", "--linked"), isNew: copied},
	"export": {
		before: imported,
		args: func(k *upset) []string {
			_ = os.Remove(filepath.Join(k.folder, "out.qcow2")) // or there is none
			return []string{"volume", "export", "v", filepath.Join(k.folder, "out.qcow2")}
		},
		isNew: func(k *upset) bool {
			k.holds("v", k.want)
			left, err := filepath.Glob(filepath.Join(k.folder, "*out*"))
			if err != nil || len(left) == 0 {
				return false
			}
			raw := filepath.Join(k.folder, "of-export")
			if out, err := exec.CommandContext(k.Context(), "qemu-img", "convert", "-f", "qcow2", "-O", "raw", left[0], raw).CombinedOutput(); err != nil || len(left) > 1 {
				k.Errorf("%v: %v: %s", left, err, out)
				return false
			}
			k.fileHolds(raw, k.want)
			return true
		},
	},
	"trash":   {before: imported, args: asks("volume", "delete", "--yes", "v"), isNew: away},
	"restore": {before: trashed, args: asks("volume", "trash", "restore", "v"), isNew: func(k *upset) bool { return !away(k) }},
	"delete": {
		before: imported, args: asks("volume", "delete", "--now", "--yes", "v"),
		isNew: func(k *upset) bool {
			_, there := k.has("v")
			if there {
				k.holds("v", k.want)
			}
			return !there
		},
	},
	"attach": {
		before: unused, args: asks("volume", "attach", "v", "web"), qemu: true,
		isNew: func(k *upset) bool { is := k.guestHas("v"); k.holds("v", k.want); return is },
	},
	"detach": {
		before: func(k *upset) { used(k); up(k.T, k.h, "web") }, args: asks("volume", "detach", "v"), qemu: true,
		isNew: func(k *upset) bool { is := !k.guestHas("v"); k.holds("v", k.want); return is },
	},
	"rename": {
		before: used, args: asks("volume", "rename", "v", "w"), qemu: true,
		isNew: func(k *upset) bool {
			_, old := k.has("v")
			_, is := k.has("w")
			if old == is || k.guestHas("v") != old || k.guestHas("w") != is {
				k.Errorf("under the old name: %v, under the new: %v; its VM has v: %v, w: %v", old, is, k.guestHas("v"), k.guestHas("w"))
			}
			k.holds(map[bool]string{true: "w", false: "v"}[is], k.want)
			return is
		},
	},
	"repair": {
		before: leaky, args: asks("volume", "check", "v", "--repair"),
		isNew: func(k *upset) bool {
			k.holds("v", k.want)
			c, err := k.h.Client.CheckVolume(k.Context(), killRef("v"), false)
			if err != nil || c.Corruptions != 0 || c.Leaks > 1 {
				k.Errorf("it is neither: %+v, %v", c, err)
			}
			return c.Leaks == 0
		},
	},
	"import an image": {
		before: nothing, args: func(k *upset) []string { return []string{"image", "import", "i", k.file} },
		isNew: func(k *upset) bool { return k.imageHolds(k.want) },
	},
	"update an image": {
		before: func(k *upset) {
			k.served = "one"
			mark.Store(&k.served)
			must(k.T, k.h, "image", "import", "i", "ours:web/1")
		},
		args: func(*upset) []string {
			next := "two"
			mark.Store(&next)
			return []string{"image", "update", "i"}
		},
		isNew: func(k *upset) bool {
			i, err := k.h.Client.Image(k.Context(), killRef("i"))
			if err != nil {
				k.Fatal(err)
			}
			_, of := version("two")
			is := strings.Contains(fmt.Sprintf("%+v", i), of)
			if !is {
				_, of = version("one")
			}
			k.imageHolds(of)
			return is
		},
	},
}

// leaky is a qcow2 volume of which one cluster is taken that nothing uses: what qemu-img check can put in order.
func leaky(k *upset) {
	qcow2(k)
	found, err := filepath.Glob(filepath.Join(k.h.State, "pool", "*.qcow2"))
	if err != nil || len(found) != 1 {
		k.Fatalf("%v, %v", found, err)
	}
	f, err := os.OpenFile(found[0], os.O_RDWR, 0)
	if err != nil {
		k.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	at := func(offset int64) int64 {
		var b [8]byte
		if _, err := f.ReadAt(b[:], offset); err != nil {
			k.Fatal(err)
		}
		return int64(binary.BigEndian.Uint64(b[:])) // #nosec G115 -- an offset in a file of some MiB
	}
	info, err := f.Stat()
	if err != nil {
		k.Fatal(err)
	}
	const cluster = 64 << 10
	end, block := (info.Size()+cluster-1)/cluster, at(at(48))       // the first block of those that the table of reference counts has
	if _, err := f.WriteAt([]byte{0, 1}, block+2*end); err != nil { // the count of one more cluster
		k.Fatal(err)
	}
	if err := f.Truncate((end + 1) * cluster); err != nil {
		k.Fatal(err)
	}
	if c, err := k.h.Client.CheckVolume(k.Context(), killRef("v"), false); err != nil || c.Leaks != 1 {
		k.Fatalf("it is not as it was to be: %+v, %v", c, err)
	}
}

// imageHolds reports whether image i is there, which has that content then.
func (k *upset) imageHolds(want string) bool {
	k.Helper()
	if _, err := k.h.Client.Image(k.Context(), killRef("i")); err != nil {
		return false
	}
	path := filepath.Join(k.folder, "image")
	must(k.T, k.h, "image", "export", "i", path, "--force")
	raw := filepath.Join(k.folder, "of-image")
	if out, err := exec.CommandContext(k.Context(), "qemu-img", "convert", "-O", "raw", path, raw).CombinedOutput(); err != nil {
		k.Fatalf("%v: %s", err, out)
	}
	k.fileHolds(raw, want)
	return true
}

// mark is which version of the image is served.
var mark atomic.Pointer[string]

func version(mark string) (content []byte, sum string) {
	content = make([]byte, disk)
	content[510], content[511] = 0x55, 0xaa
	copy(content[1<<20:], strings.Repeat(mark, 1<<19))
	of := sha256.Sum256(content)
	return content, hex.EncodeToString(of[:])
}

// numbers gives each content that comes after another the next number: a list that goes back is refused.
func numbers() func(sum string) int {
	var (
		mu   sync.Mutex
		n    int
		last string
	)
	return func(sum string) int {
		mu.Lock()
		defer mu.Unlock()
		if sum != last {
			n, last = n+1, sum
		}
		return n
	}
}

// publish serves an image that can be fetched, in the version that is marked.
func (k *upset) publish(t *testing.T) {
	t.Helper()
	first := "one"
	mark.Store(&first)
	numbered := numbers()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, sum := version(*mark.Load())
		switch r.URL.Path {
		case "/streams/v1/index.json":
			_, _ = w.Write([]byte(`{"format":"index:1.0","index":{"images":{"datatype":"image-downloads","path":"streams/v1/images.json"}}}`))
		case "/streams/v1/images.json":
			_, _ = fmt.Fprintf(w, `{"format":"products:1.0","products":{"web:1":{"aliases":"web/1","os":"Web","versions":{"2026%04d":{"items":{"d":{"ftype":"disk-kvm.img","path":"web.raw","sha256":%q}}}}}}}`, numbered(sum), sum)
		case "/web.raw":
			_, _ = w.Write(content)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	must(t, k.h, "image", "source", "add", "ours", server.URL+"/", "--kind", "simplestreams", "--local", "--insecure-http")
}
