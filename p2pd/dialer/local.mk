# SPDX-License-Identifier: ISC
p2pd_libp2pd_a_SOURCES += \
	p2pd/dialer/dial.c p2pd/dialer/dial.h \
	p2pd/dialer/dialer.c p2pd/dialer/dialer.h \
	p2pd/dialer/plan.c p2pd/dialer/plan.h
