package client

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func vmRequest(method string, ref model.Ref, more ...string) *request {
	ref = inProject(ref)
	return newRequest(method, append([]string{"v1", "projects", ref.Project, "vms", ref.Name}, more...)...)
}

// CreateVM wishes for a VM that does not exist.
func (c *Client) CreateVM(ctx context.Context, project string, def vm.Definition, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "projects", projectOr(project), "vms").json(def)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// EditVM changes a VM by a merge patch (RFC 7386) of its definition: {"memory": "2GiB"}.
func (c *Client) EditVM(ctx context.Context, ref model.Ref, patch json.RawMessage, ch Change) (Result, error) {
	return c.mutate(ctx, vmRequest(http.MethodPatch, ref).raw("application/merge-patch+json", patch), ch)
}

// RenameVM gives a VM another name.
func (c *Client) RenameVM(ctx context.Context, ref model.Ref, name string, ch Change) (Result, error) {
	r, err := vmRequest(http.MethodPost, ref, "actions", "rename").json(wire.Rename{Name: name})
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// CreateImage makes an image of a disk of a VM. It is answered when the disk is copied.
func (c *Client) CreateImage(ctx context.Context, ref model.Ref, body wire.CreateImage, ch Change) (Result, error) {
	r, err := vmRequest(http.MethodPost, ref, "actions", "image").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// CloneVM makes a VM that begins as another one.
func (c *Client) CloneVM(ctx context.Context, ref model.Ref, body wire.CloneVM, ch Change) (Result, error) {
	r, err := vmRequest(http.MethodPost, ref, "actions", "clone").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// ChangeMedium puts a volume into a VM's CD-ROM drive, or takes out what is in it.
func (c *Client) ChangeMedium(ctx context.Context, ref model.Ref, opt wire.MediumOptions, ch Change) (Result, error) {
	r, err := vmRequest(http.MethodPost, ref, "actions", "cdrom").json(opt)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// DeleteVM wishes a VM away; of opt, Force and Volumes are read.
func (c *Client) DeleteVM(ctx context.Context, ref model.Ref, opt wire.VerbOptions, ch Change) (Result, error) {
	r := vmRequest(http.MethodDelete, ref)
	r.query.flag("force", opt.Force)
	r.query.flag("volumes", opt.Volumes)
	return c.mutate(ctx, r, ch)
}

// PowerVM asks for start, stop, kill, pause, resume, suspend, reboot or reset; of opt, Force, Timeout and DiscardSuspend are read.
func (c *Client) PowerVM(ctx context.Context, ref model.Ref, verb vm.Verb, opt wire.VerbOptions, ch Change) (Result, error) {
	switch verb {
	case vm.VerbStart, vm.VerbStop, vm.VerbKill, vm.VerbPause, vm.VerbResume, vm.VerbSuspend, vm.VerbReboot, vm.VerbReset:
	default:
		return Result{}, fault.New(fault.Invalid, "%q is no verb of power", verb)
	}
	r, err := vmRequest(http.MethodPost, ref, "actions", string(verb)).json(opt)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// VM returns one VM in full.
func (c *Client) VM(ctx context.Context, ref model.Ref) (wire.VM, error) {
	return call[wire.VM](ctx, c, vmRequest(http.MethodGet, ref))
}

// VMs goes through the VMs of a project, page by page, ordered by name.
func (c *Client) VMs(ctx context.Context, project string, opt ListOptions) iter.Seq2[wire.VMSummary, error] {
	return each(opt, func(opt ListOptions) (Page[wire.VMSummary], error) { return c.VMPage(ctx, project, opt) })
}

// VMPage returns one page of the VMs of a project.
func (c *Client) VMPage(ctx context.Context, project string, opt ListOptions) (Page[wire.VMSummary], error) {
	return page[wire.VMSummary](ctx, c, newRequest(http.MethodGet, "v1", "projects", projectOr(project), "vms"), opt)
}

// LogOptions say which part of a log is wanted.
type LogOptions struct {
	// Lines is how many of the last lines; nil for all there is.
	Lines *int
	// Tail is, without Lines, how many of the last bytes; nil for all there is.
	Tail   *int
	Follow bool // go on with what is written from then on, also by the VM's next run, until closed
}

// Logs reads one of a VM's logs: "serial", what its guest wrote to the serial line, or "qemu", what
// QEMU complained about; with "-previous" behind it, that of the run before.
func (c *Client) Logs(ctx context.Context, ref model.Ref, log string, opt LogOptions) (io.ReadCloser, error) {
	r := vmRequest(http.MethodGet, ref, "logs", log)
	if opt.Lines != nil {
		r.query.text("lines", strconv.Itoa(*opt.Lines))
	}
	if opt.Tail != nil {
		r.query.text("tail", strconv.Itoa(*opt.Tail))
	}
	r.query.flag("follow", opt.Follow)
	r.header.Set("Accept", "text/plain")
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Console connects to a VM's serial line: what it printed before, at most scrollback bytes, then
// what it prints, and a way to type. It ends with the VM's process, with ctx, and by Close.
func (c *Client) Console(ctx context.Context, ref model.Ref, scrollback int) (io.ReadWriteCloser, error) {
	return c.OpenConsole(ctx, ref, vm.ConsoleOptions{Scrollback: scrollback})
}

// OpenConsole is Console with more options; the daemon knows who asks. Who types first holds the line until he leaves,
// and others who type are told so, between what the guest prints.
func (c *Client) OpenConsole(ctx context.Context, ref model.Ref, opt vm.ConsoleOptions) (io.ReadWriteCloser, error) {
	r := vmRequest(http.MethodGet, ref, "console")
	r.query.number("scrollback", int64(opt.Scrollback))
	r.query.flag("take", opt.Take)
	return c.upgrade(ctx, r, wire.ConsoleProtocol, "console")
}

// Screen connects one viewer to a VM's screen, which speaks RFB (RFC 6143) without a password. It ends with the VM's
// process, with ctx, and by Close.
func (c *Client) Screen(ctx context.Context, ref model.Ref) (io.ReadWriteCloser, error) {
	return c.upgrade(ctx, vmRequest(http.MethodGet, ref, "vnc"), wire.VNCProtocol, "screen")
}

// UsageOptions say of which VMs what they use is wanted, and in which order.
type UsageOptions struct {
	ListOptions
	Sort string // a column of wire.UsageColumns; empty for the name
}

// UsagePage returns one page of what VMs use. Where nobody has looked lately, it takes a second.
func (c *Client) UsagePage(ctx context.Context, project string, opt UsageOptions) (wire.UsagePage, error) {
	r := newRequest(http.MethodGet, "v1", "projects", projectOr(project), "vm-usage")
	for k, v := range opt.query() {
		r.query[k] = v
	}
	r.query.text("sort", opt.Sort)
	return call[wire.UsagePage](ctx, c, r)
}

// Usage returns what one VM uses.
func (c *Client) Usage(ctx context.Context, ref model.Ref) (wire.VMUsage, error) {
	return call[wire.VMUsage](ctx, c, vmRequest(http.MethodGet, ref, "usage"))
}

// Screenshot returns a PNG of what a VM's screen shows now. One that is cut off ends with an error.
func (c *Client) Screenshot(ctx context.Context, ref model.Ref) (io.ReadCloser, error) {
	r := vmRequest(http.MethodGet, ref, "screenshot")
	r.header.Set("Accept", "image/png")
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// upgrade turns a request's connection into one of another protocol.
func (c *Client) upgrade(ctx context.Context, r *request, protocol, what string) (io.ReadWriteCloser, error) {
	r.header.Set("Connection", "Upgrade")
	r.header.Set("Upgrade", protocol)
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || resp.StatusCode != http.StatusSwitchingProtocols {
		_ = resp.Body.Close()
		return nil, fault.New(fault.Unavailable, "%s answered %s, and no %s", c.options.Address, resp.Status, what).WithCode(wire.CodeStrangers)
	}
	return &console{ReadWriteCloser: conn, stop: context.AfterFunc(ctx, func() { _ = conn.Close() })}, nil
}

// console is a connection that ends with its context, too.
type console struct {
	io.ReadWriteCloser
	stop func() bool
}

func (c *console) Close() error {
	c.stop()
	return c.ReadWriteCloser.Close()
}
