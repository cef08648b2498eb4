//go:build linux

// Package powercut cuts the power of a program's disk, at any place and as often as one likes: it records the
// program's system calls with strace(1), and from them makes the folder as a disk may have it after a power cut
// at a place of the record. What was synced before is there; of what was not, anything may be.
//
// What lives here: the record, and the disk made of it. What does not: what must still be true of that disk.
//
// The disk is as unkind as POSIX lets it be. A write is safe when an fsync or fdatasync of its file began after
// it had ended, and had ended itself before the cut; a name is safe when its folder was synced so. Writes that are not safe are lost or
// kept sector by sector, in any choice; names in their order, up to any of them.
package powercut

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// call is one system call, from the line of the record at which it began to the one at which it had ended.
type call struct {
	begun, ended int
	name         string
	args         string
	result       int64
}

// Trace is what a program did.
type Trace struct {
	root  string // everything outside of this folder is nobody's business
	calls []call
	lines int
}

const syscalls = "trace=open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync_file_range,ftruncate,truncate," +
	"fallocate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat"

// Record runs cmd to its end and records what it does in the folder root, which must be empty.
func Record(t testing.TB, root string, cmd *exec.Cmd) *Trace {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is missing: scripts/deps.sh test")
	}
	root, err = filepath.EvalSymlinks(root)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "trace")
	args := append([]string{"-f", "-qq", "-y", "-xx", "-s", "16777216", "-e", "signal=none", "-e", syscalls, "-o", out, cmd.Path}, cmd.Args[1:]...)
	traced := exec.Command(strace, args...) // #nosec G204 -- a test's own program
	traced.Env, traced.Dir = cmd.Env, cmd.Dir
	if said, err := traced.CombinedOutput(); err != nil {
		if bytes.Contains(said, []byte("ptrace")) {
			t.Skipf("nobody may trace a program here: %s", said)
		}
		t.Fatalf("%v\n%.2000s", err, said)
	}
	tr, err := read(out, root)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

var (
	line    = regexp.MustCompile(`^(\d+) +(.*)$`)
	whole   = regexp.MustCompile(`^([a-z0-9_]+)\((.*)\) += (-?\d+)`)
	resumed = regexp.MustCompile(`^<\.\.\. [a-z0-9_]+ resumed>(.*)$`)
)

// read reads a record.
func read(path, root string) (*Trace, error) {
	f, err := os.Open(path) // #nosec G304 -- a test's own file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tr := &Trace{root: root}
	type pending struct {
		begun int
		text  string
	}
	open := map[string]pending{}
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		text, err := lines.ReadString('\n')
		if text == "" && err != nil {
			return tr, nil
		}
		m := line.FindStringSubmatch(strings.TrimSuffix(text, "\n"))
		if m == nil {
			return nil, fmt.Errorf("line %d of the record is none: %.200q", tr.lines, text)
		}
		pid, rest, begun := m[1], m[2], tr.lines
		tr.lines++
		if head, ok := strings.CutSuffix(rest, " <unfinished ...>"); ok {
			open[pid] = pending{begun, head}
			continue
		}
		if r := resumed.FindStringSubmatch(rest); r != nil {
			p, ok := open[pid]
			if !ok {
				return nil, fmt.Errorf("line %d goes on with what did not begin: %.200q", begun, text)
			}
			delete(open, pid)
			begun, rest = p.begun, p.text+r[1]
		}
		w := whole.FindStringSubmatch(rest)
		if w == nil {
			continue // it did not return: the program ended
		}
		result, err := strconv.ParseInt(w[3], 10, 64)
		if err != nil {
			return nil, err
		}
		if result >= 0 {
			tr.calls = append(tr.calls, call{begun: begun, ended: tr.lines - 1, name: w[1], args: w[2], result: result})
		}
	}
}

// split parts the arguments of a call, with strings and paths taken out of their hexadecimal form.
func split(args string) ([]string, error) {
	var out []string
	var now strings.Builder
	depth := 0
	for i := 0; i < len(args); i++ {
		switch c := args[i]; {
		case c == '"':
			end := strings.IndexByte(args[i+1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("a string has no end: %.100q", args)
			}
			text, err := unhex(args[i+1 : i+1+end])
			if err != nil {
				return nil, err
			}
			now.WriteString(text)
			i += end + 1
			if strings.HasPrefix(args[i+1:], "...") {
				return nil, errors.New("a string was cut")
			}
		case c == '<':
			end := strings.IndexByte(args[i:], '>')
			if end < 0 {
				return nil, fmt.Errorf("a path has no end: %.100q", args)
			}
			text, err := unhex(args[i+1 : i+end])
			if err != nil {
				return nil, err
			}
			now.WriteString("<" + text)
			i += end
		case c == ',' && depth == 0:
			out = append(out, now.String())
			now.Reset()
			i++ // the space
		default:
			if c == '{' || c == '[' {
				depth++
			}
			if c == '}' || c == ']' {
				depth--
			}
			now.WriteByte(c)
		}
	}
	return append(out, now.String()), nil
}

// unhex reads \x2f\x74…; text without a backslash is itself.
func unhex(s string) (string, error) {
	if !strings.Contains(s, `\x`) {
		return s, nil
	}
	b := make([]byte, 0, len(s)/4)
	for i := 0; i < len(s); {
		if !strings.HasPrefix(s[i:], `\x`) || i+4 > len(s) {
			b = append(b, s[i])
			i++
			continue
		}
		n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
		if err != nil {
			return "", err
		}
		b = append(b, byte(n))
		i += 4
	}
	return string(b), nil
}

// fdPath is the path in "7</some/path"; empty for what has none.
func fdPath(arg string) string {
	_, path, _ := strings.Cut(arg, "<")
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	return path
}
