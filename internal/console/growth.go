//go:build linux

package console

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// growth tells which logs are written to. Each is told once, until it is watched again: so a log that is written to all
// the time wakes nobody all the time.
type growth struct {
	notify *os.File // inotify

	mu    sync.Mutex
	names map[int32]string // by watch
}

func (g *growth) open() error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	g.notify, g.names = os.NewFile(uintptr(fd), "growth of logs"), map[int32]string{}
	return nil
}

func (g *growth) close() error { return g.notify.Close() }

// watch has the next write to a log told. A log that cannot be watched is looked at by nobody; there are more watches
// than logs on any host, and the kernel gives back those of files that are gone.
func (g *growth) watch(name string, f *os.File) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wd, err := watch(g.notify, f, unix.IN_MODIFY|unix.IN_ONESHOT); err == nil {
		g.names[wd] = name
	}
}

// watch adds a watch of an open file to an inotify instance.
func watch(notify, f *os.File, mask uint32) (int32, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	own, err := notify.SyscallConn()
	if err != nil {
		return 0, err
	}
	wd := 0
	bad := raw.Control(func(target uintptr) {
		if inner := own.Control(func(fd uintptr) {
			wd, err = unix.InotifyAddWatch(int(fd), fmt.Sprintf("/proc/self/fd/%d", target), mask)
		}); inner != nil {
			err = inner
		}
	})
	if bad != nil {
		err = bad
	}
	return int32(wd), err
}

// read tells of logs that are written to until ctx ends.
func (g *growth) read(ctx context.Context, names chan<- string) {
	_ = g.notify.SetReadDeadline(time.Time{})
	defer context.AfterFunc(ctx, func() { _ = g.notify.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, 64<<10)
	for {
		n, err := g.notify.Read(buf)
		if err != nil {
			return
		}
		for _, name := range g.told(buf[:n]) {
			select {
			case names <- name:
			case <-ctx.Done():
				return
			}
		}
	}
}

// told reads inotify's events (inotify(7)). A watch of one event ends with it. Where the kernel could not keep all of
// them, each log may have been written to.
func (g *growth) told(text []byte) (names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(text) >= unix.SizeofInotifyEvent {
		wd, mask := int32(binary.NativeEndian.Uint32(text)), binary.NativeEndian.Uint32(text[4:])
		text = text[min(unix.SizeofInotifyEvent+int64(binary.NativeEndian.Uint32(text[12:])), int64(len(text))):]
		name, known := g.names[wd]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			names = slices.AppendSeq(names, maps.Values(g.names))
			clear(g.names)
		case mask&unix.IN_IGNORED != 0:
			delete(g.names, wd)
		case mask&unix.IN_MODIFY != 0 && known:
			names = append(names, name)
		}
	}
	return names
}
