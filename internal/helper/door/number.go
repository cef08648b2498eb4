package door

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// firstFile is the descriptor that the first file has in QEMU; 0, 1 and 2 are stdin, stdout and stderr.
const firstFile = 3

const (
	tokenBegin = "{fd:"
	tokenEnd   = "}"
)

// Number replaces each token {fd:NAME} in the arguments by the number that NAME has in QEMU: files first,
// in order and without the one that becomes stderr, sockets after them, what hv-helper adds last.
func Number(l *privilege.Launch) ([]string, error) {
	number := map[string]int{}
	next := firstFile
	for _, n := range l.Files {
		if n != privilege.StderrFile {
			number[n] = next
			next++
		}
	}
	for _, n := range l.Sockets {
		number[n] = next
		next++
	}
	for _, n := range l.Extras() {
		number[n] = next
		next++
	}
	out := make([]string, len(l.Args))
	for i, arg := range l.Args {
		var err error
		if out[i], err = replace(arg, number); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func replace(arg string, number map[string]int) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(arg, tokenBegin)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, tokenEnd)
		n, ok := number[name]
		if !closed || !ok {
			return "", fmt.Errorf("%.60q names no file and no socket of this VM", tokenBegin+name+tokenEnd)
		}
		b.WriteString(strconv.Itoa(n))
		arg = after
	}
}
