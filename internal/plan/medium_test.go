package plan

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func TestAMediumIsChangedWhileTheGuestRunsAndADriveAtTheNextStart(t *testing.T) {
	drive := func(volume string) map[string]vm.CDROM { return map[string]vm.CDROM{"cd": {Volume: volume}} }
	for name, c := range map[string]struct {
		started, wished map[string]vm.CDROM
		changes         []vm.Change
		force           bool
		steps, waits    string
	}{
		"the same":       {started: drive("a"), wished: drive("a")},
		"another":        {started: drive("a"), wished: drive("b"), steps: "put volume b into drive cd"},
		"ejected":        {started: drive("a"), wished: drive(""), steps: "take the medium out of drive cd"},
		"put in":         {started: drive(""), wished: drive("b"), steps: "put volume b into drive cd"},
		"cut off":        {started: drive("b"), wished: drive("b"), changes: []vm.Change{{Path: "cdroms.cd"}}, steps: "put volume b into drive cd"},
		"a new drive":    {wished: drive("b"), waits: "a drive is added at the next start"},
		"no such volume": {started: drive("a"), wished: drive("lost"), waits: "there is no volume lost"},
		"the drive goes": {started: drive("a"), steps: "take the medium out of drive cd"},
		"an empty one":   {started: drive(""), waits: "the drive itself changes at the next start"},
		"the tray is locked": {started: drive("a"), wished: drive("b"), waits: "locked",
			changes: []vm.Change{{Path: "cdroms.cd", Why: "locked", Again: noon.Add(1)}}},
		"and forced open": {started: drive("a"), wished: drive("b"), force: true, steps: "put volume b into drive cd",
			changes: []vm.Change{{Path: "cdroms.cd", Why: "locked", Again: noon.Add(1)}}},
	} {
		in := input(func(in *VMInput) {
			runs("running")(in)
			in.Wish.Spec.CDROMs, in.OpenTray = c.wished, c.force
		})
		started, _ := vm.Effective(in.Wish.Spec, "x86_64")
		started.CDROMs = c.started
		p := *process()
		p.Started, p.Changes = &started, c.changes
		if started.CDROMs != nil {
			full, _ := vm.Effective(started, "x86_64")
			p.Started = &full
		}
		in.Media = map[string]storage.Volume{}
		if v := c.wished["cd"].Volume; v != "" && v != "lost" {
			in.Media["cd"] = storage.Volume{File: v + ".raw"}
		}
		live := LiveEdit(in, p, &vm.Pinned{MachineType: "pc-q35-7.2", Targets: map[string]int{"cd": 1}})
		var steps []string
		for _, s := range live.Steps {
			steps = append(steps, s.Name)
			if s.Kind != Medium || s.Edit.Device.Device != "cdrom-cd" || s.Edit.Device.FDSet != 401 || s.Edit.Force != c.force {
				t.Errorf("%s: %+v", name, s.Edit)
			}
		}
		if got := strings.Join(steps, "; "); got != c.steps || live.Waits["cdroms.cd"] != c.waits {
			t.Errorf("%s: steps %q, waits %v", name, got, live.Waits)
		}
	}
}
