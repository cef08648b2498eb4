package probe

import (
	"io/fs"
	"math"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// memory says how much RAM the kernel manages: what is installed less what firmware and kernel keep.
// Source: proc_meminfo(5).
func memory(root fs.FS, f *host.Facts) {
	f.Memory = parseMemory(read(root, "proc/meminfo"))
}

// parseMemory reads MemTotal, 0 when it is not there.
func parseMemory(text string) model.Bytes {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, "MemTotal:")
		if !ok {
			continue
		}
		number, unit, _ := strings.Cut(strings.TrimSpace(rest), " ")
		kib, err := strconv.ParseInt(number, 10, 64)
		if err != nil || unit != "kB" || kib < 0 || kib > math.MaxInt64/int64(model.KiB) {
			return 0
		}
		return model.Bytes(kib) * model.KiB
	}
	return 0
}
