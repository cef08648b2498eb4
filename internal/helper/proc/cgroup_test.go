package proc

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheCgroupOfAProcessIsReadFromItsVersion2Line(t *testing.T) {
	for text, want := range map[string]string{
		"0::/a.slice/b.scope\n":                              "a.slice/b.scope",
		"12:memory:/x\n1:name=systemd:/y\n0::/a/b:c.scope\n": "a/b:c.scope",
		"0::/../out\n":                                       "", // seen from another cgroup namespace
		"0::/\n":                                             "",
		"1:memory:/x\n":                                      "",
		"":                                                   "",
	} {
		got, err := ParseCgroup(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "42"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "42", "cgroup"), []byte("0::/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := FS(dir).Cgroup(42); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := FS(dir).Cgroup(43); err == nil {
		t.Error("of a process that is not")
	}
}

func FuzzParseCgroup(f *testing.F) {
	f.Add("0::/a.slice/b.scope\n")
	f.Add("0::/../x")
	f.Fuzz(func(t *testing.T, text string) {
		path, err := ParseCgroup(text)
		if err == nil && !filepath.IsLocal(path) {
			t.Errorf("%q became %q", text, path)
		}
	})
}
