package nixlang

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

var folder = fstest.MapFS{
	"host.nix":            {Data: []byte("import ./vms")},
	"vms/default.nix":     {Data: []byte("{ web = import ./web.nix { memory = 512; }; up = import ../x.nix; }")},
	"vms/web.nix":         {Data: []byte("{ memory }: { inherit memory; }")},
	"x.nix":               {Data: []byte("1")},
	"a.nix":               {Data: []byte("import ./b.nix")},
	"b.nix":               {Data: []byte("import ./a.nix")},
	"lazy.nix":            {Data: []byte("{ self = import ./lazy.nix; n = 1; }")},
	"nul.txt":             {Data: []byte("a\x00b")},
	"latin.nix":           {Data: []byte("\"\xe9\"")},
	"empty/keep":          {Data: nil},
	"vms/deep/climb.nix":  {Data: []byte("import ../../../x.nix")},
	"vms/deep/inside.nix": {Data: []byte("import ../../x.nix")},
}

func evalIn(files fs.FS, base, src string) (string, error) {
	v, err := EvalString(context.Background(), "x", src, Options{Files: files, Base: base})
	if err != nil {
		return "", err
	}
	return v.Nix(context.Background(), true)
}

func TestFilesOfTheFolderAreImported(t *testing.T) {
	for src, want := range map[string]string{
		"import ./host.nix":             "{ up = 1; web = { memory = 512; }; }",
		"(import ./.).web or 1":         "cannot read default.nix",
		"import ./vms/deep/inside.nix":  "1",
		"(import ./lazy.nix).self.n":    "1",
		"import ./a.nix":                "infinite recursion",
		"import ./empty":                "cannot read empty/default.nix: file does not exist",
		"import ./latin.nix":            "latin.nix:1:2: the file is not UTF-8 text",
		"builtins.readFile ./nul.txt":   "NUL byte",
		"builtins.readFile ./vms":       "not a regular file",
		"builtins.readDir ./x.nix":      "cannot read x.nix",
		"builtins.pathExists ./a.nix":   "true",
		"import (toString ./x.nix)":     "1",
		"import \"x.nix\"":              "doesn't represent an absolute path",
		"import { outPath = ./x.nix; }": "1",
	} {
		got, err := evalIn(folder, "", src)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
	}
}

func TestNothingOutsideTheFolderIsRead(t *testing.T) {
	for _, src := range []string{
		"import ../secret.nix", "import ./vms/../../secret.nix", "import ./vms/deep/climb.nix", "import /etc/passwd", "import /.",
		`import (./. + "/../secret.nix")`, `import (./vms + "/../../secret.nix")`, `import "/home/me/secret.nix"`, `import "/home/me/conf/../secret.nix"`,
		"builtins.readFile ../secret.nix", "builtins.readFile /etc/passwd", "builtins.readDir ../.", "builtins.readDir /home/me", "builtins.pathExists ../secret.nix",
		"builtins.pathExists /etc/passwd", `builtins.hashFile "md5" /etc/passwd`, `import ./${"../.."}/secret.nix`, `import "/home/me/conf2/x.nix"`, "import ~/x.nix", "import <nixpkgs>",
	} {
		got, err := evalIn(folder, "/home/me/conf", src)
		if fault.KindOf(err) != fault.Invalid || err == nil || !strings.Contains(err.Error(), "declared folder") && !strings.Contains(err.Error(), "not available here") {
			t.Errorf("%s: got %s, %v", src, got, err)
		}
	}
}

// os.Root is what callers are told to use; a link out of it must not be followed.
func TestALinkOutOfTheFolderIsNotFollowed(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{outside + "/secret.nix": "1", inside + "/real.nix": "2"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(filepath.Join(outside, "secret.nix"), inside+"/out.nix"), os.Symlink("real.nix", inside+"/in.nix")); err != nil {
		t.Skip(err)
	}
	root, err := os.OpenRoot(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if got, err := evalIn(root.FS(), inside, "import ./in.nix"); got != "2" {
		t.Errorf("a link inside: %s, %v", got, err)
	}
	if got, err := evalIn(root.FS(), inside, "import ./out.nix"); err == nil {
		t.Errorf("a link outside was read: %s", got)
	}
}

func TestWithoutFilesNothingIsRead(t *testing.T) {
	if _, err := evalIn(nil, "", "import ./x.nix"); err == nil || !strings.Contains(err.Error(), "no files are at hand") {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"../x.nix", "/x.nix", ""} {
		if _, err := EvalFile(context.Background(), name, Options{Files: folder}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: got %v", name, err)
		}
	}
	_, err := EvalFile(context.Background(), "none.nix", Options{Files: folder})
	if fault.KindOf(err) != fault.Invalid || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestTraceGoesToItsSink(t *testing.T) {
	var said []string
	opt := Options{Trace: func(s string) { said = append(said, s) }}
	if _, err := EvalString(context.Background(), "x", `builtins.trace "one" (builtins.trace { a = 1; b = 1 + 1; } 3)`, opt); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(said, "|"); got != "one|{ a = 1; b = <CODE>; }" {
		t.Errorf("got %s", got)
	}
}
