#!/bin/busybox sh
# shellcheck shell=dash
# acpid runs this when the power button is pressed, which is how a host asks a guest to shut down.
echo "guest: power button" >/dev/console
kill -USR2 1
