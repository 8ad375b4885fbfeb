# SPDX-License-Identifier: ISC

# The handshake and frames of RLPx.
common_libwire_a_SOURCES += \
	common/wire/frame.c common/wire/frame.h \
	common/wire/rlpx.c common/wire/rlpx.h

# Encodings and the base protocol.
common_libwire_a_SOURCES += \
	common/wire/rlp.c common/wire/rlp.h \
	common/wire/reason.c common/wire/reason.h \
	common/wire/base.c common/wire/base.h \
	common/wire/caps.c common/wire/caps.h \
	common/wire/enode.c common/wire/enode.h

# The application protocol.
common_libwire_a_SOURCES += common/wire/app.c common/wire/appopt.c common/wire/app.h

# Discovery.
common_libwire_a_SOURCES += \
	common/wire/enr.c common/wire/enr.h \
	common/wire/discv4.c common/wire/discv4.h \
	common/wire/network.c common/wire/network.h
