package importer

import (
	"regexp"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// MaxSums bounds a file of sums.
const MaxSums = 4 << 20

// Lines of files of sums: GNU coreutils (with and without "*"), and BSD.
var (
	gnu  = regexp.MustCompile(`^\\?([0-9a-fA-F]{64}|[0-9a-fA-F]{128}) [ *](.{1,1000})$`)
	bsd  = regexp.MustCompile(`^(SHA256|SHA512) \((.{1,1000})\) = ([0-9a-fA-F]{64}|[0-9a-fA-F]{128})$`)
	bare = regexp.MustCompile(`^([0-9a-fA-F]{64}|[0-9a-fA-F]{128})$`)
)

// SumOf returns the SHA-256 or SHA-512 that a file of sums has for a file, in lower case. A file with nothing but one
// sum is of the only file that there is.
func SumOf(sums []byte, file string) (string, error) {
	if len(sums) > MaxSums {
		return "", fault.New(fault.Exhausted, "the file of sums is huge").WithCode("HV-IMG-014")
	}
	found, alone := "", ""
	lines := 0
	for line := range strings.Lines(string(sums)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		lines++
		if m := bare.FindStringSubmatch(line); m != nil {
			alone = m[1]
			continue
		}
		name, sum, ok := sumLine(line)
		if !ok {
			continue
		}
		if name != file && !strings.HasSuffix(name, "/"+file) {
			continue
		}
		if found == "" || len(sum) > len(found) {
			found = sum
		} else if len(sum) == len(found) && sum != found {
			return "", fault.New(fault.Invalid, "the file of sums has two sums for %s", file).WithCode("HV-IMG-016")
		}
	}
	if found == "" && alone != "" && lines == 1 {
		found = strings.ToLower(alone)
	}
	if found == "" {
		return "", fault.New(fault.Invalid, "the file of sums has no SHA-256 or SHA-512 of %s", file).WithCode("HV-IMG-016").
			Try("give the sum itself: --sha256 HEX")
	}
	return found, nil
}

// sumLine reads a line that has the sum of a file by its name, in lower case.
func sumLine(line string) (name, sum string, ok bool) {
	if m := gnu.FindStringSubmatch(line); m != nil {
		name, sum = m[2], m[1]
	} else if m := bsd.FindStringSubmatch(line); m != nil {
		name, sum = m[2], m[3]
	} else {
		return "", "", false
	}
	return strings.TrimPrefix(strings.TrimSpace(name), "./"), strings.ToLower(sum), true
}
