package qmp

import "context"

// Object is the arguments of a command that takes any properties, such as device_add: it marshals to
// a JSON object. The builder of machines makes them; package qmp/schema can check them.
type Object = any

type nodeNameArgs struct {
	NodeName string `json:"node-name"`
}

type setLinkArgs struct {
	Name string `json:"name"`
	Up   bool   `json:"up"`
}

var (
	deviceAdd   = define[Object, none]("device_add")
	deviceDel   = define[idArgs, none]("device_del")
	blockdevAdd = define[Object, none]("blockdev-add")
	blockdevDel = define[nodeNameArgs, none]("blockdev-del")
	netdevAdd   = define[Object, none]("netdev_add")
	netdevDel   = define[idArgs, none]("netdev_del")
	setLink     = define[setLinkArgs, none]("set_link")
)

// DeviceAdd plugs a device: driver, id, bus and the driver's own properties.
func DeviceAdd(ctx context.Context, on Executor, props Object) error {
	return deviceAdd.run(ctx, on, props)
}

// DeviceDel asks for a device, by id or QOM path, to be unplugged. The guest has to let go of it: it
// is gone when DEVICE_DELETED says so, and may never be.
func DeviceDel(ctx context.Context, on Executor, id string) error {
	return deviceDel.run(ctx, on, idArgs{id})
}

// BlockdevAdd adds a block node (qapi/block-core.json, BlockdevOptions).
func BlockdevAdd(ctx context.Context, on Executor, options Object) error {
	return blockdevAdd.run(ctx, on, options)
}

// BlockdevDel removes a block node that nothing uses.
func BlockdevDel(ctx context.Context, on Executor, node string) error {
	return blockdevDel.run(ctx, on, nodeNameArgs{node})
}

// NetdevAdd adds a network back end (qapi/net.json, Netdev).
func NetdevAdd(ctx context.Context, on Executor, options Object) error {
	return netdevAdd.run(ctx, on, options)
}

// NetdevDel removes a network back end.
func NetdevDel(ctx context.Context, on Executor, id string) error {
	return netdevDel.run(ctx, on, idArgs{id})
}

// SetLink plugs or pulls the cable of a NIC or network back end.
func SetLink(ctx context.Context, on Executor, name string, up bool) error {
	return setLink.run(ctx, on, setLinkArgs{name, up})
}
