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

# owners prints the processes of this copy's VMs: those that live and have a uid of a VM that has a record.
# Records are root's. Whose a socket below the run folder is would be no proof: in /proc/net/unix anybody
# can write a line, by a socket with a name of two lines.
owners() {
	local record first pid uid
	for record in "$run"/vm/*/record.json; do
		first=$(sed -n 's/.*"uid":\([0-9]*\).*/\1/p' "$record" 2>/dev/null) || true
		[[ -n $first ]] || continue
		while read -r pid uid _; do
			((uid >= first && uid < first + 4)) || continue
			[[ -z $(readlink "/proc/$pid/exe" 2>/dev/null) ]] || echo "$pid" # a zombie has no program
		done < <(grep -sH '^Uid:' /proc/[0-9]*/status | sed 's,^/proc/\([0-9]*\)/status:Uid:,\1,')
	done
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
