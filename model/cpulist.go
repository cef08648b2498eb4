package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxCPUNumber bounds the numbers in a list of CPUs: what one mask of Linux' sched_setaffinity holds.
const MaxCPUNumber = 1023

// ParseCPUs reads a list of CPUs, or of NUMA nodes, as Linux writes it: "0-3,8". Each once, in order.
func ParseCPUs(list string) ([]int, error) {
	const most = 4096
	if list == "" || len(list) > most {
		return nil, fmt.Errorf("a list of %d letters is none: 0-3,8", len(list))
	}
	seen := map[int]bool{}
	var out []int
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := number(first)
		if err != nil {
			return nil, err
		}
		to := from
		if isRange {
			if to, err = number(last); err != nil {
				return nil, err
			}
		}
		if to < from {
			return nil, fmt.Errorf("%q goes backwards", part)
		}
		for n := from; n <= to; n++ {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > MaxCPUNumber || strings.HasPrefix(text, "+") {
		return 0, fmt.Errorf("%.20q is no number from 0 to %d", text, MaxCPUNumber)
	}
	return n, nil
}

// CPUList writes CPUs as ParseCPUs reads them; they are in order.
func CPUList(cpus []int) string {
	var parts []string
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		part := strconv.Itoa(cpus[i])
		if j > i {
			part += "-" + strconv.Itoa(cpus[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}
