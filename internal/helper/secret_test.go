//go:build linux

package helper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// fakeCreds stands in the place of systemd-creds: it turns letters, and writes its arguments down.
func fakeCreds(t *testing.T, text string) (arguments string) {
	t.Helper()
	dir := t.TempDir()
	arguments = filepath.Join(dir, "arguments")
	script := "#!/bin/sh\necho \"$@\" > " + arguments + "\n" + text + "\n"
	if err := os.WriteFile(filepath.Join(dir, credsProgram), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return arguments
}

func memory(t *testing.T, text string) *os.File {
	t.Helper()
	f, err := privilege.SecretFile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestASecretIsSealedAndOpenedThroughPipes(t *testing.T) {
	arguments := fakeCreds(t, `tr a-z n-za-m`)
	sealed, err := secret(&privilege.Secret{Key: "house", With: "host"}, memory(t, "the secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sealed.Close() }()
	opened, err := secret(&privilege.Secret{Key: "house"}, sealed)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	if text, err := privilege.ReadSecret(opened, 100); string(text) != "the secret" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	said, err := os.ReadFile(arguments)
	if err != nil || !strings.Contains(string(said), "--name=hv-key-house") || strings.Contains(string(said), "secret ") {
		t.Errorf("it was run with %s, %v", said, err)
	}
}

func TestWhySystemdCredsDoesNotIsToldAndItsAbsence(t *testing.T) {
	fakeCreds(t, "cat > /dev/null; echo first >&2; echo 'Failed to unseal: TPM was reset' >&2; exit 1")
	_, err := secret(&privilege.Secret{Key: "house"}, memory(t, "sealed"))
	if fault.CodeOf(err) != "HV-KEY-008" || !strings.Contains(err.Error(), "TPM was reset") {
		t.Errorf("%v", err)
	}
	fakeCreds(t, "cat > /dev/null; head -c 100000 /dev/zero")
	if _, err := secret(&privilege.Secret{Key: "house"}, memory(t, "sealed")); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := secret(&privilege.Secret{Key: "house", With: "host"}, memory(t, "x")); fault.CodeOf(err) != "HV-KEY-008" || !strings.Contains(err.Error(), "missing") {
		t.Errorf("%v", err)
	}
}
