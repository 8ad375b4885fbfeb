# SPDX-License-Identifier: ISC
# The configuration.
p2pd_libp2pd_a_SOURCES += p2pd/parent/conf.c p2pd/parent/conf.h \
	p2pd/parent/confset.c p2pd/parent/confset.h p2pd/parent/lex.c \
	p2pd/parent/lex.h p2pd/parent/parse.y \
	p2pd/parent/printconf.c

p2pd_libp2pd_a_SOURCES += p2pd/parent/admit.c p2pd/parent/admit.h \
	p2pd/parent/appact.c p2pd/parent/apps.c p2pd/parent/apps.h p2pd/parent/attach.c \
	p2pd/parent/balance.c p2pd/parent/bans.c p2pd/parent/bans.h \
	p2pd/parent/candidate.c p2pd/parent/childconf.c p2pd/parent/children.c \
	p2pd/parent/control.c p2pd/parent/d4sign.c p2pd/parent/disc.c \
	p2pd/parent/event.c p2pd/parent/helloset.c p2pd/parent/history.c \
	p2pd/parent/history.h p2pd/parent/key.c p2pd/parent/keyops.c \
	p2pd/parent/meta.c p2pd/parent/meta.h p2pd/parent/nodes.c \
	p2pd/parent/nodes.h \
	p2pd/parent/parent.c p2pd/parent/parent.h p2pd/parent/peerlife.c \
	p2pd/parent/peers.c p2pd/parent/peers.h p2pd/parent/record.c \
	p2pd/parent/resolve.c p2pd/parent/retire.c p2pd/parent/retire.h \
	p2pd/parent/rules.c p2pd/parent/setup.c p2pd/parent/show.c \
	p2pd/parent/showdisc.c \
	p2pd/parent/sockets.c p2pd/parent/start.h p2pd/parent/state.c \
	p2pd/parent/stop.c p2pd/parent/uidrate.c p2pd/parent/uidrate.h \
	p2pd/parent/usage.c
