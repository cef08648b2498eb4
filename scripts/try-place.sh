#!/bin/bash
# Where make run lives on this machine; read by try.sh and try-clean.sh. Nothing of an installed copy is here.
# shellcheck disable=SC2034 # used by who reads this file

state=/var/lib/hyper-nixos-try
run=/run/hv/$(printf %s "$state" | sha256sum | cut -c1-8) # internal/privilege.RunFolder
bin=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/bin
# What the scripts must remember: pids, logs, the accounts they made, the programs that run. It is root's and
# beside the state folder, not in it: that one is hvd's, and what root runs or believes must not be.
own=$state.run
lock=$own.lock # beside it too: where everybody may write, what root opens may be a link to something else
vm=first

say() { echo "$*"; }

fail() {
	echo "error: $*" >&2
	exit 1
}

# become_root starts the script again as root, keeping what it was asked. The working folder is the checkout.
become_root() {
	[[ $EUID -ne 0 ]] || return 0
	command -v sudo >/dev/null || fail "$(basename "$0") needs root: run it as root, or install sudo"
	local ask=()
	[[ -t 0 ]] || ask=(-n)
	exec sudo "${ask[@]}" env "ONCE=${ONCE:-}" "GUEST=${GUEST:-}" "PATH=$PATH" bash "$PWD/scripts/$(basename "$0")" "$@"
}

# running NAME prints the pid of a daemon that a try.sh started, if it lives. The program behind the pid is
# compared, because a pid is used again, after a restart of the host by an installed copy's daemon too.
running() {
	local pid exe
	pid=$(cat "$own/$1.pid" 2>/dev/null) && [[ -n $pid ]] || return 1
	exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 1
	[[ ${exe% (deleted)} == "$(readlink -f "$own")/bin/$1" ]] || return 1
	echo "$pid"
}

# stop NAME asks a daemon to end and waits for it.
stop() {
	local pid tries=0
	pid=$(running "$1") || return 0
	kill -TERM "$pid" 2>/dev/null || true # it may have ended this moment
	while [[ -n $(running "$1") ]]; do
		if ((++tries >= 150)); then
			echo "$1 does not stop within 15 s: killing it; see $own/$1.log" >&2
			kill -KILL "$pid" 2>/dev/null || true
		fi
		sleep 0.1
	done
	rm -f "$own/$1.pid"
}
