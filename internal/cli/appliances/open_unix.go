//go:build unix

package appliances

import "syscall"

// nonblock keeps who opens a pipe in the place of a file from waiting for its other end.
const nonblock = syscall.O_NONBLOCK
