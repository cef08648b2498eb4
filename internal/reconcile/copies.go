package reconcile

import (
	"context"
	"errors"
	"sync"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
)

// copiesAtOnce bounds how many copies are made at one time: each reads and writes as fast as its disks can.
const copiesAtOnce = 2

// copies are those that are being made beside the looks, which are short. They end with the daemon, and begin anew with
// the next one.
type copies struct {
	ctx   context.Context
	slots chan struct{}
	wg    sync.WaitGroup

	mu  sync.Mutex
	all map[string]*copying // by the file that is made
}

type copying struct {
	plan.Copy
	stop context.CancelCauseFunc
	over chan struct{}
}

var errGivenUp = errors.New("it was asked to be given up")

func newCopies() *copies {
	return &copies{ctx: context.Background(), slots: make(chan struct{}, copiesAtOnce), all: map[string]*copying{}}
}

// begin makes a copy, unless it is being made. moved is called now and then as it goes on, and when it has ended.
func (c *copies) begin(file string, do func(ctx context.Context, tell func(percent float64)) error, moved func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all[file] != nil {
		return
	}
	ctx, stop := context.WithCancelCause(c.ctx)
	one := &copying{Copy: plan.Copy{State: plan.CopyRuns}, stop: stop, over: make(chan struct{})}
	c.all[file] = one
	c.wg.Go(func() {
		defer stop(nil)
		err := c.wait(ctx)
		if err == nil {
			err = do(ctx, func(percent float64) { c.tell(one, percent, moved) })
			<-c.slots
		}
		if err != nil && c.ctx.Err() != nil {
			close(one.over) // the daemon ends, and the next one goes on
			return
		}
		c.mu.Lock()
		one.State = plan.CopyDone
		if err != nil {
			one.State, one.Err = plan.CopyFailed, err
		}
		c.mu.Unlock()
		close(one.over)
		moved()
	})
}

func (c *copies) wait(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tell notes how far a copy is; each whole percent is worth a look.
func (c *copies) tell(one *copying, percent float64, moved func()) {
	c.mu.Lock()
	news := int(percent) > int(one.Percent)
	one.Percent = max(one.Percent, percent)
	c.mu.Unlock()
	if news {
		moved()
	}
}

// of says how far a copy is.
func (c *copies) of(file string) plan.Copy {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.all[file]; one != nil {
		return one.Copy
	}
	return plan.Copy{}
}

// end gives a copy up, where it goes on, and forgets it.
func (c *copies) end(file string) {
	c.mu.Lock()
	one := c.all[file]
	delete(c.all, file)
	c.mu.Unlock()
	if one != nil {
		one.stop(errGivenUp)
		<-one.over
	}
}
