#!/bin/sh
# SPDX-License-Identifier: ISC
# valgrind.sh PROGRAM|SCRIPT.py[:TEST,...] ...: each under valgrind, as many at
# once as there are processors. Run by "make check-valgrind" in a build directory.
# The sandbox is off in the daemons (valgrind's own system calls are on no list),
# which they say at start; the scripts fail on any finding in any process.
set -u
vg='valgrind --leak-check=full --show-leak-kinds=definite
    --errors-for-leak-kinds=definite --num-callers=20'

if [ "${1-}" = --one ]; then
	out=valgrind.$(basename "$2").out
	began=$(date +%s)
	case $2 in
	*.py*)
		export P2PD_TEST_SANDBOX=off P2PD_TEST_WAIT=240
		P2PD_TEST_WRAP="$vg --trace-children=yes"
		export P2PD_TEST_WRAP
		tests=${2##*.py}
		# shellcheck disable=SC2046
		"${2%"$tests"}" $(echo "${tests#:}" | tr , ' ') >"$out" 2>&1
		;;
	*)
		# shellcheck disable=SC2086
		$vg -q --error-exitcode=99 "./$2" >"$out" 2>&1
		;;
	esac
	status=$?
	if [ $status -ne 0 ] && [ $status -ne 77 ]; then
		cat "$out"
		echo "valgrind: FAIL $2 (exit $status)" | tee -a "$out"
		exit 1
	fi
	rm -f "$out"
	echo "valgrind: ok $2 [$(($(date +%s) - began))s]"
	exit 0
fi

export P2PD_TEST_SLOW=1 CK_DEFAULT_TIMEOUT=900 CK_TIMEOUT_MULTIPLIER=15
export PYTHONDONTWRITEBYTECODE=1
rm -f valgrind.*.out
printf '%s\n' "$@" |
    xargs -n 1 -P "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)" "$0" --one &&
    exit 0

# Who failed long ago is named where one looks first, at the end.
for out in valgrind.*.out; do
	echo "valgrind: the end of $out:"
	tail -n 30 "$out"
done
exit 1
