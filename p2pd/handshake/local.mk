# SPDX-License-Identifier: ISC
p2pd_libp2pd_a_SOURCES += \
	p2pd/handshake/hello.c \
	p2pd/handshake/keypool.c p2pd/handshake/keypool.h \
	p2pd/handshake/linger.c p2pd/handshake/linger.h \
	p2pd/handshake/policy.c p2pd/handshake/policy.h \
	p2pd/handshake/setup.c p2pd/handshake/setup.h \
	p2pd/handshake/setupproc.c p2pd/handshake/setupproc.h
