# SPDX-License-Identifier: ISC
p2pd_libp2pd_a_SOURCES += \
	p2pd/listener/accept.c p2pd/listener/accept.h \
	p2pd/listener/listener.c p2pd/listener/listener.h \
	p2pd/listener/throttle.c p2pd/listener/throttle.h
