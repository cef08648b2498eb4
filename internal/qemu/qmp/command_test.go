package qmp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// script is an Executor that notes what it is asked and gives one answer.
type script struct {
	asked  string
	files  int
	answer string
	err    error
}

func (s *script) Execute(_ context.Context, cmd Command) (json.RawMessage, error) {
	s.asked, s.files = cmd.Name, len(cmd.Files)
	if cmd.Args != nil {
		var args bytes.Buffer
		e := json.NewEncoder(&args)
		e.SetEscapeHTML(false)
		if err := e.Encode(cmd.Args); err != nil {
			return nil, err
		}
		s.asked += " " + strings.TrimSpace(args.String())
	}
	if s.answer == "" {
		s.answer = "{}"
	}
	return json.RawMessage(s.answer), s.err
}

func TestWhatEachCommandSaysAndHowItsAnswerIsRead(t *testing.T) {
	type does = func(context.Context, Executor) (any, error)
	plain := func(f func(context.Context, Executor) error) does {
		return func(ctx context.Context, on Executor) (any, error) { return nil, f(ctx, on) }
	}
	props := map[string]any{"driver": "virtio-rng-pci", "id": "rng0"}
	for _, c := range []struct {
		do     does
		asked  string
		answer string
		want   any
	}{
		{func(ctx context.Context, on Executor) (any, error) { return QueryStatus(ctx, on) }, `query-status`,
			`{"status":"prelaunch","singlestep":false,"running":false}`, Status{false, StatePrelaunch}},
		{func(ctx context.Context, on Executor) (any, error) { return QueryUUID(ctx, on) }, `query-uuid`, `{"UUID":"u"}`, "u"},
		{func(ctx context.Context, on Executor) (any, error) { return QueryName(ctx, on) }, `query-name`, `{}`, ""},
		{func(ctx context.Context, on Executor) (any, error) { return QueryKVM(ctx, on) }, `query-kvm`, `{"enabled":true,"present":true}`, KVM{true, true}},
		{func(ctx context.Context, on Executor) (any, error) { return QueryMigrate(ctx, on) }, `query-migrate`,
			`{"status":"failed","error-desc":"e","blocked-reasons":["b"]}`, Migration{Status: MigrationFailed, Error: "e", Blocked: []string{"b"}}},
		{plain(func(ctx context.Context, on Executor) error { return Migrate(ctx, on, "f") }), `migrate {"uri":"fd:f"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return MigrateIncoming(ctx, on, "f") }), `migrate-incoming {"uri":"fd:f"}`, ``, nil},
		{plain(MigrateCancel), `migrate_cancel`, ``, nil},
		{plain(Cont), `cont`, ``, nil},
		{plain(Stop), `stop`, ``, nil},
		{plain(SystemPowerdown), `system_powerdown`, ``, nil},
		{plain(SystemReset), `system_reset`, ``, nil},
		{plain(Quit), `quit`, ``, nil},
		{func(ctx context.Context, on Executor) (any, error) { return QueryMachines(ctx, on) }, `query-machines`,
			`[{"name":"pc-q35-7.2","alias":"q35","cpu-max":288,"deprecated":false,"hotpluggable-cpus":true}]`, []MachineType{{Name: "pc-q35-7.2", Alias: "q35", MaxCPUs: 288}}},
		{func(ctx context.Context, on Executor) (any, error) { return QueryCPUModels(ctx, on) }, `query-cpu-definitions`, `[{"name":"max","deprecated":false}]`, []CPUModel{{Name: "max"}}},
		{func(ctx context.Context, on Executor) (any, error) { return QueryCPUs(ctx, on) }, `query-cpus-fast`,
			`[{"thread-id":7,"cpu-index":0,"qom-path":"/x","target":"x86_64","props":{}}]`, []CPU{{0, "/x", 7}}},
		{func(ctx context.Context, on Executor) (any, error) { return QueryChardevs(ctx, on) }, `query-chardev`, `[{"label":"qmp","filename":"f","frontend-open":true}]`, []Chardev{{"qmp", "f", true}}},
		{func(ctx context.Context, on Executor) (any, error) { return QueryBlockNodes(ctx, on) }, `query-named-block-nodes {"flat":true}`, `[]`, []BlockNode{}},
		{func(ctx context.Context, on Executor) (any, error) { return QueryBlock(ctx, on) }, `query-block`,
			`[{"device":"","qdev":"/machine/peripheral/disk-a/virtio-backend","removable":false,"locked":false,"type":"unknown"}]`, []Block{{Device: "/machine/peripheral/disk-a/virtio-backend"}}},
		{plain(func(ctx context.Context, on Executor) error { return BlockResize(ctx, on, "n", 1024) }), `block_resize {"node-name":"n","size":1024}`, ``, nil},
		{func(ctx context.Context, on Executor) (any, error) { return QueryCommands(ctx, on) }, `query-commands`, `[{"name":"stop"}]`, []CommandInfo{{"stop"}}},
		{func(ctx context.Context, on Executor) (any, error) { return QuerySchema(ctx, on) }, `query-qmp-schema`, `[1]`, json.RawMessage(`[1]`)},
		{func(ctx context.Context, on Executor) (any, error) { return AddFD(ctx, on, os.Stdin, 3, "disk") }, `add-fd {"fdset-id":3,"opaque":"disk"}`, `{"fdset-id":3,"fd":9}`, AddedFD{3, 9}},
		{func(ctx context.Context, on Executor) (any, error) { return AddFD(ctx, on, os.Stdin, -1, "") }, `add-fd {}`, `{"fdset-id":0,"fd":9}`, AddedFD{0, 9}},
		{plain(func(ctx context.Context, on Executor) error { return RemoveFD(ctx, on, 0, 9) }), `remove-fd {"fdset-id":0,"fd":9}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return RemoveFD(ctx, on, 0, -1) }), `remove-fd {"fdset-id":0}`, ``, nil},
		{func(ctx context.Context, on Executor) (any, error) { return QueryFDSets(ctx, on) }, `query-fdsets`, `[]`, []FDSet{}},
		{plain(func(ctx context.Context, on Executor) error { return GetFD(ctx, on, os.Stdin, "x") }), `getfd {"fdname":"x"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return CloseFD(ctx, on, "x") }), `closefd {"fdname":"x"}`, ``, nil},
		{func(ctx context.Context, on Executor) (any, error) { return QueryJobs(ctx, on) }, `query-jobs`,
			`[{"id":"j","type":"commit","status":"concluded","current-progress":1,"total-progress":2,"error":"no"}]`, []Job{{"j", "commit", JobConcluded, 1, 2, "no"}}},
		{func(ctx context.Context, on Executor) (any, error) { return QueryBlockJobs(ctx, on) }, `query-block-jobs`, `[]`, []BlockJob{}},
		{plain(func(ctx context.Context, on Executor) error { return JobDismiss(ctx, on, "j") }), `job-dismiss {"id":"j"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return JobCancel(ctx, on, "j") }), `job-cancel {"id":"j"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return DeviceAdd(ctx, on, props) }), `device_add {"driver":"virtio-rng-pci","id":"rng0"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return DeviceDel(ctx, on, "rng0") }), `device_del {"id":"rng0"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return BlockdevAdd(ctx, on, props) }), `blockdev-add {"driver":"virtio-rng-pci","id":"rng0"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return BlockdevDel(ctx, on, "d") }), `blockdev-del {"node-name":"d"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return SnapshotAll(ctx, on, []Pair{{"a", "b"}}) }), `transaction {"actions":[{"type":"blockdev-snapshot","data":{"node":"a","overlay":"b"}}]}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return NetdevAdd(ctx, on, props) }), `netdev_add {"driver":"virtio-rng-pci","id":"rng0"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return NetdevDel(ctx, on, "n") }), `netdev_del {"id":"n"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return SetLink(ctx, on, "n", false) }), `set_link {"name":"n","up":false}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return QOMSet(ctx, on, "/a", "b", 7) }), `qom-set {"path":"/a","property":"b","value":7}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return ObjectAdd(ctx, on, props) }), `object-add {"driver":"virtio-rng-pci","id":"rng0"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error { return ObjectDel(ctx, on, "o") }), `object-del {"id":"o"}`, ``, nil},
		{plain(func(ctx context.Context, on Executor) error {
			return BlockSetIOThrottle(ctx, on, Limits{ID: "d", IOPS: 7, BPSWriteMax: 9, BPSWriteMaxLength: 2})
		}), `block_set_io_throttle {"id":"d","iops":7,"iops_rd":0,"iops_wr":0,"bps":0,"bps_rd":0,"bps_wr":0,"bps_wr_max":9,"bps_wr_max_length":2}`, ``, nil},
		{func(ctx context.Context, on Executor) (any, error) { return QueryIOThreads(ctx, on) }, `query-iothreads`,
			`[{"id":"io-fast","thread-id":7,"poll-max-ns":1}]`, []IOThread{{"io-fast", 7}}},
		{plain(func(ctx context.Context, on Executor) error { return Balloon(ctx, on, 1<<20) }), `balloon {"value":1048576}`, ``, nil},
		{func(ctx context.Context, on Executor) (any, error) { return QueryHotpluggableCPUs(ctx, on) }, `query-hotpluggable-cpus`,
			`[{"type":"max-x86_64-cpu","vcpus-count":1,"props":{"socket-id":0},"qom-path":"/q"}]`, []HotpluggableCPU{{Type: "max-x86_64-cpu", Props: json.RawMessage(`{"socket-id":0}`), Path: "/q"}}},
	} {
		s := &script{answer: c.answer}
		got, err := c.do(t.Context(), s)
		if err != nil || s.asked != c.asked || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("asked %s\nwant  %s\ngot   %v, %v, want %v", s.asked, c.asked, got, err, c.want)
		}
		takesFile := strings.HasPrefix(c.asked, "add-fd") || strings.HasPrefix(c.asked, "getfd")
		if (s.files == 1) != takesFile {
			t.Errorf("%s went with %d files", c.asked, s.files)
		}
	}
}

func TestAnAnswerOfTheWrongShapeIsOurMistake(t *testing.T) {
	_, err := QueryStatus(t.Context(), &script{answer: `[]`})
	if !errors.Is(err, fault.Internal) || !strings.Contains(err.Error(), "query-status") {
		t.Errorf("got %v", err)
	}
}

func TestQuitSucceedsWhenQEMUGoesWithoutAWord(t *testing.T) {
	if err := Quit(t.Context(), &script{err: fault.New(fault.Unavailable, "").Because(io.EOF)}); err != nil {
		t.Error(err)
	}
	if err := Quit(t.Context(), &script{err: fault.New(fault.Unavailable, "closed")}); err == nil {
		t.Error("another failure passed for success")
	}
}
