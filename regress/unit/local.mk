# SPDX-License-Identifier: ISC
# Unit tests mirror the tree; each links only what it tests.
UNIT_CFLAGS = $(CHECK_CFLAGS)
UNIT_LIBS = $(CHECK_LIBS)

# base
if HAVE_CHECK
check_PROGRAMS += regress/unit/base_addr regress/unit/base_log regress/unit/base_util
TESTS += regress/unit/base_addr regress/unit/base_log regress/unit/base_util
regress_unit_base_addr_SOURCES = regress/unit/common/base/addr.c
regress_unit_base_addr_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_base_addr_LDADD = common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_base_log_SOURCES = regress/unit/common/base/log.c
regress_unit_base_log_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_base_log_LDADD = common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_base_util_SOURCES = regress/unit/common/base/util.c
regress_unit_base_util_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_base_util_LDADD = common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
endif

# common/wire: encodings and the base protocol; common/ctl
if HAVE_CHECK
check_PROGRAMS += regress/unit/wire_rlp
TESTS += regress/unit/wire_rlp
regress_unit_wire_rlp_SOURCES = regress/unit/common/wire/rlp.c
regress_unit_wire_rlp_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_rlp_LDADD = common/libwire.a $(BSD_LIBS) $(UNIT_LIBS)
endif
