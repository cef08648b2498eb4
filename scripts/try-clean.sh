#!/bin/bash
# make clean: takes away what make run made: VMs, daemons, state, run folder, accounts, programs. It needs
# no daemon, so that it works whatever is broken. What is slow to build stays in ~/.cache/hyper-nixos.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/try-place.sh
. scripts/try-place.sh

# Without root there is nothing to take away but what the caller has built.
if [[ ! -e $state && ! -e $own && ! -e $run ]]; then
	rm -rf bin dist 2>/dev/null && exit 0
fi
become_root "$@"

# owners prints who holds a listening socket below the run folder: the VMs of this copy and no other's.
owners() {
	local inode links
	links=$(find /proc/[0-9]*/fd -lname 'socket:*' -printf '%p %l\n' 2>/dev/null || true)
	while read -r _ _ _ _ _ _ inode path; do
		[[ $path == "$run"/* ]] || continue
		grep -F "socket:[$inode]" <<<"$links" | cut -d/ -f3 || true
	done </proc/net/unix | sort -u
}

end_vms() {
	local pids tries=0
	pids=$(owners)
	[[ -n $pids ]] || return 0
	say "ending VMs: $(tr '\n' ' ' <<<"$pids")"
	# shellcheck disable=SC2086 # one word a pid
	kill -TERM $pids 2>/dev/null || true
	while pids=$(owners) && [[ -n $pids ]]; do
		# shellcheck disable=SC2086
		((++tries < 50)) || kill -KILL $pids 2>/dev/null || true
		((tries < 150)) || fail "these processes do not end: $pids"
		sleep 0.1
	done
}

remove_accounts() {
	local kind name
	while read -r kind name; do
		case $kind in
		user) ! getent passwd "$name" >/dev/null || userdel "$name" ;;
		group) ! getent group "$name" >/dev/null || groupdel "$name" ;;
		esac
		say "removed $kind $name"
	done < <(tac "$own/accounts" 2>/dev/null)
}

if [[ -e $lock ]]; then
	exec {locked}<"$lock"
	flock -n "$locked" || fail "make run is running in another terminal: press Ctrl-C there first"
fi
stop hvd
stop hv-helper
end_vms
remove_accounts
for tree in /sys/fs/cgroup /sys/fs/cgroup/unified; do
	[[ ! -d $tree/hv-${run##*/} ]] || find "$tree/hv-${run##*/}" -depth -type d -exec rmdir {} + || say "left: $tree/hv-${run##*/}"
done
rm -rf --one-file-system "$state" "$own" "$run" "$lock" bin dist
rmdir --ignore-fail-on-non-empty "${run%/*}" 2>/dev/null || true
say "removed $state, $run and bin/"
