package reach

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

func listen(t *testing.T, root, folder string) string {
	t.Helper()
	dir := filepath.Join(root, "run/hv", folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "api.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return path
}

func TestHVHostWinsOverWhatRuns(t *testing.T) {
	root := t.TempDir()
	listen(t, root, "0123abcd")
	for _, named := range []string{"unix:///srv/hv.sock", "/srv/hv.sock"} {
		got, err := Socket(named, root)
		if err != nil || got != "/srv/hv.sock" {
			t.Errorf("%s: %q, %v", named, got, err)
		}
	}
}

func TestTheInstalledCopyIsPreferred(t *testing.T) {
	root := t.TempDir()
	listen(t, root, "0123abcd")
	own := listen(t, root, "66c4b178")
	got, err := Socket("", root)
	if err != nil || got != own {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheOnlyDaemonIsFound(t *testing.T) {
	root := t.TempDir()
	only := listen(t, root, "0123abcd")
	got, err := Socket("", root)
	if err != nil || got != only {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheSocketOfADaemonThatWasKilledIsPassedOver(t *testing.T) {
	root := t.TempDir()
	leave := func(folder string) string {
		path := listen(t, root, folder)
		dead := path + ".dead" // a socket that nobody listens at any more
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		if err := errors.Join(l.Close(), os.Rename(dead, path)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := leave("01230000")
	leave("45670000")
	if got, err := Socket("", root); err != nil || got != first {
		t.Errorf("nobody listens anywhere: %q, %v", got, err)
	}
	only := listen(t, root, "89ab0000")
	if got, err := Socket("", root); err != nil || got != only {
		t.Errorf("%q, %v; want %q", got, err, only)
	}
}

func TestAnUnclearOrMissingDaemonIsExplained(t *testing.T) {
	several := t.TempDir()
	first, second := listen(t, several, "0123abcd"), listen(t, several, "4567abcd")
	for _, c := range []struct {
		name, named, root string
		kind              fault.Kind
		says, hint        string
	}{
		{"several", "", several, fault.Invalid, first + ", " + second, "export HV_HOST=unix://" + first},
		{"none", "", t.TempDir(), fault.Unavailable, "no daemon runs on this host", "make run"},
		{"another host", "ssh://root@box", several, fault.Invalid, "names another host", "unset HV_HOST"},
		{"unknown way", "http://box", several, fault.Invalid, `no way "http"`, "unix://"},
		{"relative", "run/api.sock", several, fault.Invalid, "no absolute path", "unix://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Socket(c.named, c.root)
			if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("%v (%v), hint %q", err, fault.KindOf(err), fault.HintOf(err))
			}
		})
	}
}

func TestASystemWithoutDaemonsNamesTheWayToOne(t *testing.T) {
	err := foreign("darwin")
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "needs Linux, and this is darwin") || !strings.Contains(fault.HintOf(err), "ssh://user@host") {
		t.Errorf("%v, hint %q", err, fault.HintOf(err))
	}
}
