package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// Bounds of what is read of a guest, which may say anything.
const (
	maxReply = 1 << 20  // of all commands but one
	maxExec  = 24 << 20 // of guest-exec-status, which carries what a program wrote, as base64
	maxStray = 48 << 20 // of what an earlier conversation has left, before the sign that ours begins
)

// sentinel is a byte that no JSON has: it clears what the agent has read so far, and comes before its answer to
// guest-sync-delimited. Source: qga/qapi-schema.json.
const sentinel = 0xff

// request is one command.
type request struct {
	Execute   string `json:"execute"`
	Arguments any    `json:"arguments,omitempty"`
}

// reply is one answer: Return, or Error.
type reply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
}

// readReply reads one line of at most limit bytes.
func readReply(from *bufio.Reader, limit int) (reply, error) {
	line, err := readLine(from, limit)
	if err != nil {
		return reply{}, err
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		return reply{}, garbled("its answer is no JSON").Because(err)
	}
	if r.Return == nil && r.Error == nil {
		return reply{}, garbled("its answer is neither a result nor an error")
	}
	return r, nil
}

func readLine(from *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := from.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, garbled("its answer is longer than %d bytes", limit)
		}
		line = append(line, part...)
		if err == nil {
			return bytes.TrimSpace(line), nil
		}
		if err != bufio.ErrBufferFull { //nolint:errorlint // ReadSlice says so as it is
			return nil, err
		}
	}
}

// skip reads until the sentinel.
func skip(from *bufio.Reader) error {
	for n := 0; n < maxStray; {
		part, err := from.ReadSlice(sentinel)
		if err == nil {
			return nil
		}
		if err != bufio.ErrBufferFull { //nolint:errorlint // ReadSlice says so as it is
			return err
		}
		n += len(part)
	}
	return garbled("it sends without end, and never what it was asked for")
}

// encode is a command as it is sent.
func encode(command string, args any) ([]byte, error) {
	data, err := json.Marshal(request{command, args})
	return append(data, '\n'), err
}

// result turns an answer into a value, or into what stood in the way.
func (r reply) result(command string, into any) error {
	if r.Error != nil {
		return refused(command, r.Error.Class, clean(r.Error.Desc, 300))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(r.Return, into); err != nil {
		return garbled("its answer to %s is none", command).Because(err)
	}
	return nil
}

func garbled(format string, args ...any) *fault.Error {
	return fault.New(fault.Unavailable, "the guest agent cannot be understood: "+format, args...).
		Try("try again; if it stays so, start qemu-guest-agent in the guest anew").WithCode("HV-GUEST-005")
}

func refused(command, class, desc string) error {
	switch {
	case strings.Contains(desc, "frozen"):
		return fault.New(fault.Precondition, "the guest's file systems are frozen, and its agent does nothing else meanwhile").
			Try("wait until the snapshot is taken").WithCode("HV-GUEST-006")
	case class == "CommandNotFound" && strings.Contains(desc, "disabled"):
		return fault.New(fault.Denied, "%s is disabled in the guest", command).
			Try("allow it in the configuration of qemu-guest-agent in the guest (block-rpcs, on Red Hat's systems FILTER_RPC_ARGS), and start that anew").WithCode("HV-GUEST-003")
	case class == "CommandNotFound":
		return fault.New(fault.Precondition, "the guest's agent does not know %s", command).
			Try("install a newer qemu-guest-agent in the guest").WithCode("HV-GUEST-003")
	}
	return fault.New(fault.Precondition, "the guest's agent says: %s", desc).WithCode("HV-GUEST-004")
}

// clean is a guest's text as it can be shown and kept: of at most so many bytes, without what moves a terminal's cursor.
func clean(text string, limit int) string {
	out := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if len(out) <= limit {
		return out
	}
	return strings.ToValidUTF8(out[:limit], "")
}

// ended reports whether a conversation broke off, other than by what was said in it.
func ended(err error) bool { return err == io.EOF } //nolint:errorlint // as bufio says it
