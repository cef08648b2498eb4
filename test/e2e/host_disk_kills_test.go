//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Whatever is asked for of a volume or an image, hvd is killed at some moment of it, and QEMU beside it where it takes part:
// the next hvd finds the old or the new, whole, and of what is neither nothing is left. Moves, snapshots and the rotation of
// keys have tests of their own. HV_SOAK names how many kills there are; without it each change gets two.
func TestKillsInTheMiddleOfAnyChangeOfADiskLeaveTheOldOrTheNew(t *testing.T) {
	rounds := 2
	if n, err := strconv.Atoi(os.Getenv("HV_SOAK")); err == nil && n > 0 {
		rounds = max(1, n/len(changesOfDisks))
	}
	const seed = 6
	k := &upset{T: t, h: bootable(t), rnd: rand.New(rand.NewPCG(seed, seed)), folder: t.TempDir()}
	k.want, k.file = k.content("one")
	k.publish(t)
	files := k.files()
	for _, name := range inOrder(changesOfDisks) {
		t.Run(name, func(t *testing.T) {
			k.T = t
			c, became, within := changesOfDisks[name], map[bool]int{}, 200*time.Millisecond
			for n := range rounds {
				c.before(k)
				within = k.strike(c, within, n)
				became[c.isNew(k)]++
				k.takeAway()
				k.wantsFiles(files)
				if t.Failed() {
					t.Fatalf("at kill %d of seed %d\n%s", n+1, seed, k.h.Logs())
				}
			}
			t.Logf("%d times the new, %d times the old", became[true], became[false])
		})
	}
}

// changeOfDisk is what is asked for and cut off.
type changeOfDisk struct {
	before func(*upset)
	args   func(*upset) []string // of hv
	qemu   bool                  // that of VM web takes part
	isNew  func(*upset) bool     // or it is the old; else the test has failed
}

// upset is a host whose changes are cut off.
type upset struct {
	*testing.T
	h      *onehost.Host
	rnd    *rand.Rand
	folder string // of the test's own files
	file   string // a disk that can be imported
	want   string // its SHA-256
	served string // the image that can be fetched, by its mark
}

const disk = 8 << 20

// content makes a disk of random bytes.
func (k *upset) content(name string) (sum, path string) {
	k.Helper()
	b := make([]byte, disk)
	for i := range b[:disk/2] { // the other half is a hole
		b[i] = byte(k.rnd.Uint32())
	}
	path = filepath.Join(k.folder, name+".raw")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		k.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b)), path
}

// strike asks for a change, and kills at a moment of it; it returns within what time that should be the next time.
func (k *upset) strike(c changeOfDisk, within time.Duration, n int) time.Duration {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), 2*time.Minute)
	defer cancel()
	qemu := 0
	if c.qemu && n%2 == 1 {
		qemu = k.h.WaitState(ctx, "web", "running").Status.Power.Process.PID
	}
	done, began, took := make(chan struct{}), time.Now(), time.Duration(0)
	go func() {
		defer close(done)
		_, _, _ = k.h.HV(ctx, nil, c.args(k)...)
		took = time.Since(began)
	}()
	moment := time.Duration(k.rnd.Int64N(int64(within)))
	select {
	case <-time.After(moment): // the moment is the case
	case <-done:
	}
	if err := k.h.EndHVD(syscall.SIGKILL); err == nil {
		k.Fatal("hvd that is killed ends well")
	}
	if qemu != 0 {
		if err := syscall.Kill(qemu, syscall.SIGKILL); err != nil {
			k.Fatal(err)
		}
	}
	k.h.StartHVD()
	<-done
	k.rest()
	if took < moment { // it was over before
		return took + time.Millisecond
	}
	return within * 5 / 4
}

// rest waits until nothing is under way.
func (k *upset) rest() {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), 2*time.Minute)
	defer cancel()
	for op, err := range k.h.Client.Operations(ctx, client.ListOptions{}) {
		if err == nil && !op.State.Ended() {
			_, err = k.h.Client.WaitOperation(ctx, op.ID, nil)
		}
		if err != nil {
			k.Fatalf("%v\n%s", err, k.h.Logs())
		}
	}
}

// perhaps runs hv, which may refuse.
func (k *upset) perhaps(args ...string) {
	ctx, cancel := context.WithTimeout(k.Context(), time.Minute)
	defer cancel()
	_, _, _ = k.h.HV(ctx, nil, args...)
}

// takeAway removes whatever a change has left that has a name.
func (k *upset) takeAway() {
	k.Helper()
	if _, err := k.h.Client.VM(k.Context(), killRef("web")); err == nil {
		must(k.T, k.h, "vm", "delete", "--yes", "--force", "web")
		must(k.T, k.h, "vm", "wait", "web", "--for", "deleted", "--timeout", "2m")
	}
	for v, err := range k.h.Client.Volumes(k.Context(), model.DefaultProject, client.ListOptions{}) {
		if err != nil {
			k.Fatal(err)
		}
		must(k.T, k.h, "volume", "delete", "--now", "--yes", v.Metadata.Name)
	}
	k.perhaps("volume", "trash", "empty", "--yes")
	for i, err := range k.h.Client.Images(k.Context(), model.DefaultProject, client.ListOptions{}) {
		if err != nil {
			k.Fatal(err)
		}
		must(k.T, k.h, "image", "delete", "--yes", i.Metadata.Name)
	}
	k.rest()
}

// files are what hvd keeps of disks.
func (k *upset) files() []string {
	k.Helper()
	var out []string
	for _, folder := range []string{"pool", "images"} {
		err := filepath.WalkDir(filepath.Join(k.h.State, folder), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && d.Name() != "seen-versions.json" { // what sources have listed is kept, whatever becomes of an image
				out = append(out, path)
			}
			if os.IsNotExist(err) {
				return nil
			}
			return err
		})
		if err != nil {
			k.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

func (k *upset) wantsFiles(want []string) {
	k.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // what is swept is not told as an event
		got := k.files()
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(until) {
			k.Errorf("left are\n%s\nand there were\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			return
		}
	}
}

// has reports whether there is a volume, which is ready then and is well.
func (k *upset) has(name string) (wire.Volume, bool) {
	k.Helper()
	v, err := k.h.Client.Volume(k.Context(), killRef(name))
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return v, false
	}
	if err != nil || !v.Ready || v.Problem != "" {
		k.Errorf("volume %s is neither: %v %+v", name, err, v)
	}
	return v, true
}

// holds wants a volume to begin with the content that was imported, and nothing after that; no VM writes to it afterwards.
func (k *upset) holds(name string, want string) {
	k.Helper()
	if _, err := k.h.Client.VM(k.Context(), killRef("web")); err == nil {
		must(k.T, k.h, "vm", "kill", "web")
		k.h.WaitState(k.Context(), "web", "off", "crashed")
	}
	path := filepath.Join(k.folder, "held")
	must(k.T, k.h, "volume", "export", name, path, "--format", "raw", "--force")
	k.fileHolds(path, want)
}

func (k *upset) fileHolds(path, want string) {
	k.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		k.Fatal(err)
	}
	if len(b) < disk {
		k.Errorf("%s has %d bytes", path, len(b))
		return
	}
	for _, c := range b[disk:] {
		if c != 0 {
			k.Errorf("after its end %s is not empty", path)
			return
		}
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(b[:disk])); got != want {
		k.Errorf("%s holds %s and not %s", path, got, want)
	}
}

// guestHas reports whether the disk of VM web is that volume, in its spec and once nothing is pending.
func (k *upset) guestHas(volume string) bool {
	k.Helper()
	v, err := k.h.Client.VM(k.Context(), killRef("web"))
	if err != nil {
		k.Fatal(err)
	}
	for _, d := range v.Spec.Disks {
		if d.Volume == volume {
			return true
		}
	}
	return false
}

// runs has VM web run, with that volume or without.
func (k *upset) runs(volume string) {
	k.Helper()
	more := ""
	if volume != "" {
		more = fmt.Sprintf("disks.%s.volume = %q;", volume, volume)
	}
	must(k.T, k.h, "vm", "create", "-f", file(k.T, "vm.nix", tiny("web", more)))
	must(k.T, k.h, "vm", "start", "web")
	k.h.WaitState(k.Context(), "web", string(vm.StateRunning))
}
