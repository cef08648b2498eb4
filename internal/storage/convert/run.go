//go:build linux

package convert

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/confine"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// What one run may take. Reading a header takes milliseconds; a conversion is bounded by what the largest volume takes
// on a slow disk, and by its context.
const (
	shortCPU    = 30 * time.Second
	longCPU     = 12 * time.Hour
	memory      = 4 << 30
	largestFile = uint64(storage.MaxVolume + storage.MaxVolume/64) // with the tables of a format
	maxAnswer   = 1 << 20
	maxWords    = 4 << 10 // of what it says on stderr
)

// run is one run of qemu-img.
type run struct {
	files    []*os.File
	secrets  []string              // that open encrypted images; qemu-img calls them secret0 and so on
	progress func(percent float64) // nil: nobody wants to know
	cpu      time.Duration
	most     uint64 // bytes of a file that it writes; 0 for the largest that there is
}

var program = sync.OnceValues(func() (string, error) {
	found, err := exec.LookPath("qemu-img")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(found) // what is executed lies in /usr or in the Nix store
})

// do runs qemu-img and returns what it printed. Where it fails the output may say more: it is returned as well.
func (r *run) do(ctx context.Context, args ...string) ([]byte, error) {
	path, err := program()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "qemu-img is missing").Try("apt-get install qemu-utils").WithCode("HV-IMG-001").Because(err)
	}
	objects, done, err := r.objects()
	defer done()
	if err != nil {
		return nil, err
	}
	args = slices.Insert(args, 1, objects...)
	out := &bounded{most: maxAnswer, progress: r.progress}
	words := &bounded{most: maxWords}
	pause := time.Duration(0)
	if r.progress != nil {
		pause = between
	}
	outW, outDone, err := drain(out, pause)
	if err != nil {
		return nil, err
	}
	wordsW, wordsDone, err := drain(words, 0)
	if err != nil {
		return nil, errors.Join(err, outW.Close(), outDone())
	}
	err = confine.Command{
		Program: path, Args: append([]string{"qemu-img"}, args...), Files: r.files, Out: outW, Err: wordsW,
		Limits: confine.Limits{CPU: max(r.cpu, shortCPU), Memory: memory, FileBytes: min(cmp.Or(r.most, largestFile), largestFile)},
	}.Run(ctx)
	err = errors.Join(err, outW.Close(), wordsW.Close(), outDone(), wordsDone())
	if err != nil && ctx.Err() != nil {
		return nil, fault.New(fault.Unavailable, "qemu-img was stopped").Because(err)
	}
	if err != nil {
		return out.kept.Bytes(), r.failure(err, words.kept.String())
	}
	if out.lost {
		return nil, fault.New(fault.Unavailable, "qemu-img said more than %s", model.Bytes(maxAnswer))
	}
	return out.kept.Bytes(), nil
}

// objects are the arguments by which qemu-img gets the run's secrets: each is in a pipe, which it reads once. They are never
// among its arguments, which everybody on the host can read.
func (r *run) objects() (args []string, done func(), err error) {
	var ours []*os.File
	done = func() {
		for _, f := range ours {
			_ = f.Close() // was only read
		}
	}
	for i, secret := range r.secrets {
		from, to, err := os.Pipe()
		if err != nil {
			return nil, done, err
		}
		ours = append(ours, from)
		if _, err := to.WriteString(secret); err != nil {
			return nil, done, errors.Join(err, to.Close())
		}
		if err := to.Close(); err != nil {
			return nil, done, err
		}
		args = append(args, "--object", "secret,id=secret"+strconv.Itoa(i)+",format=raw,file="+r.add(from))
	}
	return args, done, nil
}

// between is how often progress is read: each word would wake this process on a processor that the conversion uses, a
// hundred times in a tenth of a second where it is fast.
const between = 50 * time.Millisecond

// drain returns a pipe to write to, of which everything goes to w, and what waits for its end, from when on there are no
// pauses between what is read. The pipe holds what is written in one.
func drain(w io.Writer, pause time.Duration) (*os.File, func() error, error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	over, done := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := io.Copy(w, &slow{from: from, pause: pause, over: over})
		done <- errors.Join(err, from.Close())
	}()
	return to, func() error { close(over); return <-done }, nil
}

// slow reads with pauses, until it is over.
type slow struct {
	from  io.Reader
	pause time.Duration
	over  <-chan struct{}
}

func (s *slow) Read(p []byte) (int, error) {
	if s.pause > 0 {
		select {
		case <-time.After(s.pause):
		case <-s.over:
		}
	}
	return s.from.Read(p)
}

// bounded keeps the first bytes of what is written to it. Where progress is wanted it reads that instead.
type bounded struct {
	kept     bytes.Buffer
	most     int
	lost     bool
	progress func(float64)
	tail     []byte
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.progress != nil {
		b.tail = follow(append(b.tail, p...), b.progress)
		return len(p), nil
	}
	room := b.most - b.kept.Len()
	if len(p) > room {
		b.lost = true
	}
	b.kept.Write(p[:min(len(p), room)])
	return len(p), nil
}

// "    (12.34/100%)\r": util/qemu-progress.c.
var percent = regexp.MustCompile(`\((\d{1,3}\.\d{1,3})/100%\)`)

// follow tells the newest progress in text and returns what may be the beginning of the next.
func follow(text []byte, tell func(float64)) []byte {
	all := percent.FindAllSubmatchIndex(text, -1)
	if len(all) > 0 {
		last := all[len(all)-1]
		if v, err := strconv.ParseFloat(string(text[last[2]:last[3]]), 64); err == nil {
			tell(min(v, 100))
		}
		text = text[last[1]:]
	}
	return bytes.Clone(text[max(0, len(text)-32):])
}

// failure is what went wrong, of the kind that it has, in qemu-img's words without our names of files.
func (r *run) failure(err error, words string) error {
	e, ended := errors.AsType[*confine.Exit](err)
	if !ended {
		return fault.New(fault.Unavailable, "cannot run qemu-img").Because(err)
	}
	say := func(kind fault.Kind) *fault.Error {
		text := r.plain(words)
		if text == "" {
			text = e.Error()
		}
		return fault.New(kind, "qemu-img: %s", text).Because(err)
	}
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(words, p) {
				return true
			}
		}
		return false
	}
	switch {
	case e.Signal == syscall.SIGXFSZ || has("No space left on device", "Disk quota exceeded", "File too large"):
		return say(fault.Exhausted).Try("make room in the pool: hv volume list shows what is in it").WithCode("HV-IMG-002")
	case e.Signal == syscall.SIGXCPU:
		return fault.New(fault.Exhausted, "qemu-img took more than %s of CPU time", max(r.cpu, shortCPU)).WithCode("HV-IMG-002")
	case has("Cannot allocate memory", "failed to allocate"):
		return say(fault.Exhausted).WithCode("HV-IMG-002")
	case has(`Failed to get "`, "Failed to lock"):
		return say(fault.Conflict).Try("somebody uses the image: stop the VM").WithCode("HV-IMG-003")
	case has("Invalid password", "cannot unlock any keyslot"):
		return say(fault.Denied).Try("the key is another than the one that it was made with").WithCode("HV-KEY-023")
	case has("Could not open", "Invalid argument", "not in", "orrupt", "Unsupported", "not support"):
		return say(fault.Invalid).WithCode("HV-IMG-004")
	}
	return say(fault.Unavailable).WithCode("HV-IMG-005")
}

var nodes = regexp.MustCompile(`'?json:\{[^' ]*\}'?`)

// plain is what qemu-img said, on one line, with files called by their own names.
func (r *run) plain(words string) string {
	words = nodes.ReplaceAllString(words, "the image")
	for i := len(r.files) - 1; i >= 0; i-- { // 12 before 1
		words = strings.ReplaceAll(words, confine.Path(i), filepath.Base(r.files[i].Name()))
	}
	var lines []string
	for line := range strings.Lines(words) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "qemu-img: "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
