package volumes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/change"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

func attach(s *session.Session) *cobra.Command {
	var device string
	var readOnly bool
	cmd := &cobra.Command{
		Use:   "attach VOLUME VM",
		Short: "Give a VM a volume as a disk",
		Long: `Gives a VM a volume as a disk, by adding it to the VM's spec. One that runs gets it at once. The disk is called as
the volume is, unless --device says otherwise.`,
		Example: "  hv volume attach web-data web\n  hv volume attach shared web --device pictures --read-only",
		Args:    session.Exactly("VOLUME", "VM"), ValidArgsFunction: thenVM(s),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := device
			if name == "" {
				name = args[0]
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "attach", Past: "attached to vm " + args[1] + " as disk " + name,
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					v, err := c.VM(ctx, s.Ref(args[1]))
					if err != nil {
						return client.Result{}, err
					}
					if d, taken := v.Spec.Disks[name]; taken {
						return client.Result{}, fault.New(fault.Conflict, "vm %q has a disk %s already: volume %s", args[1], name, d.Volume).
							Try("--device gives it another name")
					}
					how.IfMatch = v.Metadata.Revision // the name is free in what was just seen
					return edit(ctx, s, c, args[1], name, &vm.Disk{Volume: args[0], ReadOnly: readOnly}, how)
				}})
		},
	}
	cmd.Flags().StringVar(&device, "device", "", "what the disk is called in the VM (as the volume when absent)")
	cmd.Flags().BoolVar(&readOnly, "read-only", false, "the guest only reads it; other VMs may too")
	session.Values(cmd, "device")
	s.Mutates(cmd)
	return cmd
}

func detach(s *session.Session) *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "detach VOLUME",
		Short: "Take a volume from the VM that has it as a disk",
		Long: `Takes a volume from the VM that has it as a disk, by taking it out of the VM's spec. The guest of one that runs is
asked to let go of it; until it has, the volume stays the VM's. Unmount it in the guest first.`,
		Example: "  hv volume detach web-data\n  hv volume detach shared --vm web",
		Args:    session.Exactly("VOLUME"), ValidArgsFunction: s.Live(1, s.Volumes),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := s.Client()
			if err != nil {
				return err
			}
			user, err := userOf(cmd.Context(), s, c, args[0], from)
			if err != nil {
				return err
			}
			return change.Run(cmd.Context(), s, change.Change{Noun: "volume", Name: args[0], Verb: "detach", Past: "detached from vm " + user,
				Do: func(ctx context.Context, c *client.Client, how client.Change) (client.Result, error) {
					v, err := c.VM(ctx, s.Ref(user))
					if err != nil {
						return client.Result{}, err
					}
					for name, d := range v.Spec.Disks {
						if d.Volume == args[0] {
							how.IfMatch = v.Metadata.Revision
							return edit(ctx, s, c, user, name, nil, how)
						}
					}
					return client.Result{}, notADisk(args[0], user, v.Spec)
				}})
		},
	}
	cmd.Flags().StringVar(&from, "vm", "", "from which VM, where several read it")
	s.LiveFlag(cmd, "vm", s.VMs)
	s.Mutates(cmd)
	return cmd
}

// notADisk says what a VM has a volume as, where that is no disk.
func notADisk(volume, name string, spec vm.Spec) error {
	for drive, d := range spec.CDROMs {
		if d.Volume == volume {
			return fault.New(fault.Precondition, "it is the medium in CD-ROM drive %s of vm %q", drive, name).Try("hv vm cdrom eject %s %s", name, drive)
		}
	}
	return fault.New(fault.NotFound, "vm %q has no disk on volume %q", name, volume).Try("hv volume show %s says who uses it", volume)
}

// userOf is the VM that is meant: the one that is named, or the only one that uses the volume.
func userOf(ctx context.Context, s *session.Session, c *client.Client, volume, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	v, err := c.Volume(ctx, s.Ref(volume))
	if err != nil {
		return "", err
	}
	var users []string
	for holder := range strings.SplitSeq(v.Usage.UsedBy, ", ") {
		if name, ok := strings.CutPrefix(holder, "vm/"); ok {
			users = append(users, name)
		}
	}
	switch len(users) {
	case 0:
		return "", fault.New(fault.Precondition, "no VM uses volume %q", volume).Try("hv volume show %s", volume)
	case 1:
		return users[0], nil
	}
	return "", fault.New(fault.Conflict, "%d VMs use volume %q: %s", len(users), volume, strings.Join(users, ", ")).Try("--vm says which is meant")
}

// edit gives a VM a disk, or takes it away where there is none.
func edit(ctx context.Context, s *session.Session, c *client.Client, name, device string, disk *vm.Disk, how client.Change) (client.Result, error) {
	patch, err := json.Marshal(map[string]any{"disks": map[string]*vm.Disk{device: disk}})
	if err != nil {
		return client.Result{}, fmt.Errorf("cannot write the edit: %w", err)
	}
	return c.EditVM(ctx, s.Ref(name), patch, how)
}

// thenVM completes a volume, then a VM.
func thenVM(s *session.Session) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return s.Live(2, s.VMs)(cmd, args, start)
		}
		return s.Live(1, s.Volumes)(cmd, args, start)
	}
}
