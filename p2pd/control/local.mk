# SPDX-License-Identifier: ISC
p2pd_libp2pd_a_SOURCES += \
	p2pd/control/app.c \
	p2pd/control/client.c \
	p2pd/control/control.c p2pd/control/control.h \
	p2pd/control/intro.c p2pd/control/intro.h \
	p2pd/control/server.c p2pd/control/server.h \
	p2pd/control/serverint.h
