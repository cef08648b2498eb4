package probe

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// iommu says whether the kernel has put devices into IOMMU groups: only then can one be given to a VM safely. A CPU
// that has VT-d or AMD-Vi is not enough; firmware and kernel must have turned it on.
// Source: the Linux kernel's Documentation/driver-api/vfio.rst.
func iommu(root fs.FS, f *host.Facts) {
	groups, err := fs.ReadDir(root, "sys/kernel/iommu_groups")
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return
	case len(groups) == 1:
		f.IOMMU = &host.Verdict{OK: true, Why: "there is 1 IOMMU group"}
	case len(groups) > 0:
		f.IOMMU = &host.Verdict{OK: true, Why: fmt.Sprintf("there are %d IOMMU groups", len(groups))}
	default:
		f.IOMMU = &host.Verdict{Why: "there is no IOMMU group: no IOMMU, or it is off in the firmware or on the kernel's command line"}
	}
}
