# Read by the shell on the console.
# shellcheck shell=sh disable=SC2034 # PS1 is the shell's
PS1='guest# '
echo "Commands: marker write TEXT | marker read | ip addr | poweroff | reboot | help"
