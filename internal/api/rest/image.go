package rest

import (
	"context"
	"net/http"
	"os"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Images opens the content of images.
type Images interface {
	Open(ctx context.Context, file string) (*os.File, error)
}

type importImage struct {
	InProject
	Making
	Body wire.ImportImage
}

type uploadImage struct {
	Named
	Making
	Kind      string `query:"kind" doc:"disk or iso; disk when absent"`
	Format    string `query:"format" doc:"raw keeps the bytes as they are; absent, the content says what it is"`
	File      string `query:"file" maxLength:"200" doc:"what the file is called, for people"`
	SHA256    string `query:"sha256"`
	SHA512    string `query:"sha512"`
	OS        string `query:"os"`
	Version   string `query:"version"`
	User      string `query:"user" doc:"who logs in with a key"`
	CloudInit bool   `query:"cloudInit" doc:"it configures itself by cloud-init"`
	Content   upload
}

type createImage struct {
	Named
	Changing
	Body wire.CreateImage
}

type updateImage struct {
	Named
	Changing
	AllowDowngrade bool `query:"allowDowngrade" doc:"also an older version than its source has listed before"`
}

type oneImage struct {
	ETag string `header:"ETag"`
	Body wire.Image
}

func (s *server) routeImages() {
	list[storageList, wire.Image](s, action.ImageList,
		func(in *storageList) string { return "image/" + in.Project + "/" },
		func(in *storageList) Listing { return in.Listing },
		func(ctx context.Context, in *storageList) (wire.Page, error) {
			return s.View.Images(ctx, in.Project, in.options())
		})
	handle(s, action.ImageShow, func(ctx context.Context, in *struct{ Named }) (*oneImage, error) {
		i, err := s.View.Image(ctx, in.ref())
		return &oneImage{ETag: etag(i.Metadata.Revision), Body: i}, err
	})
	change(s, action.ImageImport, func(ctx context.Context, in *importImage) (action.Result, error) {
		return s.Actions.ImportImage(ctx, in.call(ctx), in.Project, in.Body)
	})
	change(s, action.ImageUpload, func(ctx context.Context, in *uploadImage) (action.Result, error) {
		body := wire.ImportImage{Name: in.Name, ImageSpec: storage.ImageSpec{
			Kind: storage.ImageKind(in.Kind), OS: in.OS, Version: in.Version, User: in.User, CloudInit: in.CloudInit,
			Source: storage.ImageSource{Format: storage.Format(in.Format), Upload: in.File, SHA256: in.SHA256, SHA512: in.SHA512},
		}}
		return s.Actions.UploadImage(ctx, in.call(ctx), body, in.Project, in.Content.size, in.Content.reader)
	}, bytesBody)
	change(s, action.ImageCreate, func(ctx context.Context, in *createImage) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.CreateImage(ctx, call, in.ref(), in.Body)
	})
	change(s, action.ImageUpdate, func(ctx context.Context, in *updateImage) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.UpdateImage(ctx, call, in.ref(), in.AllowDowngrade)
	})
	change(s, action.ImageDelete, func(ctx context.Context, in *deletion) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.DeleteImage(ctx, call, in.ref())
	})
	handle(s, action.ImageExport, func(_ context.Context, in *struct{ Named }) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			if err := s.imageContent(w, r, in.ref()); err != nil {
				s.fail(w, r, err)
			}
		}}, nil
	}, content(http.StatusOK, "the image: qcow2, or an ISO", "application/octet-stream", &huma.Schema{Type: huma.TypeString, Format: "binary"}))
}

// imageContent sends an image's content to who may read it.
func (s *server) imageContent(w http.ResponseWriter, r *http.Request, ref model.Ref) error {
	free, err := s.place()
	if err != nil {
		return err
	}
	defer free()
	ctx, done := untilStopped(r.Context(), false)
	defer done()
	file, err := s.Actions.OpenImage(ctx, callOf(ctx), ref)
	if err != nil {
		return err
	}
	f, err := s.Images.Open(ctx, file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return sendFile(ctx, w, f)
}
