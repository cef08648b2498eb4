#!/bin/bash
# Prints the licences of what is linked into the three programs and is not ours: each asks to go along.
# usage: packaging/licences.sh ARCH
set -euo pipefail
cd "$(dirname "$0")/.."

echo "Hyper-NixOS' programs contain the Go standard library and the modules below, each under its own licence."
printf '\n== Go %s\n\n' "$(go env GOVERSION | sed 's/^go//')"
cat "$(go env GOROOT)/LICENSE"
CGO_ENABLED=0 GOOS=linux GOARCH=$1 go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' \
	./cmd/hv ./cmd/hvd ./cmd/hv-helper | LC_ALL=C sort -u | while read -r path version dir; do
	printf '\n== %s %s\n' "$path" "$version"
	found=
	for licence in "$dir"/LICEN[SC]E* "$dir"/COPYING* "$dir"/NOTICE*; do
		[[ -f $licence ]] || continue
		echo
		cat "$licence"
		found=yes
	done
	[[ -n $found ]] || { echo "licences: $path has no licence file" >&2 && exit 1; }
done
