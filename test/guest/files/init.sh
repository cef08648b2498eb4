#!/bin/busybox sh
# shellcheck shell=dash
# The guest's first process: mounts, drivers, network, a report on the serial console, then a shell there.
# Each line for a person or a test begins with "guest:"; the last of them is "guest: ready".
export PATH=/bin

say() { echo "guest: $*"; }

# busybox's poweroff, reboot and halt (and the power button) tell the first process by these signals.
end() {
	say "going to $1"
	sync
	umount -a -r 2>/dev/null
	exec busybox "$1" -f
}
trap 'end poweroff' USR2
trap 'end reboot' TERM
trap 'end halt' USR1

load() {
	while read -r module; do
		[ -z "$module" ] || [ -d "/sys/module/$module" ] ||
			insmod "/lib/modules/$module.ko" || say "cannot load module $module"
	done <"/lib/sets/$1"
}

load_for_devices() {
	for device in /sys/bus/virtio/devices/*/device; do
		[ -e "$device" ] || continue
		read -r number <"$device"
		[ -e "/lib/sets/$number" ] || continue
		load "$number"
		[ "$number" != 0x0008 ] || wait_for_scsi
	done
}

# SCSI disks come up after their driver's insmod has returned.
wait_for_scsi() {
	tries=0
	until ls -d /sys/block/s[dr]* >/dev/null 2>&1 || [ $tries -ge 20 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
}

# A word of the kernel's command line, as in name=VALUE.
argument() {
	tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"
}

report_disks() {
	for disk in /sys/block/vd* /sys/block/sd* /sys/block/nvme*; do
		[ -e "$disk/size" ] || continue
		name=${disk##*/}
		read -r sectors <"$disk/size"
		say "disk $name $((sectors * 512))"
		found=$(marker read "$name" 2>/dev/null) && say "marker $name $found"
	done
}

# Tries for ten seconds: the answer of a busy host's DHCP server may take a while.
start_network() {
	[ -e /sys/class/net/eth0 ] || { address="none: no network card"; return; }
	ip link set eth0 up
	if udhcpc -i eth0 -s /etc/dhcp -f -n -q -t 5 -T 2 >/dev/null 2>&1; then
		address=$(cat /run/address)
	else
		address="none: no DHCP answer"
	fi
}

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
load base
load_for_devices
ip link set lo up
hostname "$(argument hostname | grep . || echo guest)"
acpid -l /dev/null || say "no power button"
report_disks
start_network
say "ready (name $(hostname), address $address, up $(cut -d' ' -f1 /proc/uptime) s)"

# In the background, so that a signal is served while the shell runs; "exit" gives a new one.
while :; do
	setsid cttyhack sh -l </dev/console >/dev/console 2>&1 &
	wait $!
done
