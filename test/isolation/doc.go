// Package isolation shows what a program can reach that runs in QEMU's place: hv-helper as it ships launches
// this package's own test program instead of QEMU, which tries every way out and tells which of them led
// somewhere.
//
// What lives here: the ways out, and the host on which they are tried. QEMU's own seccomp filter, which
// comes on top of what holds the probe, is not part of it. hv-helper has no door for a probe: it runs in a mount
// namespace in which /usr/bin/qemu-system-x86_64 is another file.
package isolation
