// Package thin keeps volumes in thin pools of LVM: it runs LVM's own programs, and opens the devices.
//
// What lives here: hv-helper's verbs of thin pools. What does not: what the volumes stand for (internal/storage/lvm).
//
// Root says by a tag which thin pool is meant. What is made in it bears the tag and a name of a fixed form; nothing else is
// looked at, changed or opened, whoever asks. Names were checked (internal/helper/door): none begins like an option or holds
// what LVM's selection would take for its own. Source: lvmthin(7), lvcreate(8), lvs(8).
package thin

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

const (
	patience = 2 * time.Minute // for one of LVM's programs, which wait for each other
	maxWords = 8 << 10         // of what one of them complains about
	page     = 512             // volumes in one answer: about 100 bytes each
)

// Volumes are those that this helper keeps.
type Volumes struct {
	devices string // folder of the nodes that are handed out
	sys     string // where the kernel tells of devices
	uid     int
	gid     int
	run     func(args ...string) ([]byte, error)

	mu sync.Mutex // between a look and what follows from it
}

// New returns the volumes of the helper of this name. Their devices are handed to one user.
func New(name string, uid, gid int) *Volumes {
	return &Volumes{devices: "/dev/hv-" + name, sys: blockDevices, uid: uid, gid: gid, run: lvm}
}

// lvm runs one of LVM's programs.
func lvm(args ...string) ([]byte, error) {
	path, err := exec.LookPath("/usr/sbin/lvm")
	if err != nil {
		path, err = exec.LookPath("/run/current-system/sw/bin/lvm")
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "LVM is not installed").Try("apt-get install lvm2, then systemctl restart hv-helper").WithCode("HV-POOL-024")
	}
	return within(path, patience, patience, args...)
}

// within runs a program that has so long, and as long again to come to an end when it was asked to. It is never killed: LVM
// holds signals back in the middle of a change, and one that is cut off there leaves devices that stand still and
// metadata that fit nothing. What does not end goes on, and LVM's own locks keep others from what it is about.
func within(path string, patience, again time.Duration, args ...string) ([]byte, error) {
	out, words := &bounded{most: maxReport}, &bounded{most: maxWords}
	cmd := exec.Command(path, args...) //nolint:noctx // a context would kill it
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin", "LC_ALL=C", "LVM_SUPPRESS_FD_WARNINGS=1"}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = "/", out, words, time.Second // of what it has started, when it has ended
	if err := cmd.Start(); err != nil {
		return nil, failure(args[0], "", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var late bool
	for limit := patience; ; limit = again {
		t := time.NewTimer(limit)
		select {
		case err := <-ended:
			t.Stop()
			if err != nil {
				return nil, failure(args[0], words.String(), err)
			}
			if out.lost {
				return nil, fault.New(fault.Unavailable, "%s tells of more than %d bytes", args[0], maxReport)
			}
			return out.Bytes(), nil
		case <-t.C:
		}
		if late {
			return nil, fault.New(fault.Unavailable, "%s has not ended after %s, and goes on as process %d", args[0], patience+again, cmd.Process.Pid).
				Try("dmsetup info says whether a device stands still; journalctl -k, what it waits for")
		}
		late = true
		_ = cmd.Process.Signal(unix.SIGTERM) // one that has ended needs none
	}
}

// bounded keeps the first bytes of what is written to it.
type bounded struct {
	bytes.Buffer
	most int
	lost bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.most - b.Len()
	b.lost = b.lost || len(p) > room
	_, _ = b.Buffer.Write(p[:min(len(p), room)]) // never fails
	return len(p), nil
}

// failure is what a program of LVM's complained about, of the kind that it has.
func failure(program, words string, err error) error {
	var lines []string
	for line := range strings.Lines(words) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "WARNING:") {
			lines = append(lines, line)
		}
	}
	text := strings.Join(lines, "; ")
	say := func(kind fault.Kind) *fault.Error {
		return fault.New(kind, "%s: %.600s", program, text).Because(err)
	}
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(words, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("not found", "Failed to find"):
		return say(fault.NotFound)
	case has("already exists"):
		return say(fault.Conflict)
	case has("nsufficient free space", "exceeds threshold", "metadata space", "out of data space", "is full"):
		return say(fault.Exhausted)
	case has("in use", "is used by"):
		return say(fault.Conflict)
	}
	return say(fault.Unavailable)
}

// look asks for a pool and, where name is set, for one volume alone. LVM has no pool of that name for us where its owner has not said so.
func (v *Volumes) look(p privilege.ThinPlace, name string) (report, error) {
	which := fmt.Sprintf(`lv_name=%q || pool_lv=%q`, p.Pool, p.Pool)
	if name != "" {
		which = fmt.Sprintf(`lv_name=%q || lv_name=%q`, p.Pool, lvName(p, name))
	}
	out, err := v.run("lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", fields, "-S", which, p.Group)
	var r report
	if err == nil {
		r, err = read(out, p.Pool)
	}
	where := p.Group + "/" + p.Pool
	switch {
	case err == nil:
		return r, nil
	case fault.KindOf(err) == fault.NotFound:
		return r, fault.New(fault.NotFound, "there is no thin pool %s", where).Because(err).WithCode("HV-POOL-021").
			Try("lvcreate --type thin-pool --size 100G --name %s %s", p.Pool, p.Group)
	case fault.CodeOf(err) == "HV-POOL-022":
		return r, fault.New(fault.Denied, "thin pool %s cannot be used", where).Because(err).WithCode("HV-POOL-022").
			Try("lvchange --addtag %s %s", privilege.ThinTag, where)
	case fault.CodeOf(err) == "HV-POOL-023":
		return r, fault.New(fault.Denied, "thin pool %s cannot be used", where).Because(err).WithCode("HV-POOL-023").Try("lvchange --zero y %s", where)
	}
	return r, fault.Wrap(err, "cannot look at thin pool %s", where)
}

// one looks for one volume; fault.NotFound says that it is not there.
func (v *Volumes) one(p privilege.ThinPlace, name string) (report, volume, error) {
	r, err := v.look(p, name)
	if err != nil {
		return r, volume{}, err
	}
	if len(r.volumes) == 0 {
		return r, volume{}, gone(p, name)
	}
	return r, r.volumes[0], nil
}

func gone(p privilege.ThinPlace, name string) error {
	return fault.New(fault.NotFound, "there is no volume %s of ours in %s/%s", name, p.Group, p.Pool)
}

// List is how a pool stands, and some of what is in it.
func (v *Volumes) List(p *privilege.ThinPool) (*privilege.ThinPoolReply, error) {
	v.mu.Lock()
	err := v.sweep()
	v.mu.Unlock()
	if err != nil {
		return nil, err
	}
	r, err := v.look(p.ThinPlace, p.Only)
	if err != nil {
		return nil, err
	}
	reply := r.pool
	reply.Volumes = []privilege.ThinVolume{}
	for _, one := range r.volumes {
		if one.Name <= p.After {
			continue
		}
		if len(reply.Volumes) == page {
			reply.Next = reply.Volumes[page-1].Name
			break
		}
		reply.Volumes = append(reply.Volumes, one.ThinVolume)
	}
	return &reply, nil
}

// Change changes one volume.
func (v *Volumes) Change(c *privilege.ThinChange) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.sweep(); err != nil {
		return err
	}
	where := c.Group + "/" + lvName(c.ThinPlace, c.Name)
	err := v.change(c, where)
	if errors.Is(err, fault.Conflict) && c.Do == privilege.ThinRemove {
		return fault.New(fault.Conflict, "%s is open, and stays", where).Because(err)
	}
	return fault.Wrap(err, "cannot %s %s", c.Do, where)
}

// quietly is what every change is told: to ask nobody, and to leave the watching of the pool to whoever does that; a
// dmeventd that is started here would end with hv-helper.
var quietly = []string{"--yes", "--quiet", "--config", "activation{monitoring=0}"}

func (v *Volumes) lv(program string, args ...string) error {
	_, err := v.run(append(append([]string{program}, quietly...), args...)...)
	return err
}

func (v *Volumes) change(c *privilege.ThinChange, where string) error {
	r, have, err := v.one(c.ThinPlace, c.Name)
	missing := errors.Is(err, fault.NotFound) && fault.CodeOf(err) == ""
	if err != nil && !missing {
		return err
	}
	switch c.Do {
	case privilege.ThinMake:
		if !missing {
			return fault.New(fault.Conflict, "it is there already")
		}
		return v.lv("lvcreate", "--type", "thin", "--thinpool", c.Pool, "--virtualsize", fmt.Sprintf("%db", c.Bytes), "--wipesignatures", "n",
			"--addtag", privilege.ThinTag, "--addtag", stateTag(privilege.ThinMaking), "--name", lvName(c.ThinPlace, c.Name), c.Group)
	case privilege.ThinClone:
		return v.clone(c, have, missing)
	case privilege.ThinRemove:
		return v.remove(lvName(c.ThinPlace, c.Name), where, missing)
	case privilege.ThinGrow:
		if missing || have.Bytes >= c.Bytes {
			return err
		}
		extent := r.pool.Extent
		return v.lv("lvextend", "--size", fmt.Sprintf("%db", (c.Bytes+extent-1)/extent*extent), where)
	case privilege.ThinSet:
		if missing {
			return err
		}
		return v.set(have, c.State, where)
	}
	return fault.New(fault.Internal, "nothing is done by %q", c.Do)
}

// remove takes a volume away, and its node from hvd before: after that the device's number may be another's.
func (v *Volumes) remove(node, where string, missing bool) error {
	if !missing {
		if err := v.take(node); err != nil {
			return err
		}
		if err := v.lv("lvremove", where); err != nil {
			return errors.Join(err, v.give(node)) // it is there still
		}
	}
	return v.forget(node)
}

// clone makes a volume that shares everything with another one. It is whole at once, so it has no state.
func (v *Volumes) clone(c *privilege.ThinChange, have volume, missing bool) error {
	if !missing && have.State == "" {
		return nil
	}
	if !missing {
		return fault.New(fault.Conflict, "something else is being made there")
	}
	_, from, err := v.one(c.ThinPlace, c.From)
	if err == nil && from.State == privilege.ThinMaking {
		err = gone(c.ThinPlace, c.From)
	}
	if err != nil {
		return err
	}
	// By the type and a volume it is a thin snapshot; with --snapshot lvcreate looks for the kernel's other kind of snapshots first, which it may not load here.
	return v.lv("lvcreate", "--type", "thin", "--setactivationskip", "n", "--addtag", privilege.ThinTag, "--name", lvName(c.ThinPlace, c.Name), c.Group+"/"+lvName(c.ThinPlace, c.From))
}

// set gives a volume another state, in one step of LVM's.
func (v *Volumes) set(have volume, to privilege.ThinState, where string) error {
	if have.State == to {
		return nil
	}
	var args []string
	if have.State != "" {
		args = append(args, "--deltag", stateTag(have.State))
	}
	if to != "" {
		args = append(args, "--addtag", stateTag(to))
	}
	return v.lv("lvchange", append(args, where)...)
}

// Open opens a volume's block device, with the rights that its user has and no more.
func (v *Volumes) Open(o *privilege.ThinOpen) (*os.File, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.sweep(); err != nil {
		return nil, err
	}
	_, have, err := v.one(o.ThinPlace, o.Name)
	if err == nil && have.State == privilege.ThinMaking && !o.Begun {
		err = gone(o.ThinPlace, o.Name)
	}
	if err == nil && have.minor < 0 {
		if err = v.lv("lvchange", "--ignoreactivationskip", "--activate", "y", o.Group+"/"+lvName(o.ThinPlace, o.Name)); err == nil {
			_, have, err = v.one(o.ThinPlace, o.Name)
		}
	}
	if err != nil {
		return nil, err
	}
	f, err := v.node(lvName(o.ThinPlace, o.Name), have, o.ReadOnly)
	return f, fault.Wrap(err, "cannot open the device of %s/%s", o.Group, lvName(o.ThinPlace, o.Name))
}
