package client

import (
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
)

// SSH says which host is reached by ssh, and which daemon of it is meant.
type SSH struct {
	User   string // empty: whom ssh's own configuration names
	Host   string // a name, also one of ssh's configuration, or an address
	Port   int    // 0: ssh's own choice
	Socket string // path of the daemon's socket there; empty: the host's own daemon
	// Batch asks nobody anything: no password, no question about a key.
	Batch bool
}

// What may stand in an address. None of it begins with '-', which ssh would take for an option, and
// none of it means anything to a shell: the other side's reads the socket's path.
var (
	userName   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,252})$`)
	zoneName   = regexp.MustCompile(`^[A-Za-z0-9]{0,32}$`)
	socketPath = regexp.MustCompile(`^/[A-Za-z0-9_./-]{1,100}$`)
)

// ParseSSH reads "ssh://user@host:port/path/of/api.sock"; user, port and path may be missing.
func ParseSSH(address string) (SSH, error) {
	var s SSH
	rest, ok := strings.CutPrefix(address, "ssh://")
	if !ok {
		return s, bad("it does not begin with ssh://")
	}
	if at := strings.IndexByte(rest, '/'); at >= 0 {
		if rest, s.Socket = rest[:at], rest[at:]; s.Socket == "/" {
			s.Socket = ""
		}
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		s.User, rest = rest[:at], rest[at+1:]
		if strings.Contains(s.User, ":") { // not printed: it may be a password
			return s, bad("there is a ':' in the user's name; a password does not belong there, ssh asks for it")
		}
		if !userName.MatchString(s.User) {
			return s, bad("%q is no user's name", s.User)
		}
	}
	host, port, err := hostPort(rest)
	if err != nil {
		return s, err
	}
	s.Host, s.Port = host, port
	if s.Socket != "" && (!socketPath.MatchString(s.Socket) || path.Clean(s.Socket) != s.Socket) {
		return s, bad("%q is no path of a socket that can be named over ssh", s.Socket)
	}
	return s, nil
}

func hostPort(text string) (host string, port int, err error) {
	host = text
	if inner, after, ok := strings.Cut(strings.TrimPrefix(text, "["), "]"); strings.HasPrefix(text, "[") && ok {
		addr, wrong := netip.ParseAddr(inner)
		if wrong != nil || !addr.Is6() || !zoneName.MatchString(addr.Zone()) {
			return "", 0, bad("%q is no IPv6 address", inner)
		}
		if after != "" && after[0] != ':' {
			return "", 0, bad("%q stands behind the address", after)
		}
		host, text = inner, after
	} else if at := strings.LastIndexByte(text, ':'); at >= 0 {
		host = text[:at]
	}
	if at := strings.LastIndexByte(text, ':'); at >= 0 {
		if port, err = strconv.Atoi(text[at+1:]); err != nil || port < 1 || port > 65535 || text[at+1] == '+' {
			return "", 0, bad("%q is no port", text[at+1:])
		}
	}
	if _, wrong := netip.ParseAddr(host); wrong != nil && !hostName.MatchString(host) {
		return "", 0, bad("%q is no host's name", host)
	}
	return host, port, nil
}

func bad(format string, args ...any) error {
	return fault.New(fault.Invalid, "no address of a host over SSH: "+format, args...).Try("ssh://user@host, or ssh://user@host:2222")
}

// String is the address as it is written in HV_HOST.
func (s SSH) String() string {
	var b strings.Builder
	b.WriteString("ssh://")
	if s.User != "" {
		b.WriteString(s.User + "@")
	}
	if strings.Contains(s.Host, ":") {
		b.WriteString("[" + s.Host + "]")
	} else {
		b.WriteString(s.Host)
	}
	if s.Port != 0 {
		b.WriteString(":" + strconv.Itoa(s.Port))
	}
	b.WriteString(s.Socket)
	return b.String()
}

// words are the arguments by which ssh is called: options, where to, and what to run there.
func (s SSH) words(options ...string) []string {
	// No terminal there; nothing of the user's that belongs to a login of his: agent, display, tunnels.
	words := []string{"-T", "-a", "-x", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none",
		"-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15"}
	words = append(words, options...)
	if s.Batch {
		words = append(words, "-o", "BatchMode=yes")
	}
	if s.Port != 0 {
		words = append(words, "-p", strconv.Itoa(s.Port))
	}
	if s.User != "" {
		words = append(words, "-l", s.User)
	}
	words = append(words, "--", s.Host, "hv", "proxy")
	if s.Socket != "" {
		words = append(words, s.Socket)
	}
	return words
}
