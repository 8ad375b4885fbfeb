# SPDX-License-Identifier: ISC

# Peers of our own for tests: libpeer is one RLPx connection, rawpeer a
# scriptable peer, proper or hostile.
check_LIBRARIES = regress/tools/libpeer.a
regress_tools_libpeer_a_SOURCES = regress/tools/peer.c regress/tools/peer.h

peer_libs = regress/tools/libpeer.a common/libwire.a common/libethcrypto.a \
	common/libbase.a $(SNAPPY_LIBS) $(SECP_LIBS) $(CRYPTO_LIBS) $(BSD_LIBS)

check_PROGRAMS += regress/tools/rawpeer
regress_tools_rawpeer_SOURCES = \
	regress/tools/rawpeer.c regress/tools/rawpeer.h \
	regress/tools/rawpeer_script.c \
	regress/tools/hostile.c regress/tools/hostile.h
regress_tools_rawpeer_LDADD = $(peer_libs)

# Hostile datagrams at discovery v4.
check_PROGRAMS += regress/tools/d4flood
regress_tools_d4flood_SOURCES = regress/tools/d4flood.c
regress_tools_d4flood_LDADD = $(peer_libs)
