package machine

type rngBackend struct {
	QOMType string `json:"qom-type"`
	ID      string `json:"id"`
}

type virtioRNG struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	RNG string `json:"rng"`
}

// rng gives the guest random numbers. QEMU's builtin source is the host's getrandom(2): no file to open.
func rng(at place) part {
	return part{args: []string{
		"-object", object(rngBackend{QOMType: "rng-builtin", ID: "rng0"}),
		"-device", object(virtioRNG{Driver: "virtio-rng-pci", ID: "rng", place: at, RNG: "rng0"}),
	}}
}
