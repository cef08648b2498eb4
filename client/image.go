package client

import (
	"context"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func imageRequest(method string, ref model.Ref, more ...string) *request {
	ref = inProject(ref)
	return newRequest(method, append([]string{"v1", "projects", ref.Project, "images", ref.Name}, more...)...)
}

// ImportImage has the daemon fetch an image into the library.
func (c *Client) ImportImage(ctx context.Context, project string, body wire.ImportImage, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "projects", projectOr(project), "images").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// UploadImage sends size bytes of r, of which an image is made. A dry run sends nothing of r. progress may be nil.
func (c *Client) UploadImage(ctx context.Context, ref model.Ref, spec storage.ImageSpec, size model.Bytes, r io.Reader, progress Progress, ch Change) (Result, error) {
	req := imageRequest(http.MethodPut, ref, "content")
	req.query.text("kind", string(spec.Kind))
	req.query.text("format", string(spec.Source.Format))
	req.query.text("file", spec.Source.Upload)
	req.query.text("sha256", spec.Source.SHA256)
	req.query.text("sha512", spec.Source.SHA512)
	req.query.text("os", spec.OS)
	req.query.text("version", spec.Version)
	req.query.text("user", spec.User)
	if spec.CloudInit {
		req.query.text("cloudInit", "true")
	}
	return c.mutate(ctx, req.content(size, r, progress), ch)
}

// UpdateImage wishes for the newest version of an image.
func (c *Client) UpdateImage(ctx context.Context, ref model.Ref, allowDowngrade bool, ch Change) (Result, error) {
	r := imageRequest(http.MethodPost, ref, "actions", "update")
	r.query.flag("allowDowngrade", allowDowngrade)
	return c.mutate(ctx, r, ch)
}

// AddImageSource notes a place that lists images.
func (c *Client) AddImageSource(ctx context.Context, body wire.AddImageIndex, ch Change) (Result, error) {
	r, err := newRequest(http.MethodPost, "v1", "image-sources").json(body)
	if err != nil {
		return Result{}, err
	}
	return c.mutate(ctx, r, ch)
}

// RemoveImageSource forgets a place that lists images.
func (c *Client) RemoveImageSource(ctx context.Context, name string, ch Change) (Result, error) {
	return c.mutate(ctx, newRequest(http.MethodDelete, "v1", "image-sources", name), ch)
}

// ImageSourcePage returns one page of the places that list images.
func (c *Client) ImageSourcePage(ctx context.Context, opt ListOptions) (Page[wire.ImageIndex], error) {
	return page[wire.ImageIndex](ctx, c, newRequest(http.MethodGet, "v1", "image-sources"), opt)
}

// ImageOffers asks a source which images it lists: those that have every word.
func (c *Client) ImageOffers(ctx context.Context, source string, words ...string) (wire.ImageOffers, error) {
	r := newRequest(http.MethodGet, "v1", "image-sources", source, "offers")
	r.query.text("words", strings.Join(words, " "))
	return call[wire.ImageOffers](ctx, c, r)
}

// DeleteImage wishes an image away that no volume stands on.
func (c *Client) DeleteImage(ctx context.Context, ref model.Ref, ch Change) (Result, error) {
	return c.mutate(ctx, imageRequest(http.MethodDelete, ref), ch)
}

// Image returns one image.
func (c *Client) Image(ctx context.Context, ref model.Ref) (wire.Image, error) {
	return call[wire.Image](ctx, c, imageRequest(http.MethodGet, ref))
}

// Images goes through the images of a project, ordered by name.
func (c *Client) Images(ctx context.Context, project string, opt ListOptions) iter.Seq2[wire.Image, error] {
	return each(opt, func(opt ListOptions) (Page[wire.Image], error) { return c.ImagePage(ctx, project, opt) })
}

// ImagePage returns one page of the images of a project.
func (c *Client) ImagePage(ctx context.Context, project string, opt ListOptions) (Page[wire.Image], error) {
	return page[wire.Image](ctx, c, newRequest(http.MethodGet, "v1", "projects", projectOr(project), "images"), opt)
}

// ImageContent returns the content of an image, qcow2 or an ISO, and how long it is. One that is cut off ends with an
// error.
func (c *Client) ImageContent(ctx context.Context, ref model.Ref) (io.ReadCloser, model.Bytes, error) {
	r := imageRequest(http.MethodGet, ref, "content")
	r.header.Set("Accept", "application/octet-stream")
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	return resp.Body, model.Bytes(resp.ContentLength), nil
}
