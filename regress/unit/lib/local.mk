# SPDX-License-Identifier: ISC
EXTRA_DIST += regress/vectors/app.txt
dist_check_SCRIPTS += regress/unit/lib/pages.py
TESTS += regress/unit/lib/pages.py
# the client in Python
dist_check_SCRIPTS += regress/unit/lib/python.py
EXTRA_DIST += regress/unit/lib/python/fake.py \
	regress/unit/lib/python/test_client.py regress/unit/lib/python/test_wire.py
TESTS += regress/unit/lib/python.py

if HAVE_CHECK
check_PROGRAMS += regress/unit/wire_app
TESTS += regress/unit/wire_app
regress_unit_wire_app_SOURCES = regress/unit/common/wire/app.c
regress_unit_wire_app_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_app_LDADD = common/libwire.a common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)

check_PROGRAMS += regress/unit/lib_p2papp
TESTS += regress/unit/lib_p2papp
regress_unit_lib_p2papp_SOURCES = regress/unit/lib/p2papp.c \
	regress/unit/lib/fake.c regress/unit/lib/fake.h
regress_unit_lib_p2papp_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_lib_p2papp_LDADD = lib/libapp.a common/libwire.a common/libbase.a \
	$(BSD_LIBS) $(UNIT_LIBS)

check_PROGRAMS += regress/unit/lib_many regress/unit/lib_attach
TESTS += regress/unit/lib_many regress/unit/lib_attach
regress_unit_lib_many_SOURCES = regress/unit/lib/many.c \
	regress/unit/lib/fake.c regress/unit/lib/fake.h
regress_unit_lib_many_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_lib_many_LDADD = $(regress_unit_lib_p2papp_LDADD)
regress_unit_lib_attach_SOURCES = regress/unit/lib/attach.c \
	regress/unit/lib/fake.c regress/unit/lib/fake.h
regress_unit_lib_attach_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_lib_attach_LDADD = $(regress_unit_lib_p2papp_LDADD)

check_PROGRAMS += regress/unit/lib_deadline
TESTS += regress/unit/lib_deadline
regress_unit_lib_deadline_SOURCES = regress/unit/lib/deadline.c \
	regress/unit/lib/fake.c regress/unit/lib/fake.h
regress_unit_lib_deadline_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_lib_deadline_LDADD = $(regress_unit_lib_p2papp_LDADD)

check_PROGRAMS += regress/unit/p2pctl_attach
TESTS += regress/unit/p2pctl_attach
regress_unit_p2pctl_attach_SOURCES = regress/unit/p2pctl/attach.c \
	regress/unit/lib/fake.c regress/unit/lib/fake.h
regress_unit_p2pctl_attach_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(UNIT_CFLAGS)
regress_unit_p2pctl_attach_LDADD = $(P2PCTL_LIBS) $(P2PCTL_SYSLIBS) $(UNIT_LIBS)

check_PROGRAMS += regress/unit/p2pctl_program
TESTS += regress/unit/p2pctl_program
regress_unit_p2pctl_program_SOURCES = regress/unit/p2pctl/program.c \
	regress/unit/lib/fake.c regress/unit/lib/fake.h
regress_unit_p2pctl_program_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_p2pctl_program_LDADD = $(P2PCTL_LIBS) $(P2PCTL_SYSLIBS) $(UNIT_LIBS)
endif

# eth-headers: what it says, and whom it believes
if HAVE_CHECK
check_PROGRAMS += regress/unit/lib_eth_headers
TESTS += regress/unit/lib_eth_headers
regress_unit_lib_eth_headers_SOURCES = regress/unit/lib/eth_headers.c \
	lib/examples/eth-headers/chain.c lib/examples/eth-headers/chain.h \
	lib/examples/eth-headers/eth.c lib/examples/eth-headers/eth.h
regress_unit_lib_eth_headers_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_lib_eth_headers_LDADD = common/libwire.a common/libethcrypto.a \
	common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
endif
