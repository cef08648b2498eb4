package plan

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
)

// cdrom changes the medium in a drive that a guest has. The drive itself is there from its start on.
func (l *liveEdit) cdrom(path, name string) {
	has, had := l.process.Started.CDROMs[name]
	want, wished := l.in.Effective.CDROMs[name]
	_, begun := l.process.Change(path)
	if !had {
		l.Waits[path] = "a drive is added at the next start"
		return
	}
	if has.Volume == want.Volume && !begun {
		if !wished || l.in.Wish.Spec.CDROMs[name].BootIndex != 0 && has.BootIndex != want.BootIndex {
			l.Waits[path] = "the drive itself changes at the next start"
		}
		return
	}
	if !l.in.OpenTray && !l.due(path) {
		return
	}
	edit := &Edit{Path: path, Force: l.in.OpenTray}
	step := Step{Kind: Medium, Name: "take the medium out of drive " + name, Edit: edit}
	target := 0
	if l.pinned != nil {
		target = l.pinned.Targets[name]
	}
	v, there := l.in.Media[name]
	switch {
	case want.Volume == "":
		edit.Device = machine.EjectMedium(name, target)
	case !there:
		l.Waits[path] = "there is no volume " + want.Volume
		return
	case len(v.Chain()) > 1:
		l.Waits[path] = "volume " + want.Volume + " stands on another, which a medium cannot"
		return
	default:
		step.Name = fmt.Sprintf("put volume %s into drive %s", want.Volume, name)
		edit.Device = machine.InsertMedium(name, l.in.consistsOf(v), target)
		edit.File = &File{Name: edit.Device.Device, Source: FromVolume, Volume: v.File, Pool: v.Spec.Pool, ReadOnly: true}
	}
	l.Steps = append(l.Steps, step)
}
