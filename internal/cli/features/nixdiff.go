package features

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/cli/output"
	"github.com/hyper-nixos/hyper-nixos/internal/cli/screen"
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
)

// nixLines is the section of a declaration in Nix.
func nixLines(d feature.Declaration) ([]string, error) {
	var b bytes.Buffer
	if err := output.Nix.Value(&b, d); err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	lines[0] = "hypervisor.featureManager = " + lines[0]
	lines[len(lines)-1] += ";"
	return lines, nil
}

// changed is one line of a difference: what goes (-), comes (+), or stays beside it.
type changed struct {
	sign byte
	text string
}

// nixDiff is what an edit changes in the owner's file, in Nix, with the lines around each change.
func nixDiff(before, after feature.Declaration) ([]changed, error) {
	a, err := nixLines(before)
	if err != nil {
		return nil, err
	}
	b, err := nixLines(after)
	if err != nil {
		return nil, err
	}
	return near(lineDiff(a, b)), nil
}

// lineDiff is the shortest way from a to b, by the longest common lines.
func lineDiff(a, b []string) []changed {
	common := make([][]int, len(a)+1) // of a[i:] and b[j:]
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var out []changed
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, changed{' ', a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, changed{'-', a[i]})
			i++
		default:
			out = append(out, changed{'+', b[j]})
			j++
		}
	}
	return out
}

// around is how many lines that stay are shown beside one that does not.
const around = 2

func near(all []changed) []changed {
	shown := make([]bool, len(all))
	for i, c := range all {
		if c.sign == ' ' {
			continue
		}
		for k := max(0, i-around); k <= min(len(all)-1, i+around); k++ {
			shown[k] = true
		}
	}
	var out []changed
	for i, c := range all {
		switch {
		case shown[i] || i == 0 || i == len(all)-1:
			out = append(out, c)
		case i > 0 && (shown[i-1] || i == 1):
			out = append(out, changed{' ', "  …"})
		}
	}
	return out
}

func printDiff(s screen.Screen, indent string, lines []changed) {
	for _, l := range lines {
		text := fmt.Sprintf("%c %s", l.sign, screen.Safe(l.text))
		switch l.sign {
		case '+':
			text = s.Paint(screen.Green, text)
		case '-':
			text = s.Paint(screen.Red, text)
		}
		fmt.Fprintln(s, indent+text)
	}
}

// texts is the lines of a difference for programs.
func texts(lines []changed) []string {
	var out []string
	for _, l := range lines {
		out = append(out, string(l.sign)+" "+l.text)
	}
	return out
}
