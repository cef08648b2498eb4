# Runs a program, and has what it writes stand in two FIFOs until hvd has fetched it: $0 is the name of their folder.
# Until the end of the last redirection this shell holds both ends of both, so that nobody finds them closed.
for d in /run /tmp; do
	d=$d/$0
	mkdir -m 700 "$d" 2>/dev/null && break
	d=
done
export PATH # a shell without one has its own, and its programs have not
run() {
	if command -v setsid >/dev/null 2>&1; then exec setsid -- "$@"; fi
	exec "$@"
}
if [ -z "$d" ] || ! mkfifo "$d/o" "$d/e" 2>/dev/null; then
	[ -z "$d" ] || rm -rf "$d"
	run "$@"
fi
exec 3<>"$d/o" 4<>"$d/e" 5<"$d/o" 6<"$d/e"
: >"$d/alive"
# The keeper holds what is not fetched yet. Where nobody has come for a minute, the program goes on without being heard.
(
	exec </dev/null >/dev/null 2>&1 3>&- 4>&-
	trap 'kill $s; rm -rf "$d"; exit' TERM
	while sleep 60 & s=$!; wait $s; do
		[ -e "$d/alive" ] || break
		rm -f "$d/alive"
	done
	rm -rf "$d"
	cat <&5 &
	cat <&6
	wait
) &
echo $! >"$d/keeper"
exec >"$d/o" 2>"$d/e" 3>&- 4>&- 5<&- 6<&-
run "$@"
