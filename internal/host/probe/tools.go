package probe

import (
	"errors"
	"io/fs"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// The places of programs are fixed: what would be found on somebody's PATH is not what hv-helper starts.
const (
	passtPath = "usr/bin/passt"
	nginxPath = "usr/sbin/nginx"
	nftPath   = "usr/sbin/nft"
)

func tools(root fs.FS, f *host.Facts) {
	f.Passt, f.Nginx, f.NFT = tool(root, passtPath), tool(root, nginxPath), tool(root, nftPath)
}

// tool says whether a program is there. Its version would take running it, which reading facts never does.
func tool(root fs.FS, path string) *host.Tool {
	info, err := fs.Stat(root, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &host.Tool{Why: "/" + path + " is not installed"}
	case err != nil:
		return &host.Tool{Why: "cannot look at /" + path + ": " + err.Error()}
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return &host.Tool{Path: "/" + path, Why: "/" + path + " is no program"}
	}
	return &host.Tool{Path: "/" + path}
}
