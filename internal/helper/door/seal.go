package door

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/phase/recovery"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

type (
	harden privilege.Harden
	unlock privilege.Unlock
	relock privilege.Relock
)

// The key that somebody typed is bounded before anybody looks at it.
const maxKey = 256

func (h *harden) check(w *wrong, files int) {
	w.unless(files == 1, "%d file descriptors came; the list of VMs is one", files)
	w.person(h.By)
	w.unless(h.Generation >= 0, "generation: %d", h.Generation)
	digits, ok := strings.CutPrefix(h.Digest, privilege.DigestForm)
	sum, err := hex.DecodeString(digits)
	w.unless(ok && err == nil && len(sum) == 32 && h.Digest == strings.ToLower(h.Digest), "digest: %.80q is not %s and 64 hex digits", h.Digest, privilege.DigestForm)
	if _, err := recovery.ParseHash(h.KeyHash); err != nil {
		w.say("keyHash: %v", err)
	}
	least, most := int(privilege.MinUnlockDelay/time.Second), int(privilege.MaxUnlockDelay/time.Second)
	w.unless(h.DelaySeconds >= least && h.DelaySeconds <= most, "delaySeconds: %d is not between %d and %d", h.DelaySeconds, least, most)
}

func (u *unlock) check(w *wrong, files int) {
	w.noFiles(files)
	w.person(u.By)
	w.unless(u.Key != "" && len(u.Key) <= maxKey, "key: it has %d bytes", len(u.Key))
}

func (r *relock) check(w *wrong, files int) {
	w.noFiles(files)
	w.person(r.By)
}

// person is who asked hvd; it comes into a file and into a log.
func (w *wrong) person(p privilege.Person) {
	const most = 256
	odd := func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }
	w.unless(len(p.Name) <= most && !strings.ContainsFunc(p.Name, odd), "by: %.60q is no login name", p.Name)
}

// VMs reads the list of VMs that comes beside harden: their UUIDs, one a line, in order and each once.
func VMs(f *os.File) ([]string, error) {
	const longest = privilege.MaxSealed * 37
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("it is no file")
	}
	var data []byte
	if err == nil {
		// From the beginning, wherever its sender's place in it is; and a pipe, which may never end, is none.
		data, err = io.ReadAll(io.NewSectionReader(f, 0, longest+1))
	}
	if err != nil {
		return nil, fault.New(fault.Unreadable, "cannot read the list of VMs").Because(err)
	}
	return parseVMs(data, longest)
}

func parseVMs(data []byte, longest int) ([]string, error) {
	if len(data) > longest {
		return nil, fault.New(fault.Exhausted, "the list of VMs has more than %d", privilege.MaxSealed)
	}
	if len(data) == 0 {
		return nil, nil
	}
	vms := strings.Split(string(data), "\n")
	for _, vm := range vms {
		if !isUUID(vm) {
			return nil, fault.New(fault.Invalid, "the list of VMs: %.60q is not a UUID in lower case", vm)
		}
	}
	slices.Sort(vms)
	return slices.Compact(vms), nil
}
