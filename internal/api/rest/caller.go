package rest

import (
	"context"
	"net/http"
	"os/user"
	"strconv"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// The keys of what travels in a request's context.
type (
	peerKey    struct{} // uint32: the uid at the other end of the connection
	callKey    struct{} // action.Call
	requestKey struct{} // string: the request's ID
	lifeKey    struct{} // *life
)

// withPeer notes who is at the other end.
func withPeer(ctx context.Context, uid uint32) context.Context {
	return context.WithValue(ctx, peerKey{}, uid)
}

// callOf is who asks, as an action is told.
func callOf(ctx context.Context) action.Call {
	call, _ := ctx.Value(callKey{}).(action.Call)
	return call
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// identified lets in whose identity is known.
func (s *server) identified(next http.Handler) http.Handler {
	names := &logins{known: map[uint32]login{}, lookup: user.LookupId, now: time.Now}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uid, ok := r.Context().Value(peerKey{}).(uint32)
		if !ok {
			s.fail(w, r, fault.New(fault.Unauthenticated, "nobody knows who is calling").WithCode(wire.CodeNoIdentity).
				Try("speak to the daemon's unix socket, which knows its peers"))
			return
		}
		call := action.Call{Actor: operation.Actor{UID: uid, Name: names.of(uid), Via: "socket"}, Root: uid == 0}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, call)))
	})
}

// logins remembers login names for a while: one lookup reads all of /etc/passwd.
type logins struct {
	lookup func(uid string) (*user.User, error)
	now    func() time.Time

	mu    sync.Mutex
	known map[uint32]login
}

type login struct {
	name  string
	until time.Time
}

const (
	loginTTL  = time.Minute
	maxLogins = 1024
)

// of is the login name of a uid; empty where there is none.
func (l *logins) of(uid uint32) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if have, ok := l.known[uid]; ok && now.Before(have.until) {
		return have.name
	}
	name := ""
	if u, err := l.lookup(strconv.FormatUint(uint64(uid), 10)); err == nil {
		name = u.Username
	}
	if len(l.known) >= maxLogins {
		clear(l.known)
	}
	l.known[uid] = login{name: name, until: now.Add(loginTTL)}
	return name
}
