package main

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"
)

func TestEveryCommandHasAPage(t *testing.T) {
	pages := manuals(tree(io.Discard))
	for _, name := range []string{"man1/hv.1", "man1/hv-vm-start.1", "man7/hv-declaration.7"} {
		page := pages["usr/share/man/"+name]
		for _, want := range []string{".TH ", ".SH NAME\n", ".SH DESCRIPTION\n", ".SH SEE ALSO\n"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s has no %q:\n%s", name, want, page)
			}
		}
	}
	start := pages["usr/share/man/man1/hv-vm-start.1"]
	if !strings.Contains(start, ".BR hv\\-vm (1)") || !strings.Contains(start, ".SH OPTIONS") || !strings.Contains(start, ".SH EXAMPLES") {
		t.Error(start)
	}
}

func TestNoPageHasALineThatManMisreads(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	for name, page := range manuals(tree(io.Discard)) {
		cmd := exec.Command(groff, "-man", "-ww", "-z", "-Kutf8")
		cmd.Stdin = strings.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestTextIsNeverARequest(t *testing.T) {
	for text, want := range map[string]string{
		".SH x":          `\&.SH x`,
		"'x":             `\&'x`,
		`a\b`:            `a\eb`,
		"a\n.b --c":      "a\n" + `\&.b \-\-c`,
		"–":              `\(en`,
		"plain as it is": "plain as it is",
	} {
		if got := escaped(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestPagesArePackedWithoutATime(t *testing.T) {
	one, err := packed("a page")
	if err != nil {
		t.Fatal(err)
	}
	two, err := packed("a page")
	if err != nil || !bytes.Equal(one, two) || len(one) < 20 {
		t.Errorf("%x, %x, %v", one, two, err)
	}
}

func TestAFolderGetsPagesAndCompletions(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	if err := write("/dev/null/none"); err == nil {
		t.Error("a folder that cannot be made")
	}
}
