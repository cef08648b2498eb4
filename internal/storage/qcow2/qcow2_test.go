package qcow2

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// header is a qcow2 image that QEMU would open: version 3, 1 GiB.
func header(edit func([]byte)) []byte {
	h := make([]byte, 512)
	binary.BigEndian.PutUint32(h[0:], magic)
	binary.BigEndian.PutUint32(h[4:], 3)
	binary.BigEndian.PutUint32(h[20:], 16)
	binary.BigEndian.PutUint64(h[24:], 1<<30)
	edit(h)
	return h
}

func TestAnImageThatNamesAnotherFileIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func([]byte)
		want string
	}{
		"plain":         {func([]byte) {}, ""},
		"backing file":  {func(h []byte) { binary.BigEndian.PutUint64(h[8:], 400) }, "backing file"},
		"backing size":  {func(h []byte) { binary.BigEndian.PutUint32(h[16:], 11) }, "backing file"},
		"data file":     {func(h []byte) { h[79] = dataFile }, "another file"},
		"corrupt":       {func(h []byte) { h[79] = corrupt }, "corrupt"},
		"unknown":       {func(h []byte) { h[72] = 1 }, "does not know"},
		"encrypted":     {func(h []byte) { h[35] = 2 }, "encrypted"},
		"version":       {func(h []byte) { h[7] = 9 }, "version"},
		"size":          {func(h []byte) { binary.BigEndian.PutUint64(h[24:], 1<<62) }, "virtual size"},
		"not qcow2":     {func(h []byte) { h[0] = 0 }, "not qcow2"},
		"version 2":     {func(h []byte) { h[7] = 2 }, ""},
		"extended L2 s": {func(h []byte) { h[79] = extendedL2 | compression }, ""},
	} {
		virtual, err := Size(bytes.NewReader(header(c.edit)))
		if c.want == "" && (err != nil || virtual != model.GiB) {
			t.Errorf("%s: %s, %v", name, virtual, err)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is made is held against QEMU's own reading of it.
func TestQEMUTakesWhatIsMade(t *testing.T) {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("qemu-img is missing")
	}
	folder := t.TempDir()
	base := filepath.Join(folder, "base.raw")
	if err := os.WriteFile(base, bytes.Repeat([]byte("x"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, img := range map[string]Image{
		"small":   {Size: 512},
		"odd":     {Size: 512*model.MiB + 512},
		"large":   {Size: storage.MaxVolume},
		"overlay": {Size: model.GiB, Backing: "base.raw", Format: storage.Raw},
	} {
		path := filepath.Join(folder, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := Make(f, img); err != nil {
			t.Fatal(err)
		}
		if got, err := Virtual(f); err != nil || got != img.Size {
			t.Errorf("%s is of %s, %v", name, got, err)
		}
		if _, err := Size(f); (err == nil) != (img.Backing == "") {
			t.Errorf("%s as a whole image: %v", name, err)
		}
		_ = f.Close()
		if out, err := exec.Command("qemu-img", "check", "-f", "qcow2", path).CombinedOutput(); err != nil || !strings.Contains(string(out), "No errors") {
			t.Errorf("%s: %v %s", name, err, out)
		}
		out, err := exec.Command("qemu-img", "info", "-f", "qcow2", "--output=json", path).Output()
		var info struct {
			Virtual model.Bytes `json:"virtual-size"`
			Backing string      `json:"backing-filename"`
			Format  string      `json:"backing-filename-format"`
		}
		if err != nil || json.Unmarshal(out, &info) != nil || info.Virtual != img.Size || info.Backing != img.Backing || info.Format != string(img.Format) {
			t.Errorf("%s: %v, %+v", name, err, info)
		}
	}
}

func TestAnEncryptedImageSaysWhereItsLUKSHeaderStands(t *testing.T) {
	luks := bytes.Repeat([]byte("luks"), 100_000)
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := Make(f, Image{Size: model.TiB, Backing: "base.raw", Format: storage.Raw, LUKS: luks}); err != nil {
		t.Fatal(err)
	}
	at, n, err := Encryption(f)
	got := make([]byte, n)
	if _, read := f.ReadAt(got, at); err != nil || read != nil || !bytes.Equal(got, luks) {
		t.Errorf("%d bytes at %d, %v", n, at, err)
	}
	if _, err := Size(f); err == nil {
		t.Error("somebody else's encrypted image passes")
	}
}

func FuzzEncryption(f *testing.F) {
	f.Add(head(Image{Size: model.GiB, LUKS: []byte("x")}, 2, 4*cluster))
	f.Fuzz(func(t *testing.T, image []byte) {
		if at, n, err := Encryption(bytes.NewReader(image)); err == nil && (at < 0 || n < 0 || n > 64<<20) {
			t.Errorf("%d bytes at %d", n, at)
		}
	})
}

func FuzzSize(f *testing.F) {
	f.Add(header(func([]byte) {}))
	f.Add([]byte("QFI\xfb"))
	f.Fuzz(func(t *testing.T, image []byte) {
		n, err := Size(bytes.NewReader(image))
		if err == nil && (n <= 0 || n > storage.MaxVolume) {
			t.Errorf("a virtual size of %d passed", n)
		}
	})
}
