# SPDX-License-Identifier: ISC
sbin_PROGRAMS += p2pctl/p2pctl
# All but main, so that tests link what they test.
noinst_LIBRARIES += p2pctl/libp2pctl.a
p2pctl_libp2pctl_a_SOURCES = \
	p2pctl/attach.c p2pctl/attach.h \
	p2pctl/attachargs.c p2pctl/attachin.c p2pctl/attachint.h \
	p2pctl/attachopt.c p2pctl/attachout.c p2pctl/attachprog.c \
	p2pctl/attachreq.c \
	p2pctl/lines.c \
	p2pctl/client.c p2pctl/client.h \
	p2pctl/crawl.c \
	p2pctl/d4client.c p2pctl/d4client.h \
	p2pctl/enr.c \
	p2pctl/nettool.c p2pctl/nettool.h \
	p2pctl/nodeset.c p2pctl/nodeset.h \
	p2pctl/format.c p2pctl/format.h \
	p2pctl/json.c p2pctl/json.h \
	p2pctl/object.c \
	p2pctl/offline.c p2pctl/offline.h \
	p2pctl/parser.c p2pctl/parser.h p2pctl/parserint.h \
	p2pctl/parsetool.c \
	p2pctl/show.c p2pctl/show.h \
	p2pctl/table.c p2pctl/table.h
p2pctl_libp2pctl_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
p2pctl_p2pctl_SOURCES = p2pctl/p2pctl.c
p2pctl_p2pctl_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
P2PCTL_LIBS = p2pctl/libp2pctl.a lib/libapp.a common/libctl.a common/libwire.a \
	common/libethcrypto.a common/libipc.a common/libbase.a
P2PCTL_SYSLIBS = $(JANSSON_LIBS) $(EVENT_LIBS) $(SECP_LIBS) $(CRYPTO_LIBS) \
	$(SNAPPY_LIBS) $(BSD_LIBS)
p2pctl_p2pctl_LDADD = $(P2PCTL_LIBS) $(P2PCTL_SYSLIBS)
