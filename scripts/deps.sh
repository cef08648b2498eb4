#!/bin/bash
# Installs what make run (deps.sh run), make test (deps.sh test) or make lab (deps.sh lab) needs and this machine
# lacks: Debian 12 and 13. It names what it installs, asks nothing, and needs no network when nothing is missing.
set -euo pipefail

# What is only read (the guest's kernel and busybox) is downloaded by test/guest and not installed.
run=(ca-certificates git make passt qemu-system-x86 qemu-utils util-linux xz-utils)
test=("${run[@]}" btrfs-progs e2fsprogs gcc ipxe-qemu iproute2 libc6-dev mmdebstrap nix-bin openssh-client openssh-server ovmf pciutils qemu-system-arm shellcheck strace swtpm xfsprogs)
lab=("${run[@]}" e2fsprogs mmdebstrap)

case ${1:-run} in
run) wanted=("${run[@]}") ;;
test) wanted=("${test[@]}") ;;
lab) wanted=("${lab[@]}") ;;
*) echo "usage: scripts/deps.sh run|test|lab" >&2 && exit 2 ;;
esac

fail() {
	echo "deps: $*" >&2
	exit 1
}

# Go may be any that can fetch the toolchain of go.mod; GOTOOLCHAIN=local asks for its own version.
check_go() {
	command -v go >/dev/null || fail "Go is not installed, or not in PATH: install Go 1.26, or any from 1.21 on, from https://go.dev/dl"
	local version minor
	version=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
	minor=${version#go1.}
	minor=${minor%%[!0-9]*}
	[[ $version != go1.* || ${minor:-0} -ge 21 ]] || fail "Go ${version#go} is too old: install Go 1.26, or any from 1.21 on (it fetches 1.26 by itself)"
	(cd "$(dirname "$0")/.." && go version >/dev/null) || fail "Go ${version#go} could not fetch the toolchain that go.mod names: install Go 1.26"
}

installed() {
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

as_root() {
	if [[ $EUID -eq 0 ]]; then
		"$@"
	elif ! command -v sudo >/dev/null; then
		fail "needs root for: $* (run as root, or install sudo)"
	elif [[ -t 0 ]] || sudo -n true 2>/dev/null; then
		sudo "$@"
	else
		fail "needs root for: $* (sudo wants a password, and there is no terminal to ask)"
	fi
}

# apt is silent when all goes well, and tells everything when not.
apt() {
	local said status=0
	said=$(as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null 2>&1) || status=$?
	[[ $status -eq 0 ]] || echo "$said" >&2
	return "$status"
}

check_go
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	fail "this is not Debian: install ${wanted[*]} by your system's means, then: make build"
fi
# shellcheck source=/dev/null
case $(. /etc/os-release && echo "$ID $VERSION_ID") in
"debian 12" | "debian 13") ;;
*) echo "deps: made for Debian 12 and 13; trying all the same" >&2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
	installed "$package" || missing+=("$package")
done

# The guest is made for the kernel that apt's lists name, so they must be there even if nothing is missing.
fresh=
if ! apt-cache show --no-all-versions linux-image-cloud-amd64 >/dev/null 2>&1; then
	echo "deps: fetching the package lists" >&2
	if apt update; then
		fresh=yes
	else
		echo "deps: apt-get update failed; going on with what is here" >&2
	fi
fi
[[ ${#missing[@]} -gt 0 ]] || exit 0

echo "deps: installing ${missing[*]}" >&2
# Old lists name versions that the mirror has dropped: one update, then once more.
if ! apt install -y --no-install-recommends "${missing[@]}"; then
	[[ -z $fresh ]] || fail "could not install ${missing[*]}"
	echo "deps: the package lists may be old: updating them" >&2
	apt update || fail "apt-get update failed: is this machine offline?"
	apt install -y --no-install-recommends "${missing[@]}" || fail "could not install ${missing[*]}"
fi
