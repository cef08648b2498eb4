package fakeqemu

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestTheVersionIsTheRecordedOne(t *testing.T) {
	for _, version := range versions {
		out, err := Command(t, Options{Version: version}, "-version").Output()
		if err != nil || !strings.HasPrefix(string(out), "QEMU emulator version "+version+".") {
			t.Errorf("%s: %q, %v", version, out, err)
		}
	}
}

func TestItIsFoundByItsNameAlone(t *testing.T) {
	program := Install(t, t.TempDir(), Options{Version: "10.0"})
	c := exec.Command(program, "-version")
	c.Env = []string{} // a launcher that passes nothing on
	out, err := c.Output()
	if err != nil || !strings.Contains(string(out), "version 10.0") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestItSpeaksOnItsStandardInput(t *testing.T) {
	c := Command(t, Options{}, "-S", "-machine", "none", "-qmp", "stdio")
	c.Stdin = strings.NewReader(hello + "\n" + status + "\n")
	out, err := c.Output()
	if err != nil || !bytes.Contains(out, []byte(`"QMP"`)) {
		t.Errorf("%q, %v", out, err)
	}
}

func TestASignalEndsItWithAWord(t *testing.T) {
	files, monitor := descriptors(t, t.TempDir())
	c := Command(t, Options{}, argv(os.DevNull)...)
	c.ExtraFiles = files
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		_ = f.Close()
	}
	k := dial(t, monitor)
	k.ask(negotiate)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := string(k.hear()); !strings.Contains(got, "host-signal") {
		t.Errorf("it said %s", got)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

func TestTheConsoleAndItsLog(t *testing.T) {
	dir := t.TempDir()
	files, monitor := descriptors(t, dir)
	k := play(t, Options{}, files, monitor)
	k.ask(negotiate)
	k.ask(up())
	if _, err := io.WriteString(k.serial, "hello\npoweroff\n"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SHUTDOWN", "STOP"} {
		if got := string(k.hear()); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || string(log) != "up\nhello\npoweroff\n" {
		t.Errorf("the log has %q, %v", log, err)
	}
	_ = k.serial.Close()
	again := watch(t, monitor) // the console outlives its client
	k.ask(say("system_reset", "RESET"))
	k.serial = again
	k.ask(up())
}

func TestWithoutActionItEndsWithItsGuest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qmp")
	l := listen(t, path)
	c := Command(t, Options{Guest: Idle}, "-S", "-name", "x", "-chardev", "socket,id=qmp,fd=3,server=on,wait=off", "-mon", "chardev=qmp,mode=control", "-chardev", "socket,id=s,path="+filepath.Dir(path)+"/s,server=on,wait=off", "-serial", "chardev:s")
	c.ExtraFiles = []*os.File{l}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	k := dial(t, path)
	serial, err := net.Dial("unix", filepath.Dir(path)+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = serial.Close() }()
	k.serial = serial
	k.ask(negotiate)
	k.ask(up())
	if _, err := io.WriteString(serial, "poweroff\n"); err != nil {
		t.Fatal(err)
	}
	if got := string(k.hear()); !strings.Contains(got, "guest-shutdown") {
		t.Errorf("it said %s", got)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

func TestANetworkBackEndSaysWhoComesAndGoes(t *testing.T) {
	dir := t.TempDir()
	c := Command(t, Options{}, "-S", "-chardev", "socket,id=qmp,fd=3,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
		"-netdev", `{"type":"stream","id":"n0","server":true,"addr":{"type":"fd","str":"4"}}`)
	files := []*os.File{listen(t, filepath.Join(dir, "qmp")), listen(t, filepath.Join(dir, "net"))}
	c.ExtraFiles = files
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	for _, f := range files {
		_ = f.Close()
	}
	k := dial(t, filepath.Join(dir, "qmp"))
	k.ask(negotiate)
	passt, err := net.Dial("unix", filepath.Join(dir, "net"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(k.hear()); !strings.Contains(got, "NETDEV_STREAM_CONNECTED") || !strings.Contains(got, `"n0"`) {
		t.Errorf("it said %s", got)
	}
	_ = passt.Close()
	if got := string(k.hear()); !strings.Contains(got, "NETDEV_STREAM_DISCONNECTED") {
		t.Errorf("it said %s", got)
	}
}
