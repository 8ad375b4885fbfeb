#!/bin/sh
# SPDX-License-Identifier: ISC
#
# fuzz.sh replay		every target over its corpus
# fuzz.sh run [target ...]	libFuzzer for FUZZ_SECONDS each, FUZZ_JOBS at once
#
# In the build directory. Seeds are those kept in regress/fuzz/corpus and those
# that the program seeds makes; what a run finds stays in the build directory.
set -eu
srcdir=${srcdir:-$(dirname "$0")/../..}
here=regress/fuzz
made=$here/made
work=$here/work

targets() {
	for f in "$srcdir/$here"/fuzz_*.c; do
		f=${f##*/fuzz_}
		echo "${f%.c}"
	done
}

# The longest input that is of use.
max_len() {
	case $1 in
	enode) echo 512 ;;
	record) echo 12288 ;;
	frame | rlp | conf) echo 4096 ;;
	*) echo 2048 ;;
	esac
}

replay() {
	bad=0
	for t in $(targets); do
		set --
		for f in "$srcdir/$here/corpus/$t"/* "$made/$t"/*; do
			[ ! -f "$f" ] || set -- "$@" "$f"
		done
		if [ $# -eq 0 ]; then
			echo "fuzz: $t has no corpus"
			bad=1
		elif ! $here/fuzz_"$t" "$@" >$work/"$t".replay 2>&1; then
			cat $work/"$t".replay
			echo "fuzz: $t fails over its corpus"
			bad=1
		fi
	done
	return $bad
}

# One target. Its corpus grows in $work/corpus-target from run to run.
run_one() {
	t=$1
	log=$work/$t.log
	mkdir -p $work/corpus-"$t"
	set -- $work/corpus-"$t"
	for d in "$srcdir/$here/corpus/$t" "$made/$t"; do
		[ ! -d "$d" ] || set -- "$@" "$d"
	done
	dict="$srcdir/$here/dict/$t"
	[ ! -f "$dict" ] || set -- -dict="$dict" "$@"
	if $here/fuzz_"$t" -max_total_time="${FUZZ_SECONDS:-60}" \
	    -max_len="$(max_len "$t")" -rss_limit_mb=2048 -timeout=20 \
	    -artifact_prefix=$work/finding-"$t"- -print_final_stats=1 "$@" \
	    >"$log" 2>&1; then
		echo "fuzz: $t: $(sed -n 's/^stat::number_of_executed_units: *//p' \
		    "$log") inputs, $(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' \
		    "$log" | tail -n 1) edges"
		return 0
	fi
	tail -n 60 "$log"
	echo "fuzz: $t: FOUND $(ls $work/finding-"$t"-* 2>/dev/null || echo "see $log")"
	return 1
}

run() {
	# shellcheck disable=SC2046
	[ $# -gt 0 ] || set -- $(targets)
	jobs=${FUZZ_JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
	printf '%s\n' "$@" | xargs -n 1 -P "$jobs" "$0" one
}

mkdir -p $work
case ${1-replay} in
replay)
	$here/seeds $made
	replay
	;;
run)
	shift
	$here/seeds $made
	run "$@"
	;;
one)
	run_one "$2"
	;;
esac
