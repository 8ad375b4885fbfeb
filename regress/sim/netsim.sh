#!/bin/sh
# SPDX-License-Identifier: ISC
# The simulation in a form that takes seconds: it must hold what it promises,
# and say the same twice. "make sim" runs the whole of it.
sim=${1:-regress/sim/netsim}
if [ -n "${P2PD_TEST_SLOW:-}" ]; then
	args='-a -n 40 -m 1 -q 40 -l 10 -s 7'
else
	args='-a -n 100 -m 3 -q 100 -l 10 -s 7'
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
for run in 1 2; do
	# shellcheck disable=SC2086
	"$sim" $args >"$dir/out" || { cat "$dir/out"; exit 1; }
	grep -v '^cpu' "$dir/out" >"$dir/$run"
done
cat "$dir/out"
cmp "$dir/1" "$dir/2" || exit 1
# A few with real signatures.
"$sim" -r -n 20 -m 1 -q 20 -l 10 -s 7
