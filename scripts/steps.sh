#!/bin/bash
# Runs make targets one after the other and says at the end how long each took.
# usage: steps.sh TARGET... ; TARGET& begins one in the background, TARGET! waits for it and shows its output.
# The first that fails ends the run with its status; the summary comes all the same. A step that runs this script
# itself has its own steps in the summary below it.
set -uo pipefail

make=${MAKE:-make}
logs=$(mktemp -d)
declare -A pid
summary=()
started=$SECONDS
failed=0

finish() {
	for target in "${!pid[@]}"; do
		kill -- "-${pid[$target]}" 2>/dev/null
	done
	[[ -z ${STEPS_INTO:-} ]] || printf '  %s\n' "${summary[@]}" >"$STEPS_INTO"
	rm -rf "$logs"
	echo
	echo "time  step"
	printf '%s\n' "${summary[@]}"
	printf '%4ds total: %s\n' $((SECONDS - started)) "$([[ $failed -eq 0 ]] && echo "all steps passed" || echo FAILED)"
}
trap finish EXIT
trap 'failed=130; exit 130' INT TERM

note() { # target seconds status
	summary+=("$(printf '%4ds %s%s' "$2" "$1" "$([[ $3 -eq 0 ]] || echo ": FAILED ($3)")")")
	if [[ -e $logs/inner ]]; then
		mapfile -t -O "${#summary[@]}" summary <"$logs/inner"
		rm -f "$logs/inner"
	fi
}

for step in "$@"; do
	target=${step%[&!]}
	case $step in
	*"&")
		# A session of its own, so that all of it can be ended; nice, so that it does not delay the steps.
		# shellcheck disable=SC2016 # expanded by the inner shell
		setsid nice -n 10 bash -c '"$0" --no-print-directory "$1"; status=$?; echo $SECONDS >"$2"; exit $status' \
			"$make" "$target" "$logs/$target.time" </dev/null >"$logs/$target" 2>&1 &
		pid[$target]=$!
		continue
		;;
	*"!")
		echo "== $target (from the background)"
		wait "${pid[$target]}"
		status=$?
		took=$(cat "$logs/$target.time")
		unset "pid[$target]"
		cat "$logs/$target"
		;;
	*)
		echo "== $target"
		at=$SECONDS
		STEPS_INTO=$logs/inner "$make" --no-print-directory "$target" </dev/null
		status=$?
		took=$((SECONDS - at))
		;;
	esac
	note "$target" "$took" "$status"
	if [[ $status -ne 0 ]]; then
		failed=$status
		exit "$status"
	fi
done
