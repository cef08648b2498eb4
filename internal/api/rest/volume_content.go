package rest

import (
	"context"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Volumes makes files of what is in volumes.
type Volumes interface {
	// Export returns a file that goes with its last descriptor.
	Export(ctx context.Context, v storage.Volume, format string) (*os.File, error)
	// Check looks whether its files are in order, and with repair puts in order what it can of that which is written to.
	Check(ctx context.Context, v storage.Volume, repair bool) (storage.VolumeCheck, error)
}

type checkVolume struct {
	Named
	Repair bool `query:"repair" doc:"put in order what can be"`
}

type volumeCheck struct{ Body storage.VolumeCheck }

type volumeContent struct {
	Named
	Format string `query:"format" doc:"raw, qcow2, vmdk, vmdk-stream (streamOptimized) or vhdx; qcow2 when absent"`
}

func (s *server) routeVolumeContent() {
	handle(s, action.VolumeCheck, func(ctx context.Context, in *checkVolume) (*volumeCheck, error) {
		var v storage.Volume
		var out volumeCheck
		over := func() {}
		defer func() { over() }()
		err := s.asked(ctx, func(ctx context.Context) (err error) {
			var done func()
			if v, done, err = s.Actions.OpenCheck(ctx, callOf(ctx), in.ref(), in.Repair); err == nil {
				over = done
			}
			return err
		}, func(ctx context.Context) (err error) {
			if out.Body, err = s.Volumes.Check(ctx, v, in.Repair); err == nil {
				out.Body, err = s.Actions.Checked(ctx, v, out.Body)
			}
			return err
		})
		return &out, err
	})
	handle(s, action.VolumeExport, func(_ context.Context, in *volumeContent) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			if err := s.volumeContent(w, r, in.ref(), in.Format); err != nil {
				s.fail(w, r, err)
			}
		}}, nil
	}, content(http.StatusOK, "the volume as an image", "application/octet-stream", &huma.Schema{Type: huma.TypeString, Format: "binary"}))
}

// volumeContent sends a volume's content to who may read it. Nothing is sent before all of it is converted.
func (s *server) volumeContent(w http.ResponseWriter, r *http.Request, ref model.Ref, format string) error {
	free, err := s.place()
	if err != nil {
		return err
	}
	defer free()
	ctx, stop := untilStopped(r.Context(), false)
	defer stop()
	v, done, err := s.Actions.OpenVolume(ctx, callOf(ctx), ref, format)
	if err != nil {
		return err
	}
	f, err := func() (*os.File, error) {
		defer done() // what is sent is a copy
		return s.Volumes.Export(ctx, v, format)
	}()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return sendFile(ctx, w, f)
}

// sendFile sends what is in a file, as long as somebody takes it.
func sendFile(ctx context.Context, w http.ResponseWriter, f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	defer written(rc)
	for sent := int64(0); sent < size && ctx.Err() == nil; {
		writing(rc)
		n, err := io.CopyN(w, f, min(size-sent, 4<<20))
		if sent += n; err != nil {
			return nil // one that is cut off is shorter than was said
		}
	}
	return nil
}
