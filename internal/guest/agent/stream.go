package agent

import (
	"context"
	"crypto/rand"
	_ "embed" // what runs in the guest
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// shell is where every guest that is like Unix has one.
const shell = "/bin/sh"

var (
	//go:embed stream.sh
	runInGuest string
	//go:embed fetch.sh
	fetchInGuest string
)

// What is done beside a program, in its guest. The name of its folder can be read there by everybody (ps), who may make one in
// /tmp: only one that is the agent's own, with its FIFO, is gone into.
const (
	sayAlive = `for d in /run/$0 /tmp/$0; do cd "$d" && [ -O . ] && [ -p o ] && : >alive; done; :`
	tidyUp   = `for d in /run/$0 /tmp/$0; do cd "$d" && [ -O . ] && [ -p o ] && kill "$(cat keeper)"; done; :`
	// Of its session, where it has one, else alone; and it gets a moment to put things in order.
	endIt = `kill -TERM -"$0" || kill -TERM "$0" || exit 0; for i in 1 2 3; do sleep 1; kill -0 -"$0" || kill -0 "$0" || exit 0; done; kill -KILL -"$0" || kill -KILL "$0"`
)

// Times of what is told while it is written.
const (
	soon      = 5 * time.Millisecond   // when something came, there may be more
	quiet     = 200 * time.Millisecond // between two looks at a program that writes nothing
	notYet    = 2 * time.Second        // the same where it cannot be heard, yet or at all
	alive     = 20 * time.Second       // the guest's keeper waits three times as long
	lastWords = 6 * time.Second        // for one that is ended
)

const (
	noFolder = 3       // fetch.sh ends with it
	piece    = 1 << 20 // of what came with the end, in one part
)

// Stream is Exec that tells what the program writes while it runs. tell is called by one at a time; when it fails, nobody
// listens any more. Who stops waiting ends the program; it goes on when its time is up or hvd ends, and what it writes is lost then.
//
// The agent itself hands everything over at the end (16 MiB at most). So a shell in the guest has the program write into
// FIFOs, and they are emptied by one small program after the other: what nobody fetches makes the program wait, and nothing
// is kept in the guest. Where there is no such shell everything comes at the end, and that is told.
func (a *Agents) Stream(ctx context.Context, ref model.Ref, what vm.ExecRequest, tell func(vm.ExecPart) error) (vm.ExecResult, error) {
	if err := checkExec(what); err != nil {
		return vm.ExecResult{}, err
	}
	if what.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(what.Timeout)*time.Second)
		defer cancel()
	}
	var out vm.ExecResult
	err := a.of(ctx, ref, func(s *session) error {
		r := s.stream(tell)
		args := append([]string{"-c", runInGuest, r.name}, what.Command...)
		err := s.ask(ctx, "guest-exec", execArgs{Path: shell, Arg: args, Env: what.Env, Input: what.Input, Capture: true}, &r.program)
		if fault.CodeOf(err) == "HV-GUEST-004" { // it has none: nothing was run
			r.say(vm.ExecPart{AtEnd: true})
			if out, err = s.exec(ctx, what); err == nil {
				r.whole(&out)
			}
			return err
		}
		if err == nil {
			out, err = r.run(ctx)
		}
		return err
	})
	return out, err
}

// stream is one program that runs and is heard.
type stream struct {
	*session
	name    string // of its folder in the guest
	program pid
	strands []*strand
	tell    func(vm.ExecPart) error

	heard bool           // the FIFOs are there
	done  *vm.ExecResult // the program has ended
	gone  bool           // nobody listens
}

// strand is one of the two things that a program writes to.
type strand struct {
	fifo  string
	part  func([]byte) vm.ExecPart
	fetch int  // the process that fetches; 0 where none does
	late  bool // it was begun when the program had ended
	after bool // it was begun when the FIFOs were there
	over  bool // nothing comes any more
}

func (s *session) stream(tell func(vm.ExecPart) error) *stream {
	return &stream{session: s, name: "hv-" + rand.Text(), tell: tell, strands: []*strand{
		{fifo: "o", part: func(b []byte) vm.ExecPart { return vm.ExecPart{Output: b} }},
		{fifo: "e", part: func(b []byte) vm.ExecPart { return vm.ExecPart{Errors: b} }},
	}}
}

// run tells what the program writes until it has ended, or nobody waits for it.
func (r *stream) run(ctx context.Context) (vm.ExecResult, error) {
	r.say(vm.ExecPart{PID: r.program.PID})
	stop := r.keepAlive(ctx)
	defer stop()
	for wait := firstAsk; ; {
		some, err := r.look(ctx)
		switch {
		case r.gone || ctx.Err() != nil:
			return vm.ExecResult{}, r.end(ctx)
		case err != nil && fault.CodeOf(err) != "HV-GUEST-006": // one that is frozen thaws
			return vm.ExecResult{}, unfinished(r.program.PID).Because(err)
		case r.done != nil && r.over():
			r.ended()
			return *r.done, nil
		}
		most := quiet
		if !r.heard {
			most = notYet
		}
		if wait = min(2*wait, most); some {
			wait = soon
		}
		r.pause(ctx, wait)
	}
}

func (r *stream) say(part vm.ExecPart) {
	if !r.gone {
		r.gone = r.tell(part) != nil
	}
}

func (r *stream) over() bool {
	for _, s := range r.strands {
		if !s.over {
			return false
		}
	}
	return true
}

// look fetches once what each strand has, and reports whether something has changed. Whether the program has ended is asked
// when it is to be seen by nothing else: a program may go on when it has closed both, and one that is not heard may have ended.
func (r *stream) look(ctx context.Context) (some bool, err error) {
	for _, s := range r.strands {
		if s.over {
			continue
		}
		more, err := r.fetch(ctx, s)
		if err != nil {
			return some, err
		}
		some = some || more
	}
	if r.done == nil && (!r.heard || r.over()) {
		out, ended, err := r.status(ctx, r.program.PID)
		if err != nil {
			return some, err
		}
		if ended {
			r.done, some = &out, true
		}
	}
	return some, nil
}

// fetch begins to fetch what a strand has, or asks what has come of it.
func (r *stream) fetch(ctx context.Context, s *strand) (some bool, err error) {
	if s.fetch == 0 {
		var p pid
		s.late, s.after = r.done != nil, r.heard
		if err := r.askWithin(ctx, 4*r.agents.Within, maxReply, "guest-exec", script(fetchInGuest, true, r.name, s.fifo), &p); err != nil {
			return false, err
		}
		s.fetch = p.PID
	}
	got, ended, err := r.status(ctx, s.fetch)
	if err != nil || !ended {
		return false, err
	}
	s.fetch = 0
	switch {
	case got.ExitCode == noFolder && !s.after: // also where the other strand is heard by now
		s.over = s.late // there never was one
		return s.late, nil
	case len(got.Output) == 0: // its writers have gone; or the keeper has, where this was too slow
		r.heard, s.over = true, true
	default:
		r.heard = true
		r.say(s.part(got.Output))
	}
	return true, nil
}

// status asks after a process of the guest.
func (s *session) status(ctx context.Context, process int) (out vm.ExecResult, ended bool, err error) {
	var st execStatus
	if err := s.askWithin(ctx, 4*s.agents.Within, maxExec, "guest-exec-status", pid{process}, &st); err != nil {
		return vm.ExecResult{}, false, err
	}
	return vm.ExecResult{
		PID: process, ExitCode: st.ExitCode, Signal: st.Signal, Output: st.Out, Errors: st.Err, Truncated: st.OutTruncated || st.ErrTruncated,
	}, st.Exited, nil
}

// ended tells the last of a program that has.
func (r *stream) ended() {
	if r.heard {
		r.later(script(tidyUp, false, r.name))
	} else { // the shell could not make FIFOs: what it wrote was kept by the agent
		r.say(vm.ExecPart{AtEnd: true})
	}
	r.whole(r.done)
}

// whole hands over what came with the end: what the agent has kept, or the shell's own complaint.
func (r *stream) whole(out *vm.ExecResult) {
	for part := range slices.Chunk(out.Output, piece) {
		r.say(vm.ExecPart{Output: part})
	}
	for part := range slices.Chunk(out.Errors, piece) {
		r.say(vm.ExecPart{Errors: part})
	}
	out.Output, out.Errors = nil, nil
}

// end is for a program that nobody waits for any more. Of one who has gone it ends; where its time is up, or hvd ends, it
// goes on.
func (r *stream) end(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return unfinished(r.program.PID)
	}
	ctx, cancel := context.WithTimeout(r.ctx, lastWords)
	defer cancel()
	if err := r.ask(ctx, "guest-exec", script(endIt, false, strconv.Itoa(r.program.PID)), nil); err != nil {
		return unfinished(r.program.PID).Because(err)
	}
	r.gone = true
	for wait := firstAsk; (r.done == nil || !r.over()) && r.pause(ctx, wait); wait = min(2*wait, quiet) {
		if _, err := r.look(ctx); err != nil {
			break
		}
	}
	r.later(script(tidyUp, false, r.name))
	return fault.New(fault.Unavailable, "nobody waits for the program any more, and it was ended").WithCode("HV-GUEST-007")
}

// keepAlive tells the guest's keeper that somebody is there, however long the program writes nothing or is not read.
func (r *stream) keepAlive(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for r.pause(ctx, alive) {
			var p pid
			if r.ask(ctx, "guest-exec", script(sayAlive, false, r.name), &p) == nil && r.pause(ctx, time.Second) {
				_, _, _ = r.status(ctx, p.PID) // so that the agent forgets it
			}
		}
	}()
	return func() { cancel(); <-done }
}

// later has the guest do something that nobody waits for.
func (r *stream) later(what execArgs) {
	r.agents.mu.Lock()
	defer r.agents.mu.Unlock()
	if r.agents.ctx.Err() != nil {
		return
	}
	r.agents.wg.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, lastWords)
		defer cancel()
		var p pid
		if r.ask(ctx, "guest-exec", what, &p) != nil {
			return // the keeper ends by itself
		}
		for r.pause(ctx, quiet) {
			if _, ended, err := r.status(ctx, p.PID); ended || err != nil {
				return
			}
		}
	})
}

// pause waits, and reports whether the guest and who asked are still there.
func (s *session) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return false
}

// script is a text for the guest's shell, and what stands in it as $0, $1 and so on.
func script(text string, capture bool, words ...string) execArgs {
	return execArgs{Path: shell, Arg: append([]string{"-c", text}, words...), Capture: capture}
}
