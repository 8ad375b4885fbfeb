# SPDX-License-Identifier: ISC
p2pd_libp2pd_a_SOURCES += \
	p2pd/session/apps.c p2pd/session/apps.h \
	p2pd/session/appcap.c \
	p2pd/session/appio.c \
	p2pd/session/appopts.c p2pd/session/appopts.h \
	p2pd/session/appout.c \
	p2pd/session/appq.c p2pd/session/appq.h \
	p2pd/session/appqio.c \
	p2pd/session/apprequest.c \
	p2pd/session/budget.c p2pd/session/budget.h \
	p2pd/session/core.c p2pd/session/core.h \
	p2pd/session/htab.c p2pd/session/htab.h \
	p2pd/session/linger.c \
	p2pd/session/multisend.c p2pd/session/multisend.h \
	p2pd/session/mux.c p2pd/session/mux.h \
	p2pd/session/out.c p2pd/session/out.h \
	p2pd/session/peer.c p2pd/session/peer.h \
	p2pd/session/peerio.c \
	p2pd/session/pressure.c p2pd/session/pressure.h \
	p2pd/session/ranges.c \
	p2pd/session/rbuf.c p2pd/session/rbuf.h \
	p2pd/session/send.c p2pd/session/send.h \
	p2pd/session/sendq.c p2pd/session/sendq.h \
	p2pd/session/session.c p2pd/session/session.h \
	p2pd/session/show.c p2pd/session/show.h \
	p2pd/session/taps.c
