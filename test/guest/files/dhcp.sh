#!/bin/busybox sh
# shellcheck shell=dash
# Called by udhcpc with the lease in its environment.
# shellcheck disable=SC2154 # interface, ip, mask, router, dns are set by udhcpc
[ "$1" = bound ] || exit 0
ip addr add "$ip/${mask:-24}" dev "$interface"
for gateway in $router; do
	ip route add default via "$gateway" dev "$interface" && break
done
for server in $dns; do
	echo "nameserver $server"
done >/etc/resolv.conf
echo "$ip" >/run/address
