# SPDX-License-Identifier: ISC
sbin_PROGRAMS += p2pd/p2pd
noinst_LIBRARIES += p2pd/libp2pd.a
p2pd_libp2pd_a_SOURCES = p2pd/messages.c p2pd/messages.h \
	p2pd/child.c p2pd/child.h
p2pd_p2pd_SOURCES = p2pd/main.c
P2PD_LIBS = p2pd/libp2pd.a common/libctl.a common/libwire.a \
	common/libethcrypto.a common/libipc.a common/libbase.a
P2PD_SYSLIBS = $(EVENT_LIBS) $(SECP_LIBS) $(CRYPTO_LIBS) $(SNAPPY_LIBS) \
	$(SECCOMP_LIBS) $(LMDB_LIBS) $(BSD_LIBS)
p2pd_p2pd_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS)

include p2pd/parent/local.mk
include p2pd/handshake/local.mk
include p2pd/listener/local.mk
include p2pd/dialer/local.mk
include p2pd/discovery/local.mk
include p2pd/resolver/local.mk
include p2pd/session/local.mk
include p2pd/control/local.mk
