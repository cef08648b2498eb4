//go:build linux

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/audit/verify"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/reserve"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	words "github.com/hyper-nixos/hyper-nixos/model/upkeep"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

const fullDiskDir = "DAEMON_TEST_FULL_DISK_DIR"

func TestMain(m *testing.M) {
	if state := os.Getenv(fullDiskDir); state != "" {
		if err := onFullDisk(context.Background(), state); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("all of it")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A real file system that is really full: a tmpfs in a user and mount namespace of the child's own, which needs
// no root where the kernel lets users have them.
func TestOnAFullDiskNothingIsDoneThatCannotBeRecordedAndItGoesOnOnceThereIsRoom(t *testing.T) {
	child := exec.Command("/bin/sh", "-c", `mount -t tmpfs -o size=16m none "$1" && exec "$2"`, "sh", t.TempDir(), os.Args[0])
	child.Env = append(os.Environ(), fullDiskDir+"="+child.Args[4])
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := child.CombinedOutput()
	if strings.Contains(string(out), "mount:") || err != nil && len(out) == 0 {
		t.Skipf("no namespaces for users here: %v %s", err, out)
	}
	if err != nil || strings.TrimSpace(string(out)) != "all of it" {
		t.Fatalf("%v\n%s", err, out)
	}
}

// never is the seal of a host that was never hardened.
type never struct{ action.Seal }

func (never) Phase(context.Context) (privilege.SealState, error) { return privilege.SealState{}, nil }

// onFullDisk runs in a process of its own, with all that a daemon keeps in a folder of 16 MiB.
func onFullDisk(ctx context.Context, state string) (err error) {
	k, err := keep(Options{State: state, Log: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close(), wholeAfter(ctx, state)) }()
	spare := reserve.New(filepath.Join(state, "reserve"), 2<<20)
	if err := spare.Take(); err != nil {
		return err
	}
	a := action.New(action.Config{
		Store: k.store, Audit: k.audit, Volumes: k.volumes, BootFiles: k.boots, MakeRoom: spare.Give, Now: now, Random: random,
		Facts: func() host.Facts { return host.Facts{OS: "linux", Arch: "x86_64", CPUs: 4, Memory: model.GiB} }, Log: slog.New(slog.DiscardHandler),
		Seal: never{},
	})
	call := action.Call{Actor: operation.Actor{UID: 1000, Name: "ann", Via: "unix"}}
	create := func(name string) error {
		_, err := a.CreateVolume(ctx, call, model.DefaultProject, wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Size: model.MiB}})
		return err
	}
	if err := create("old"); err != nil {
		return err
	}
	ballast := filepath.Join(state, "ballast")
	if err := fill(ballast); err != nil {
		return err
	}
	made, refusal := 0, error(nil)
	for ; made < 5000 && refusal == nil; made++ {
		refusal = create(fmt.Sprintf("more-%d", made))
	}
	if code := fault.CodeOf(refusal); fault.KindOf(refusal) != fault.Exhausted || code != audit.CodeFull && code != local.CodeFull {
		return fmt.Errorf("after %d changes on a full disk: %w (code %s)", made, refusal, code)
	}
	// What was refused did not take effect: there is what was acknowledged, and no more.
	all, _, err := store.ListAll[storage.Volume](ctx, k.store, store.SpecPrefix("volume"))
	if err != nil || len(all) != made {
		return fmt.Errorf("%d volumes after %d were acknowledged: %w", len(all), made, err)
	}
	if _, err := a.DeleteVolume(ctx, call, model.Ref{Project: model.DefaultProject, Name: "old"}, true); err != nil {
		return fmt.Errorf("a change that makes room: %w", err)
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	if err := create("after"); err != nil {
		return fmt.Errorf("once there is room: %w", err)
	}
	return nil
}

// fill writes until there is no room for another byte.
func fill(path string) error {
	f, err := os.Create(path) // #nosec G304 -- the test's own
	if err != nil {
		return err
	}
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	return f.Close()
}

// wholeAfter holds what is left against what must be: nothing was torn.
func wholeAfter(ctx context.Context, state string) error {
	if r, problems := verify.Verify(os.DirFS(filepath.Join(state, "audit")), ""); len(problems) > 0 || r.Records == 0 {
		return fmt.Errorf("the audit log: %d records, %v", r.Records, problems)
	}
	c, err := local.Check(ctx, filepath.Join(state, storeFolder), filepath.Join(state, snapshotFolder))
	if err != nil || c.Condition != words.Whole {
		return fmt.Errorf("the store: %+v %w", c, err)
	}
	return nil
}
