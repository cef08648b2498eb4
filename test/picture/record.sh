#!/bin/bash
# Records docs/pictures/first-vm.txt: a first VM, as hv prints it on a terminal of 96 columns. Then:
#   go test ./test/picture -update
# It needs a daemon without a VM "first" (make run, then hv vm delete --force first; hv volume delete first-data)
# that has the boot files of examples/first-vm.nix, and hv in PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."

session() {
	between=
	stty cols 96 rows 60
	try hv config check examples/home-lab.nix
	try hv volume create first-data --size 64MiB
	try hv vm create -f examples/first-vm.nix
	try hv vm start first
	try hv vm list
	try hv vm console first --until guest#
}

try() { # shows a command as one would type it, and runs it
	printf '%s\e[1m$ %s\e[0m\n' "$between" "$*"
	"$@"
	between=$'\n'
}

if [[ ${1:-} == session ]]; then
	session
else
	script -qec "$0 session" /dev/null </dev/null >docs/pictures/first-vm.txt
fi
