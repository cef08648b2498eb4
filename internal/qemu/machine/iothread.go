package machine

import "github.com/hyper-nixos/hyper-nixos/model/vm"

// IOThread returns the id in QEMU of the thread of this name; empty for none.
func IOThread(name string) string {
	if name == "" {
		return ""
	}
	return ThreadPrefix + name
}

// ThreadPrefix begins the ids of threads. It is short: Linux takes 15 letters for the name of a thread, of which QEMU has three, and one with more has none.
const ThreadPrefix = "io-"

type ioThread struct {
	QOMType string `json:"qom-type"`
	ID      string `json:"id"`
}

// IOThreadObject makes a thread.
func IOThreadObject(id string) any { return ioThread{QOMType: "iothread", ID: id} }

// ioThreads are the threads that disks of the spec name. They come before the devices that they serve.
func ioThreads(s vm.Spec) part {
	var p part
	for _, name := range s.IOThreads() {
		p.args = append(p.args, "-object", object(IOThreadObject(IOThread(name))))
	}
	return p
}
