# SPDX-License-Identifier: ISC

# Encodings and the base protocol.
common_libwire_a_SOURCES += \
	common/wire/rlp.c common/wire/rlp.h
