//go:build e2e

package schema

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// With -update the schema of the QEMU here is recorded. QEMU_ROOT names another root to run QEMU in.
var update = flag.Bool("update", false, "record the schema of this QEMU")

func TestTheRecordedSchemaIsThatOfTheQEMUHere(t *testing.T) {
	version, raw := ask(t)
	file := filepath.Join("testdata", fmt.Sprintf("qemu-%d.%d.json.gz", version.QEMU.Major, version.QEMU.Minor))
	if *update {
		write(t, file, version, raw)
	}
	f, err := os.Open(file)
	if os.IsNotExist(err) {
		t.Skipf("no recording of QEMU %d.%d", version.QEMU.Major, version.QEMU.Minor)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	recorded, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	here, err := Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range recorded.entities {
		if (e.Meta == MetaCommand || e.Meta == MetaEvent) && here.Entity(name) == nil {
			t.Errorf("%s %s is recorded, and this QEMU %s does not have it", e.Meta, name, version.Package)
		}
	}
}

func ask(t *testing.T) (qmp.Version, json.RawMessage) {
	command := []string{"qemu-system-x86_64"}
	if root := os.Getenv("QEMU_ROOT"); root != "" {
		command = []string{"chroot", root, command[0]}
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skip(err)
	}
	ours, theirs := pipe(t)
	command = append(command, "-S", "-machine", "none", "-nodefaults", "-no-user-config", "-display", "none",
		"-chardev", "socket,id=qmp,fd=3", "-mon", "chardev=qmp,mode=control")
	q := exec.Command(command[0], command[1:]...)
	q.ExtraFiles = []*os.File{theirs}
	q.Stderr = os.Stderr
	if err := q.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	t.Cleanup(func() { _ = q.Wait() })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := qmp.New(ours, qmp.Options{Greeting: time.Minute})
	defer func() { _ = c.Close() }()
	g, err := c.Negotiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := qmp.QuerySchema(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := qmp.Quit(ctx, c); err != nil {
		t.Fatal(err)
	}
	return g.Version, raw
}

func pipe(t *testing.T) (net.Conn, *os.File) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ours, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	theirs, err := far.File()
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

func write(t *testing.T, file string, v qmp.Version, raw json.RawMessage) {
	recording, err := json.Marshal(map[string]any{
		"version": v.String(),
		"package": v.Package, "schema": raw,
	})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(recording); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
