//go:build linux

package convert

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/confine"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a folder of images, for a test that needs qemu-img.
type bench struct {
	*testing.T
	dir string
}

func newBench(t *testing.T) bench {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed (qemu-utils)")
	}
	return bench{t, t.TempDir()}
}

func (b bench) file(name string) *os.File {
	b.Helper()
	f, err := os.OpenFile(filepath.Join(b.dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	return f
}

func (b bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// disk is a raw image of 8 MiB with random content in the middle.
func (b bench) disk() *os.File {
	f := b.file("disk.raw")
	b.must(f.Truncate(8 << 20))
	content := make([]byte, 2<<20)
	_, _ = rand.Read(content)
	_, err := f.WriteAt(content, 3<<20)
	b.must(err)
	return f
}

// write writes into an image as a guest would.
func (b bench) write(f *os.File, offset string) {
	b.Helper()
	if _, err := exec.LookPath("qemu-io"); err != nil {
		b.Skip("qemu-io is not installed (qemu-utils)")
	}
	out, err := exec.Command("qemu-io", "-c", "write -P 0x5a "+offset+" 64k",
		`json:{"driver":"qcow2","backing":null,"file":{"driver":"file","filename":"`+f.Name()+`"}}`).CombinedOutput()
	if err != nil {
		b.Fatalf("%s", out)
	}
}

func (b bench) same(x, y Image, want bool) {
	b.Helper()
	if same, err := Compare(b.Context(), x, y); err != nil || same != want {
		b.Errorf("%s and %s: same %v, %v", x.Format, y.Format, same, err)
	}
}

func TestWhatIsConvertedReadsTheSameInEveryFormat(t *testing.T) {
	b := newBench(t)
	src := Image{File: b.disk(), Format: Raw}
	for name, c := range map[string]struct {
		f   Format
		opt Options
	}{
		"raw": {Raw, Options{}}, "qcow2": {QCOW2, Options{}}, "qcow2 compressed": {QCOW2, Options{Compress: true}},
		"vmdk": {VMDK, Options{}}, "vmdk stream": {VMDK, Options{SubFormat: "streamOptimized"}},
		"vhd": {VHD, Options{}}, "vhd fixed": {VHD, Options{SubFormat: "fixed"}}, "vhdx": {VHDX, Options{}}, "vdi": {VDI, Options{}},
	} {
		out := b.file(strings.ReplaceAll(name, " ", "-"))
		var seen []float64
		b.must(Convert(t.Context(), src, out, c.f, c.opt, func(p float64) { seen = append(seen, p) }))
		b.same(src, Image{File: out, Format: c.f}, true)
		if len(seen) == 0 || !slices.IsSorted(seen) || seen[len(seen)-1] != 100 {
			t.Errorf("%s: progress %v", name, seen)
		}
		info, err := Describe(t.Context(), Image{File: out, Format: c.f})
		if err != nil || info.VirtualSize != 8*model.MiB || info.Format != c.f {
			t.Errorf("%s: %+v %v", name, info, err)
		}
	}
}

func TestAnImageStandsAnywhereInAFile(t *testing.T) {
	b := newBench(t)
	src := Image{File: b.disk(), Format: Raw}
	one, ova := b.file("one"), b.file("ova")
	b.must(Convert(t.Context(), src, one, VMDK, Options{SubFormat: "streamOptimized"}, nil))
	content, err := os.ReadFile(one.Name())
	b.must(err)
	_, err = ova.WriteAt(content, 1536)
	b.must(err)
	b.must(ova.Truncate(1536 + int64(len(content)) + 1024))
	b.same(src, Image{File: ova, Format: VMDK, At: 1536, Size: int64(len(content))}, true)
}

func TestAnOverlayReadsAsItsChainAndCanBeMovedToAnotherBase(t *testing.T) {
	b := newBench(t)
	base, mid, top := b.disk(), b.file("mid"), b.file("top")
	for _, f := range []*os.File{mid, top} {
		b.must(Create(t.Context(), f, QCOW2, 8*model.MiB, Options{BackingName: "below.qcow2", BackingFormat: QCOW2}))
	}
	below := Image{File: base, Format: Raw}
	between := Image{File: mid, Format: QCOW2, Backing: &below}
	above := Image{File: top, Format: QCOW2, Backing: &between}
	b.same(below, above, true)
	b.write(mid, "0")
	b.write(top, "1M")
	whole := b.file("whole")
	b.must(Convert(t.Context(), above, whole, Raw, Options{}, nil))
	b.same(below, above, false)

	b.must(Rebase(t.Context(), above, &below, "disk.raw", nil))
	short := Image{File: top, Format: QCOW2, Backing: &below}
	b.same(short, Image{File: whole, Format: Raw}, true)
	if info, err := Describe(t.Context(), short); err != nil || info.BackingName != "disk.raw" {
		t.Errorf("%+v %v", info, err)
	}
	b.must(Rebase(t.Context(), short, nil, "", func(float64) {}))
	b.same(Image{File: top, Format: QCOW2}, Image{File: whole, Format: Raw}, true)
	if info, err := Describe(t.Context(), Image{File: top, Format: QCOW2}); err != nil || info.BackingName != "" {
		t.Errorf("%+v %v", info, err)
	}
}

func TestAVolumeGrowsAndDoesNotShrink(t *testing.T) {
	b := newBench(t)
	for _, f := range []Format{Raw, QCOW2} {
		i := Image{File: b.file(string(f)), Format: f}
		b.must(Create(t.Context(), i.File, f, 4*model.MiB, Options{}))
		b.must(Resize(t.Context(), i, 8*model.MiB))
		if info, err := Describe(t.Context(), i); err != nil || info.VirtualSize != 8*model.MiB {
			t.Errorf("%+v %v", info, err)
		}
		if err := Resize(t.Context(), i, 4*model.MiB); err == nil {
			t.Errorf("%s shrank", f)
		}
	}
}

func TestAnImageIsMeasuredAndFilled(t *testing.T) {
	b := newBench(t)
	src := Image{File: b.disk(), Format: Raw}
	n, err := Measure(t.Context(), src, QCOW2)
	if err != nil || n.Required < 2*model.MiB || n.Required > 4*model.MiB || n.Whole < 8*model.MiB {
		t.Errorf("%+v %v", n, err)
	}
	dst := Image{File: b.file("dst"), Format: Raw}
	b.must(dst.File.Truncate(8 << 20))
	b.must(Fill(t.Context(), src, dst, true, 0, func(float64) {}))
	b.same(src, dst, true)
}

func TestACheckFindsDamage(t *testing.T) {
	b := newBench(t)
	i := Image{File: b.file("i"), Format: QCOW2}
	b.must(Convert(t.Context(), Image{File: b.disk(), Format: Raw}, i.File, QCOW2, Options{}, nil))
	if h, err := Check(t.Context(), i, false); err != nil || h.Corruptions+h.Leaks+h.Errors != 0 {
		t.Errorf("whole: %+v %v", h, err)
	}
	_, err := i.File.WriteAt(make([]byte, 64<<10), 2<<16) // the first block of reference counts
	b.must(err)
	if h, err := Check(t.Context(), i, false); err != nil || h.Corruptions == 0 {
		t.Errorf("damaged: %+v %v", h, err)
	}
	if h, err := Check(t.Context(), i, true); err != nil || h.Fixed == 0 {
		t.Errorf("mended: %+v %v", h, err)
	}
	if h, err := Check(t.Context(), Image{File: b.disk(), Format: Raw}, false); err != nil || h != (Health{}) {
		t.Errorf("raw: %+v %v", h, err)
	}
}

// What an image names by itself is never opened: neither what its header calls its base, nor by the kernel's leave.
func TestAHeaderOpensNoFile(t *testing.T) {
	b := newBench(t)
	secret := b.file("secret")
	_, err := secret.Write(bytes.Repeat([]byte("root:x:0:0\n"), 6000))
	b.must(err)
	made := func(name string, args ...string) *os.File {
		f := b.file(name)
		out, err := exec.Command("qemu-img", append(append([]string{"create", "-q", "-f"}, args...), f.Name(), "1M")...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %s", name, out)
		}
		return f
	}
	backed := made("backed", "qcow2", "-u", "-F", "raw", "-b", secret.Name())
	data := made("data", "qcow2", "-o", "data_file="+filepath.Join(b.dir, "datafile")+",data_file_raw=on")
	flat := b.file("flat")
	_, err = flat.WriteString("# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 128 FLAT \"" + secret.Name() + "\" 0\n")
	b.must(err)
	for name, c := range map[string]struct {
		i     Image
		reads bool // it stands alone, and reads as zeros
	}{
		"backing file": {Image{File: backed, Format: QCOW2}, true},
		"data file":    {Image{File: data, Format: QCOW2}, false},
		"flat extent":  {Image{File: flat, Format: VMDK}, false},
	} {
		if version, err := confine.Landlock(); !c.reads && version == 0 && err == nil {
			t.Logf("%s: not tested, this kernel has no landlock", name)
			continue
		}
		out := b.file("out")
		err := Convert(t.Context(), c.i, out, Raw, Options{}, nil)
		if (err == nil) != c.reads {
			t.Errorf("%s: %v", name, err)
		}
		got, _ := os.ReadFile(out.Name())
		if bytes.Contains(got, []byte("root")) {
			t.Errorf("%s: the secret was read", name)
		}
	}
}

func TestWhatGoesWrongIsSaidInItsKindAndWithoutOurNames(t *testing.T) {
	b := newBench(t)
	i := Image{File: b.file("used.qcow2"), Format: QCOW2}
	b.must(Create(t.Context(), i.File, QCOW2, model.MiB, Options{}))
	_, err := Describe(t.Context(), Image{File: b.disk(), Format: QCOW2})
	if !errors.Is(err, fault.Invalid) || fault.CodeOf(err) != "HV-IMG-004" || strings.Contains(err.Error(), "json:") || strings.Contains(err.Error(), "/proc/") {
		t.Errorf("not qcow2: %v", err)
	}
	if err := Create(t.Context(), i.File, "qed", 1, Options{}); !errors.Is(err, fault.Internal) {
		t.Errorf("a format that we do not use: %v", err)
	}
	if err := Rebase(t.Context(), i, deep(i.File, 20), "x", nil); !errors.Is(err, fault.Exhausted) {
		t.Errorf("a base of twenty layers: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Convert(cancelled, i, b.file("never"), Raw, Options{}, nil); !errors.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func deep(f *os.File, n int) *Image {
	if n == 0 {
		return nil
	}
	return &Image{File: f, Format: QCOW2, Backing: deep(f, n-1)}
}

func TestNoRoomIsExhausted(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "web")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r := &run{files: []*os.File{f}}
	err = r.failure(&confine.Exit{Code: 1}, "qemu-img: /proc/self/fd/3: error while writing at byte 0: No space left on device\n")
	if !errors.Is(err, fault.Exhausted) || !strings.HasPrefix(err.Error(), "qemu-img: "+filepath.Base(f.Name())+": error while writing") {
		t.Errorf("%v", err)
	}
}

func TestProgressIsReadFromWhateverPiecesItComesIn(t *testing.T) {
	const text = "    (0.00/100%)\r    (33.33/100%)\r    (100.00/100%)\r\n"
	for size := 1; size < len(text); size++ {
		var seen []float64
		w := &bounded{progress: func(p float64) { seen = append(seen, p) }}
		for piece := range slices.Chunk([]byte(text), size) {
			_, _ = w.Write(piece)
		}
		if len(seen) == 0 || seen[len(seen)-1] != 100 || !slices.IsSorted(seen) {
			t.Errorf("pieces of %d: %v", size, seen)
		}
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	w := &bounded{most: 10}
	for range 100 {
		_, _ = w.Write([]byte("abc"))
	}
	if w.kept.Len() != 10 || !w.lost {
		t.Errorf("%d bytes, lost %v", w.kept.Len(), w.lost)
	}
}
