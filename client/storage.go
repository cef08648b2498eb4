package client

import (
	"context"
	"io"
	"iter"
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func volumeRequest(method string, ref model.Ref, more ...string) *request {
	ref = inProject(ref)
	return newRequest(method, append([]string{"v1", "projects", ref.Project, "volumes", ref.Name}, more...)...)
}

func bootFileRequest(method string, ref model.Ref, more ...string) *request {
	ref = inProject(ref)
	return newRequest(method, append([]string{"v1", "projects", ref.Project, "boot-files", ref.Name}, more...)...)
}

// CreateVolume wishes for an empty volume.
func (c *Client) CreateVolume(ctx context.Context, project string, body wire.CreateVolume, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "projects", projectOr(project), "volumes").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// Progress is told how many bytes of an import were sent. It is called from the goroutine that sends.
type Progress func(sent, total model.Bytes)

// ImportVolume makes a volume of size bytes of r: an image of body.Format; body.Size is not read.
// A dry run sends nothing of r. progress may be nil.
func (c *Client) ImportVolume(ctx context.Context, project string, body wire.CreateVolume, size model.Bytes, r io.Reader, progress Progress, ch Change) (Result, error) {
	req := volumeRequest(http.MethodPut, model.Ref{Project: project, Name: body.Name}, "content")
	req.query.text("format", string(body.Format))
	req.query.text("pool", body.Pool)
	req.query.text("labels", labels(body.Labels))
	req.query.text("encryption", body.Encryption)
	return c.mutate(ctx, req.content(size, r, progress), ch)
}

// CloneVolume makes volumes that begin as a copy of another.
func (c *Client) CloneVolume(ctx context.Context, ref model.Ref, body wire.CloneVolume, ch Change) (Result, error) {
	r, err := volumeRequest(http.MethodPost, ref, "actions", "clone").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// DeleteVolume wishes a volume into the trash; now, away for ever with what is on it.
func (c *Client) DeleteVolume(ctx context.Context, ref model.Ref, now bool, ch Change) (Result, error) {
	r := volumeRequest(http.MethodDelete, ref)
	r.query.flag("now", now)
	return c.mutate(ctx, r, ch)
}

func trashRequest(method string, ref model.Ref, more ...string) *request {
	ref = inProject(ref)
	return newRequest(method, append([]string{"v1", "projects", ref.Project, "volume-trash", ref.Name}, more...)...)
}

// RestoreVolume takes a volume out of the trash, under its name or another. ref names it by its UID.
func (c *Client) RestoreVolume(ctx context.Context, ref model.Ref, name string, ch Change) (Result, error) {
	r, err := trashRequest(http.MethodPost, ref, "actions", "restore").json(wire.Rename{Name: name})
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// PurgeVolume deletes a volume in the trash for ever. ref names it by its UID.
func (c *Client) PurgeVolume(ctx context.Context, ref model.Ref, ch Change) (Result, error) {
	return c.mutate(ctx, trashRequest(http.MethodDelete, ref), ch)
}

// VolumeTrashPage returns one page of the volumes in the trash of a project.
func (c *Client) VolumeTrashPage(ctx context.Context, project string, opt ListOptions) (Page[wire.TrashedVolume], error) {
	return page[wire.TrashedVolume](ctx, c, newRequest(http.MethodGet, "v1", "projects", projectOr(project), "volume-trash"), opt)
}

// ResizeVolume wishes a volume larger.
func (c *Client) ResizeVolume(ctx context.Context, ref model.Ref, size model.Bytes, ch Change) (Result, error) {
	r, err := volumeRequest(http.MethodPost, ref, "actions", "resize").json(wire.ResizeVolume{Size: size})
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// MoveVolume wishes a volume into another pool.
func (c *Client) MoveVolume(ctx context.Context, ref model.Ref, body wire.MoveVolume, ch Change) (Result, error) {
	r, err := volumeRequest(http.MethodPost, ref, "actions", "move").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// RenameVolume gives a volume another name; the VMs that use it follow.
func (c *Client) RenameVolume(ctx context.Context, ref model.Ref, name string, ch Change) (Result, error) {
	r, err := volumeRequest(http.MethodPost, ref, "actions", "rename").json(wire.Rename{Name: name})
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// Volume returns one volume.
func (c *Client) Volume(ctx context.Context, ref model.Ref) (wire.Volume, error) {
	return call[wire.Volume](ctx, c, volumeRequest(http.MethodGet, ref))
}

// Volumes goes through the volumes of a project, ordered by name.
func (c *Client) Volumes(ctx context.Context, project string, opt ListOptions) iter.Seq2[wire.Volume, error] {
	return each(opt, func(opt ListOptions) (Page[wire.Volume], error) { return c.VolumePage(ctx, project, opt) })
}

// VolumePage returns one page of the volumes of a project.
func (c *Client) VolumePage(ctx context.Context, project string, opt ListOptions) (Page[wire.Volume], error) {
	return page[wire.Volume](ctx, c, newRequest(http.MethodGet, "v1", "projects", projectOr(project), "volumes"), opt)
}

// ImportBootFile stores size bytes of r as a kernel or an initrd; a name that exists gets the new
// content. A dry run sends nothing of r. progress may be nil.
func (c *Client) ImportBootFile(ctx context.Context, ref model.Ref, kind storage.BootKind, size model.Bytes, r io.Reader, progress Progress, ch Change) (Result, error) {
	req := bootFileRequest(http.MethodPut, ref, "content")
	req.query.text("kind", string(kind))
	return c.mutate(ctx, req.content(size, r, progress), ch)
}

// DeleteBootFile wishes a kernel or an initrd away that no VM names.
func (c *Client) DeleteBootFile(ctx context.Context, ref model.Ref, ch Change) (Result, error) {
	return c.mutate(ctx, bootFileRequest(http.MethodDelete, ref), ch)
}

// BootFile returns one kernel or initrd, with the VMs that boot from it.
func (c *Client) BootFile(ctx context.Context, ref model.Ref) (wire.BootFile, error) {
	return call[wire.BootFile](ctx, c, bootFileRequest(http.MethodGet, ref))
}

// BootFiles goes through the kernels and initrds of a project, ordered by name.
func (c *Client) BootFiles(ctx context.Context, project string, opt ListOptions) iter.Seq2[wire.BootFile, error] {
	return each(opt, func(opt ListOptions) (Page[wire.BootFile], error) { return c.BootFilePage(ctx, project, opt) })
}

// BootFilePage returns one page of the kernels and initrds of a project.
func (c *Client) BootFilePage(ctx context.Context, project string, opt ListOptions) (Page[wire.BootFile], error) {
	return page[wire.BootFile](ctx, c, newRequest(http.MethodGet, "v1", "projects", projectOr(project), "boot-files"), opt)
}

// VolumeContent returns what is in a volume, as an image of a format, and how long that is. The daemon makes the image before
// it answers. It is the caller's to close.
func (c *Client) VolumeContent(ctx context.Context, ref model.Ref, format string) (io.ReadCloser, model.Bytes, error) {
	r := volumeRequest(http.MethodGet, ref, "content")
	r.header.Set("Accept", "application/octet-stream")
	r.query = query{}
	r.query.text("format", format)
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	return resp.Body, model.Bytes(resp.ContentLength), nil
}

// CheckVolume looks whether a volume's files are in order, and with repair puts in order what it can.
func (c *Client) CheckVolume(ctx context.Context, ref model.Ref, repair bool) (storage.VolumeCheck, error) {
	r := volumeRequest(http.MethodPost, ref, "actions", "check")
	r.query.flag("repair", repair)
	return call[storage.VolumeCheck](ctx, c, r)
}
