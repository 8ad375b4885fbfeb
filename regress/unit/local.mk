# SPDX-License-Identifier: ISC
# Unit tests mirror the tree; each links only what it tests.
UNIT_CFLAGS = $(CHECK_CFLAGS)
UNIT_LIBS = $(CHECK_LIBS)

# common/wire: encodings and the base protocol; common/ctl
if HAVE_CHECK
check_PROGRAMS += regress/unit/wire_rlp
TESTS += regress/unit/wire_rlp
regress_unit_wire_rlp_SOURCES = regress/unit/common/wire/rlp.c
regress_unit_wire_rlp_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_rlp_LDADD = common/libwire.a $(BSD_LIBS) $(UNIT_LIBS)
endif
