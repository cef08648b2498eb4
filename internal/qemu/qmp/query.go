package qmp

import (
	"context"
	"encoding/json"
)

// MachineType is a machine this QEMU can be. An alias ("q35") is a property of the versioned type
// ("pc-q35-7.2") that it stands for.
type MachineType struct {
	Name       string `json:"name"`
	Alias      string `json:"alias,omitempty"`
	IsDefault  bool   `json:"is-default,omitempty"`
	MaxCPUs    int    `json:"cpu-max"`
	Deprecated bool   `json:"deprecated"`
}

// CPUModel is a CPU this QEMU can show to a guest.
type CPUModel struct {
	Name        string   `json:"name"`
	AliasOf     string   `json:"alias-of,omitempty"`
	Deprecated  bool     `json:"deprecated"`
	Unavailable []string `json:"unavailable-features,omitempty"` // what the host lacks for it
}

// CPUExpansion is a CPU model with all its properties, by name.
type CPUExpansion struct {
	Model struct {
		Name  string          `json:"name"`
		Props json.RawMessage `json:"props,omitempty"` // an object
	} `json:"model"`
}

type cpuModelArgs struct {
	Type  string        `json:"type"` // static | full
	Model namedCPUModel `json:"model"`
}

type namedCPUModel struct {
	Name string `json:"name"`
}

// CPU is one vCPU.
type CPU struct {
	Index    int    `json:"cpu-index"`
	QOMPath  string `json:"qom-path"`
	ThreadID int    `json:"thread-id"` // in QEMU's own pid namespace
}

// Chardev is one character device.
type Chardev struct {
	Label    string `json:"label"`
	Filename string `json:"filename"`      // "disconnected:unix:…,server=on" while nobody is there
	Open     bool   `json:"frontend-open"` // the guest's side
}

// BlockNode is one node of the block graph.
type BlockNode struct {
	NodeName string `json:"node-name,omitempty"`
	Driver   string `json:"drv"`
	File     string `json:"file"`
	ReadOnly bool   `json:"ro"`
	Image    struct {
		VirtualSize int64 `json:"virtual-size"`          // bytes
		ActualSize  int64 `json:"actual-size,omitempty"` // bytes
	} `json:"image"`
}

// BlockStats is what a guest did with one disk or drive since it was plugged in.
type BlockStats struct {
	Device string `json:"qdev,omitempty"`      // its device, by its QOM path
	Node   string `json:"node-name,omitempty"` // the node that it is
	Stats  struct {
		ReadBytes  int64 `json:"rd_bytes"`
		WriteBytes int64 `json:"wr_bytes"`
		Reads      int64 `json:"rd_operations"`
		Writes     int64 `json:"wr_operations"`
	} `json:"stats"`
}

// CommandInfo is one command this QEMU has.
type CommandInfo struct {
	Name string `json:"name"`
}

var (
	queryMachines   = define[none, []MachineType]("query-machines")
	queryCPUModels  = define[none, []CPUModel]("query-cpu-definitions")
	expandCPUModel  = define[cpuModelArgs, CPUExpansion]("query-cpu-model-expansion")
	queryCPUs       = define[none, []CPU]("query-cpus-fast")
	queryChardevs   = define[none, []Chardev]("query-chardev")
	queryBlockNodes = define[blockNodesArgs, []BlockNode]("query-named-block-nodes")
	queryBlockStats = define[none, []BlockStats]("query-blockstats")
	queryCommands   = define[none, []CommandInfo]("query-commands")
	querySchema     = define[none, json.RawMessage]("query-qmp-schema")
)

type blockNodesArgs struct {
	Flat bool `json:"flat,omitempty"`
}

// QueryMachines lists the machine types.
func QueryMachines(ctx context.Context, on Executor) ([]MachineType, error) {
	return queryMachines.do(ctx, on, none{})
}

// QueryCPUModels lists the CPU models under the accelerator in use.
func QueryCPUModels(ctx context.Context, on Executor) ([]CPUModel, error) {
	return queryCPUModels.do(ctx, on, none{})
}

// ExpandCPUModel lists all properties of a CPU model, and their values under the accelerator in use.
func ExpandCPUModel(ctx context.Context, on Executor, name string) (CPUExpansion, error) {
	return expandCPUModel.do(ctx, on, cpuModelArgs{Type: "full", Model: namedCPUModel{name}})
}

// QueryCPUs lists the vCPUs, without interrupting them.
func QueryCPUs(ctx context.Context, on Executor) ([]CPU, error) {
	return queryCPUs.do(ctx, on, none{})
}

// QueryChardevs lists the character devices.
func QueryChardevs(ctx context.Context, on Executor) ([]Chardev, error) {
	return queryChardevs.do(ctx, on, none{})
}

// QueryBlockNodes lists the named block nodes, without their backing chains.
func QueryBlockNodes(ctx context.Context, on Executor) ([]BlockNode, error) {
	return queryBlockNodes.do(ctx, on, blockNodesArgs{Flat: true})
}

// QueryBlockStats lists what the guest did with each of its disks and drives.
func QueryBlockStats(ctx context.Context, on Executor) ([]BlockStats, error) {
	return queryBlockStats.do(ctx, on, none{})
}

// QueryCommands lists the commands this QEMU has.
func QueryCommands(ctx context.Context, on Executor) ([]CommandInfo, error) {
	return queryCommands.do(ctx, on, none{})
}

// QuerySchema asks for the whole schema, some 0.2 MiB; package qmp/schema reads it.
func QuerySchema(ctx context.Context, on Executor) (json.RawMessage, error) {
	return querySchema.do(ctx, on, none{})
}
