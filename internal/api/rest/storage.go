package rest

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type storageList struct {
	InProject
	Listing
}

type createVolume struct {
	InProject
	Making
	Body wire.CreateVolume
}

type importVolume struct {
	Named
	Making
	Format  string `query:"format" doc:"raw or qcow2; raw when absent, never guessed"`
	Pool    string `query:"pool"`
	Labels  string `query:"labels" maxLength:"8192" doc:"tier=web,env=test"`
	Key     string `query:"encryption" doc:"the key that it is encrypted with, or none; key default where there is one, when absent"`
	Content upload
}

type resizeVolume struct {
	Named
	Changing
	Body wire.ResizeVolume
}

type moveVolume struct {
	Named
	Changing
	Body wire.MoveVolume
}

type renamed struct {
	Named
	Changing
	Body wire.Rename
}

type importBootFile struct {
	Named
	Making
	Kind    string `query:"kind" required:"true" doc:"kernel or initrd"`
	Content upload
}

type deleteVolume struct {
	Named
	Changing
	Now bool `query:"now" doc:"for ever and at once: not into the trash"`
}

type restoreVolume struct {
	Named
	Changing
	Body *wire.Rename
}

type deletion struct {
	Named
	Changing
}

type cloneVolume struct {
	Named
	Changing
	Body wire.CloneVolume
}

type oneVolume struct {
	ETag string `header:"ETag"`
	Body wire.Volume
}

type oneBootFile struct {
	ETag string `header:"ETag"`
	Body wire.BootFile
}

func (s *server) routeVolumes() {
	list[storageList, wire.Volume](s, action.VolumeList,
		func(in *storageList) string { return "volume/" + in.Project + "/" },
		func(in *storageList) Listing { return in.Listing },
		func(ctx context.Context, in *storageList) (wire.Page, error) {
			return s.View.Volumes(ctx, in.Project, in.options())
		})
	handle(s, action.VolumeShow, func(ctx context.Context, in *struct{ Named }) (*oneVolume, error) {
		v, err := s.View.Volume(ctx, in.ref())
		return &oneVolume{ETag: etag(v.Metadata.Revision), Body: v}, err
	})
	change(s, action.VolumeCreate, func(ctx context.Context, in *createVolume) (action.Result, error) {
		return s.Actions.CreateVolume(ctx, in.call(ctx), in.Project, in.Body)
	})
	change(s, action.VolumeImport, func(ctx context.Context, in *importVolume) (action.Result, error) {
		labels, err := parseLabels(in.Labels)
		if err != nil {
			return action.Result{}, err
		}
		body := wire.CreateVolume{
			Name: in.Name, Labels: labels, VolumeSpec: storage.VolumeSpec{Pool: in.Pool, Format: storage.Format(in.Format), Encryption: in.Key},
		}
		return s.Actions.ImportVolume(ctx, in.call(ctx), in.Project, body, in.Content.size, in.Content.reader)
	}, bytesBody)
	change(s, action.VolumeClone, func(ctx context.Context, in *cloneVolume) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.CloneVolume(ctx, call, in.ref(), in.Body)
	})
	change(s, action.VolumeDelete, func(ctx context.Context, in *deleteVolume) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.DeleteVolume(ctx, call, in.ref(), in.Now)
	})
}

func (s *server) routeVolumeChanges() {
	change(s, action.VolumeMove, func(ctx context.Context, in *moveVolume) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.MoveVolume(ctx, call, in.ref(), in.Body)
	})
	change(s, action.VolumeResize, func(ctx context.Context, in *resizeVolume) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.ResizeVolume(ctx, call, in.ref(), in.Body.Size)
	})
	change(s, action.VolumeRename, func(ctx context.Context, in *renamed) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.RenameVolume(ctx, call, in.ref(), in.Body.Name)
	})
}

func (s *server) routeVolumeTrash() {
	list[storageList, wire.TrashedVolume](s, action.VolumeTrash,
		func(in *storageList) string { return "trash/" + in.Project + "/" },
		func(in *storageList) Listing { return in.Listing },
		func(ctx context.Context, in *storageList) (wire.Page, error) {
			return s.View.VolumeTrash(ctx, in.Project, in.options())
		})
	change(s, action.VolumeRestore, func(ctx context.Context, in *restoreVolume) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		name := ""
		if in.Body != nil {
			name = in.Body.Name
		}
		return s.Actions.RestoreVolume(ctx, call, in.ref(), name)
	})
	change(s, action.VolumePurge, func(ctx context.Context, in *deletion) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.PurgeVolume(ctx, call, in.ref())
	})
}

func (s *server) routeBootFiles() {
	list[storageList, wire.BootFile](s, action.BootFileList,
		func(in *storageList) string { return "boot-file/" + in.Project + "/" },
		func(in *storageList) Listing { return in.Listing },
		func(ctx context.Context, in *storageList) (wire.Page, error) {
			return s.View.BootFiles(ctx, in.Project, in.options())
		})
	handle(s, action.BootFileShow, func(ctx context.Context, in *struct{ Named }) (*oneBootFile, error) {
		f, err := s.View.BootFile(ctx, in.ref())
		return &oneBootFile{ETag: etag(f.Metadata.Revision), Body: f}, err
	})
	change(s, action.BootFileImport, func(ctx context.Context, in *importBootFile) (action.Result, error) {
		return s.Actions.ImportBootFile(ctx, in.call(ctx), in.ref(), storage.BootKind(in.Kind), in.Content.size, in.Content.reader)
	}, bytesBody)
	change(s, action.BootFileDelete, func(ctx context.Context, in *deletion) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.DeleteBootFile(ctx, call, in.ref())
	})
}

// bytesBody describes a body that is content. huma does not read it: the action does.
func bytesBody(op *huma.Operation) {
	op.RequestBody = &huma.RequestBody{
		Required: true, Description: "the content; Content-Length is needed",
		Content: map[string]*huma.MediaType{"application/octet-stream": {}},
	}
}
