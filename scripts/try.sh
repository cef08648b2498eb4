#!/bin/bash
# make run: starts hv-helper and hvd on a state folder of their own with the Home Lab configuration, boots a
# VM, shows its console until the guest is up, and stays in the foreground until Ctrl-C.
# Without a terminal, or with ONCE=1, it stops the daemons once the guest is up. VMs outlive the daemons.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/try-place.sh
. scripts/try-place.sh

[[ -n ${GUEST:-} ]] || fail "GUEST names no guest: start this by make run"
become_root "$@"
once=${ONCE:-}
[[ -t 0 && -t 1 ]] || once=1
export HV_HOST=unix://$run/api.sock
stopping=
up=

# A second make run would fight over the same daemons.
install -d -m 755 "$own" "$own/bin"
exec {locked}>"$lock"
flock -n "$locked" || fail "make run is running already in another terminal (it holds $lock)"

account() { # user|group NAME: makes it if it is missing, and remembers that for make clean
	local database=passwd
	[[ $1 == user ]] || database=group
	! getent "$database" "$2" >/dev/null || return 0
	if [[ $1 == user ]]; then
		useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$2"
	else
		groupadd --system "$2"
	fi
	echo "$1 $2" >>"$own/accounts"
	say "made $1 $2 (make clean removes it)"
}

# start NAME COMMAND... runs a daemon in a session of its own, so that Ctrl-C reaches this script only, and
# waits until it says "ready" on fd 3.
start() {
	local name=$1 ready line='' pid
	shift
	stop "$name" # one that a killed make run has left
	rm -f "$own/ready"
	mkfifo -m 600 "$own/ready"
	exec {ready}<>"$own/ready"
	setsid "$@" --state "$state" --ready-fd 3 3>&"$ready" {ready}>&- {locked}>&- </dev/null >>"$own/$name.log" 2>&1 &
	pid=$!
	echo "$pid" >"$own/$name.pid"
	local deadline=$((SECONDS + 60))
	until [[ $line == ready ]]; do
		read -r -t 0.5 -u "$ready" line || true
		kill -0 "$pid" 2>/dev/null || broken "$name" "ended while starting"
		((SECONDS < deadline)) || broken "$name" "is not ready after 60 s"
	done
	exec {ready}>&-
	rm -f "$own/ready"
}

broken() { # NAME WHAT
	echo "error: $1 $2; the end of $own/$1.log:" >&2
	tail -n 20 "$own/$1.log" >&2
	exit 1
}

hv() { "$bin/hv" "$@" {locked}>&-; }

# seen KEY prints a field of the VM's status, empty where there is none.
seen() { hv vm show "$vm" -o json 2>/dev/null | sed -n "s/.*\"$1\": *\"\{0,1\}\([a-z0-9]*\).*/\1/p" | head -n 1; }

# finish stops the daemons in order: hvd first, so that it can still tell the helper what it has to.
finish() {
	local status=$? pid='' asked=
	trap '' INT TERM HUP
	[[ -z $stopping ]] || return
	stopping=yes
	hv vm list -o name >/dev/null 2>&1 && asked=yes
	pid=$(seen pid) || true
	stop hvd
	stop hv-helper
	if [[ -z $asked ]]; then
		say "hvd and hv-helper have stopped. VMs are as they were: hvd could not be asked."
	elif [[ -n $pid && -d /proc/$pid ]]; then
		say "hvd and hv-helper have stopped. VM $vm keeps running (pid $pid); the next make run adopts it, make clean ends it."
	else
		say "hvd and hv-helper have stopped. No VM $vm is running."
	fi
	exit "$status"
}

accounts() {
	account group hypervisor
	account user hvd
}

# The daemons run from a copy: user hvd may not be able to reach the checkout.
daemons() {
	install -m 755 -t "$own/bin" "$bin/hvd" "$bin/hv-helper"
	start hv-helper "$own/bin/hv-helper"
	start hvd setpriv --reuid=hvd --regid=hvd --init-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$own/bin/hvd"
	say "hv-helper (root) and hvd (user hvd, no capabilities) are up; logs in $own"
}

declaration() {
	say
	say "== The Home Lab configuration: examples/home-lab.nix"
	# The daemon's facts know of QEMU too, which hv alone would not ask.
	hv host -o json -q >"$own/facts.json" 2>/dev/null
	hv config check --host "$own/facts.json" examples/home-lab.nix || [[ $? -eq 1 ]] # 1: findings that refuse; apply says what it makes of them
	hv config apply --yes -q examples/home-lab.nix # its findings were just shown
}

# grep reads to the end: with -q it would go at the first match, and hv, cut off while it writes, would fail the pipe.
has() { # NOUN NAME
	hv "$1" list -o name | grep -xE "(.*/)?$2" >/dev/null
}

# machine makes what examples/first-vm.nix names, as far as it is missing.
machine() {
	say
	say "== A VM: examples/first-vm.nix"
	has boot-file tiny-kernel || hv boot-file import tiny-kernel "$GUEST/vmlinuz" --kind kernel
	has boot-file tiny-initrd || hv boot-file import tiny-initrd "$GUEST/initrd" --kind initrd
	has volume first-data || hv volume create first-data --size 64MiB
	has vm "$vm" || hv vm create -f examples/first-vm.nix
	if [[ $(seen state) == running ]]; then
		say "VM $vm has been running since before these daemons: adopted (pid $(seen pid))"
		return
	fi
	hv vm start "$vm"
	say "-- its console, until the guest is up"
	timeout --foreground 180 "$bin/hv" vm console "$vm" --until 'guest: ready .*\)' </dev/null ||
		fail "the guest of VM $vm did not come up within 3 minutes: hv vm logs $vm"
	say "--"
}

next() {
	hv vm list
	cat <<-END

		The guest is up. In another terminal:

		  export HV_HOST=$HV_HOST
		  $bin/hv vm console $vm       # a shell in the guest; marker write hello, then reboot, and it is kept
		  $bin/hv vm stop $vm          # presses its power button
		  $bin/hv vm start $vm
		  $bin/hv feature list
		  $bin/hv --help

		Members of the group hypervisor may do that, and root. To join it: sudo usermod -aG hypervisor \$USER, then log in again.
	END
}

trap finish EXIT
trap 'exit 143' TERM
trap 'echo; [[ -n $up ]] || exit 130; exit 0' INT
accounts
daemons
declaration
machine
up=yes
next
[[ -z $once ]] || exit 0
say
say "Ctrl-C stops the daemons; the VM keeps running."
while [[ -n $(running hvd) && -n $(running hv-helper) ]]; do
	wait -n || true
done
running hvd >/dev/null || broken hvd "ended by itself"
broken hv-helper "ended by itself"
