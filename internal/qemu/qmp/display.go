package qmp

import "context"

type addClientArgs struct {
	Protocol string `json:"protocol"`
	FDName   string `json:"fdname"`
	SkipAuth bool   `json:"skipauth,omitempty"`
}

var addClient = define[addClientArgs, none]("add_client")

// AddVNCClient makes a connection that GetFD gave a VNC client. Who hands it over has asked who that is.
func AddVNCClient(ctx context.Context, on Executor, name string) error {
	return addClient.run(ctx, on, addClientArgs{Protocol: "vnc", FDName: name, SkipAuth: true})
}

type screendumpArgs struct {
	Filename string `json:"filename"`
	Format   string `json:"format,omitempty"`
}

var screendump = define[screendumpArgs, none]("screendump")

// Screendump writes what the first screen shows as a PNG into the file at path, which QEMU opens to write only. It
// is written when the answer comes. QEMU has had the format since 7.1.
func Screendump(ctx context.Context, on Executor, path string) error {
	return screendump.run(ctx, on, screendumpArgs{Filename: path, Format: "png"})
}
