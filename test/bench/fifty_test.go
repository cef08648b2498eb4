//go:build e2e

package bench

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/client"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/onehost"
)

const fifty = 50

// fiftyFigures is what fifty at once, and one alone, took with each.
type fiftyFigures struct {
	bare, ours, virsh          []time.Duration // one alone
	allBare, allOurs, allVirsh time.Duration
	perVM, perDomain           float64 // KiB of the daemons' memory
	helperVM                   float64
	fds, threads               float64 // of hvd, for each VM
}

// BenchmarkFiftyAtOnce starts fifty paused VMs in parallel: bare, ours, libvirt's.
func BenchmarkFiftyAtOnce(b *testing.B) {
	var f fiftyFigures
	for b.Loop() {
		f = fiftyFigures{}
		h := onehost.New(b)
		argv := commandLine(b, h)
		l := startLibvirt(b)
		l.virsh("create", "--paused", l.file("warm"))
		l.virsh("destroy", "warm")
		for i := range 5 {
			f.bare = append(f.bare, bareStart(b, argv))
			f.ours = append(f.ours, start(b, h, fmt.Sprintf("alone-%d", i)).total)
			f.virsh = append(f.virsh, l.virsh("create", "--paused", l.file("alone")))
			l.virsh("destroy", "alone")
		}
		f.allBare = allBare(b, argv)
		f.ofOurs(b, h)
		f.ofVirsh(l)
	}
	b.ReportMetric(float64(f.allOurs)/float64(f.allBare), "ours/bare")
	b.ReportMetric(float64(f.allVirsh)/float64(f.allBare), "virsh/bare")
	b.ReportMetric(f.perVM, "KiB/VM")
	b.ReportMetric(f.perDomain, "libvirtd-KiB/VM")
	publish(b, "fifty", f.section())
}

// allBare starts fifty of them and returns when the last has answered.
func allBare(b *testing.B, argv []string) time.Duration {
	b.Helper()
	begin := time.Now()
	var wg sync.WaitGroup
	release := make(chan struct{})
	var answered sync.WaitGroup
	for range fifty {
		answered.Add(1)
		wg.Go(func() { bareRun(b, argv, func() { answered.Done(); <-release }) })
	}
	answered.Wait()
	took := time.Since(begin)
	close(release)
	wg.Wait()
	return took
}

func (f *fiftyFigures) ofOurs(b *testing.B, h *onehost.Host) {
	b.Helper()
	settle()
	hvd, helper := processOf(b, h.HVD()), processOf(b, h.HelperPID())
	ctx := b.Context()
	page, err := h.Client.VMPage(ctx, model.DefaultProject, client.ListOptions{Limit: 1})
	must(b, err)
	begin := time.Now()
	for i := range fifty {
		go func() {
			if _, err := h.Client.CreateVM(ctx, "", tiny(fmt.Sprintf("many-%02d", i)), client.Change{}); err != nil {
				b.Error(err)
			}
		}()
	}
	there := awaitPrelaunch(b, h, page.Revision+1, fifty)
	f.allOurs = time.Since(begin)
	settle()
	now, helperNow := processOf(b, h.HVD()), processOf(b, h.HelperPID())
	f.perVM, f.helperVM = (now.anon-hvd.anon)*1024/fifty, (helperNow.anon-helper.anon)*1024/fifty
	f.fds, f.threads = float64(now.fds-hvd.fds)/fifty, float64(now.threads-hvd.threads)/fifty
	for name := range there {
		gone, err := h.Client.DeleteVM(ctx, model.Ref{Name: strings.TrimPrefix(name, "vm/default/")}, wireForce, client.Change{})
		must(b, err)
		_, err = h.Client.WaitOperation(ctx, gone.Operation.ID, func(operation.Operation) {})
		must(b, err)
	}
}

// awaitPrelaunch follows the events from a revision on until so many VMs called many-… are prelaunch, and
// returns their subjects.
func awaitPrelaunch(b *testing.B, h *onehost.Host, from int64, n int) map[string]bool {
	b.Helper()
	there := map[string]bool{}
	for ev, err := range h.Client.Events(b.Context(), client.EventOptions{From: from, Subject: "vm/default/many-"}) {
		must(b, err)
		var data struct{ State vm.State }
		if json.Unmarshal(ev.Data, &data) == nil && data.State == vm.StatePrelaunch {
			there[ev.Subject] = true
		}
		if len(there) == n {
			break
		}
	}
	return there
}

// settle lets what a measured daemon put off be done: nothing tells when that is.
func settle() {
	runtime.GC()
	time.Sleep(3 * time.Second)
}

func (f *fiftyFigures) ofVirsh(l *libvirt) {
	l.Helper()
	settle()
	before := processOf(l.B, l.daemon())
	var files []string
	for i := range fifty {
		files = append(files, l.file(fmt.Sprintf("many-%02d", i)))
	}
	begin := time.Now()
	var wg sync.WaitGroup
	for _, file := range files {
		wg.Go(func() {
			if out, err := l.try("create", "--paused", file); err != nil {
				l.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	f.allVirsh = time.Since(begin)
	settle()
	f.perDomain = (processOf(l.B, l.daemon()).anon - before.anon) * 1024 / fifty
	for i := range fifty {
		_, _ = l.try("destroy", fmt.Sprintf("many-%02d", i))
	}
}

func (f *fiftyFigures) section() string {
	var t strings.Builder
	fmt.Fprintf(&t, "## One and fifty, beside bare QEMU and libvirt\n\nThe q35 guest of 16 MiB, paused; libvirt %s with the same devices, by `virsh create --paused`, each in a process of its own. "+
		"One: the median of 5, in turns. Fifty: all at once. Where /dev/kvm boots no guest libvirt is shown none, or it asks QEMU for its capabilities before every start.\n\n"+
		"| what | one, ms | fifty, s | of bare |\n|---|---|---|---|\n", libvirtVersion())
	row := func(name string, one []time.Duration, all time.Duration) {
		fmt.Fprintf(&t, "| %s | %.1f | %.2f | %.2f |\n", name, ms(median(one)), all.Seconds(), float64(all)/float64(f.allBare))
	}
	row("bare QEMU, to the answer of query-status", f.bare, f.allBare)
	row("ours, API request to prelaunch seen", f.ours, f.allOurs)
	row("libvirt", f.virsh, f.allVirsh)
	fmt.Fprintf(&t, "\nMemory (RssAnon) that each of the fifty costs while it runs: hvd %.0f KiB, hv-helper %.0f KiB; libvirtd %.0f KiB. "+
		"hvd holds %.1f file descriptors and %.2f threads more for each.\nGoals: fifty at most 1.3 of bare; at most 100 KiB.\n", f.perVM, f.helperVM, f.perDomain, f.fds, f.threads)
	return t.String()
}
