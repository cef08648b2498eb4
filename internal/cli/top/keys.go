package top

import (
	"context"
	"io"
)

// key is what somebody at the terminal wants.
type key uint8

const (
	nothing key = iota
	quit
	next
	previous
	up
	down
)

// readKeys passes on what is typed until the input or ctx ends.
func readKeys(ctx context.Context, in io.Reader, to chan<- key) {
	buf := make([]byte, 64)
	for {
		n, err := in.Read(buf)
		for _, k := range keysIn(buf[:n]) {
			select {
			case to <- k:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// keysIn reads keys. An arrow is three bytes, which terminals send at once.
func keysIn(text []byte) (keys []key) {
	for i := 0; i < len(text); i++ {
		k := nothing
		switch text[i] {
		case 'q', 'Q', 0x03, 0x04: // Ctrl-C and Ctrl-D: a raw terminal makes no signal of them
			k = quit
		case '>', 'l', '\t':
			k = next
		case '<', 'h':
			k = previous
		case 'j':
			k = down
		case 'k':
			k = up
		case 0x1b:
			if i+2 < len(text) && (text[i+1] == '[' || text[i+1] == 'O') {
				k = map[byte]key{'A': up, 'B': down, 'C': next, 'D': previous}[text[i+2]]
				i += 2
			}
		}
		if k != nothing {
			keys = append(keys, k)
		}
	}
	return keys
}
