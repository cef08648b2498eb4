package appliances

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/follow"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/ovf"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// diskFormat is how disks stand in an OVA.
const diskFormat = "vmdk-stream"

type exporting struct {
	s        *session.Session
	c        *client.Client
	vm       wire.VM
	snapshot string
	force    bool
}

// Export is `hv vm export`.
func Export(s *session.Session) *cobra.Command {
	var snapshot string
	var force bool
	cmd := &cobra.Command{
		Use:   "export VM FILE.ova",
		Short: "Write a VM into one file, for another platform",
		Long: `Writes a VM into an OVA, with your rights: an OVF descriptor, its disks as streamOptimized VMDK, and a manifest of SHA-256 sums.
VirtualBox, VMware and virt-v2v read it, and hv vm import on another host.

The VM is off, and stays so while its disks are read; or --snapshot names a set of it, and then it may run. Encrypted volumes are
refused: what is in them would lie in the file in clear. A file that exists is not written over without --force, and one that
breaks off, or is interrupted, leaves nothing.`,
		Example: "  hv vm export web ./web.ova\n  hv vm export web ./web.ova --snapshot before-upgrade",
		Args:    session.Exactly("VM", "FILE"), ValidArgsFunction: s.Live(1, s.VMs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !strings.EqualFold(filepath.Ext(args[1]), ".ova") {
				return report.Usage("hv vm export "+args[0]+" "+args[0]+".ova", "%q does not end in .ova, and no other is written", args[1])
			}
			c, err := s.Client()
			if err != nil {
				return err
			}
			v, err := c.VM(cmd.Context(), s.Ref(args[0]))
			if err != nil {
				return err
			}
			return exporting{s, c, v, snapshot, force}.run(cmd.Context(), args[1])
		},
	}
	cmd.Flags().StringVar(&snapshot, "snapshot", "", "as it was in this snapshot; the VM may run")
	session.Values(cmd, "snapshot")
	cmd.Flags().BoolVar(&force, "force", false, "write over a file that exists")
	return cmd
}

// disk is one that is exported: the volume in which it is read.
type disk struct {
	device, volume string
	capacity       model.Bytes
}

func (e exporting) run(ctx context.Context, path string) (err error) {
	if _, err := os.Lstat(path); err == nil && !e.force {
		return fault.New(fault.Conflict, "cannot write %s: it is there already", path).Try("--force writes over it")
	}
	disks, done, err := e.disks(ctx)
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		return err
	}
	e.s.Findings(lost(e.vm))
	to, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.partial")
	if err != nil {
		return fault.New(fault.Unreadable, "cannot write %s", path).Because(err)
	}
	defer func() { _ = os.Remove(to.Name()) }() // under its own name it stays
	err = e.write(ctx, to, disks)
	if err == nil {
		err = e.stayed(ctx)
	}
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	if err := e.place(to.Name(), path); err != nil {
		return err
	}
	if !e.s.Quiet && !e.s.Output.ForPrograms() {
		fmt.Fprintf(e.s.Out, "vm/%s exported: %s\n", e.vm.Metadata.Name, path)
	}
	return nil
}

// place gives the file its name. Without force one that has come meanwhile stays.
func (e exporting) place(from, path string) error {
	if e.force {
		return os.Rename(from, path)
	}
	err := os.Link(from, path)
	if errors.Is(err, os.ErrExist) {
		return fault.New(fault.Conflict, "cannot write %s: it is there by now", path).Try("--force writes over it")
	}
	if err != nil { // a file system without links
		return os.Rename(from, path)
	}
	return nil
}

// disks are those that are read. Of a snapshot clones are made, which done takes away.
func (e exporting) disks(ctx context.Context) (all []disk, done func() error, err error) {
	done = func() error { return nil }
	if p := e.vm.Status.Power; e.snapshot == "" && p != nil && p.State != vm.StateOff && p.State != vm.StateCrashed {
		return nil, done, fault.New(fault.Precondition, "vm %q is %s, and its disks would be of no one moment", e.vm.Metadata.Name, p.State).
			Try("hv vm stop %s; or hv snapshot create %s NAME, then --snapshot NAME", e.vm.Metadata.Name, e.vm.Metadata.Name).WithCode(ovf.CodeRuns)
	}
	volumes := map[string]string{}
	for device, d := range e.vm.Spec.Disks {
		volumes[device] = d.Volume
	}
	if e.snapshot != "" {
		set, err := e.set(ctx)
		if err != nil {
			return nil, done, err
		}
		volumes = map[string]string{}
		for device, d := range set.Disks {
			volumes[device] = d.Volume
		}
	}
	var found finding.List
	for _, device := range slices.Sorted(maps.Keys(volumes)) {
		v, err := e.c.Volume(ctx, e.s.Ref(volumes[device]))
		if err != nil {
			return nil, done, err
		}
		if v.Spec.Encryption != "" {
			found = append(found, finding.Finding{Code: "HV-KEY-012", Severity: finding.Refused, Subject: []string{"volume/" + v.Metadata.Name},
				What:   fmt.Sprintf("disk %s: volume %q is encrypted with key %q, and would lie in the file in clear", device, v.Metadata.Name, v.Spec.Encryption),
				Remedy: fmt.Sprintf("hv volume clone %s NEW --encryption none makes one in clear: give that to a VM, and export it", v.Metadata.Name)})
		}
		all = append(all, disk{device, v.Metadata.Name, v.Spec.Size})
	}
	if len(found) > 0 {
		return nil, done, fault.New(fault.Precondition, "cannot export vm %q", e.vm.Metadata.Name).Because(finding.Refusal{Findings: found})
	}
	slices.SortStableFunc(all, func(a, b disk) int { // as firmware looks at them: those that have a turn first
		turn := func(d disk) int { return cmp.Or(e.vm.Effective.Disks[d.device].BootIndex, vm.MaxDisks+1) }
		return cmp.Compare(turn(a), turn(b))
	})
	if e.snapshot == "" {
		return all, done, nil
	}
	return e.clones(ctx, all)
}

func (e exporting) set(ctx context.Context) (wire.Snapshot, error) {
	sets, err := e.c.Snapshots(ctx, e.s.Ref(e.vm.Metadata.Name))
	if err != nil {
		return wire.Snapshot{}, err
	}
	for _, set := range sets.Items {
		if set.Name == e.snapshot {
			return set, nil
		}
	}
	return wire.Snapshot{}, fault.New(fault.NotFound, "vm %q has no snapshot %q", e.vm.Metadata.Name, e.snapshot).Try("hv snapshot list %s", e.vm.Metadata.Name)
}

// A reader that was cut off is noticed by hvd at its next write: no event tells it.
const (
	readerTries = 50
	readerPause = 100 * time.Millisecond
)

// clones are volumes of the snapshot that share its layers, for as long as they are read.
func (e exporting) clones(ctx context.Context, of []disk) (all []disk, done func() error, err error) {
	prefix := "export-" + strings.ToLower(rand.Text()[:8]) + "-"
	done = func() (err error) {
		for _, d := range all {
			ctx := context.WithoutCancel(ctx)
			res, gone := e.c.DeleteVolume(ctx, e.s.Ref(d.volume), true, client.Change{})
			for try := 0; fault.KindOf(gone) == fault.Conflict && try < readerTries; try++ { // hvd has not noticed yet that nobody reads it any more
				time.Sleep(readerPause)
				res, gone = e.c.DeleteVolume(ctx, e.s.Ref(d.volume), true, client.Change{})
			}
			if gone == nil && res.Operation != nil {
				_, gone = e.c.WaitOperation(ctx, res.Operation.ID, nil)
			}
			if fault.KindOf(gone) != fault.NotFound {
				err = errors.Join(err, gone)
			}
		}
		return err
	}
	for i, d := range of {
		name := fmt.Sprintf("%s%d", prefix, i)
		all = append(all, disk{d.device, name, d.capacity}) // who is cut off in the call may have made it
		res, err := e.c.CloneVolume(ctx, e.s.Ref(d.volume), wire.CloneVolume{Name: name, Linked: true, Snapshot: e.snapshot}, client.Change{})
		if err != nil {
			return all, done, err
		}
		op, err := e.c.WaitOperation(ctx, res.Operation.ID, nil)
		if err == nil && op.State != operation.Done {
			err = fault.New(fault.Unavailable, "disk %s of the snapshot could not be cloned", d.device).Try("hv operation show %s", op.ID)
		}
		if err != nil {
			return all, done, err
		}
	}
	return all, done, nil
}

// stayed reports whether the VM has not been started while its disks were read, one after the other.
func (e exporting) stayed(ctx context.Context) error {
	if e.snapshot != "" {
		return nil
	}
	now, err := e.c.VM(ctx, e.s.Ref(e.vm.Metadata.Name))
	if err != nil {
		return err
	}
	since := func(v wire.VM) (t time.Time) {
		if v.Status.Power != nil {
			t = v.Status.Power.Since
		}
		return t
	}
	if now.Metadata.UID != e.vm.Metadata.UID || !since(now).Equal(since(e.vm)) {
		return fault.New(fault.Conflict, "vm %q was started while its disks were read: they are of no one moment", e.vm.Metadata.Name).Try("stop it, and export it again").WithCode(ovf.CodeRuns)
	}
	return nil
}

// lost says what of a VM an appliance does not hold.
func lost(v wire.VM) (found finding.List) {
	s, name := v.Effective, v.Metadata.Name
	for _, l := range []struct {
		is   bool
		what string
	}{
		{s.Firmware == vm.Kernel, "its kernel, which it boots directly: elsewhere it boots from its disks"},
		{len(s.CDROMs) > 0, "its CD-ROM drives"}, {len(s.Shares) > 0, "its shares"}, {s.TPM != nil, "what its TPM keeps"},
		{s.Firmware == vm.UEFI, "its UEFI variables: firmware elsewhere finds the boot loader by its default name"},
		{s.CloudInit != nil, "what cloud-init tells its guest"},
	} {
		if l.is {
			found = append(found, finding.Finding{Code: ovf.CodeLeft, Severity: finding.Limited, Subject: []string{"vm/" + name}, What: "left out: " + l.what})
		}
	}
	return found
}

// write writes the archive: descriptor, disks, manifest. The descriptor comes first and names the sizes of what comes after it, so
// room is left for it that is filled in at the end.
func (e exporting) write(ctx context.Context, to *os.File, disks []disk) error {
	name := e.vm.Metadata.Name
	contents := make([]ovf.Content, len(disks))
	for i, d := range disks {
		contents[i] = ovf.Content{Device: d.device, File: fmt.Sprintf("%s-disk%d.vmdk", name, i+1), Size: math.MaxInt64, Capacity: d.capacity}
	}
	longest, err := ovf.Write(name, e.vm.Effective, contents)
	if err != nil {
		return err
	}
	w := tar.NewWriter(to)
	if err := w.WriteHeader(header(name+".ovf", int64(len(longest)), e.s.Now())); err != nil {
		return err
	}
	at, err := to.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := w.Write(longest); err != nil {
		return err
	}
	sums := map[string]string{}
	for i, d := range disks {
		if contents[i].Size, sums[contents[i].File], err = e.content(ctx, w, d, contents[i].File); err != nil {
			return fault.Wrap(err, "cannot export disk %s", d.device)
		}
	}
	text, err := ovf.Write(name, e.vm.Effective, contents)
	if err != nil {
		return err
	}
	text = append(text, bytes.Repeat([]byte("\n"), len(longest)-len(text))...)
	sum := sha256.Sum256(text)
	sums[name+".ovf"] = hex.EncodeToString(sum[:])
	manifest := ovf.WriteManifest(sums)
	err = w.WriteHeader(header(name+".mf", int64(len(manifest)), e.s.Now()))
	if err == nil {
		_, err = w.Write(manifest)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		_, err = to.WriteAt(text, at)
	}
	return err
}

// header is that of a file, in the form that the standard asks for; one that is too large for it has its size as GNU writes it.
func header(name string, size int64, at time.Time) *tar.Header {
	h := &tar.Header{Name: name, Size: size, Mode: 0o644, ModTime: at.Truncate(time.Second), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
	if size >= 8<<30 {
		h.Format = tar.FormatGNU
	}
	return h
}

func (e exporting) content(ctx context.Context, w *tar.Writer, d disk, file string) (size int64, sum string, err error) {
	e.s.Notice("the host makes a VMDK of volume/%s", d.volume)
	from, total, err := e.c.VolumeContent(ctx, e.s.Ref(d.volume), diskFormat)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := w.WriteHeader(header(file, int64(total), e.s.Now())); err != nil {
		return 0, "", err
	}
	shown := follow.NewTransfer(e.s, file)
	defer shown.Done()
	hashed := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, hashed), &counting{from, func(n int64) { shown.See(model.Bytes(n), total) }, 0})
	if err == nil && n != int64(total) {
		err = fault.New(fault.Unavailable, "it broke off after %d of %d bytes", n, int64(total)).Try("export it again")
	}
	return n, hex.EncodeToString(hashed.Sum(nil)), err
}
