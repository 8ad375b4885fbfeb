# SPDX-License-Identifier: ISC
# libp2papp: for applications.  lib/libapp.a is the same for the tree itself,
# so that its programs need no wrapper to find a library not yet installed.
LIBAPP_SOURCES = lib/cap.c lib/conn.c lib/frame.c lib/internal.h lib/loop.c \
	lib/many.c lib/option.c lib/p2papp.c lib/p2papp.h lib/send.c \
	lib/session.c lib/table.c

lib_LTLIBRARIES += lib/libp2papp.la
include_HEADERS += lib/p2papp.h
pkgconfig_DATA += lib/libp2papp.pc
EXTRA_DIST += lib/p2papp.map
lib_libp2papp_la_SOURCES = $(LIBAPP_SOURCES) common/base/addr.c \
	common/base/util.c common/wire/app.c common/wire/appopt.c \
	common/wire/reason.c
lib_libp2papp_la_CFLAGS = $(WARN_CFLAGS) $(HARDEN_CFLAGS)
lib_libp2papp_la_LDFLAGS = $(HARDEN_LDFLAGS) -no-undefined -version-info 1:0:1
if HAVE_VERSION_SCRIPT
lib_libp2papp_la_LDFLAGS += -Wl,--version-script=$(srcdir)/lib/p2papp.map
lib_libp2papp_la_DEPENDENCIES = $(srcdir)/lib/p2papp.map
else
lib_libp2papp_la_LDFLAGS += -export-symbols-regex '^p2papp_'
endif

noinst_LIBRARIES += lib/libapp.a
lib_libapp_a_SOURCES = $(LIBAPP_SOURCES)

noinst_PROGRAMS += lib/examples/echo
lib_examples_echo_SOURCES = lib/examples/echo.c
lib_examples_echo_CPPFLAGS = -I$(srcdir)/lib
lib_examples_echo_LDADD = lib/libapp.a common/libwire.a common/libbase.a

noinst_PROGRAMS += lib/examples/chat
lib_examples_chat_SOURCES = lib/examples/chat.c
lib_examples_chat_CPPFLAGS = -I$(srcdir)/lib
lib_examples_chat_LDADD = lib/libapp.a common/libwire.a common/libbase.a

include lib/python/local.mk

noinst_PROGRAMS += lib/examples/eth-headers/eth-headers
lib_examples_eth_headers_eth_headers_SOURCES = \
	lib/examples/eth-headers/chain.c lib/examples/eth-headers/chain.h \
	lib/examples/eth-headers/eth.c lib/examples/eth-headers/eth.h \
	lib/examples/eth-headers/main.c lib/examples/eth-headers/peers.c \
	lib/examples/eth-headers/peers.h
lib_examples_eth_headers_eth_headers_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/lib
lib_examples_eth_headers_eth_headers_LDADD = lib/libapp.a common/libwire.a \
	common/libethcrypto.a common/libbase.a $(BSD_LIBS)
