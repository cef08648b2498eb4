package images

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/begin"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// running is what `hv run` was asked for.
type running struct {
	*session.Session
	size               begin.Size
	name, network, key string
	keys               []string
	noWait             bool
}

// Run returns `hv run`.
func Run(s *session.Session) *cobra.Command {
	r := &running{Session: s}
	cmd := &cobra.Command{
		Use:   "run IMAGE|SOURCE:ITEM",
		Short: "Make a VM of an image, start it and say how to get in",
		Long: `Makes a VM of an image: fetches the image where the library lacks it and the catalogue has it, or SOURCE:ITEM of a source (hv image
source list), which is kept under ITEM's name, makes a volume that begins as
it, makes a VM with that disk and a network, starts it, and waits until the guest answers: its agent, or a login prompt on its
serial line.

Where cloud-init is in the image, the guest gets the VM's name as its host name and your public SSH keys (~/.ssh/*.pub, or
--ssh-key). What is not said of CPUs, memory and disk is what the image needs, or what --instance-type has.`,
		Example: "  hv run debian-12\n  hv run debian-12 --name web --instance-type medium\n  hv run ours:debian/12\n  hv run ubuntu-24-04 --cpus 2 --memory 4GiB --disk 40GiB --ssh-key ~/.ssh/id_ed25519.pub",
		Args:    session.Exactly("IMAGE"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			if source, _, listed := strings.Cut(start, ":"); listed && len(args) == 0 {
				return s.Live(1, offers(source))(cmd, args, start)
			}
			known, how := complete(cmd, args, start)
			have, _ := s.Live(1, s.Images)(cmd, args, start)
			return append(have, known...), how
		},
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&r.name, "name", "", "the VM's name (the image's when absent)")
	f.StringVar(&r.size.Type, "instance-type", "", "a size that has a name: hv instance-type list")
	f.IntVar(&r.size.CPUs, "cpus", 0, "vCPUs")
	f.StringVar(&r.size.Memory, "memory", "", "memory, such as 2GiB")
	f.StringVar(&r.size.Disk, "disk", "", "the size of its disk, such as 20GiB")
	f.StringVar(&r.network, "network", vm.UserNetwork, "the network of its card; none for no card")
	f.StringVar(&r.key, "encryption", "", "the key that its disk is encrypted with, or none (key "+storage.DefaultKey+" where there is one, when absent)")
	s.LiveFlag(cmd, "encryption", s.Keys)
	f.StringArrayVar(&r.keys, "ssh-key", nil, "a file with public SSH keys (~/.ssh/*.pub when absent)")
	f.BoolVar(&r.noWait, "no-wait", false, "do not wait until the guest answers")
	session.Values(cmd, "instance-type", begin.InstanceTypes()...)
	session.Values(cmd, "name")
	session.Values(cmd, "cpus", "1", "2", "4", "8")
	session.Values(cmd, "memory", "512MiB", "1GiB", "2GiB", "4GiB")
	session.Values(cmd, "disk", "10GiB", "20GiB", "40GiB")
	session.Values(cmd, "network", vm.UserNetwork, "none")
	if err := cmd.MarkFlagFilename("ssh-key", "pub"); err != nil {
		panic("cli: " + err.Error())
	}
	return cmd
}

func (r *running) run(ctx context.Context, from string) error {
	if err := r.size.Check(); err != nil {
		return err
	}
	keys, err := begin.PublicKeys(r.keys)
	if err != nil {
		return err
	}
	c, err := r.Client()
	if err != nil {
		return err
	}
	image, err := begin.Image(ctx, r.Session, c, from)
	if err != nil {
		return err
	}
	name := r.name
	if name == "" {
		name = image.Metadata.Name
	}
	if _, err := c.VM(ctx, r.Ref(name)); err == nil {
		return fault.New(fault.Conflict, "vm %q exists already", name).Try("hv run %s --name ANOTHER", from)
	}
	want, err := r.size.Of(image)
	if err != nil {
		return err
	}
	def := r.definition(name, image, want, keys)
	if err := r.create(ctx, name, func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
		return c.CreateVM(ctx, r.Project, def, how)
	}); err != nil {
		return err
	}
	if r.noWait {
		return nil
	}
	return r.answer(ctx, c, name, image.Spec.User)
}

// create makes the VM with its volume, waits for it and tells it.
func (r *running) create(ctx context.Context, name string, do func(context.Context, *client.Client, client.Change) (client.Result, error)) error {
	return change.Run(ctx, r.Session, change.Change{Noun: "vm", Name: name, Verb: "create", Past: "created", Do: do})
}

// tries is how often the guest is asked whether it answers.
const tries = 2 * time.Second

// answer waits until the guest answers, and says how to get in.
func (r *running) answer(ctx context.Context, c *client.Client, name, user string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	prompt := make(chan struct{})
	go func() {
		defer close(prompt)
		r.watch(ctx, c, name)
	}()
	tick := time.NewTicker(tries)
	defer tick.Stop()
	r.Notice("waiting until the guest answers; Ctrl-C leaves it running")
	for {
		g, err := c.Guest(ctx, r.Ref(name))
		switch {
		case err == nil && g.Answers:
			r.tell(name, user, "its agent answers", g.Addresses)
			if !r.Quiet && !r.Output.ForPrograms() {
				fmt.Fprintf(r.Out, "  hv vm exec %s -- COMMAND\n", name)
			}
			return nil
		case err != nil && !fault.Retryable(err) && !errors.Is(err, fault.Precondition) && !errors.Is(err, fault.NotFound):
			return err
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "vm %q runs, and its guest has not answered yet", name).Because(context.Cause(ctx)).Try("hv vm console %s", name)
		case <-prompt:
			r.tell(name, user, "it has a login prompt", nil)
			return nil
		case <-tick.C:
		}
	}
}

// watch returns when a login prompt came over the serial line, or waits for the end of ctx.
func (r *running) watch(ctx context.Context, c *client.Client, name string) {
	line, err := c.Console(ctx, r.Ref(name), 64<<10)
	if err == nil {
		defer func() { _ = line.Close() }()
		var seen []byte
		buf := make([]byte, 4096)
		for {
			n, err := line.Read(buf)
			if seen = append(seen, buf[:n]...); strings.Contains(string(seen), "login:") {
				return
			}
			if seen = seen[max(0, len(seen)-16):]; err != nil {
				break
			}
		}
	}
	<-ctx.Done()
}

// tell says how to get in.
func (r *running) tell(name, user, how string, addresses []string) {
	if r.Quiet || r.Output.ForPrograms() {
		return
	}
	fmt.Fprintf(r.Out, "vm/%s is up: %s\n", name, how)
	fmt.Fprintf(r.Out, "  hv vm console %s\n", name)
	if r.network == vm.UserNetwork || user == "" { // nothing reaches in through NAT
		return
	}
	for _, a := range addresses {
		if ip, err := netip.ParseAddr(a); err == nil && ip.Is4() {
			fmt.Fprintf(r.Out, "  ssh %s@%s\n", user, ip)
			return
		}
	}
}

// InstanceTypes returns `hv instance-type`.
func InstanceTypes(s *session.Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "instance-type",
		Short:   "Sizes of VMs that have a name",
		Long:    "Lists the sizes of VMs that have a name, for hv run --instance-type.",
		Example: "  hv instance-type list",
	}
	cmd.AddCommand(&cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the sizes of VMs that have a name",
		Long:    "Lists the sizes of VMs that have a name. It needs no daemon.",
		Example: "  hv instance-type list\n  hv instance-type list -o json",
		Args:    session.Exactly(),
		RunE: func(*cobra.Command, []string) error {
			all := vm.InstanceTypes()
			if s.Output.ForPrograms() {
				return s.Output.Value(s.Out, all)
			}
			return printTypes(s, all)
		},
	})
	return cmd
}

func printTypes(s *session.Session, all []vm.InstanceType) error {
	t := output.Table{Columns: []output.Column{
		{Title: "NAME"}, {Title: "CPUS", Right: true}, {Title: "MEMORY", Right: true}, {Title: "DISK", Right: true}, {Title: "GOOD FOR", Cut: true},
	}}
	for _, i := range all {
		if s.Output == output.Name {
			fmt.Fprintln(s.Out, i.Name)
			continue
		}
		t.Add(i.Name, strconv.Itoa(i.CPUs), i.Memory.String(), i.Disk.String(), i.What)
	}
	if s.Output == output.Name {
		return nil
	}
	return t.Write(s.Out, s.Output == output.Wide)
}

// definition is the VM that is made.
func (r *running) definition(name string, image wire.Image, want storage.Needs, keys []string) vm.Definition {
	def := vm.Definition{Name: name, Labels: map[string]string{"image": image.Metadata.Name}, Spec: vm.Spec{
		Power: vm.On, CPUs: want.CPUs, Memory: want.Memory, Arch: image.Spec.Arch, Disks: map[string]vm.Disk{"root": {Image: image.Metadata.Name, Size: want.Disk, Encryption: r.key}},
	}}
	begin.Shape(&def.Spec, image.Spec.Template)
	if r.network != "none" {
		def.NICs = map[string]vm.NIC{"lan": {Network: r.network}}
	}
	// Of an image from a file nobody has said whether cloud-init is in it; a guest without it has one small disk more.
	def.CloudInit = &vm.CloudInit{Hostname: name, User: image.Spec.User, SSHKeys: keys}
	return def
}
