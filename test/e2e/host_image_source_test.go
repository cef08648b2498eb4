//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// An image comes from a simplestreams tree on this host, a VM's disk stands on it, and an update leaves that disk as it
// was: a new volume has the new content, the old one the old.
func TestAnImageOfASourceIsUpdatedAndAVMKeepsItsOwn(t *testing.T) {
	h := bootable(t)
	var now atomic.Pointer[[]byte]
	publish := func(mark string) {
		b := make([]byte, 8<<20)
		b[510], b[511] = 0x55, 0xaa
		copy(b[1<<20:], mark)
		now.Store(&b)
	}
	publish("version one")
	numbered := numbers()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content := *now.Load()
		switch r.URL.Path {
		case "/streams/v1/index.json":
			_, _ = w.Write([]byte(`{"format":"index:1.0","index":{"images":{"datatype":"image-downloads","path":"streams/v1/images.json"}}}`))
		case "/streams/v1/images.json":
			sum := hex.EncodeToString(func() []byte { s := sha256.Sum256(content); return s[:] }())
			_, _ = fmt.Fprintf(w, `{"format":"products:1.0","products":{"web:1":{"aliases":"web/1","os":"Web","versions":{"2026%04d":{"items":{"d":{"ftype":"disk-kvm.img","path":"web.raw","sha256":%q}}}}}}}`, numbered(sum), sum)
		case "/web.raw":
			_, _ = w.Write(content)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()

	refused(t, h, 1, []string{"HV-IMG-012"}, "image", "source", "add", "far", "http://images.example.org/")
	must(t, h, "image", "source", "add", "ours", server.URL+"/", "--kind", "simplestreams", "--local", "--insecure-http")
	if listed := must(t, h, "image", "search", "--source", "ours", "web"); !strings.Contains(listed, "ours:web/1") {
		t.Errorf("hv image search --source:\n%s", listed)
	}
	must(t, h, "image", "import", "web", "ours:web/1")
	must(t, h, "volume", "create", "one", "--image", "web")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("one", `disks.root.volume = "one";`)))
	must(t, h, "vm", "start", "one")
	one := at(t, h, "one")

	if said := must(t, h, "image", "update", "web"); !strings.Contains(said, "image/web is the newest there is") {
		t.Errorf("nothing is newer:\n%s", said)
	}
	publish("version two")
	if said := must(t, h, "image", "update", "web"); !strings.Contains(said, " before") {
		t.Errorf("something is newer:\n%s", said)
	}
	if listed := must(t, h, "image", "list"); !strings.Contains(listed, "old, in use") || strings.Count(listed, "2026") != 2 {
		t.Errorf("hv image list does not show both versions:\n%s", listed)
	}
	must(t, h, "volume", "create", "two", "--image", "web")
	must(t, h, "vm", "create", "-f", file(t, "vm.nix", tiny("two", `disks.root.volume = "two";`)))
	must(t, h, "vm", "start", "two")
	two := at(t, h, "two")
	one.says("has version one", "echo has $(dd if=/dev/vda bs=1 skip=1048576 count=11 2>/dev/null)")
	two.says("has version two", "echo has $(dd if=/dev/vda bs=1 skip=1048576 count=11 2>/dev/null)")
	must(t, h, "image", "source", "remove", "ours")
	refused(t, h, 3, []string{"HV-IMG-030"}, "image", "import", "x", "ours:web/1")
}
