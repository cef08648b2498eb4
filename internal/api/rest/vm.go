package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

type vmList struct {
	InProject
	Listing
}

type createVM struct {
	InProject
	Making
	Body vm.Definition
}

type editVM struct {
	Named
	Changing
	RawBody []byte `contentType:"application/merge-patch+json"`
}

type renameVM struct {
	Named
	Changing
	Body wire.Rename
}

type cloneVM struct {
	Named
	Changing
	Body wire.CloneVM
}

type deleteVM struct {
	Named
	Changing
	Force   bool `query:"force" doc:"also when it runs"`
	Volumes bool `query:"volumes" doc:"its volumes too"`
}

type powerVM struct {
	Named
	Changing
	Body *wire.VerbOptions
}

type changeMedium struct {
	Named
	Changing
	Body wire.MediumOptions
}

type oneVM struct {
	ETag string `header:"ETag"`
	Body wire.VM
}

func (s *server) routeVMs() {
	list[vmList, wire.VMSummary](s, action.VMList,
		func(in *vmList) string { return "vm/" + in.Project + "/" },
		func(in *vmList) Listing { return in.Listing },
		func(ctx context.Context, in *vmList) (wire.Page, error) {
			return s.View.VMs(ctx, in.Project, in.options())
		})
	handle(s, action.VMShow, func(ctx context.Context, in *struct{ Named }) (*oneVM, error) {
		v, err := s.View.VM(ctx, in.ref())
		return &oneVM{ETag: etag(v.Metadata.Revision), Body: v}, err
	})
	change(s, action.VMCreate, func(ctx context.Context, in *createVM) (action.Result, error) {
		return s.Actions.CreateVM(ctx, in.call(ctx), in.Project, in.Body)
	})
	change(s, action.VMEdit, func(ctx context.Context, in *editVM) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.EditVM(ctx, call, in.ref(), in.RawBody)
	}, unchecked)
	s.describeBody(action.VMEdit, "a merge patch (RFC 7386) of the VM's definition", "application/merge-patch+json", schemaOf[vm.Definition](s))
	change(s, action.VMRename, func(ctx context.Context, in *renameVM) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.RenameVM(ctx, call, in.ref(), in.Body.Name)
	})
	change(s, action.VMClone, func(ctx context.Context, in *cloneVM) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.CloneVM(ctx, call, in.ref(), in.Body)
	})
	change(s, action.VMDelete, func(ctx context.Context, in *deleteVM) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.DeleteVM(ctx, call, in.ref(), wire.VerbOptions{Force: in.Force, Volumes: in.Volumes})
	})
	change(s, action.VMCDROM, func(ctx context.Context, in *changeMedium) (action.Result, error) {
		call, err := in.call(ctx)
		if err != nil {
			return action.Result{}, err
		}
		return s.Actions.ChangeMedium(ctx, call, in.ref(), in.Body)
	})
	for _, row := range []action.Row{action.VMStart, action.VMStop, action.VMKill, action.VMPause, action.VMResume, action.VMSuspend, action.VMReboot, action.VMReset} {
		change(s, row, func(ctx context.Context, in *powerVM) (action.Result, error) {
			call, err := in.call(ctx)
			if err != nil {
				return action.Result{}, err
			}
			var opt wire.VerbOptions
			if in.Body != nil {
				opt = *in.Body
			}
			return s.Actions.PowerVM(ctx, call, row, in.ref(), opt)
		})
	}
}

// unchecked leaves a body to its action, which reads it in its own strict way.
func unchecked(op *huma.Operation) { op.SkipValidateBody = true }

// describeBody says what a body is that is left to its action.
func (s *server) describeBody(row action.Row, what, mediaType string, schema *huma.Schema) {
	item := s.api.OpenAPI().Paths[row.Path()]
	op := map[string]*huma.Operation{http.MethodPatch: item.Patch, http.MethodPut: item.Put}[row.Method()]
	op.RequestBody = &huma.RequestBody{Description: what, Required: true, Content: map[string]*huma.MediaType{mediaType: {Schema: schema}}}
}
