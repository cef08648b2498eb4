package run

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege/packet"
)

const uuid = "0b8ff1a6-6c2e-4a9e-9a53-0d3cf1b0a001"

func open(t *testing.T, path string) *Folder {
	t.Helper()
	f, err := Open(path, Owners{Root: os.Geteuid(), HVD: os.Geteuid(), HVDGroup: os.Getegid(), APIGroup: os.Getegid()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// short is a temporary folder whose name leaves room for a socket's.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestTheRunFolderIsClosedToAllButThoseWhoNeedIt(t *testing.T) {
	path := filepath.Join(short(t), "01234567")
	f := open(t, path)
	if err := f.MakeVM(uuid); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{
		"..": 0o755, ".": 0o755, "vm": 0o750, "vm/" + uuid: 0o750, "jail": 0o700, "lock": 0o600,
	} {
		info, err := os.Lstat(filepath.Join(path, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	if _, err := Open(path, f.owners); !errors.Is(err, ErrLocked) {
		t.Errorf("a second helper: %v", err)
	}
	f.Close()
	again := open(t, path) // what is there is used
	if vms, err := again.VMs(); err != nil || len(vms) != 1 || vms[0] != uuid {
		t.Errorf("%v, %v", vms, err)
	}
	if err := again.RemoveVM(uuid); err != nil {
		t.Error(err)
	}
	if err := again.RemoveVM(uuid); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestALinkInThePlaceOfAFolderIsRefused(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "01234567")
	if err := os.Symlink(t.TempDir(), path); err != nil {
		t.Fatal(err)
	}
	if f, err := Open(path, Owners{Root: os.Geteuid(), HVDGroup: os.Getegid()}); err == nil {
		f.Close()
		t.Error("the link was followed")
	}
}

func TestSocketsStandWhereTheyWereAndAreHVDsAlone(t *testing.T) {
	f := open(t, filepath.Join(short(t), "01234567"))
	if err := f.MakeVM(uuid); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second one takes the place of the first
		l, err := f.ListenVM(uuid, "qmp")
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(f.SocketPath(uuid, "qmp"))
		if err != nil || info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		c, err := f.ConnectVM(uuid, "qmp")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.ConnectVM(uuid, "qmp"); err == nil {
		t.Error("connected though nobody listens")
	}
}

func TestALongNameMakesAPathThatASocketCanHave(t *testing.T) {
	long := "net-" + strings.Repeat("a", 63)
	files := map[string]bool{}
	for _, name := range []string{"qmp", strings.Repeat("b", 45), strings.Repeat("b", 46), long, long + "b"} {
		file := SocketFile(name)
		if len(file) > maxSocket || files[file] || !strings.HasSuffix(file, ".sock") {
			t.Errorf("%s: %s", name, file)
		}
		files[file] = true
	}
	path := &Folder{Path: "/run/hv/01234567"}
	if n := len(path.SocketPath(uuid, long)); n > 107 {
		t.Errorf("a path of %d bytes", n)
	}
}

func TestTheAPISocketIsReplacedAtOnceAndRemovedWhenDead(t *testing.T) {
	f := open(t, filepath.Join(short(t), "01234567"))
	path := filepath.Join(f.Path, "api.sock")
	first, err := f.ListenAPI("api.sock")
	if err != nil {
		t.Fatal(err)
	}
	f.RemoveDead("api.sock")
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("one that lives was removed: %v", err)
	} else {
		_ = conn.Close()
	}
	second, err := f.ListenAPI("api.sock")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("%v, %v", info, err)
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	f.RemoveDead("api.sock")
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("a dead one is left: %v", err)
	}
	f.RemoveDead("api.sock") // none is fine
}

func TestTheHelpersSocketTakesThePlaceOfADeadHelpers(t *testing.T) {
	f := open(t, filepath.Join(short(t), "01234567"))
	for range 2 {
		l, err := f.ListenHelper("helper.sock")
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(filepath.Join(f.Path, "helper.sock"))
		if err != nil || info.Mode() != os.ModeSocket|0o660 {
			t.Errorf("%v, %v", info, err)
		}
		c, err := packet.Dial(filepath.Join(f.Path, "helper.sock"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	f := open(t, filepath.Join(short(t), "01234567"))
	if err := f.MakeVM(uuid); err != nil {
		t.Fatal(err)
	}
	want := Record{
		Version: 1, VM: uuid, Name: "web", BootID: "b", UID: 1879048192, Program: "/usr/bin/qemu-system-x86_64",
		Sockets: map[string]string{"qmp": "qmp.sock"}, PID: 42, Start: 7, Exit: "exit status 1",
		Uplinks: []Uplink{{Socket: "net-lan", PID: 43, Start: 8, Why: "x"}},
	}
	if err := f.Write(want); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Read(uuid); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	info, err := os.Lstat(filepath.Join(f.VM(uuid), "record.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	other := open(t, filepath.Join(filepath.Dir(f.Path), "89abcdef"))
	if foreign := other.Foreign(); len(foreign) != 1 || foreign[0].UID != want.UID {
		t.Errorf("another helper sees %+v", foreign)
	}
	if own := f.Foreign(); len(own) != 0 {
		t.Errorf("our own are foreign: %+v", own)
	}
}

func TestALogIsReadFromItsEnd(t *testing.T) {
	f := open(t, filepath.Join(short(t), "01234567"))
	if err := f.MakeVM(uuid); err != nil {
		t.Fatal(err)
	}
	log, err := f.Log(uuid, "passt-net-lan.log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.WriteString(strings.Repeat("x", 9000) + "end"); err != nil {
		t.Fatal(err)
	}
	_ = log.Close() // read below
	if got := f.ReadLog(uuid, "passt-net-lan.log"); len(got) != 4096 || !strings.HasSuffix(got, "xend") {
		t.Errorf("%d bytes, %.20q", len(got), got)
	}
	if got := f.ReadLog(uuid, "none"); got != "" {
		t.Errorf("%q", got)
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, s := range []string{`{"version":1,"vm":"` + uuid + `","pid":4}`, `{"version":2}`, `{`, `{"version":1,"vm":"x"}`, `{"version":1,"vm":"` + uuid + `","pid":-1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRecord(data, uuid)
		if err == nil && (r.VM != uuid || r.PID < 0 || r.Version != recordVersion) {
			t.Errorf("%q became %+v", data, r)
		}
	})
}
