#!/bin/sh
# Prints the folder for what is slow to build (linter, guest): ~/.cache/hyper-nixos of the account that runs.
# HYPER_NIXOS_CACHE names another. Root under a kept HOME (sudo -E) uses root's own home: files of root
# in a user's cache would break the user's next build. test/guest/cache.go follows the same rule.
set -eu

home=${HOME:-}
if [ "$(id -u)" -eq 0 ] && { [ -z "$home" ] || [ "$(stat -c %u "$home" 2>/dev/null || echo 0)" -ne 0 ]; }; then
	home=$(getent passwd 0 | cut -d: -f6)
fi
if [ -z "${HYPER_NIXOS_CACHE:-}${home}" ]; then
	echo "cache-dir: HOME is not set; name a folder with HYPER_NIXOS_CACHE" >&2
	exit 1
fi
echo "${HYPER_NIXOS_CACHE:-$home/.cache/hyper-nixos}"
