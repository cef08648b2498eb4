package nix

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

// evaluate is the value of a Nix expression, whose paths start at the repository's root, by our own
// nixlang.
func evaluate(t *testing.T, expression string, into any) {
	t.Helper()
	v, err := nixlang.EvalString(t.Context(), "test.nix", expression, nixlang.Options{Files: os.DirFS("..")})
	if err != nil {
		t.Fatal(err)
	}
	text, err := v.JSON(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	decode(t, text, into)
}

// byNix is evaluate by Nix itself, where there is one.
func byNix(t *testing.T, expression string, into any) {
	t.Helper()
	text, said, err := nixSays(t, expression)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	decode(t, text, into)
}

func nixSays(t *testing.T, expression string) (text []byte, said string, err error) {
	t.Helper()
	if _, err := exec.LookPath("nix-instantiate"); err != nil {
		t.Skip("there is no nix-instantiate here: apt install nix-bin")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "-")
	var stderr bytes.Buffer
	c.Dir, c.Stdin, c.Stderr = root, bytes.NewReader([]byte(expression)), &stderr
	text, err = c.Output()
	return text, stderr.String(), err
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
}

// literal is a value as a Nix expression.
func literal(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	if err := output.Nix.Value(&out, v); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
