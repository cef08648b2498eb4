package fakeqemu

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// addClient takes a named connection for a VNC viewer: it says the version of its protocol, and then listens.
func addClient(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a := read[struct{ Protocol, FDName string }](args)
	f := q.named[a.FDName]
	if f == nil {
		return nil, refuse("File descriptor named '%s' not found", a.FDName)
	}
	delete(q.named, a.FDName)
	if a.Protocol != "vnc" {
		_ = f.Close()
		return nil, refuse("protocol '%s' is invalid", a.Protocol)
	}
	conn, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, refuse("file descriptor is not a socket")
	}
	q.atEnd(conn.Close)
	go func() {
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "RFB 003.008\n"); err == nil {
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	return nothing, nil
}

// Picture is the size of what a fake screen shows.
var Picture = image.Rect(0, 0, 72, 40)

// screendump draws a picture, white on black as a text mode is, into a file that QEMU finds by its fdset. That the
// descriptor can only be written to is what the real one insists on.
func screendump(q *QEMU, _ *monitor, args json.RawMessage) (any, error) {
	a := read[struct{ Filename, Format string }](args)
	if !q.hasScreen() {
		return nil, refuse("There is no console to take a screendump from.")
	}
	set, err := strconv.Atoi(strings.TrimPrefix(a.Filename, "/dev/fdset/"))
	if err != nil || len(q.fdsets[set]) == 0 {
		return nil, refuse("failed to open file '%s': No such file or directory", a.Filename)
	}
	f := q.fdsets[set][0].file
	if mode, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0); err != nil || mode&unix.O_ACCMODE != os.O_WRONLY {
		return nil, refuse("failed to open file '%s': Permission denied", a.Filename)
	}
	pic := image.NewGray(Picture)
	pic.Set(1, 1, color.White)
	var text bytes.Buffer
	if a.Format == "png" {
		err = png.Encode(&text, pic)
	} else {
		text.WriteString("P6\n")
	}
	if err == nil {
		_, err = f.Write(text.Bytes())
	}
	return done(err)
}

// hasScreen reports whether there is a graphics card.
func (q *QEMU) hasScreen() bool {
	for _, d := range q.devices {
		if strings.Contains(strings.ToLower(d.Driver), "vga") || strings.Contains(d.Driver, "gpu") {
			return true
		}
	}
	return false
}
