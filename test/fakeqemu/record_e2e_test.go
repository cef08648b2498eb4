//go:build e2e

package fakeqemu

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// With -update what the QEMU here says is recorded. QEMU_ROOT names another root to run QEMU in.
var update = flag.Bool("update", false, "record this QEMU")

// types asks for the device models; their names are all that is kept.
var types = tell("qom-list-types", `{"implements":"device","abstract":false}`)

const program = "qemu-system-x86_64"

// installed is a QEMU of this machine.
type installed struct {
	t    *testing.T
	root string
}

func here(t *testing.T) installed {
	r := installed{t, os.Getenv("QEMU_ROOT")}
	if _, err := exec.LookPath(program); err != nil && r.root == "" {
		t.Skip(err)
	}
	return r
}

func (r installed) command(args ...string) *exec.Cmd {
	if r.root == "" {
		return exec.Command(program, args...)
	}
	return exec.Command("chroot", append([]string{r.root, program}, args...)...)
}

// start runs a guest and connects to its monitor.
func (r installed) start(kind Guest) *talk {
	r.t.Helper()
	dir, err := os.MkdirTemp(filepath.Join(r.root, os.TempDir()), "fakeqemu")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	bios := filepath.Join(dir, "rom")
	if err := os.WriteFile(bios, rom(kind), 0o600); err != nil {
		r.t.Fatal(err)
	}
	inside, err := filepath.Rel("/"+r.root, bios)
	if err != nil {
		r.t.Fatal(err)
	}
	files, socket := descriptors(r.t, dir)
	q := r.command(argv("/" + inside)...)
	q.ExtraFiles = files
	q.Stderr = os.Stderr
	if err := q.Start(); err != nil {
		r.t.Fatal(err)
	}
	for _, f := range files {
		_ = f.Close()
	}
	r.t.Cleanup(func() { _ = q.Process.Kill(); _ = q.Wait() })
	serial := watch(r.t, socket)
	k := dial(r.t, socket)
	k.serial = serial
	return k
}

func TestTheRecordingsAreWhatTheRealQEMUSays(t *testing.T) {
	r := here(t)
	got := r.record()
	version := majorMinor(t, got.Greeting)
	if *update {
		save(t, filepath.Join("testdata", "qemu-"+version+".json.gz"), got)
		return
	}
	want, err := recorded(version)
	if err != nil {
		t.Skip(err)
	}
	if !bytes.Equal(want.Greeting, got.Greeting) {
		t.Logf("recorded from %s, here is %s", want.Greeting, got.Greeting)
	}
	if len(want.Transcripts) != len(got.Transcripts) {
		t.Fatal("the scenarios have changed: record anew with -update")
	}
	for i, transcript := range got.Transcripts {
		if diff := cmp.Diff(want.Failures, got.Failures); diff != "" {
			t.Errorf("refusals have changed (-recorded +here):\n%s", diff)
		}
		diff := cmp.Diff(readable(want.Transcripts[i]), readable(transcript))
		for tries := 0; diff != "" && scenarios[i].name == saves && tries < 3; tries++ { // a failing save also ends in other ways, now and then
			t.Logf("%s: asked again: (-recorded +here):\n%s", saves, diff)
			transcript = again(t, func() *talk { return r.start(scenarios[i].guest) }, scenarios[i])
			diff = cmp.Diff(readable(want.Transcripts[i]), readable(transcript))
		}
		if diff != "" {
			t.Errorf("%s: the real one has changed (-recorded +here):\n%s", transcript.Scenario, diff)
		}
	}
}

func (r installed) record() *Recording {
	banner, err := r.command("-version").Output()
	if err != nil {
		r.t.Fatal(err)
	}
	out := &Recording{Banner: string(banner), Answers: map[string]json.RawMessage{}}
	for _, s := range scenarios {
		begin := func() *talk {
			d := r.start(s.guest)
			out.Greeting = d.greeting
			return d
		}
		if s.name == saves {
			out.Transcripts = append(out.Transcripts, again(r.t, begin, s))
		} else {
			out.Transcripts = append(out.Transcripts, begin().play(s))
		}
	}
	for _, args := range failures {
		out.Failures = append(out.Failures, fails(args, r.command(plain(args)...)))
	}
	d := r.start(Idle)
	d.ask(negotiate)
	for _, command := range asked {
		out.Answers[command] = returned[json.RawMessage](r.t, d.ask(say(command)))
	}
	for _, model := range returned[[]struct{ Name string }](r.t, d.ask(types)) {
		out.Devices = append(out.Devices, model.Name)
	}
	slices.Sort(out.Devices)
	d.ask(say("quit", "SHUTDOWN"))
	return out
}

// again holds a conversation that now and then ends a QEMU 7.2 which is right otherwise: once a save has failed it may
// abort at what comes next. It is begun anew then, a few times.
func again(t testing.TB, begin func() *talk, s scenario) Transcript {
	t.Helper()
	try := func() (out Transcript, err error) {
		defer func() {
			if r := recover(); r != nil {
				if r != errDied { //nolint:errorlint // nobody wraps it
					panic(r)
				}
				err = errDied
			}
		}()
		k := begin()
		k.frail = true
		return k.play(s), nil
	}
	for range 5 {
		if out, err := try(); err == nil {
			return out
		}
		t.Logf("%s: QEMU has died, and another is asked", s.name)
	}
	t.Fatalf("%s: one QEMU after the other has died", s.name)
	return Transcript{}
}

func returned[T any](t *testing.T, x Exchange) T {
	var m struct{ Return T }
	if err := json.Unmarshal(x.Got[0], &m); err != nil {
		t.Fatalf("%s: %v", x.Send, err)
	}
	return m.Return
}

func save(t *testing.T, file string, r *Recording) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(z).Encode(r); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(z.Close(), os.WriteFile(file, packed.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func majorMinor(t testing.TB, greeting json.RawMessage) string {
	var g struct {
		Version struct {
			QEMU struct{ Major, Minor int }
		}
	}
	if err := json.Unmarshal(greeting, &g); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d.%d", g.Version.QEMU.Major, g.Version.QEMU.Minor)
}
