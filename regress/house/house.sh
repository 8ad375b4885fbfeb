#!/bin/sh
# SPDX-License-Identifier: ISC
# The house's rules, held by a script: who may include what, how long files and
# functions may be, licence lines, and manual pages without a complaint.
set -u
top=${srcdir:-$(dirname "$0")/../..}
cd "$top" || exit 1
bad=0

complain() {
	echo "house: $*"
	bad=1
}

# A process's folder: its own headers, the messages, the child frame, common/.
for proc in parent control listener dialer session resolver discovery \
    handshake; do
	case $proc in
	listener | dialer) more='|p2pd/handshake/' ;;
	discovery) more='|p2pd/handshake/policy\.h' ;;
	handshake) more='|p2pd/handshake/' ;;
	*) more= ;;
	esac
	for f in "p2pd/$proc"/*.[chy]; do
		[ -e "$f" ] || continue
		wrong=$(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f" |
		    grep -Ev "^(config\\.h|common/|p2pd/messages\\.h|p2pd/child\\.h|p2pd/$proc/$more)")
		[ -z "$wrong" ] || complain "$f includes $wrong"
	done
done
for f in common/*/*.[ch]; do
	wrong=$(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f" |
	    grep -Ev '^(config\.h|common/)')
	[ -z "$wrong" ] || complain "$f includes $wrong"
done

# Wire formats and crypto are pure: no sockets, no events, no log.
for f in common/wire/*.[ch] common/crypto/*.[ch]; do
	wrong=$(grep -nE '#include [<"](event|sys/socket\.h|common/base/log\.h|common/ipc/)' "$f")
	[ -z "$wrong" ] || complain "$f is not pure: $wrong"
done

for f in $(find common p2pd p2pctl lib regress -name '*.[chy]' | sort); do
	# A tarball has what yacc made, too.
	[ "$f" = p2pd/parent/parse.c ] && continue
	lines=$(wc -l <"$f")
	[ "$lines" -le 800 ] || complain "$f: $lines lines, over 800"
	head -n 1 "$f" | grep -q 'SPDX-License-Identifier: ISC' ||
	    complain "$f: no licence line"
	awk -v f="$f" '/^{$/ { start = NR }
	    /^}$/ && start { if (NR - start > 120) {
		printf "house: %s:%d: function of %d lines, over 120\n",
		    f, start, NR - start; exit 1 } start = 0 }' "$f" || bad=1
done

if command -v mandoc >/dev/null 2>&1; then
	for f in man/*.[1-9] man/*.[1-9].in; do
		[ -e "$f" ] || continue
		out=$(mandoc -T lint -W warning "$f" 2>&1) || complain "$out"
	done
else
	echo "house: no mandoc here: manual pages not looked at"
fi
exit $bad
