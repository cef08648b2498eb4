//go:build linux

// Package gates_test calls every command of hv against a daemon and looks at what it asks for: each request is an
// action of the table, so that there is no way around the gate, and no action without a way to it.
//
// What lives here: the walk over the commands. The walk over the routes, in each phase, is internal/api/rest's.
package gates_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/api/rest"
	"github.com/hyper-nixos/hyper-nixos/internal/cli"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

func TestMain(m *testing.M) {
	fakeqemu.RunIfAsked()
	os.Exit(m.Run())
}

// line is one call of hv, and the actions that it asks for; none for what needs no daemon.
type line struct {
	call string
	asks string
}

// calls has at least one for every command. $F is a folder with a declaration, a VM and a key in it.
var calls = []line{
	{"vm list", "vm.list"}, {"vm show web", "vm.show"}, {"vm top --once", "vm.usage-list"}, {"vm logs web", "vm.logs"},
	{"vm create -f $F/vm.nix --dry-run", "vm.create"}, {"vm create of --image base --dry-run", "image.show"}, {"vm export web $F/web.ova", "volume.export"}, {"vm import $F/app.ovf --dry-run", "vm.create"}, {"vm edit web --set cpus=2 --dry-run", "vm.edit"}, {"vm label web a=b --dry-run", "vm.edit"}, {"vm set web --cpus 2 --dry-run", "vm.edit"},
	{"vm rename web other --dry-run", "vm.rename"}, {"vm delete web --yes --dry-run", "vm.delete"},
	{"vm create -f $F/vm.nix --dry-run", "vm.create"}, {"vm create of --image base --dry-run", "image.show"}, {"vm edit web --set cpus=2 --dry-run", "vm.edit"}, {"vm label web a=b --dry-run", "vm.edit"}, {"vm set web --cpus 2 --dry-run", "vm.edit"},
	{"vm rename web other --dry-run", "vm.rename"}, {"vm clone web other --dry-run", "vm.clone"}, {"vm delete web --yes --dry-run", "vm.delete"},
	{"vm cdrom insert web cd data --dry-run", "vm.cdrom"}, {"vm cdrom eject web cd --dry-run", "vm.cdrom"},
	{"vm start web --dry-run", "vm.start"}, {"vm stop web --dry-run", "vm.stop"}, {"vm kill web --dry-run", "vm.kill"}, {"vm suspend web --dry-run", "vm.suspend"},
	{"vm pause web --dry-run", "vm.pause"}, {"vm resume web --dry-run", "vm.resume"}, {"vm reboot web --dry-run", "vm.reboot"}, {"vm reset web --dry-run", "vm.reset"},
	{"vm console web", "vm.console"}, {"vm vnc web", "vm.vnc"}, {"vm screenshot web -o $F/shot.png", "vm.screenshot"}, {"vm wait web --for off --timeout 1s", "vm.list"},
	{"volume list", "volume.list"}, {"volume show data", "volume.show"}, {"volume create more --size 1MiB --dry-run", "volume.create"},
	{"volume resize data 2MiB --dry-run", "volume.resize"}, {"volume rename data other --dry-run", "volume.rename"},
	{"volume move data --pool nowhere --dry-run", "volume.move"}, {"volume clone data copy --dry-run", "volume.clone"},
	{"volume clone data copy --linked --dry-run", "volume.clone"}, {"volume export data $F/data.qcow2", "volume.export"}, {"volume check data", "volume.check"},
	{"volume trash list", "volume.trash-list"}, {"volume trash restore old --dry-run", "volume.restore"}, {"volume trash empty old --yes --dry-run", "volume.purge"},
	{"volume attach data web --dry-run", "vm.edit"}, {"volume detach disk --dry-run", "vm.edit"},
	{"volume import brought $F/image --dry-run", "volume.import"}, {"volume delete data --yes --dry-run", "volume.delete"}, {"volume import fetched https://images.example/base.raw --dry-run", "volume.create"},
	{"boot-file list", "boot-file.list"}, {"boot-file import k $F/image --kind kernel --dry-run", "boot-file.import"}, {"boot-file delete k --dry-run", "boot-file.delete"},
	{"vm guest web", "vm.guest"}, {"vm exec web -- true", "vm.exec"}, {"vm set-password web", "vm.set-password"}, {"vm set-time web", "vm.set-time"}, {"vm trim web", "vm.trim"},
	{"vm cloud-init web", "vm.cloud-init"}, {"vm cloud-init web --show-secrets", "vm.cloud-init-secrets"}, {"shell web", "vm.console"}, {"shell web -- true", "vm.exec"},
	{"snapshot create web before --dry-run", "snapshot.create"}, {"snapshot list web", "snapshot.list"}, {"snapshot show web before", "snapshot.list"},
	{"snapshot edit web before --protected --dry-run", "snapshot.edit"}, {"snapshot prune web --keep-last 1 --dry-run", "snapshot.prune"},
	{"snapshot clone web before copy --dry-run", "vm.clone"}, {"snapshot restore web before --yes --dry-run", "snapshot.restore"}, {"snapshot delete web before --yes --dry-run", "snapshot.delete"},
	{"image list", "image.list"}, {"image create tmpl --from-vm web --dry-run", "image.create"}, {"image show base", "image.show"}, {"image import base https://images.example/base.qcow2 --dry-run", "image.import"},
	{"image import base $F/image --dry-run", "image.upload"}, {"image export base $F/out.qcow2", "image.export"}, {"image delete base --dry-run", "image.delete"}, {"image update base --dry-run", "image.update"},
	{"dev list", "environment.list"}, {"dev create shop web --no-wait", "environment.list"},
	{"image source list", "image-source.list"}, {"image source add more https://images.example/ --dry-run", "image-source.add"}, {"image source remove more --dry-run", "image-source.remove"},
	{"image search --source more debian", "image-source.offers"},
	{"run base --no-wait", "image.show"},
	{"key list", "key.list"}, {"key show house", "key.show"}, {"key create house --dry-run", "key.create"}, {"key rotate house --dry-run", "key.rotate"},
	{"key unlock house --dry-run", "key.unlock"}, {"key lock house --dry-run", "key.lock"}, {"key passphrase house --dry-run", "key.reseal"}, {"key delete house --dry-run", "key.delete"}, {"key renew house --dry-run", "key.renew"},
	{"volume keyslot list data", "volume.keyslot-list"}, {"volume keyslot add data --dry-run", "volume.keyslot-add"}, {"volume keyslot remove data 7 --dry-run", "volume.keyslot-remove"},
	{"volume keyslot recover data --dry-run", "volume.keyslot-recover"},
	{"pool list", "pool.list"}, {"pool show default", "pool.show"}, {"pool create fast --path $F/pool --dry-run", "pool.create"}, {"pool edit default --warn 70 --dry-run", "pool.edit"},
	{"share list", "share.list"}, {"share show music", "share.show"}, {"share create music --path /srv/music --dry-run", "share.create"}, {"share delete music --dry-run", "share.delete"},
	{"pool delete default --dry-run", "pool.delete"}, {"storage recover --dry-run", "storage.recover"},
	{"operation list", "operation.list"}, {"operation show zz", "operation.show"}, {"operation wait zz", "operation.show"}, {"operation cancel zz --dry-run", "operation.cancel"},
	{"config show", "config.show"}, {"config show --generation 1", "config.generation"}, {"config apply $F/host.nix --dry-run", "config.apply"}, {"config rollback 1 --dry-run", "config.rollback"},
	{"config diff $F/host.nix", "config.show"}, {"config history", "config.history"}, {"config status", "config.status"},
	{"feature list", "feature.list"}, {"host", "host.show"}, {"host show", "host.show"}, {"host check", "host.show"}, {"host stop-vms --dry-run", "host.stop-vms"},
	{"phase show", "phase.show"}, {"phase harden --dry-run", "phase.harden"}, {"phase unlock --dry-run", "phase.unlock"}, {"phase unlock --cancel --dry-run", "phase.relock"},
	{"events --timeout 1s", "event.list"}, {"audit list", "audit.list"}, {"version", "version.show"},
}

// forPrograms are actions that hv asks for on the way to others, or not at all.
var forPrograms = []string{"api.show", "environment.create", "boot-file.show", "vm.usage"}

// here are commands that answer without a daemon, or are the way to one.
var here = []string{
	"completion", "config check", "config convert", "config eval", "config new", "audit verify", "audit head", "audit key", "audit proof", "audit export",
	"instance-type list", "store check", "store list", "store restore", "store forget-secrets", "store snapshot", "proxy",
	"feature show", "feature explain", "feature why-not", "feature what-if", "feature matrix", "feature graph", "feature report", "feature diff",
}

// listener is the API of a daemon, which notes what is asked of it.
type listener struct {
	mu     sync.Mutex
	asked  []string
	unruly []string // what is no action of the table
	mux    *http.ServeMux
}

func (l *listener) note(r *http.Request) {
	_, pattern := l.mux.Handler(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	if pattern == "" {
		l.unruly = append(l.unruly, r.Method+" "+r.URL.Path)
		return
	}
	for _, row := range action.Table() {
		if row.Method()+" "+row.Path() == pattern {
			l.asked = append(l.asked, row.Name())
		}
	}
}

func (l *listener) taken() (asked, unruly []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked, unruly, l.asked, l.unruly = l.asked, l.unruly, nil, nil
	return asked, unruly
}

// serve serves a daemon's API on a socket, with a listener before it.
func serve(t *testing.T, d *fakehost.Daemon) (*listener, string) {
	t.Helper()
	l := &listener{mux: http.NewServeMux()}
	for _, row := range action.Table() {
		l.mux.HandleFunc(row.Method()+" "+row.Path(), func(http.ResponseWriter, *http.Request) {})
	}
	api := rest.New(rest.Config{Actions: d.Actions, View: d.View, Console: d.Lines, Logs: d.Lines, Version: "test", Log: slog.New(slog.DiscardHandler)})
	dir, err := os.MkdirTemp("", "hv") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "api.sock")
	sock, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- rest.Serve(ctx, sock, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			l.note(r)
			api.ServeHTTP(w, r)
		}))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l, socket
}

// leaves are all commands that do something.
func leaves(cmd *cobra.Command, path string) map[string]*cobra.Command {
	out := map[string]*cobra.Command{}
	for _, sub := range cmd.Commands() {
		below := strings.TrimSpace(path + " " + sub.Name())
		for name, c := range leaves(sub, below) {
			out[name] = c
		}
		// What only holds others says so itself; "hv host" does something and holds others.
		if sub.IsAvailableCommand() && sub.Name() != "help" && (!sub.HasSubCommands() || sub.Args != nil && below == "host") {
			out[below] = sub
		}
	}
	return out
}

// commandOf is the command of a line.
func commandOf(all map[string]*cobra.Command, call string) string {
	best := ""
	for name := range all {
		if (call == name || strings.HasPrefix(call, name+" ")) && len(name) > len(best) {
			best = name
		}
	}
	return best
}

func tree() map[string]*cobra.Command {
	return leaves(cli.Root(session.New(session.World{Env: func(string) string { return "" }})), "")
}

// A new command is called here, and asks for what it says; a new action has a command that asks for it.
func TestEveryCommandIsCalledHereAndEveryActionHasACommand(t *testing.T) {
	all, called, asked := tree(), map[string]bool{}, map[string]bool{}
	for _, l := range calls {
		name := commandOf(all, l.call)
		if name == "" {
			t.Errorf("hv %s: there is no such command", l.call)
			continue
		}
		called[name], asked[l.asks] = true, true
		row, err := action.ByName(l.asks)
		if err != nil {
			t.Errorf("hv %s: %v", l.call, err)
			continue
		}
		if row.Wish() == action.Read {
			continue
		}
		if has := all[name].Flags().Lookup("dry-run") != nil; has != row.DryRun() {
			t.Errorf("hv %s takes --dry-run: %v; the plan of %s can be asked for: %v", name, has, row.Name(), row.DryRun())
		}
		if says := strings.Contains(strings.ReplaceAll(all[name].Long, "\n", " "), "nly root may"); row.Access() == action.Root && !says {
			t.Errorf("hv %s does not say that only root may", name)
		}
	}
	for _, name := range here {
		if all[name] == nil || called[name] {
			t.Errorf("hv %s stands in the list of what needs no daemon", name)
		}
		called[name] = true
	}
	for name := range all {
		if !called[name] {
			t.Errorf("hv %s is not called in this test: which action it asks for is not known", name)
		}
	}
	for _, row := range action.Table() {
		if !asked[row.Name()] && !slices.Contains(forPrograms, row.Name()) {
			t.Errorf("%s has no command that asks for it here", row.Name())
		}
	}
}

func TestEveryRequestOfACommandIsAnActionOfTheTable(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	for _, name := range []string{"data", "disk", "old"} {
		d.Done(d.Volume(name))
	}
	d.Discard("old")
	d.Done(d.Create(fakehost.Tiny("web", func(def *vm.Definition) { def.Disks = map[string]vm.Disk{"disk": {Volume: "disk"}} })))
	l, socket := serve(t, d)
	folder := t.TempDir()
	for name, text := range map[string]string{"vm.nix": `{ name = "new"; memory = "16MiB"; }`, "host.nix": `{ }`, "app.ovf": `<Envelope><VirtualSystem id="app"><VirtualHardwareSection/></VirtualSystem></Envelope>`, "image": strings.Repeat("x", 512)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := func(name string) string { return map[string]string{"HV_HOST": "unix://" + socket}[name] }
	for _, c := range calls {
		t.Run(c.call, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var out, errs bytes.Buffer
			args := strings.Fields(strings.ReplaceAll(c.call, "$F", folder))
			code := cli.Run(ctx, args, session.World{In: strings.NewReader("a word\n"), Out: &out, Err: &errs, Env: env, Now: time.Now, Root: folder})
			asked, unruly := l.taken()
			if len(unruly) > 0 {
				t.Errorf("it asks for what is no action: %v", unruly)
			}
			if !slices.Contains(asked, c.asks) {
				t.Errorf("it asks for %v, and not for %s; exit %d\n%s%s", asked, c.asks, code, &out, &errs)
			}
			for _, name := range asked { // beside it, a command only looks
				if row, err := action.ByName(name); err != nil || row.Wish() != action.Read && name != c.asks {
					t.Errorf("it asks for %s, too", name)
				}
			}
		})
	}
}
