//go:build linux

package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/dir"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const uid = "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10"

// web answers downloads from memory.
type web map[string][]byte

func (w web) Fetch(_ context.Context, d storage.Download, into, _ *os.File, tell func(done, total model.Bytes)) error {
	b, ok := w[d.URL]
	if !ok {
		return fault.New(fault.NotFound, "404")
	}
	_, err := into.WriteAt(b, 0)
	tell(model.Bytes(len(b)), model.Bytes(len(b)))
	return err
}

func (w web) Sum(_ context.Context, d storage.Download, file string) (sum, signed string, err error) {
	b, ok := w[d.URL]
	if !ok {
		return "", "", fault.New(fault.NotFound, "404")
	}
	sum, _, _ = strings.Cut(string(b), "  "+file)
	return sum, "by a test", nil
}

// offers is what the source of a test lists.
const offers = "https://images.example.org/list"

func (w web) Offers(_ context.Context, s storage.IndexSpec, fresh bool) ([]storage.Offer, string, error) {
	b, ok := w[s.URL]
	if !ok || !fresh {
		return nil, "", fault.New(fault.NotFound, "404")
	}
	url, version, _ := strings.Cut(string(b), " ")
	sum := sha256.Sum256(w[url])
	return []storage.Offer{{Name: "web/1", Arch: "x86_64", Kind: storage.DiskImage, URL: url, SHA256: hex.EncodeToString(sum[:]), Version: version}}, "by a source", nil
}

type rig struct {
	*testing.T
	*Library
	path string
	web  web
}

func newRig(t *testing.T) *rig {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is not installed (qemu-utils)")
	}
	r := &rig{T: t, path: filepath.Join(t.TempDir(), "images"), web: web{}}
	r.reopen()
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (r *rig) reopen() {
	if r.Library != nil {
		_ = r.Close()
	}
	pool, err := dir.Open(storage.DefaultPool, r.path+"-pool")
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = pool.Close() })
	l, err := Open(r.path, pool, r.web)
	if err != nil {
		r.Fatal(err)
	}
	r.Library = l
}

// of makes the image of these bytes, as they were sent or fetched.
func (r *rig) of(content []byte, spec storage.ImageSpec) (storage.ImageStatus, error) {
	r.Helper()
	if spec.Source.URL != "" {
		r.web[spec.Source.URL] = content
	} else if err := r.Receive(r.Context(), uid, model.Bytes(len(content)), bytes.NewReader(content)); err != nil {
		r.Fatal(err)
	}
	return r.Make(r.Context(), storage.Image{Metadata: model.Metadata{Name: "i", UID: uid}, Spec: spec}, func(string, model.Bytes, model.Bytes) {})
}

// disk is a raw disk of 4 MiB with a boot sector and something on it.
func disk() []byte {
	b := make([]byte, 4<<20)
	b[510], b[511] = 0x55, 0xaa
	for i := range 1 << 20 {
		b[1<<20+i] = byte(i * 7 >> 3)
	}
	return b
}

func as(t testing.TB, args ...string) []byte {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(in, disk(), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("qemu-img", append(append([]string{"convert", "-f", "raw"}, args...), in, out)...).CombinedOutput(); err != nil {
		t.Fatalf("%s", said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func zstded(b []byte) []byte {
	var out bytes.Buffer
	w, _ := zstd.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func xzed(t *testing.T, b []byte) []byte {
	t.Helper()
	cmd := exec.Command("xz", "-0c")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("xz: %v", err)
	}
	return out
}

func ova(t *testing.T, disk []byte) []byte {
	t.Helper()
	const ovf = `<Envelope xmlns:o="o"><References><File o:id="f" o:href="d.vmdk"/></References><DiskSection><Disk o:fileRef="f" o:capacity="4194304"/></DiskSection>
<VirtualSystem o:id="web"><VirtualHardwareSection><Item><ResourceType>3</ResourceType><VirtualQuantity>2</VirtualQuantity></Item>
<Item><ResourceType>4</ResourceType><VirtualQuantity>512</VirtualQuantity></Item></VirtualHardwareSection></VirtualSystem></Envelope>`
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		text []byte
	}{{"d.ovf", []byte(ovf)}, {"d.vmdk", disk}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o600, Size: int64(len(f.text)), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(f.text)
	}
	_ = w.Close()
	return b.Bytes()
}

func TestAnImageOfAnyShapeBecomesOneOfOurs(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		content []byte
		was     string
	}{
		"raw": {disk(), "raw"}, "qcow2": {as(t, "-O", "qcow2"), "qcow2"}, "vmdk": {as(t, "-O", "vmdk", "-o", "subformat=streamOptimized"), "vmdk"},
		"vhd": {as(t, "-O", "vpc", "-o", "force_size=on,subformat=fixed"), "vhd"}, "vhdx": {as(t, "-O", "vhdx"), "vhdx"}, "vdi": {as(t, "-O", "vdi"), "vdi"},
		"gzip": {gzipped(disk()), "raw in gzip"}, "zstd": {zstded(as(t, "-O", "qcow2")), "qcow2 in zstd"}, "xz": {xzed(t, disk()), "raw in xz"},
		"ova": {ova(t, as(t, "-O", "vmdk", "-o", "subformat=streamOptimized")), "ova"}, "ova in gzip": {gzipped(ova(t, as(t, "-O", "vmdk"))), "ova in gzip"},
		"ova with gzip": {ova(t, gzipped(as(t, "-O", "vmdk"))), "vmdk in ova"},
	} {
		st, err := r.of(c.content, storage.ImageSpec{Source: storage.ImageSource{Upload: name}})
		sum := sha256.Sum256(c.content)
		if err != nil || !st.Ready || st.Was != c.was || st.Size != 4*model.MiB || st.Format != storage.QCOW2 || st.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %+v %v", name, st, err)
			continue
		}
		if strings.HasPrefix(name, "ova") && name != "ova with gzip" && (st.OVF == nil || st.OVF.CPUs != 2 || st.OVF.Memory != 512*model.MiB) {
			t.Errorf("%s: the machine is %+v", name, st.OVF)
		}
		r.reads(name, disk())
		if left, _ := os.ReadDir(filepath.Join(r.path, "incoming")); len(left) > 0 {
			t.Errorf("%s left %v", name, left)
		}
		if err := r.Remove(t.Context(), uid); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{r.path, r.path + "-pool"} {
		if left, _ := filepath.Glob(path + "/" + uid + "*"); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// reads holds what a guest would see of the image against want.
func (r *rig) reads(name string, want []byte) {
	r.Helper()
	f, err := r.Open(r.Context(), storage.ImageFile(uid, storage.QCOW2))
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	raw, err := os.CreateTemp(r.TempDir(), "raw")
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	if err := convert.Convert(r.Context(), convert.Image{File: f, Format: convert.QCOW2}, raw, convert.Raw, convert.Options{}, nil); err != nil {
		r.Fatal(err)
	}
	if got, _ := os.ReadFile(raw.Name()); !bytes.Equal(got, want) {
		r.Errorf("%s reads differently", name)
	}
}

func TestAnISOIsKeptAsItIs(t *testing.T) {
	r := newRig(t)
	iso := disk()
	copy(iso[16*2048:], "\x01CD001")
	st, err := r.of(iso, storage.ImageSpec{Kind: storage.ISOImage, Source: storage.ImageSource{Upload: "x.iso"}})
	if err != nil || st.Format != storage.Raw || st.Size != 4*model.MiB {
		t.Fatalf("%+v %v", st, err)
	}
	if got, err := os.ReadFile(filepath.Join(r.path+"-pool", uid+".raw")); err != nil || !bytes.Equal(got, iso) {
		t.Errorf("it is not what it was: %v", err)
	}
	_ = r.Remove(t.Context(), uid)
	if _, err := r.of(iso, storage.ImageSpec{Source: storage.ImageSource{Upload: "x.iso"}}); fault.KindOf(err) != fault.Invalid || fault.HintOf(err) != "--kind iso" {
		t.Errorf("an ISO as a disk: %v", err)
	}
	if _, err := r.of(disk(), storage.ImageSpec{Kind: storage.ISOImage, Source: storage.ImageSource{Upload: "x"}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a disk as an ISO: %v", err)
	}
}

func TestRawIsKeptWhereThatIsSaid(t *testing.T) {
	r := newRig(t)
	text := bytes.Repeat([]byte("no disk "), 1000)
	if _, err := r.of(text, storage.ImageSpec{Source: storage.ImageSource{Upload: "x"}}); fault.CodeOf(err) != "HV-IMG-010" {
		t.Errorf("%v", err)
	}
	shadow := as(t, "-O", "qcow2")
	copy(shadow[8:], "\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x0b")
	if _, err := r.of(shadow, storage.ImageSpec{Source: storage.ImageSource{Upload: "x"}}); fault.CodeOf(err) != "HV-IMG-011" {
		t.Errorf("a backing file: %v", err)
	}
	st, err := r.of(shadow, storage.ImageSpec{Source: storage.ImageSource{Upload: "x", Format: storage.Raw}})
	if err != nil || st.Size != model.Bytes(len(shadow)+511)/512*512 {
		t.Errorf("%+v %v", st, err)
	}
	r.reads("raw", shadow)
}

func TestWhatIsFetchedIsWhatItMustBe(t *testing.T) {
	content := as(t, "-O", "qcow2")
	s256, s512 := sha256.Sum256(content), sha512.Sum512(content)
	good, long := hex.EncodeToString(s256[:]), hex.EncodeToString(s512[:])
	bad := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		source          storage.ImageSource
		sums            string
		checked, signed string
		code            string
	}{
		"nothing to hold against": {storage.ImageSource{}, "", "", "not checked", ""},
		"sha256":                  {storage.ImageSource{SHA256: good}, "", "as was given", "not checked", ""},
		"sha512":                  {storage.ImageSource{SHA512: long}, "", "as was given", "not checked", ""},
		"sums":                    {storage.ImageSource{Checksums: "https://x/SUMS"}, long, "as SUMS says", "by a test", ""},
		"another sha256":          {storage.ImageSource{SHA256: bad}, "", "", "", "HV-IMG-018"},
		"other sums":              {storage.ImageSource{Checksums: "https://x/SUMS"}, bad, "", "", "HV-IMG-018"},
		"sums that contradict":    {storage.ImageSource{Checksums: "https://x/SUMS", SHA256: bad}, good, "", "", "HV-IMG-016"},
	} {
		r := newRig(t)
		c.source.URL = "https://x/d.qcow2"
		r.web["https://x/SUMS"] = []byte(c.sums + "  d.qcow2")
		st, err := r.of(content, storage.ImageSpec{Source: c.source})
		if st.Checked != c.checked || st.Signed != c.signed || fault.CodeOf(err) != c.code || (err == nil) != (c.code == "") {
			t.Errorf("%s: %+v %v", name, st, err)
		}
		if left, _ := os.ReadDir(filepath.Join(r.path, "incoming")); len(left) > 0 && c.code != "HV-IMG-016" {
			t.Errorf("%s left %v", name, left)
		}
	}
}

func TestABombIsNotUnpacked(t *testing.T) {
	r := newRig(t)
	bomb := gzipped(append(bytes.Repeat([]byte{1}, 128<<20), disk()...)) // 1000 to 1, and none of it zeros
	if _, err := r.of(bomb, storage.ImageSpec{Source: storage.ImageSource{Upload: "bomb.gz"}}); fault.CodeOf(err) != "HV-IMG-014" {
		t.Errorf("%v", err)
	}
	for name, cut := range map[string][]byte{"gzip": gzipped(disk()), "zstd": zstded(disk()), "xz": xzed(t, disk())} {
		if _, err := r.of(cut[:len(cut)-20], storage.ImageSpec{Source: storage.ImageSource{Upload: "cut"}}); fault.CodeOf(err) != "HV-IMG-010" {
			t.Errorf("%s that is cut: %v", name, err)
		}
	}
	if _, err := r.of(gzipped(gzipped(disk())), storage.ImageSpec{Source: storage.ImageSource{Upload: "twice"}}); fault.CodeOf(err) != "HV-IMG-010" {
		t.Errorf("twice: %v", err)
	}
}

func TestWhatIsMadeStaysMadeAndWhatWasCutOffIsMadeAgain(t *testing.T) {
	r := newRig(t)
	source := storage.ImageSpec{Source: storage.ImageSource{URL: "https://x/d"}}
	first, err := r.of(disk(), source)
	if err != nil {
		t.Fatal(err)
	}
	delete(r.web, "https://x/d")
	r.reopen()
	again, err := r.Make(t.Context(), storage.Image{Metadata: model.Metadata{UID: uid}, Spec: source}, func(string, model.Bytes, model.Bytes) { t.Error("it is made again") })
	if err != nil || again != first {
		t.Errorf("%+v %v", again, err)
	}
	// The note without the image: a crash in between, or somebody's hand.
	if err := os.Remove(filepath.Join(r.path+"-pool", uid+".qcow2")); err != nil {
		t.Fatal(err)
	}
	if _, made, err := r.Made(t.Context(), uid); made || err != nil {
		t.Errorf("made %v, %v", made, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	given := errors.New("given up")
	cancel(given)
	r.web["https://x/d"] = disk()
	if _, err := r.Make(ctx, storage.Image{Metadata: model.Metadata{UID: uid}, Spec: source}, func(string, model.Bytes, model.Bytes) {}); !errors.Is(err, given) {
		t.Errorf("%v", err)
	}
	if _, err := r.of(disk(), source); err != nil {
		t.Error(err)
	}
}

func TestNoNameReachesOutOfTheLibrary(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"../x", uid, "/etc/shadow", uid + ".qcow2/../x"} {
		if _, err := r.Open(t.Context(), name); err == nil {
			t.Errorf("%q was opened", name)
		}
	}
	for _, name := range []string{"../x", "/etc/shadow", uid + "/../x"} {
		if err := r.Remove(t.Context(), name); err == nil {
			t.Errorf("%q was removed", name)
		}
	}
}

// What a source lists is looked up when the image is made, and where it is what is there, nothing is made.
func TestAnImageOfASourceIsWhatTheSourceListsNow(t *testing.T) {
	r := newRig(t)
	r.web["https://images.example.org/web.raw"] = disk()
	r.web[offers] = []byte("https://images.example.org/web.raw 7")
	spec := storage.ImageSpec{Kind: storage.DiskImage, Arch: "x86_64", Source: storage.ImageSource{Listed: "ours:web/1", Index: &storage.IndexSpec{URL: offers}}}
	made := func(i storage.Image) (storage.ImageStatus, error) {
		return r.Make(r.Context(), i, func(string, model.Bytes, model.Bytes) {})
	}
	st, err := made(storage.Image{Metadata: model.Metadata{UID: uid}, Spec: spec})
	if err != nil || st.Version != "7" || st.URL != "https://images.example.org/web.raw" || st.Checked != "as ours:web/1 says" || st.Signed != "by a source" {
		t.Fatalf("%+v %v", st, err)
	}
	newer := storage.Image{Metadata: model.Metadata{UID: "7" + uid[1:]}, Spec: spec, Replaces: &storage.Replaced{Name: "web", UID: uid, SHA256: st.SHA256, Sum: st.Sum}}
	if _, err := made(newer); fault.CodeOf(err) != storage.CodeNewest {
		t.Errorf("nothing is newer: %v", err)
	}
	spec.Arch, spec.Source.Listed = "aarch64", "ours:web/1"
	if _, err := made(storage.Image{Metadata: model.Metadata{UID: "8" + uid[1:]}, Spec: spec}); fault.CodeOf(err) != "HV-IMG-029" {
		t.Errorf("for another machine: %v", err)
	}
	spec.Arch, spec.Kind = "x86_64", storage.ISOImage
	if _, err := made(storage.Image{Metadata: model.Metadata{UID: "9" + uid[1:]}, Spec: spec}); fault.CodeOf(err) != "HV-IMG-010" {
		t.Errorf("a disk for an ISO: %v", err)
	}
}
