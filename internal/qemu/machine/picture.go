package machine

// Pictures of the screen come through fdsets of numbers of their own, below those of disks and apart from network
// cards' (NICSet). Of a stopped machine QEMU keeps a set that was taken back until it runs on, so there are several.
const (
	pictureSets = 60
	Pictures    = 16 // how many
)

// PictureSet is the number of the i-th fdset for pictures.
func PictureSet(i int) int { return pictureSets + i }

// FDSetPath is how QEMU opens a file of an fdset.
func FDSetPath(set int) string { return fdset(set) }
