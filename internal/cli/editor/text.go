package editor

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// form is how a definition is edited.
type form struct {
	output  output.Format
	config  config.Format
	ending  string
	comment string // begins a line of ours at the top of the text
}

var forms = map[output.Format]form{
	output.YAML: {output.YAML, config.YAML, ".yaml", "#: "},
	output.Nix:  {output.Nix, config.Nix, ".nix", "#: "},
	output.JSON: {output.JSON, config.JSON, ".json", "//: "},
}

// text is a definition as it is edited, with sizes as a person writes them.
func (f form) text(def vm.Definition) (string, error) {
	raw, err := json.Marshal(def)
	if err != nil {
		return "", fault.New(fault.Internal, "cannot encode the definition").Because(err)
	}
	// Keys stay in their order, which a map would lose.
	raw = bytes.Replace(raw, memory(def, false), memory(def, true), 1)
	var b strings.Builder
	err = f.output.Value(&b, json.RawMessage(raw))
	return b.String(), err
}

// memory is the key of that name as it stands in JSON.
func memory(def vm.Definition, words bool) []byte {
	if def.Memory == 0 {
		return nil
	}
	var v any = int64(def.Memory)
	if words {
		v = def.Memory.String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return append([]byte(`"memory":`), text...)
}

// head puts lines of ours before a text.
func (f form) head(lines []string, text string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(f.comment+l, " ") + "\n")
	}
	return b.String() + text
}

// body takes our lines off the top again.
func (f form) body(text string) string {
	mark := strings.TrimRight(f.comment, " ")
	for strings.HasPrefix(text, mark) {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text
}
