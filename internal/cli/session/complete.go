package session

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/client"
)

// completionPatience is how long a shell may hang on Tab while the daemon thinks.
const completionPatience = time.Second

// Lister yields the names that an argument may be, each with a tab and a few words about it.
type Lister func(ctx context.Context, c *client.Client) ([]string, error)

// Live completes arguments with names that the daemon knows: at most limit of them (0: any number),
// none of them twice. Without a daemon there are none.
func (s *Session) Live(limit int, list Lister) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		none := cobra.ShellCompDirectiveNoFileComp
		if limit > 0 && len(args) >= limit {
			return nil, none
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		c, err := s.clientThat(true) // no shell asks for a password on Tab
		if err != nil {
			return nil, none
		}
		names, err := list(ctx, c)
		if err != nil {
			return nil, none
		}
		return slices.DeleteFunc(names, func(n string) bool {
			name, _, _ := strings.Cut(n, "\t")
			return !strings.HasPrefix(name, start) || slices.Contains(args, name)
		}), none
	}
}

// VMs lists the names of VMs with their state.
func (s *Session) VMs(ctx context.Context, c *client.Client) ([]string, error) {
	var names []string
	for v, err := range c.VMs(ctx, s.Project, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		names = append(names, v.Name+"\t"+string(v.State))
	}
	return names, nil
}

// BootDevices lists what the VM of this name can boot from.
func (s *Session) BootDevices(name string) Lister {
	return func(ctx context.Context, c *client.Client) ([]string, error) {
		o, err := c.VM(ctx, s.Ref(name))
		if err != nil {
			return nil, err
		}
		var names []string
		for _, path := range o.Spec.BootDevices() {
			kind, device, _ := strings.Cut(path, ".")
			names = append(names, device+"\t"+strings.TrimSuffix(kind, "s"))
		}
		return names, nil
	}
}

// BootOrder completes the devices of the VM that is the first argument, one after the other with commas between them.
func (s *Session) BootOrder(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	none := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	if len(args) == 0 {
		return nil, none
	}
	names, _ := s.Live(0, s.BootDevices(args[0]))(cmd, nil, "")
	return Listed(names, start), none
}

// Listed completes the last of names with commas between them: those that are not in the list yet.
func Listed(names []string, start string) []string {
	before := ""
	if i := strings.LastIndexByte(start, ','); i >= 0 {
		before = start[:i+1]
	}
	var out []string
	for _, n := range names {
		name, _, _ := strings.Cut(n, "\t")
		if strings.HasPrefix(before+name, start) && !slices.Contains(strings.Split(before, ","), name) {
			out = append(out, before+n)
		}
	}
	return out
}

// Volumes lists the names of volumes with their size.
func (s *Session) Volumes(ctx context.Context, c *client.Client) ([]string, error) {
	var names []string
	for v, err := range c.Volumes(ctx, s.Project, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		names = append(names, v.Metadata.Name+"\t"+v.Spec.Size.String())
	}
	return names, nil
}

// VolumeTrash lists the volumes in the trash by their UIDs, with their names.
func (s *Session) VolumeTrash(ctx context.Context, c *client.Client) ([]string, error) {
	p, err := c.VolumeTrashPage(ctx, s.Project, client.ListOptions{})
	var names []string
	for _, t := range p.Items {
		names = append(names, t.Metadata.UID+"\t"+t.Metadata.Name)
	}
	return names, err
}

// Images lists the names of images with what is on them.
func (s *Session) Images(ctx context.Context, c *client.Client) ([]string, error) {
	var names []string
	for i, err := range c.Images(ctx, s.Project, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		names = append(names, i.Metadata.Name+"\t"+strings.TrimSpace(i.Spec.OS+" "+i.Spec.Version))
	}
	return names, nil
}

// ImageSources lists the names of the places that list images, with where they are.
func (*Session) ImageSources(ctx context.Context, c *client.Client) ([]string, error) {
	p, err := c.ImageSourcePage(ctx, client.ListOptions{})
	var names []string
	for _, i := range p.Items {
		names = append(names, i.Metadata.Name+"\t"+i.Spec.URL)
	}
	return names, err
}

// BootFiles lists the names of kernels and initrds.
func (s *Session) BootFiles(ctx context.Context, c *client.Client) ([]string, error) {
	var names []string
	for v, err := range c.BootFiles(ctx, s.Project, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		names = append(names, v.Metadata.Name+"\t"+string(v.Content))
	}
	return names, nil
}

// Operations lists the newest operations.
func (*Session) Operations(ctx context.Context, c *client.Client) ([]string, error) {
	p, err := c.OperationPage(ctx, client.ListOptions{Limit: 50})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, op := range p.Items {
		names = append(names, op.ID+"\t"+op.Action+" "+op.Target.Name+" "+string(op.State))
	}
	return names, nil
}

// LiveFlag completes a flag with names that the daemon knows.
func (s *Session) LiveFlag(cmd *cobra.Command, flag string, list Lister) {
	live := s.Live(0, list)
	if err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
		return live(cmd, nil, start)
	}); err != nil {
		panic("cli: " + err.Error())
	}
}

// Sides completes two declarations: files, these words, and behind an @ the generations that are kept.
func (s *Session) Sides(words ...string) cobra.CompletionFunc {
	kept := s.Live(2, func(ctx context.Context, c *client.Client) ([]string, error) {
		names, err := s.Generations(ctx, c)
		for i := range names {
			names[i] = "@" + names[i]
		}
		return names, err
	})
	return func(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(args) > 1:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case strings.HasPrefix(start, "@"):
			return kept(cmd, args, start)
		case len(words) > 0:
			return words, cobra.ShellCompDirectiveDefault
		}
		return []string{"nix", "json", "yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
	}
}

// Generations lists the generations of the declaration that are kept, with what they are for.
func (s *Session) Generations(ctx context.Context, c *client.Client) ([]string, error) {
	all, err := c.Generations(ctx)
	var names []string
	for _, g := range all.Items {
		names = append(names, strconv.FormatInt(g.Generation, 10)+"\t"+g.Message)
	}
	return names, err
}

// Shares lists the names of shares with their folders.
func (*Session) Shares(ctx context.Context, c *client.Client) ([]string, error) {
	var names []string
	for v, err := range c.Shares(ctx, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		names = append(names, v.Metadata.Name+"\t"+v.Spec.Path)
	}
	return names, nil
}

// Pools lists the names of pools with where they are.
func (*Session) Pools(ctx context.Context, c *client.Client) ([]string, error) {
	var names []string
	for p, err := range c.Pools(ctx, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		names = append(names, p.Metadata.Name+"\t"+string(p.Spec.Kind)+" "+p.Where)
	}
	return names, nil
}

// Keys lists the names of keys with what seals them.
func (*Session) Keys(ctx context.Context, c *client.Client) ([]string, error) {
	var names []string
	for k, err := range c.Keys(ctx, client.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		names = append(names, k.Metadata.Name+"\t"+string(k.State)+", "+k.Sealed)
	}
	return names, nil
}
