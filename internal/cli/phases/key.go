package phases

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/report"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/session"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
)

// key is a recovery key that was just made, and where its owner has it.
type key struct {
	recovery.Key
	hash  recovery.Hash
	where string // "shown", "written to FILE"
	file  string
}

func makeKey() (key, error) {
	var random [recovery.Random]byte
	var salt [recovery.SaltBytes]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	_, _ = rand.Read(salt[:])
	k := key{Key: recovery.New(random)}
	k.hash = recovery.HashOf(k.Key, salt)
	if !k.hash.Matches(k.Key) { // before anything depends on it
		return key{}, fault.New(fault.Internal, "the recovery key does not fit its own hash")
	}
	return k, nil
}

// handOver gives the key to its owner, before the host is hardened: who is cut off afterwards has it.
func (k *key) handOver(ctx context.Context, s *session.Session, file string) error {
	if file != "" {
		k.where, k.file = "written to "+file, file
		return writeKey(file, k.Text()+"\n")
	}
	k.where = "shown"
	text := k.Text()
	fmt.Fprintf(s.Err, "\n  recovery key %s, which is shown this once:\n\n    %s\n\n", k.hash.ID(), text)
	if s.Yes {
		return nil
	}
	last := text[strings.LastIndexByte(text, '-')+1:]
	for range 3 {
		answer, err := s.Ask(ctx, "write it down, then type its last group:")
		if err != nil {
			return err
		}
		if strings.EqualFold(strings.TrimSpace(answer), last) {
			return nil
		}
	}
	s.Notice("nothing was changed, and the key is of no use")
	return report.Told(report.Refused)
}

// writeKey writes a new file that only its owner reads, and makes sure that it is there after a power cut.
func writeKey(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return report.Usage("name a file that does not exist yet", "--key-file: %s exists", path)
	}
	if err != nil {
		return report.Usage("name a file that can be made", "--key-file: %v", err)
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fault.New(fault.Exhausted, "cannot write the recovery key to %s", path).Because(errors.Join(err, os.Remove(path)))
	}
	return nil
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// takeBack removes the file of a key that nothing needs.
func (k *key) takeBack() error {
	if k.file == "" {
		return nil
	}
	return os.Remove(k.file)
}

// fromStdin is the file that is what comes in.
const fromStdin = "-"

// readKey has the key from a file, or from whoever sits there.
func readKey(ctx context.Context, s *session.Session, file string) (string, error) {
	text, err := keyText(ctx, s, file)
	if err != nil {
		return "", err
	}
	if _, err := recovery.Parse(text); err != nil {
		return "", err // mistyped: the daemon need not be asked
	}
	return strings.TrimSpace(text), nil
}

func keyText(ctx context.Context, s *session.Session, file string) (string, error) {
	switch {
	case file == fromStdin:
		return bounded(s.In)
	case file != "":
		f, err := os.Open(file)
		if err != nil {
			return "", report.Usage("name the file that hv phase harden --key-file has written", "--key-file: %v", err)
		}
		defer func() { _ = f.Close() }() // read only
		return bounded(f)
	case !screen.IsTerminal(s.In) || !s.Err.IsTerminal():
		return "", report.Usage("hv phase unlock --key-file FILE, or - for what comes in", "this asks for the recovery key, and there is no terminal to ask at")
	}
	return s.AskHidden(ctx, "recovery key:")
}

// bounded reads what may be a key.
func bounded(r io.Reader) (string, error) {
	const longest = 1 << 10
	data, err := io.ReadAll(io.LimitReader(r, longest))
	if err != nil {
		return "", fault.New(fault.Unreadable, "cannot read the recovery key").Because(err)
	}
	defer clear(data)
	line, _, _ := bytes.Cut(bytes.TrimSpace(data), []byte("\n"))
	return string(line), nil
}
