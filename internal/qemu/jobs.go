package qemu

import (
	"context"
	"slices"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// jobMoved wakes up who waits for a job: QEMU has said something of one, or says nothing any more.
func (p *process) jobMoved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.jobs != nil {
		close(p.jobs)
		p.jobs = nil
	}
}

// jobNews is closed at the next word on a job.
func (p *process) jobNews() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.jobs == nil {
		p.jobs = make(chan struct{})
	}
	return p.jobs
}

// job returns the job of that id; its status is empty where there is none.
func job(ctx context.Context, m qmp.Executor, id string) (qmp.Job, error) {
	all, err := qmp.QueryJobs(ctx, m)
	if i := slices.IndexFunc(all, func(j qmp.Job) bool { return j.ID == id }); i >= 0 {
		return all[i], err
	}
	return qmp.Job{}, err
}

// jobShown is how often who waits for a job is told how far it is: QEMU says by itself only what state it comes into.
const jobShown = 500 * time.Millisecond

// awaitJob waits until a job is in one of these states, or has ended. tell, unless nil, hears percents on the way.
func (p *process) awaitJob(ctx context.Context, id string, tell func(float64), states ...string) (qmp.Job, error) {
	var shown <-chan time.Time
	if tell != nil {
		ticker := time.NewTicker(jobShown)
		defer ticker.Stop()
		shown = ticker.C
	}
	for {
		news := p.jobNews() // before it is asked: what it says meanwhile is heard
		m, err := p.monitor(ctx)
		if err != nil {
			return qmp.Job{}, p.orGone(ctx, err)
		}
		j, err := job(ctx, m, id)
		if err != nil {
			return j, p.orGone(ctx, err)
		}
		if j.Status == "" || j.Status == qmp.JobConcluded || slices.Contains(states, j.Status) {
			return j, nil
		}
		if tell != nil && j.Total > 0 {
			tell(float64(j.Progress) * 100 / float64(j.Total))
		}
		select {
		case <-news:
		case <-shown:
		case <-p.gone:
			return j, errGone
		case <-ctx.Done():
			return j, fault.New(fault.Unavailable, "QEMU is at it still").Because(context.Cause(ctx))
		}
	}
}

var errGone = fault.New(fault.Precondition, "its process is gone")

// orGone is the error of a conversation, or that the process has ended, which ends that.
func (p *process) orGone(ctx context.Context, err error) error {
	if p.dead() || p.await(ctx, dying) == nil { // its monitor ends before it does
		return errGone
	}
	return err
}
