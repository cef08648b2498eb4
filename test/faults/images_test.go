//go:build linux

package faults_test

import (
	"bytes"
	"context"
	"os/exec"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// What is done to images. An image is converted by the real qemu-img; where that is missing the table
// of kinds says so, too.
func init() {
	if _, err := exec.LookPath("qemu-img"); err == nil {
		scenarios["make an image"] = scenario{before: func(*fakehost.Daemon) {}, ask: uploadImage, after: imageReady}
		scenarios["delete an image"] = scenario{
			before: func(d *fakehost.Daemon) {
				if res, err := uploadImage(context.Background(), d); err == nil {
					d.Done(*res.Operation)
				}
			},
			ask: func(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
				return d.Actions.DeleteImage(ctx, fakehost.Member, fakehost.Ref("base"))
			},
			after: func(_ *testing.T, d *fakehost.Daemon) {
				d.Until("it to go", func() bool { _, err := d.View.Image(context.Background(), fakehost.Ref("base")); return err != nil })
			},
		}
	}
}

// uploadImage imports a raw disk with a boot sector.
func uploadImage(ctx context.Context, d *fakehost.Daemon) (action.Result, error) {
	content := make([]byte, model.MiB)
	content[510], content[511] = 0x55, 0xaa
	return d.Actions.UploadImage(ctx, fakehost.Member, wire.ImportImage{Name: "base"}, model.DefaultProject, model.MiB, bytes.NewReader(content))
}

func imageReady(_ *testing.T, d *fakehost.Daemon) {
	d.Until("it to be ready", func() bool {
		i, err := d.View.Image(context.Background(), fakehost.Ref("base"))
		return err == nil && i.Status.Ready
	})
}
