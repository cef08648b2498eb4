//go:build e2e

package e2e

import (
	"encoding/json"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func TestAScreenshotIsAPNGOfWhatTheScreenShows(t *testing.T) {
	h := onehost.New(t)
	must(t, h, "vm", "create", "seen", "--memory", "64MiB", "--vnc")
	refused(t, h, 1, []string{"HV-VM-025", "hv vm start seen"}, "vm", "screenshot", "seen")
	must(t, h, "vm", "start", "seen")
	path := filepath.Join(t.TempDir(), "seen.png")
	lit := 0
	for until := time.Now().Add(time.Minute); lit == 0 && time.Now().Before(until); lit = light(t, path) { // only the screen tells of it
		must(t, h, "vm", "screenshot", "seen", "-o", path)
	}
	t.Logf("%d pixels of the text are lit", lit)
	// What stands still has the same picture; a stopped machine has one, too.
	must(t, h, "vm", "pause", "seen")
	must(t, h, "vm", "screenshot", "seen", "-o", path)
	if light(t, path) == 0 {
		t.Error("a paused VM's screen is black")
	}
	must(t, h, "vm", "resume", "seen")
	must(t, h, "vm", "create", "blind", "--memory", "64MiB", "--start")
	refused(t, h, 1, []string{"HV-VM-045", "graphics = {}"}, "vm", "screenshot", "blind")
}

// light counts the pixels of a text mode's picture that are not black.
func light(t *testing.T, path string) (n int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	pic, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	size := pic.Bounds()
	if size.Dx() != 720 && size.Dx() != 640 || size.Dy() != 400 && size.Dy() != 480 {
		t.Fatalf("the picture is %v, and a VGA text mode is not", size)
	}
	for y := range size.Dy() {
		for x := range size.Dx() {
			if r, g, b, _ := pic.At(x, y).RGBA(); r+g+b > 0 {
				n++
			}
		}
	}
	return n
}

func TestTopShowsWhoUsesTheHost(t *testing.T) {
	h := bootable(t)
	must(t, h, "volume", "create", "scratch", "--size", "64MiB")
	booted(t, h, "busy", `disks = { data = { volume = "scratch"; }; };`)
	booted(t, h, "idle", ``)
	must(t, h, "vm", "create", "off", "--memory", "64MiB")
	say(t, h, "busy", "(while :; do dd if=/dev/zero of=/dev/vda bs=64k count=64 oflag=direct 2>/dev/null; done) & echo be''gun\n", "begun")
	var p wire.UsagePage
	if err := json.Unmarshal([]byte(must(t, h, "vm", "top", "--once", "--sort", "write", "-o", "json")), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Items) != 2 || p.Items[0].Name != "busy" || p.Items[1].Name != "idle" {
		t.Fatalf("%+v", p.Items)
	}
	busy, idle := p.Items[0], p.Items[1]
	if busy.CPUPercent == nil || *busy.CPUPercent <= 0 || busy.DiskWrite == nil || *busy.DiskWrite < 64<<10 || *busy.DiskWrites < 1 || busy.Resident < 32<<20 {
		t.Errorf("the busy VM uses %+v", busy)
	}
	if idle.CPUPercent == nil || *idle.CPUPercent >= *busy.CPUPercent || idle.DiskWrite == nil || *idle.DiskWrite != 0 {
		t.Errorf("the idle VM uses %+v", idle)
	}
	t.Log(must(t, h, "vm", "top", "--once"))
	refused(t, h, 1, []string{"HV-VM-025", "hv vm start off"}, "vm", "top", "off", "--once")
}

// until reads until want matches, and returns what was read.
func until(t *testing.T, r io.ReadCloser, want string) string {
	t.Helper()
	defer time.AfterFunc(2*time.Minute, func() { _ = r.Close() }).Stop()
	var got strings.Builder
	match, buf := regexp.MustCompile(want), make([]byte, 64<<10)
	for from := 0; !match.MatchString(got.String()[from:]); {
		from = max(0, got.Len()-1024) // of much that was printed, only what is new
		n, err := r.Read(buf)
		got.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v before %q was printed:\n%.2000s", err, want, got.String()[from:])
		}
	}
	return got.String()
}

func TestTwoViewersOfOneConsoleSeeTheSameAndOneOfThemTypes(t *testing.T) {
	h := bootable(t)
	booted(t, h, "web", ``)
	ref := model.Ref{Project: model.DefaultProject, Name: "web"}
	view := func(scrollback int) io.ReadWriteCloser {
		t.Helper()
		v, err := h.Client.Console(t.Context(), ref, scrollback)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.Close() })
		return v
	}
	types := func(v io.Writer, text string) {
		t.Helper()
		if _, err := v.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	one, two := view(0), view(0)
	types(one, "echo he''llo\n")
	until(t, one, "hello")
	until(t, two, "hello")
	types(two, "echo no''way\n")
	until(t, two, `\[hv: the line is held by root`)
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, two, `\[hv: root has left: the line is free\]`)
	types(two, "echo se''cond\n")
	until(t, two, "second")
	late := until(t, view(64<<10), "second")
	if !strings.Contains(late, "guest: ready") || !strings.Contains(late, "hello") || strings.Contains(late, "noway") {
		t.Errorf("who comes late sees:\n%s", late)
	}

	none := 0
	follow, err := h.Client.Logs(t.Context(), ref, "serial", client.LogOptions{Lines: &none, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = follow.Close() }()
	must(t, h, "vm", "kill", "web")
	must(t, h, "vm", "start", "web")
	if got := until(t, follow, "guest: ready"); strings.Contains(got, "second") {
		t.Errorf("who follows from the end on reads what was before:\n%s", got)
	}
	if got := must(t, h, "vm", "logs", "web", "--previous"); !strings.Contains(got, "second") {
		t.Errorf("the run before printed:\n%s", got)
	}
	if got := must(t, h, "vm", "logs", "web"); strings.Contains(got, "second") || !strings.Contains(got, "guest: ready") {
		t.Errorf("this run printed:\n%s", got)
	}
	if got := must(t, h, "vm", "logs", "web", "--previous", "--tail", "3"); strings.Count(strings.TrimSuffix(got, "\n"), "\n") != 2 {
		t.Errorf("the last three lines are %q", got)
	}
	floods(t, h, ref, follow)
}

// floods has the VM's serial log grow by more than is kept, as a guest that prints without end does in minutes, and its
// QEMU goes on writing into it.
func floods(t *testing.T, h *onehost.Host, ref model.Ref, follow io.ReadCloser) {
	t.Helper()
	v := h.WaitState(t.Context(), ref.Name, "running")
	path := filepath.Join(h.State, "logs", v.Spec.UUID, "serial.log")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	line := strings.Repeat("x", 63) + "\n"
	for range 20 {
		if _, err := f.WriteString(strings.Repeat(line, 1<<20/len(line))); err != nil {
			t.Fatal(err)
		}
	}
	begins := ""
	for late := time.Now().Add(time.Minute); !strings.HasPrefix(begins, "[what came before was cut off"); {
		if time.Now().After(late) {
			t.Fatalf("the log was not cut: it begins with %q", begins)
		}
		r, err := h.Client.Logs(t.Context(), ref, "serial", client.LogOptions{})
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 256)
		_, err = io.ReadFull(r, buf)
		if _ = r.Close(); err != nil {
			t.Fatal(err)
		}
		begins = string(buf)
	}
	if !strings.Contains(begins, "\r\n"+line) {
		t.Errorf("it does not begin with a whole line: %q", begins)
	}
	say(t, h, ref.Name, "echo af''ter\n", "after")
	if got := until(t, follow, "after"); !strings.Contains(got, line) {
		t.Errorf("who follows missed what was printed:\n%.200q", got)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil || st.Blocks*512 > 13<<20 {
		t.Errorf("the log takes %d bytes, %v", st.Blocks*512, err)
	}
}
