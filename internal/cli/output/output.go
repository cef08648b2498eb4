// Package output writes results: tables for people, JSON, YAML and Nix for programs, sizes and times as
// both read them.
//
// What lives here: forms. What does not: errors and findings (report), and what is asked of whom.
package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/config/tree"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
)

// Format is a choice of -o.
type Format string

// The formats.
const (
	Human Format = "table"
	Wide  Format = "wide"
	JSON  Format = "json"
	YAML  Format = "yaml"
	Nix   Format = "nix"
	Name  Format = "name"
)

// Formats are all of them, in the order in which help names them.
func Formats() []string { return []string{"table", "wide", "json", "yaml", "nix", "name"} }

// ForPrograms reports whether f is a form of the API's own objects.
func (f Format) ForPrograms() bool { return f == JSON || f == YAML || f == Nix }

// Value writes v in a form for programs: v's JSON, and the same value as YAML or Nix.
func (f Format) Value(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fault.New(fault.Internal, "cannot encode the result").Because(err)
	}
	switch f {
	case YAML:
		if text, err = tree.YAMLFromJSON(text); err != nil {
			return fault.New(fault.Internal, "cannot write the result as YAML").Because(err)
		}
	case Nix:
		if text, err = nixlang.FromJSON(text); err != nil {
			return fault.New(fault.Internal, "cannot write the result as Nix").Because(err)
		}
	case JSON, Human, Wide, Name:
		var b bytes.Buffer
		if err := json.Indent(&b, text, "", "  "); err != nil {
			return err
		}
		b.WriteByte('\n')
		text = b.Bytes()
	}
	_, err = w.Write(text)
	return err
}

// Age is how long ago t was, in its largest unit: "5s", "12m", "3h", "8d". Empty for no time.
func Age(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	switch d := max(now.Sub(t), 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// Moment is t as `show` has it: in the local zone, with how long ago that was.
func Moment(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST") + " (" + Age(now, t) + " ago)"
}

// Took is a duration as a person says it: "40 ms", "1.2 s", "3 min 20 s".
func Took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// Actor is who asked for something: a login name, or the number of a user without one.
func Actor(a operation.Actor) string {
	who := a.Name
	if who == "" {
		who = fmt.Sprintf("uid %d", a.UID)
	}
	if a.Via != "" && a.Via != "socket" {
		who += " (" + a.Via + ")"
	}
	return who
}
