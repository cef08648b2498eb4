package wire

import (
	"net/http"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// The codes of what goes wrong on the way to an action and back. They are stable.
const (
	CodeInvalid     = "HV-API-001" // a parameter or a body that does not fit its schema
	CodeNoIdentity  = "HV-API-002" // nobody knows who is calling
	CodeChanged     = "HV-API-003" // If-Match names a revision that is no more
	CodeTooOld      = "HV-API-004" // events cannot be followed from that revision
	CodeTooLarge    = "HV-API-005" // a body or a header beyond its bound
	CodeNoLength    = "HV-API-006" // an import without Content-Length
	CodeNoRoute     = "HV-API-007" // no such path, or no such method there
	CodeNoUpgrade   = "HV-API-008" // a console without "Upgrade: hv-console"
	CodeInternal    = "HV-API-009" // our mistake; the log has it under the request's ID
	CodeUnreadable  = "HV-API-010" // a body that is not what its type says
	CodeStopping    = "HV-API-011" // the daemon is going down
	CodeNotAccepted = "HV-API-012" // an Accept or Content-Type that this path does not speak
	CodeTooMany     = "HV-API-013" // more streams than one daemon serves
)

// The codes of what goes wrong before anybody answers.
const (
	CodeNoDaemon  = "HV-NET-001" // nothing listens
	CodeNoEntry   = "HV-NET-002" // something listens, and does not let this user in
	CodeCutOff    = "HV-NET-003" // the connection broke while a request was under way
	CodeStrangers = "HV-NET-004" // something listens that does not speak this API
	CodeNoSSH     = "HV-NET-005" // a host over SSH, and no ssh here
	CodeNoHost    = "HV-NET-006" // ssh does not reach the host
	CodeNoLogin   = "HV-NET-007" // ssh is not let in, or does not trust who answers
	CodeNoProxy   = "HV-NET-008" // ssh is let in, and there is no hv
)

// ConsoleProtocol is the name in Upgrade by which a connection becomes a VM's serial line.
const ConsoleProtocol = "hv-console"

// VNCProtocol is the name in Upgrade by which a connection becomes one viewer's of a VM's screen: RFB, RFC 6143.
const VNCProtocol = "hv-vnc"

// statuses is the one table between kinds and statuses, read both ways.
var statuses = map[fault.Kind]int{
	fault.Unreadable:      http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Denied:          http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Precondition:    http.StatusPreconditionFailed,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Exhausted:       http.StatusInsufficientStorage,
	fault.Unavailable:     http.StatusServiceUnavailable,
	fault.Internal:        http.StatusInternalServerError,
}

// others are the statuses that HTTP has beyond one a kind.
var others = map[int]fault.Kind{
	http.StatusMethodNotAllowed:            fault.NotFound,
	http.StatusNotAcceptable:               fault.Invalid,
	http.StatusRequestTimeout:              fault.Unavailable,
	http.StatusGone:                        fault.Precondition,
	http.StatusLengthRequired:              fault.Invalid,
	http.StatusRequestEntityTooLarge:       fault.Exhausted,
	http.StatusUnsupportedMediaType:        fault.Invalid,
	http.StatusUpgradeRequired:             fault.Precondition,
	http.StatusTooManyRequests:             fault.Exhausted,
	http.StatusRequestHeaderFieldsTooLarge: fault.Exhausted,
	http.StatusBadGateway:                  fault.Unavailable,
	http.StatusGatewayTimeout:              fault.Unavailable,
}

// StatusOf returns the HTTP status of a kind.
func StatusOf(k fault.Kind) int {
	if s, ok := statuses[k]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// KindOf returns the kind that an HTTP status stands for; Internal for one that no problem has.
func KindOf(status int) fault.Kind {
	for k, s := range statuses {
		if s == status {
			return k
		}
	}
	if k, ok := others[status]; ok {
		return k
	}
	return fault.Internal
}
