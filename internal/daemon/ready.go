//go:build linux

package daemon

import (
	"net"
	"os"
)

// tell says that the API is served: on file descriptor fd if that is one, and to the service
// manager where there is one (sd_notify(3)). Nobody who does not listen is an error.
func tell(fd int) {
	if fd >= 0 {
		f := os.NewFile(uintptr(fd), "ready")
		_, _ = f.WriteString("ready\n")
		_ = f.Close()
	}
	if path := os.Getenv("NOTIFY_SOCKET"); path != "" {
		if conn, err := net.Dial("unixgram", path); err == nil { // #nosec G704 -- the service manager named it
			_, _ = conn.Write([]byte("READY=1"))
			_ = conn.Close()
		}
	}
}
