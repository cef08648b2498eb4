package nixlang

import (
	"context"
	"io/fs"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// machine is one evaluation: its limits, what it used of them, and the files it has read.
type machine struct {
	ctx    context.Context
	limits Limits
	files  fs.FS
	base   string // absolute name of the declared folder in path values
	folder string // name of the declared folder in positions
	sink   func(string)

	steps  int64
	memory int64
	depth  int
	reads  int
	start  pos // where the first expression starts

	globals *env
	scope   *scope
	imports map[string]*value // by name inside files
}

// contextEvery is how many steps pass between two looks at the context.
const contextEvery = 1024

// step counts n steps.
func (m *machine) step(at pos, n int) error {
	before := m.steps
	m.steps += int64(n)
	if m.steps > m.limits.Steps {
		return failf(at, "evaluation takes more than the limit Steps of %d", m.limits.Steps).
			try("look for a recursion that does not end or a list that is larger than meant")
	}
	if m.memory > m.limits.Memory {
		return m.outOfMemory(at)
	}
	if before/contextEvery == m.steps/contextEvery {
		return nil
	}
	if err := m.ctx.Err(); err != nil {
		e := newError(fault.Unavailable, at, "evaluation was interrupted")
		e.cause = err
		return e
	}
	return nil
}

// enter counts one evaluation inside another. Where it does not fail, the caller takes it back with
// `m.depth--`.
func (m *machine) enter(at pos) error {
	if m.depth >= m.limits.Depth {
		return failf(at, "evaluation goes deeper than the limit Depth of %d", m.limits.Depth).
			try("look for a recursion that does not end")
	}
	if err := m.step(at, 1); err != nil {
		return err
	}
	m.depth++
	return nil
}

// charge counts memory that is small; the next step looks at the sum.
func (m *machine) charge(bytes int) { m.memory += int64(bytes) }

// reserve counts memory before a builtin allocates it: n things of size bytes each.
func (m *machine) reserve(at pos, n, size int) error {
	const plenty = 1 << 40 // keeps the product from overflowing
	if n > plenty/size {
		return m.outOfMemory(at)
	}
	m.memory += int64(n) * int64(size)
	if m.memory > m.limits.Memory {
		return m.outOfMemory(at)
	}
	return m.step(at, n*size/256)
}

func (m *machine) outOfMemory(at pos) error {
	return failf(at, "evaluation uses more memory than the limit Memory of %d bytes", m.limits.Memory).
		try("look for a recursion that does not end or a string or list that is larger than meant")
}
