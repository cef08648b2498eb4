package rest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// life is what a request knows of the server that it came by.
type life struct {
	stopping context.Context // ends when the server goes down: streams end with it
	hijacked sync.WaitGroup  // connections that the server knows no more
}

// Serve answers on l until ctx ends: then streams and consoles end, what else is under way gets a few
// seconds to, and Serve returns nil once no goroutine of it is left. Who calls is asked of the
// kernel; connections that are not of a unix socket have no identity.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	stopping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	alive := &life{stopping: stopping}
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaders,
		IdleTimeout:       idle,
		MaxHeaderBytes:    maxHeader,
		// "OPTIONS *" is not ours to answer with 200.
		DisableGeneralOptionsHandler: true,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), lifeKey{}, alive)
		},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if uid, ok := peer(c); ok {
				return withPeer(ctx, uid)
			}
			return ctx
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(bounded(l)) }()
	select {
	case err := <-ended:
		return fault.Wrap(err, "the API's socket broke")
	case <-ctx.Done():
	}
	stop()
	err := shut(srv)
	if broke := <-ended; !errors.Is(broke, http.ErrServerClosed) {
		err = errors.Join(err, broke)
	}
	alive.hijacked.Wait()
	return err
}

// shut takes no connection more and lets requests end, those that cannot within drain by force.
func shut(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	return fault.Wrap(err, "the API did not end in order")
}

// errStops is why what lasts ends with the server.
var errStops = fault.New(fault.Unavailable, "the daemon goes down")

// untilStopped returns ctx, ended also by the server's going down. hijacked says that the request
// takes its connection out of the server's hands.
func untilStopped(ctx context.Context, hijacked bool) (_ context.Context, done func()) {
	alive, ok := ctx.Value(lifeKey{}).(*life)
	if !ok {
		return context.WithCancel(ctx)
	}
	ctx, stop := context.WithCancelCause(ctx)
	release := context.AfterFunc(alive.stopping, func() { stop(errStops) })
	cancel := func() { stop(nil) }
	if !hijacked {
		return ctx, func() { release(); cancel() }
	}
	alive.hijacked.Add(1)
	return ctx, func() { release(); cancel(); alive.hijacked.Done() }
}

// reading gives a connection the time in which something must come. Writers in tests have none.
func reading(rc *http.ResponseController) { _ = rc.SetReadDeadline(time.Now().Add(stall)) }

// read takes that time back.
func read(rc *http.ResponseController) { _ = rc.SetReadDeadline(time.Time{}) }

// writing gives a connection the time in which what is written next must go.
func writing(rc *http.ResponseController) { _ = rc.SetWriteDeadline(time.Now().Add(stall)) }

// written takes that time back: the connection may serve another request.
func written(rc *http.ResponseController) { _ = rc.SetWriteDeadline(time.Time{}) }
