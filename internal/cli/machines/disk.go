package machines

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// diskOf reads VOLUME[:ro] and NAME=VALUE,… behind it. What the values mean is for the daemon to say.
func diskOf(volume, options string) (vm.Disk, error) {
	var d vm.Disk
	volume, how, _ := strings.Cut(volume, ":")
	d.Volume = volume
	for word := range strings.SplitSeq(how, ":") {
		switch {
		case word == "":
		case word == "ro":
			d.ReadOnly = true
		case d.Bus != "":
			return d, report.Usage("--disk web-data:scsi", "--disk: a disk has one bus, and %q and %q are two", d.Bus, word)
		default:
			d.Bus = word
		}
	}
	for option := range strings.SplitSeq(options, ",") {
		name, value, _ := strings.Cut(option, "=")
		if option == "" {
			continue
		}
		if err := d.Set(name, value); err != nil {
			return d, report.Usage("--disk data=web-data,cache=none,aio=native", "--disk: %v", err)
		}
	}
	return d, nil
}

// diskOptions are what may stand behind a disk's volume.
func diskOptions() []string {
	var out []string
	for _, o := range []struct {
		name   string
		values []string
	}{{"cache", vm.Caches()}, {"aio", vm.AIOs()}, {"discard", vm.Discards()}, {"detectZeroes", vm.Zeroes()}} {
		for _, v := range o.values {
			out = append(out, o.name+"="+v)
		}
	}
	return out
}

// completeDisk completes a volume, and behind a comma what is not said yet of how its disk is read and written.
func completeDisk(s *session.Session) cobra.CompletionFunc {
	volumes := s.Live(0, s.Volumes)
	return func(cmd *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
		i := strings.LastIndexByte(start, ',')
		if i < 0 {
			return volumes(cmd, nil, start)
		}
		var out []string
		for _, option := range diskOptions() {
			name, _, _ := strings.Cut(option, "=")
			if strings.HasPrefix(option, start[i+1:]) && !strings.Contains(start[:i+1], ","+name+"=") {
				out = append(out, start[:i+1]+option)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}
