package probe

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeMode makes this test binary be a QEMU that is asked, on descriptor 3.
const fakeMode = "HV_PROBE_FAKE"

func TestMain(m *testing.M) {
	if mode := os.Getenv(fakeMode); mode != "" {
		os.Exit(fake(mode))
	}
	os.Exit(m.Run())
}

func fake(mode string) int {
	monitor := os.NewFile(3, "monitor")
	version := `{"qemu":{"major":7,"minor":2,"micro":22},"package":"Debian"}`
	switch mode {
	case "dies":
		fmt.Fprintln(os.Stderr, "starting")
		fmt.Fprintln(os.Stderr, "qemu: error while loading shared libraries")
		return 127
	case "silent":
		select {} // it is killed
	case "garbage":
		fmt.Fprintln(monitor, "220 mail.example.org ESMTP")
		select {}
	case "old":
		version = `{"qemu":{"major":6,"minor":2,"micro":0},"package":""}`
	}
	fmt.Fprintf(monitor, `{"QMP":{"version":%s,"capabilities":["oob"]}}`+"\n", version)
	in := bufio.NewScanner(monitor)
	for in.Scan() {
		answer := "{}"
		if strings.Contains(in.Text(), `"query-machines"`) {
			answer = `[{"name":"pc-q35-7.2","alias":"q35","cpu-max":288,"hotpluggable-cpus":true},{"name":"none","cpu-max":1},` +
				`{"name":"pc-i440fx-7.2","alias":"pc","is-default":true,"cpu-max":255}]`
		}
		_, rest, _ := strings.Cut(in.Text(), `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		fmt.Fprintf(monitor, `{"return":%s,"id":%q}`+"\n", answer, id)
	}
	return 0
}

// program writes a QEMU of that mode and returns its path. QEMU gets no environment of ours, so a script sets it.
func program(t *testing.T, mode string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "qemu")
	script := fmt.Sprintf("#!/bin/sh\n%s=%s exec '%s'\n", fakeMode, mode, self)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
