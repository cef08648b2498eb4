package report

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/nixlang"
)

// Error prints err on s: the thing, the cause with its code, the next step; all findings where it
// carries some. Nothing for an end that was told already.
func Error(s screen.Screen, err error) {
	if e, ok := errors.AsType[*Ended](err); ok && e.Err == nil {
		return
	}
	word, paint := label(err)
	head, cause := split(err)
	if head+":" == word { // nothing was begun that could go on
		fmt.Fprintln(s, s.Paint(paint, head))
		return
	}
	fmt.Fprint(s, s.Paint(paint, word)+" ")
	if detail, ok := excerpts(err); ok {
		fmt.Fprintln(s, screen.Safe(head))
		laidOut(s, detail)
		return
	}
	if refusal, ok := errors.AsType[finding.Refusal](err); ok && len(refusal.Findings) > 0 {
		fmt.Fprintln(s, screen.Safe(head))
		Findings(s, refusal.Findings)
		return
	}
	code := fault.CodeOf(err)
	if cause == "" {
		fmt.Fprint(s, coded(s, screen.Safe(head), code, len(word)+1))
	} else {
		fmt.Fprint(s, coded(s, screen.Safe(head), "", len(word)+1))
		fmt.Fprint(s, "  "+coded(s, screen.Safe(cause), code, 2))
	}
	if hint := fault.HintOf(err); hint != "" {
		line(s, 2, "try: "+screen.Safe(hint))
	}
}

// label is "error:", or what else ended the call: then the work goes on.
func label(err error) (string, screen.Paint) {
	switch CodeOf(err) {
	case Interrupted:
		return "interrupted:", screen.Yellow
	case TimeUp:
		return "time is up:", screen.Yellow
	case Done, Refused, Misused, Missing, NoDaemon:
	}
	return "error:", screen.Red
}

// split parts an error into the thing and the cause. The daemon's errors come as one text, whose
// beginning "cannot VERB NOUN" is the thing.
func split(err error) (head, cause string) {
	if p, ok := errors.AsType[*config.Problems](err); ok {
		return "cannot read " + p.File, ""
	}
	if n, ok := errors.AsType[*nixlang.Error](err); ok {
		return strings.TrimSpace("cannot evaluate " + n.Position.File), ""
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err.Error(), ""
	}
	text := err.Error()
	if inner := e.Unwrap(); inner != nil && e.What != "" {
		return e.What, strings.TrimPrefix(inner.Error(), e.What+": ")
	}
	if strings.HasPrefix(text, "cannot ") {
		if head, cause, ok := strings.Cut(text, ": "); ok {
			return head, cause
		}
	}
	return text, ""
}

// excerpts is the text of an error about a user's file, with lines and carets.
func excerpts(err error) (string, bool) {
	if p, ok := errors.AsType[*config.Problems](err); ok {
		return p.Detail(), true
	}
	if n, ok := errors.AsType[*nixlang.Error](err); ok {
		detail := n.Detail()
		hint := fault.HintOf(n)
		switch {
		case hint != "":
		case fault.KindOf(n) == fault.Unreadable && n.Position.Line > 0:
			hint = "mend it where ^ is; hv help declaration shows how one is written"
		case fault.KindOf(n) == fault.Unreadable:
			hint = "name a file that can be read"
		case n.Position.Line > 0:
			hint = "mend it where ^ is; hv config eval -E EXPR tries a part by itself"
		}
		if hint != "" {
			detail += "\ntry: " + hint
		}
		return detail, true
	}
	return "", false
}

// laidOut prints lines that have their layout, indented by two. A tab becomes a space, in a line as in
// the line with its caret.
func laidOut(s screen.Screen, text string) {
	for l := range strings.SplitSeq(text, "\n") {
		fmt.Fprintln(s, strings.TrimRight("  "+screen.Safe(l), " "))
	}
}
