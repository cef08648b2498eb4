package appliances

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/ovf"
)

const one = `<Envelope><References><File id="a" href="a.vmdk"/></References><DiskSection><Disk diskId="d" fileRef="a"/></DiskSection>
<VirtualSystem id="app"><VirtualHardwareSection><Item><ResourceType>17</ResourceType><HostResource>ovf:/disk/d</HostResource></Item></VirtualHardwareSection></VirtualSystem></Envelope>`

type member struct {
	tar.Header
	content string
}

func ova(t *testing.T, members ...member) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		m.Size, m.Mode = int64(len(m.content)), 0o644
		if err := w.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file(t, "app.ova", b.Bytes())
}

func file(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func plain(name, content string) member {
	return member{tar.Header{Name: name, Typeflag: tar.TypeReg}, content}
}

func TestFilesOfAnArchiveAreReadWhereTheyStand(t *testing.T) {
	a, err := open(ova(t, plain("app.ovf", one), plain("./a.vmdk", "disk"), plain("app.mf", "SHA1(a.vmdk)= 4b08f1b3ebe0c5ef8e7bb3dcf0e0d2e4bd1e8b33\n")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.close() }()
	text, err := io.ReadAll(a.files["a.vmdk"])
	if err != nil || string(text) != "disk" || a.descriptor != "app.ovf" || string(a.text) != one {
		t.Errorf("%v %q %q", err, text, a.descriptor)
	}
	if err := a.verify("a.vmdk", func(int64, int64) {}); err == nil || !strings.Contains(err.Error(), "is not what the manifest says") {
		t.Errorf("%v", err)
	}
	if err := a.verify("app.ovf", func(int64, int64) {}); err == nil || !strings.Contains(err.Error(), "has no sum of app.ovf") {
		t.Errorf("%v", err)
	}
}

func TestAFolderIsReadAsAnArchiveAndNoFurther(t *testing.T) {
	path := file(t, "app.ovf", []byte(one))
	beside := filepath.Join(filepath.Dir(path), "a.vmdk")
	if err := os.WriteFile(beside, []byte("disk"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := open(path)
	if err != nil || a.files["a.vmdk"] == nil || a.files["a.vmdk"].Size() != 4 {
		t.Fatal(err, a)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(beside); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", beside); err != nil {
		t.Fatal(err)
	}
	if a, err := open(path); err == nil {
		t.Errorf("a link out of the folder is followed: %v", a.files)
	}
}

func TestArchivesThatAreNoneAreRefused(t *testing.T) {
	many := []member{plain("app.ovf", one)}
	for range maxMembers {
		many = append(many, plain(strings.Repeat("x", len(many)), ""))
	}
	for name, path := range map[string]string{
		"no tar":          file(t, "app.ova", []byte("hello")),
		"empty":           file(t, "app.ova", nil),
		"no descriptor":   ova(t, plain("a.vmdk", "disk")),
		"two descriptors": ova(t, plain("app.ovf", one), plain("other.ovf", one)),
		"a huge one":      ova(t, plain("app.ovf", strings.Repeat(" ", ovf.MaxDescriptor+1))),
		"a link":          ova(t, plain("app.ovf", one), member{tar.Header{Name: "a.vmdk", Typeflag: tar.TypeSymlink, Linkname: "/etc/shadow"}, ""}),
		"a hard link":     ova(t, plain("app.ovf", one), member{tar.Header{Name: "a.vmdk", Typeflag: tar.TypeLink, Linkname: "app.ovf"}, ""}),
		"a way out":       ova(t, plain("app.ovf", one), plain("../a.vmdk", "disk")),
		"a folder":        ova(t, plain("app.ovf", one), plain("sub/a.vmdk", "disk")),
		"twice":           ova(t, plain("app.ovf", one), plain("a.vmdk", "disk"), plain("./a.vmdk", "disk")),
		"many":            ova(t, many...),
		"a bad manifest":  ova(t, plain("app.ovf", one), plain("app.mf", "hello")),
		"a device":        "/dev/null",
	} {
		if a, err := open(path); err == nil {
			t.Errorf("%s: %v", name, a.files)
		}
	}
}

func FuzzArchive(f *testing.F) {
	f.Add([]byte("hello"))
	f.Fuzz(func(t *testing.T, content []byte) {
		a, err := open(file(t, "app.ova", content))
		if err != nil {
			return
		}
		for name := range a.files {
			if !ovf.PlainName(name) {
				t.Errorf("it has %q", name)
			}
		}
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
}
