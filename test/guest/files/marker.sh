#!/bin/busybox sh
# shellcheck shell=dash
# marker write TEXT [DISK] puts a text into the first sector of a disk, marker read [DISK] gets it back:
# a way to see that a disk kept what was written. It overwrites what else is there.
case $1 in
write) text=$2 disk=/dev/${3:-vda} ;;
read) disk=/dev/${2:-vda} ;;
*) echo "usage: marker write TEXT [DISK] | marker read [DISK]" >&2 && exit 2 ;;
esac
[ -b "$disk" ] || { echo "marker: no disk $disk" >&2; exit 1; }
if [ "$1" = write ]; then
	printf 'marker=%-505.505s' "$text" | dd of="$disk" bs=512 count=1 conv=fsync 2>/dev/null &&
		echo "marker: written to $disk"
	exit
fi
found=$(dd if="$disk" bs=512 count=1 2>/dev/null | tr -d '\0' | sed 's/ *$//')
case $found in
marker=*) echo "${found#marker=}" ;;
*) echo "marker: none on $disk" >&2 && exit 1 ;;
esac
