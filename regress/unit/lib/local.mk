# SPDX-License-Identifier: ISC
EXTRA_DIST += regress/vectors/app.txt
if HAVE_CHECK
check_PROGRAMS += regress/unit/wire_app
TESTS += regress/unit/wire_app
regress_unit_wire_app_SOURCES = regress/unit/common/wire/app.c
regress_unit_wire_app_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_app_LDADD = common/libwire.a common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
endif
