package local

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
)

// retryExpiry is when the end of a lease is tried again after the file refused it.
const retryExpiry = time.Second

// leases are the deadlines of the leases in the file. They are not stored: after a restart every
// lease gets its whole time again.
type leases struct {
	mu   sync.Mutex
	m    map[int64]*lease
	last int64 // the greatest id ever given out
}

type lease struct {
	ttl      time.Duration
	deadline time.Time
	ended    bool // its keys are being removed; it cannot be kept alive any more
}

// load reads the leases; their time begins now.
func (l *leases) load(ctx context.Context, c *sql.Conn) error {
	l.m = map[int64]*lease{}
	if err := c.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'last_lease'").Scan(&l.last); err != nil {
		return err
	}
	rows, err := c.QueryContext(ctx, "SELECT id, ttl FROM lease")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, ttl int64
		if err := rows.Scan(&id, &ttl); err != nil {
			return err
		}
		l.start(id, time.Duration(ttl))
	}
	return rows.Err()
}

func (l *leases) start(id int64, ttl time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.m[id] = &lease{ttl: ttl, deadline: now().Add(ttl)}
}

func (l *leases) remove(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.m, id)
}

// untilNext says how long nothing ends; a day, if there is nothing that could.
func (l *leases) untilNext(t time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := 24 * time.Hour
	for _, le := range l.m {
		wait = min(wait, max(le.deadline.Sub(t), 0))
	}
	return wait
}

// due returns the leases whose time is over, and ends them.
func (l *leases) due(t time.Time) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []int64
	for id, le := range l.m {
		if !le.deadline.After(t) {
			le.ended, le.deadline = true, t.Add(retryExpiry)
			ids = append(ids, id)
		}
	}
	return ids
}

// Grant implements store.Leaser.
func (s *Store) Grant(ctx context.Context, ttl time.Duration) (int64, error) {
	if err := store.CheckTTL(ttl); err != nil {
		return 0, err
	}
	var id int64
	r := newRequest(0, func(t *tx) (err error) {
		id, err = t.grant(&s.leases, ttl)
		return err
	})
	r.after = func() { s.leases.start(id, ttl) }
	_, err := s.do(ctx, r)
	return id, err
}

// grant writes a new lease. Its number is used up even when the transaction fails.
func (t *tx) grant(l *leases, ttl time.Duration) (int64, error) {
	l.last++
	if err := t.stmt.exec(t.stmt.setMeta, l.last, "last_lease"); err != nil {
		return 0, failed(err)
	}
	return l.last, failed(t.stmt.exec(t.stmt.insertLease, l.last, int64(ttl)))
}

// KeepAlive implements store.Leaser. It touches no disk.
func (s *Store) KeepAlive(ctx context.Context, id int64) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	s.leases.mu.Lock()
	defer s.leases.mu.Unlock()
	le, ok := s.leases.m[id]
	if !ok || le.ended {
		return leaseGone(id)
	}
	le.deadline = now().Add(le.ttl)
	return nil
}

// Revoke implements store.Leaser.
func (s *Store) Revoke(ctx context.Context, id int64) error {
	_, err := s.do(ctx, s.revocation(id))
	return err
}

func (s *Store) revocation(id int64) *request {
	r := newRequest(0, func(t *tx) error {
		if err := t.checkLease(id); err != nil {
			return err
		}
		if err := t.removeAll(t.stmt.liveLease, id); err != nil {
			return err
		}
		return failed(t.stmt.exec(t.stmt.deleteLease, id))
	})
	r.after, r.frees = func() { s.leases.remove(id) }, true
	return r
}

// expire ends the leases whose time is over.
func (w *writer) expire() {
	for _, id := range w.s.leases.due(now()) {
		w.commit([]*request{w.s.revocation(id)})
	}
}

// checkLease refuses a lease that is no more; 0 is none.
func (t *tx) checkLease(id int64) error {
	if id == 0 {
		return nil
	}
	var n int
	if err := t.stmt.lease.QueryRowContext(context.Background(), id).Scan(&n); err != nil {
		return failed(err)
	}
	if n == 0 {
		return leaseGone(id)
	}
	return nil
}

func leaseGone(id int64) error {
	return fault.New(fault.Precondition, "lease %d has ended", id).Try("ask for a new one")
}
