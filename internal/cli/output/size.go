package output

import "github.com/hyper-nixos/hyper-nixos/model"

// Approx is a size that is not a round one, as a person reads it.
func Approx(b model.Bytes) string {
	for _, unit := range []model.Bytes{model.GiB, model.MiB, model.KiB} {
		if b >= 10*unit {
			return (b / unit * unit).String()
		}
	}
	return b.String()
}
