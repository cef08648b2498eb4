# Writes what stands in the FIFO $1 of the folder of the name $0: waits for some, and takes then what else is there. Nothing says
# that the program and all that it started have closed it. 3: the folder is not there, yet or any more.
for d in /run /tmp; do
	# Others in the guest know the name, and may make one: only the agent's own is gone into.
	cd "$d/$0" 2>/dev/null && [ -O . ] && [ -s keeper ] && [ -p "$1" ] || continue
	exec 3<>"$1" 4<"$1" 3>&- # to open it for reading alone would wait for a writer
	dd bs=64k count=1 <&4 2>/dev/null
	dd bs=64k count=15 iflag=nonblock <&4 2>/dev/null
	exit 0
done
exit 3
