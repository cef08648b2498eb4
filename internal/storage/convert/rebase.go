//go:build linux

package convert

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// maxName is how long a backing file's name may be in a qcow2 header (docs/interop/qcow2.txt).
const maxName = 1023

// Rebase makes a qcow2 image read the same on another base: what differs between its backing, as given, and the new
// base is written into it. base nil means that it shall stand alone. When it is done its header names the base as name.
// Stopped between any two of its writes, the image reads as before on what it stood on.
func Rebase(ctx context.Context, child Image, base *Image, name string, progress func(percent float64)) error {
	r := &run{progress: progress, cpu: longCPU}
	of, err := r.named(child)
	if err != nil {
		return err
	}
	onto, format := "", Format("")
	if base != nil {
		if onto, err = r.named(*base); err != nil {
			return err
		}
		format = base.Format
	}
	// qemu-img writes what it opened into the header, as its last step.
	if len(onto) > maxName {
		return fault.New(fault.Exhausted, "the new base has too many layers").Try("merge those below it first").WithCode("HV-IMG-006")
	}
	args := []string{"rebase", "-p"}
	if progress == nil {
		args = []string{"rebase", "-q"}
	}
	args = append(args, "-b", onto)
	if base != nil {
		args = append(args, "-F", string(format))
	}
	if _, err := r.do(ctx, append(args, of)...); err != nil || base == nil {
		return err
	}
	return NameBacking(ctx, child, name, format)
}

// NameBacking writes into a qcow2 header what is below it, for people and other programs; an empty name takes it away.
// Nothing is read or compared.
func NameBacking(ctx context.Context, i Image, name string, format Format) error {
	r := &run{}
	i.Backing = nil
	of, err := r.named(i)
	if err != nil {
		return err
	}
	args := []string{"rebase", "-q", "-u", "-b", name}
	if name != "" {
		args = append(args, "-F", string(format))
	}
	_, err = r.do(ctx, append(args, of)...)
	return err
}

// Commit writes what is in an image into the one below it, which reads the same from then on, and is made as large. Until
// it is done the image reads as before on what it stands on, also where it is stopped between any two of its writes.
func Commit(ctx context.Context, child Image, progress func(percent float64)) error {
	r := &run{progress: progress, cpu: longCPU}
	if child.Backing == nil {
		return fault.New(fault.Internal, "there is nothing below the image")
	}
	of, err := r.named(child)
	if err != nil {
		return err
	}
	args := []string{"commit", "-d"} // what is in it stays: an object names it still
	if progress != nil {
		args = append(args, "-p")
	} else {
		args = append(args, "-q")
	}
	_, err = r.do(ctx, append(args, of)...)
	return err
}
