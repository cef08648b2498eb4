#!/bin/sh
# Builds golangci-lint from tools/go.mod once and prints the path of the program.
# The cache key is what the result depends on: the pinned modules and the compiler.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$("$root/scripts/cache-dir.sh")
key=$({ cat "$root/tools/go.mod" "$root/tools/go.sum"; cd "$root" && go env GOVERSION GOOS GOARCH; } | sha256sum | cut -c1-16)
dir=$cache/tools/$key
program=$dir/golangci-lint

if [ ! -x "$program" ]; then
	mkdir -p "$dir"
	# Two builds at once may both come here; each writes its own file and the last rename wins.
	fresh=$program.$$
	trap 'rm -f "$fresh"' EXIT INT TERM
	echo "building golangci-lint (about 6 minutes, once for each version)" >&2
	(cd "$root/tools" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off go build -trimpath -ldflags='-s -w' -o "$fresh" \
		github.com/golangci/golangci-lint/v2/cmd/golangci-lint) >&2
	mv "$fresh" "$program"
fi
echo "$program"
