// Command run boots a lab, or two that are joined by a network, runs the tests of a build tag in it, and ends
// with their status. The image is built by test/lab/build, which needs root; this needs none.
//
//	go run ./test/lab/run -image DIR [-deb FILE]... [-tag lab] [-run PATTERN] [-pair]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/test/guest"
	"github.com/hyper-nixos/hyper-nixos/test/lab"
)

type options struct {
	image, tag, only, results, words string
	debs                             []string
	pair                             bool
	cpus, memory                     int
	limit                            time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.image, "image", "", "the `folder` of the lab's image, as test/lab/build prints it")
	flag.Func("deb", "a package to install in the lab; may be given more than once, and with several in it", func(s string) error {
		o.debs = append(o.debs, strings.Fields(s)...)
		return nil
	})
	flag.StringVar(&o.tag, "tag", "lab", "run the tests of this build `tag`")
	flag.StringVar(&o.only, "run", "", "run only the tests whose names match this `pattern`")
	flag.StringVar(&o.results, "results", "dist/lab", "put the console and the logs into this `folder`")
	flag.StringVar(&o.words, "append", "", "further `words` for the kernel's command line")
	flag.BoolVar(&o.pair, "pair", false, "boot two hosts that are joined by a network, and run the tests in both at once")
	flag.IntVar(&o.cpus, "cpus", 2, "the lab's `CPUs`")
	flag.IntVar(&o.memory, "memory", 3072, "the lab's memory in `MiB`")
	flag.DurationVar(&o.limit, "limit", 20*time.Minute, "end it all after this `time`")
	flag.Parse()
	status, err := run(o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		status = 1
	}
	os.Exit(status)
}

func run(o options) (status int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	image, err := lab.Load(o.image)
	if err != nil {
		return 1, fmt.Errorf("no image: %w (hint: make lab builds it)", err)
	}
	tests, err := chosen(o)
	if err != nil {
		return 1, err
	}
	work, err := os.MkdirTemp("", "hv-lab-luggage-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	luggage, err := pack(ctx, o, tests, filepath.Join(work, "luggage"))
	if err != nil {
		return 1, err
	}
	if err := os.RemoveAll(o.results); err != nil {
		return 1, err
	}
	names := []string{"lab"}
	if o.pair {
		names = []string{"lab1", "lab2"}
	}
	s := newStream(names)
	statuses, errs := make([]int, len(names)), make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		l := lab.Options{
			Name: name, Image: image, Luggage: luggage, Results: filepath.Join(o.results, name),
			CPUs: o.cpus, Memory: o.memory, Words: strings.Fields(o.words), Line: func(line string) { s.line(name, line) },
		}
		if o.pair {
			l.Link = &lab.Link{Folder: work, Number: i + 1}
		}
		all.Go(func() {
			h, err := lab.Boot(ctx, l)
			if err == nil {
				statuses[i], err = h.Wait()
			}
			errs[i] = err
		})
	}
	all.Wait()
	fmt.Print(s.sum(o.results))
	err = errors.Join(errs...)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.Join(fmt.Errorf("not done within %s", o.limit), err)
	}
	return slices.Max(statuses), err
}

// chosen are the tests of the tag whose names match.
func chosen(o options) ([]lab.Package, error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return nil, err
	}
	all, err := lab.Find(".", o.tag)
	if err != nil {
		return nil, err
	}
	var packages []lab.Package
	for _, p := range all {
		p.Tests = slices.DeleteFunc(p.Tests, func(name string) bool { return !only.MatchString(name) })
		if len(p.Tests) > 0 {
			packages = append(packages, p)
		}
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("no test with the build tag %s has a name that matches %q", o.tag, o.only)
	}
	return packages, nil
}

func pack(ctx context.Context, o options, tests []lab.Package, folder string) (string, error) {
	cache, err := guest.CacheDir()
	if err != nil {
		return "", err
	}
	tiny, err := guest.Build(ctx, cache, os.Stderr)
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return "", err
	}
	return folder, lab.Luggage{Root: ".", Tag: o.tag, Tests: tests, Packages: o.debs, Guest: tiny, Patience: o.limit / 2}.Pack(ctx, folder)
}
