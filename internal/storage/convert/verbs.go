//go:build linux

package convert

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/confine"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Options are how a new image is made; nothing set is what QEMU does by itself.
type Options struct {
	Compress    bool   // convert only; with zstd where the format is qcow2
	SubFormat   string // vmdk and vhd: streamOptimized, fixed, …
	ClusterSize model.Bytes
	Preallocate string // off, metadata, falloc, full
	// Limit is how many bytes a second convert may write; 0 for as many as there are.
	Limit model.Bytes
	// Most is how large the new file may get, for convert only; 0 leaves it at the largest volume.
	Most model.Bytes
	// Name and Format of what is below a new qcow2 file. They stand in its header for people and other programs;
	// nothing of ours reads them.
	BackingName   string
	BackingFormat Format
}

func (o Options) list(f Format) []string {
	var out []string
	set := func(key, value string) {
		if value != "" {
			out = append(out, key+"="+strings.ReplaceAll(value, ",", ",,"))
		}
	}
	if o.Compress && f == QCOW2 {
		set("compression_type", "zstd")
	}
	set("subformat", o.SubFormat)
	if f == VHD {
		set("force_size", "on") // else the size is rounded up to cylinders
	}
	if o.ClusterSize > 0 {
		set("cluster_size", strconv.FormatInt(int64(o.ClusterSize), 10))
	}
	set("preallocation", o.Preallocate)
	return out
}

// Create makes an empty image of this size in a file that is open for reading and writing. What was in it is lost.
func Create(ctx context.Context, dst *os.File, f Format, size model.Bytes, opt Options) error {
	if err := f.check(); err != nil {
		return err
	}
	r := &run{}
	args := []string{"create", "-q", "-f", string(f)}
	if list := opt.list(f); len(list) > 0 {
		args = append(args, "-o", strings.Join(list, ","))
	}
	if opt.BackingName != "" {
		args = append(args, "-u", "-b", opt.BackingName, "-F", string(opt.BackingFormat)) // -u: it is not opened
	}
	_, err := r.do(ctx, append(args, r.add(dst), strconv.FormatInt(int64(size), 10))...)
	return err
}

// Convert writes what is read from src into a file that is open for reading and writing, as a new image. What was in
// the file is lost. progress, unless nil, hears percents in rising order. What was written is not synced.
func Convert(ctx context.Context, src Image, dst *os.File, f Format, opt Options, progress func(percent float64)) error {
	if err := f.check(); err != nil {
		return err
	}
	r := &run{progress: progress, cpu: longCPU, most: uint64(max(opt.Most, 0))}
	from, err := r.named(src)
	if err != nil {
		return err
	}
	args := []string{"convert", "-O", string(f)}
	if progress != nil {
		args = append(args, "-p")
	}
	if opt.Compress && (f == QCOW2 || f == VMDK) {
		args = append(args, "-c", "-W")
	}
	if opt.Limit > 0 {
		args = append(args, "-r", strconv.FormatInt(int64(opt.Limit), 10))
	}
	if list := opt.list(f); len(list) > 0 {
		args = append(args, "-o", strings.Join(list, ","))
	}
	_, err = r.do(ctx, append(args, from, r.add(dst))...)
	return err
}

// Fill writes what is read from src into an image that is there, such as a block device. Zeros are written too, unless
// the image reads as zeros already.
func Fill(ctx context.Context, src, dst Image, zero bool, limit model.Bytes, progress func(percent float64)) error {
	r := &run{progress: progress, cpu: longCPU}
	from, err := r.named(src)
	if err != nil {
		return err
	}
	to, err := r.named(dst)
	if err != nil {
		return err
	}
	format := string(dst.Format)
	if dst.Secret != "" && dst.Format == Raw {
		format = "luks"
	}
	args := []string{"convert", "-n", "-O", format}
	if limit > 0 {
		args = append(args, "-r", strconv.FormatInt(int64(limit), 10))
	}
	if progress != nil {
		args = append(args, "-p")
	}
	if zero {
		args = append(args, "--target-is-zero")
	}
	_, err = r.do(ctx, append(args, from, to)...)
	return err
}

// Info is what an image says of itself.
type Info struct {
	Format      Format      `json:"format"`
	VirtualSize model.Bytes `json:"virtual-size"`
	Allocated   model.Bytes `json:"actual-size"`
	ClusterSize model.Bytes `json:"cluster-size"`
	Encrypted   bool        `json:"encrypted"`
	Dirty       bool        `json:"dirty-flag"`
	BackingName string      `json:"backing-filename"`
	Specific    struct {
		Data struct {
			Corrupt  bool   `json:"corrupt"`
			DataFile string `json:"data-file"`
		} `json:"data"`
	} `json:"format-specific"`
}

// Describe returns what an image says of itself; what is below it is not read.
func Describe(ctx context.Context, i Image) (Info, error) {
	var info Info
	r := &run{}
	i.Backing = nil
	name, err := r.named(i)
	if err == nil {
		err = r.ask(ctx, &info, "info", "--output=json", name)
	}
	return info, err
}

// ask runs qemu-img and decodes what it prints.
func (r *run) ask(ctx context.Context, into any, args ...string) error {
	out, err := r.do(ctx, args...)
	if err != nil {
		return err
	}
	return understood(out, into)
}

func understood(out []byte, into any) error {
	if err := json.Unmarshal(out, into); err != nil {
		return fault.New(fault.Internal, "qemu-img printed no JSON").Because(err)
	}
	return nil
}

// Health is what a check of an image found.
type Health struct {
	Errors      int64 `json:"check-errors"` // that kept it from checking
	Corruptions int64 `json:"corruptions"`
	Leaks       int64 `json:"leaks"` // room that is taken and not used: harmless
	Fixed       int64 `json:"corruptions-fixed"`
	LeaksFixed  int64 `json:"leaks-fixed"`
}

// cannotCheck is the exit status of qemu-img check for a format in which there is nothing to check.
const cannotCheck = 63

// Check looks for what is wrong in an image; with repair it mends what it can. A format that cannot be checked, such as
// raw, has nothing that could be wrong.
func Check(ctx context.Context, i Image, repair bool) (Health, error) {
	var h Health
	r := &run{cpu: longCPU}
	i.Backing = nil
	name, err := r.named(i)
	if err != nil {
		return h, err
	}
	args := []string{"check", "--output=json"}
	if repair {
		args = append(args, "-r", "all")
	}
	out, err := r.do(ctx, append(args, name)...)
	switch {
	case status(err) == cannotCheck:
		return h, nil
	case err == nil || json.Valid(out): // what it found is an exit status, too
		err = understood(out, &h)
	}
	return h, err
}

// Resize grows an image; qemu-img refuses to make it smaller.
func Resize(ctx context.Context, i Image, size model.Bytes) error {
	r := &run{}
	name, err := r.named(i)
	if err == nil {
		_, err = r.do(ctx, "resize", "-q", name, strconv.FormatInt(int64(size), 10))
	}
	return err
}

// Need is how much room an image of a format takes.
type Need struct {
	Required model.Bytes `json:"required"`        // for what is in it
	Whole    model.Bytes `json:"fully-allocated"` // when all of it was written
}

// Measure returns how much room src takes as an image of format f.
func Measure(ctx context.Context, src Image, f Format) (Need, error) {
	var n Need
	r := &run{}
	name, err := r.named(src)
	if err == nil {
		err = r.ask(ctx, &n, "measure", "--output=json", "-O", string(f), name)
	}
	return n, err
}

// Compare reports whether a guest reads the same from both. A longer one is the same where the rest of it is zeros.
func Compare(ctx context.Context, a, b Image) (bool, error) {
	r := &run{cpu: longCPU}
	one, err := r.named(a)
	if err != nil {
		return false, err
	}
	other, err := r.named(b)
	if err != nil {
		return false, err
	}
	_, err = r.do(ctx, "compare", "-q", one, other)
	if status(err) == 1 {
		return false, nil
	}
	return err == nil, err
}

// status is qemu-img's exit status in an error of do's; -1 where there is none.
func status(err error) int {
	if e, ok := errors.AsType[*confine.Exit](err); ok {
		return e.Code
	}
	return -1
}
