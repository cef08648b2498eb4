package storage

import (
	"cmp"
	"path"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// KeyKind says what seals a key: what has to be there so that it can be used.
type KeyKind string

// The kinds of keys.
const (
	PassphraseKey KeyKind = "passphrase"    // a passphrase, which is asked for after each start of the daemon
	CredsKey      KeyKind = "systemd-creds" // this host, or its TPM, by systemd-creds
	CommandKey    KeyKind = "command"       // what a program of root's prints
)

// KeyKinds are the kinds of keys, in order.
func KeyKinds() []KeyKind { return []KeyKind{PassphraseKey, CredsKey, CommandKey} }

// What systemd-creds seals with: its --with-key.
const (
	WithAuto    = "auto" // the TPM and the host where there is a TPM, else the host alone
	WithHost    = "host"
	WithTPM     = "tpm2"
	WithHostTPM = "host+tpm2"
)

// Withs are what systemd-creds may seal with, in order.
func Withs() []string { return []string{WithAuto, WithHost, WithTPM, WithHostTPM} }

// What a key is bounded by.
const (
	MaxKeyCommand  = 32   // words
	MaxKeyWord     = 1024 // bytes of one
	MinPassphrase  = 8
	MaxPassphrase  = 1024
	DefaultKey     = "default" // new volumes are encrypted with it, where there is one and the feature says so
	NoKey          = "none"    // a volume that is to be in clear
	KeyCommandTime = 30 * time.Second
)

// KeySpec is what is wished of a key. It says what seals it, and holds no secret.
type KeySpec struct {
	Kind    KeyKind  `json:"kind,omitempty"`    // passphrase when absent
	With    string   `json:"with,omitempty"`    // systemd-creds: auto when absent
	Command []string `json:"command,omitempty"` // command: a program, absolute, and its arguments; it prints a secret
}

// Effective returns the spec with what stands for what it leaves out.
func (s KeySpec) Effective() KeySpec {
	s.Kind = cmp.Or(s.Kind, PassphraseKey)
	if s.Kind == CredsKey {
		s.With = cmp.Or(s.With, WithAuto)
	}
	return s
}

// Same reports whether two specs mean the same.
func (s KeySpec) Same(o KeySpec) bool {
	s, o = s.Effective(), o.Effective()
	return s.Kind == o.Kind && s.With == o.With && strings.Join(s.Command, "\x00") == strings.Join(o.Command, "\x00")
}

// Sealed says in a few words what seals it.
func (s KeySpec) Sealed() string {
	switch s = s.Effective(); s.Kind {
	case CredsKey:
		return "systemd-creds (" + s.With + ")"
	case CommandKey:
		return "what " + path.Base(s.Command[0]) + " prints"
	case PassphraseKey:
	}
	return "a passphrase"
}

// Key is a stored key. It exists once on a host and in no project; its secret is not in the store.
type Key struct {
	model.Metadata
	Spec KeySpec `json:"spec"`
	// Secret is which one of the secrets that it has had is wished: every rotation makes the next. 0: none was made yet.
	Secret int `json:"secret"`
	// Rotation is the operation that wished for the newest one.
	Rotation string `json:"rotation,omitempty"`
}

// KeyState is how a key is.
type KeyState string

// The states of keys.
const (
	KeyUnmade   KeyState = "unmade"   // it has no secret yet: that of a declared one is made when it is unlocked
	KeyLocked   KeyState = "locked"   // nobody has said its passphrase since the daemon started
	KeyUnlocked KeyState = "unlocked" //
	KeyLost     KeyState = "lost"     // its sealed file is gone, or cannot be opened by what sealed it
	KeyRotating KeyState = "rotating" //
)

// KeyStatus is what was seen of a key, written by reconcile.
type KeyStatus struct {
	State   KeyState `json:"state"`
	Secret  int      `json:"secret,omitempty"`  // which one opens what is encrypted with it
	Problem string   `json:"problem,omitempty"` // what keeps it from its wish
	Hint    string   `json:"hint,omitempty"`    // what to do about that
}

// Usable reports whether what is encrypted with it can be opened.
func (s KeyStatus) Usable() bool { return s.State == KeyUnlocked || s.State == KeyRotating }

// CheckKey returns what is wrong with a key's name and spec, all of it.
func CheckKey(name string, s KeySpec) []error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	add(model.CheckName("key name", name))
	if name == NoKey {
		add(fault.New(fault.Invalid, "a key cannot be called %s: that is what a volume in clear has", NoKey))
	}
	s = s.Effective()
	switch s.Kind {
	case PassphraseKey, CredsKey, CommandKey:
	default:
		add(fault.New(fault.Invalid, "key kind %.20q is none of passphrase, systemd-creds, command", string(s.Kind)))
	}
	if s.Kind != CredsKey && s.With != "" {
		add(fault.New(fault.Invalid, "with is of kind systemd-creds, and this key is of kind %s", s.Kind))
	}
	if s.Kind == CredsKey && s.With != WithAuto && s.With != WithHost && s.With != WithTPM && s.With != WithHostTPM {
		add(fault.New(fault.Invalid, "with %.20q is none of %s", s.With, strings.Join(Withs(), ", ")))
	}
	if s.Kind == CommandKey {
		add(checkCommand(s.Command))
	} else if len(s.Command) > 0 {
		add(fault.New(fault.Invalid, "command is of kind command, and this key is of kind %s", s.Kind))
	}
	return errs
}

func checkCommand(words []string) error {
	switch {
	case len(words) == 0:
		return fault.New(fault.Invalid, "a key of kind command needs a command").Try("--command /usr/local/bin/print-key")
	case len(words) > MaxKeyCommand:
		return fault.New(fault.Invalid, "the command has %d words: at most %d", len(words), MaxKeyCommand)
	case !strings.HasPrefix(words[0], "/") || path.Clean(words[0]) != words[0]:
		return fault.New(fault.Invalid, "the program %.80q is not absolute, without . and ..", words[0])
	}
	for _, w := range words {
		if len(w) > MaxKeyWord || strings.ContainsRune(w, 0) {
			return fault.New(fault.Invalid, "a word of the command is longer than %d bytes, or has a zero byte in it", MaxKeyWord)
		}
	}
	return nil
}

// CheckPassphrase refuses what is none. It does not say what it is.
func CheckPassphrase(p string) error {
	if len(p) < MinPassphrase || len(p) > MaxPassphrase {
		return fault.New(fault.Invalid, "a passphrase has between %d and %d bytes", MinPassphrase, MaxPassphrase).WithCode("HV-KEY-014")
	}
	return nil
}
