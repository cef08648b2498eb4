package rest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// stream answers by handing the connection over to one of a VM's.
func (s *server) stream(protocol string, ref model.Ref, may func(context.Context, action.Call, model.Ref) error,
	connect func(context.Context) (io.ReadWriteCloser, error),
) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		if err := s.handOver(w, r, protocol, ref, may, connect); err != nil {
			s.fail(w, r, err)
		}
	}}
}

// handOver asks whether the caller may, connects, and carries bytes until one side ends. Errors are those from
// before that.
func (s *server) handOver(w http.ResponseWriter, r *http.Request, protocol string, ref model.Ref,
	may func(context.Context, action.Call, model.Ref) error, connect func(context.Context) (io.ReadWriteCloser, error),
) error {
	free, err := s.place()
	if err != nil {
		return err
	}
	defer free()
	ctx, done := untilStopped(r.Context(), true)
	defer done()
	if err := may(ctx, callOf(ctx), ref); err != nil {
		return err
	}
	line, err := connect(ctx)
	if err != nil {
		return err
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = line.Close()
		return fault.New(fault.Internal, "the connection cannot be taken over").Because(err)
	}
	if rec, ok := w.(*recorder); ok {
		rec.status = http.StatusSwitchingProtocols
	}
	join(ctx, conn, buffered, line, protocol, requestID(ctx))
	return nil
}

// join carries bytes both ways until ctx or either side ends, and then ends both.
func join(ctx context.Context, conn net.Conn, buffered *bufio.ReadWriter, line io.ReadWriteCloser, protocol, id string) {
	end := func() {
		_ = line.Close()
		_ = conn.Close()
	}
	stop := context.AfterFunc(ctx, end)
	typed := make(chan struct{})
	_ = conn.SetDeadline(time.Time{})
	_, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nX-Request-Id: %s\r\n\r\n", protocol, id)
	go func() {
		defer close(typed)
		if err == nil {
			_, _ = io.Copy(line, buffered.Reader) // ends with either side, which is no error
		}
		end()
	}()
	_, _ = io.Copy(conn, line)
	end()
	<-typed
	stop()
}
