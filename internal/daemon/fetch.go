//go:build linux

package daemon

import (
	"context"
	"net"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/importer"
)

// fetch is `hvd fetch`: one download for hvd, over the connection that is its standard input. Packaged, systemd starts
// it as a user of its own, who has a network and nothing else (hv-fetch@.service).
func fetch(ctx context.Context, stdin *os.File) int {
	conn, err := net.FileConn(stdin)
	if err != nil {
		say(os.Stderr, fault.New(fault.Invalid, "hvd fetch is started by hv-fetch.socket, or by hvd: its standard input is no connection").Because(err))
		return 2
	}
	defer func() { _ = conn.Close() }()
	if err := importer.NewFetcher().Serve(ctx, conn); err != nil {
		say(os.Stderr, err)
		return 1
	}
	return 0
}

// fetchers is the door to what fetches for hvd.
func fetchers(socket string) importer.Door {
	if socket != "" {
		return importer.Socket(socket)
	}
	return importer.Child("/proc/self/exe", "fetch")
}
