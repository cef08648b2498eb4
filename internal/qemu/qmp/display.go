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
