#!/bin/bash
# Runs in the lab as root, once it is up: installs the package, runs the tests, leaves logs in /lab/out.
# Each line of it goes out by the port; the last is "lab: end STATUS".
set -uo pipefail
cd /lab/in || exit
exec >/dev/virtio-ports/lab 2>&1
export HOME=/root LC_ALL=C.UTF-8 GOTRACEBACK=all
status=0
began=$SECONDS

say() { echo "lab: $*"; }
up() { cut -d' ' -f1 /proc/uptime; }

card() { # MAC ADDRESS: gives the card with this MAC an address
	local dir
	for dir in /sys/class/net/*; do
		[[ $(cat "$dir/address") == "$1" ]] || continue
		ip addr add "$2" dev "${dir##*/}" && ip link set "${dir##*/}" up && return
	done
	say "no card $1"
	return 1
}

# The gateway answers nobody: it is there because passt wants a route to call the outside.
network() {
	local number
	card 52:54:00:68:76:01 10.0.2.15/24 && ip route add default via 10.0.2.2 || return
	printf '10.77.0.%s lab%s\n' 1 1 2 2 >>/etc/hosts
	number=$(sed -n 's/.*\blab\.host=\([12]\).*/\1/p' /proc/cmdline)
	[[ -z $number ]] || card "52:54:00:68:76:1$number" "10.77.0.$number/24"
}

install_package() {
	local deb
	for deb in packages/*.deb; do
		[[ -e $deb ]] || continue
		say "dpkg -i ${deb##*/}"
		dpkg -i "$deb" || return
	done
}

# What a test needs lies beside it as in the checkout.
run_tests() {
	local dir
	while read -r dir; do
		say "tests of $dir (up $(up) s)"
		(cd "checkout/$dir" && ./lab.test -test.v -test.timeout "$(cat /lab/in/timeout)" -test.run "$(cat lab.run)") || status=1
	done <tests
}

keep_logs() {
	journalctl -b --no-pager -o short-monotonic >/lab/out/journal.log
	dmesg >/lab/out/dmesg.log
	systemctl --failed --no-pager >/lab/out/failed-units.log
	cp -r /var/log/dpkg.log /lab/out/ 2>/dev/null
}

say "up after $(up) s: $(systemctl is-system-running), kernel $(uname -r), cgroup controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"
network || status=1
if install_package; then
	run_tests
else
	say "the package cannot be installed"
	status=1
fi
keep_logs
say "$((SECONDS - began)) s"
say "end $status"
# At once: nothing in here is kept but what is on this disk.
sync
umount /lab/out
echo o >/proc/sysrq-trigger
sleep 60
