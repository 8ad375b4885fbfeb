# SPDX-License-Identifier: ISC
# Whole daemons with real processes, on loopback or in a namespace of their own.
integration_tests = regress/integration/start.py \
	regress/integration/admission.py regress/integration/confined.py \
	regress/integration/deaths.py regress/integration/throttle.py \
	regress/integration/hostile.py regress/integration/load.py \
	regress/integration/tool.py regress/integration/startup.py \
	regress/integration/attach.py regress/integration/apps.py \
	regress/integration/chat.py regress/integration/python.py \
	regress/integration/headers.py regress/integration/clients.py \
	regress/integration/rights.py regress/integration/discovery.py \
	regress/integration/background.py
if HOST_LINUX
TESTS += $(integration_tests) regress/house/house.sh
endif
EXTRA_DIST += $(integration_tests) regress/integration/p2ptest.py \
	regress/integration/miniapp.py \
	regress/house/house.sh regress/house/valgrind.sh
AM_TESTS_ENVIRONMENT = P2PD_BUILD='$(abs_top_builddir)'; export P2PD_BUILD; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	CK_DEFAULT_TIMEOUT=120; export CK_DEFAULT_TIMEOUT;

# The walls around each process
if HOST_LINUX
check_PROGRAMS += regress/integration/walls
TESTS += regress/integration/walls
regress_integration_walls_SOURCES = regress/integration/walls.c \
	regress/integration/walls.h regress/integration/walls_trials.c \
	regress/integration/walls_needs.c
regress_integration_walls_LDADD = common/libipc.a common/libbase.a \
	$(SECCOMP_LIBS) $(BSD_LIBS)
endif

# Memory by valgrind: the unit tests, then whole daemons. Left out: one follows
# damaged pages of LMDB's on purpose, the other goes by the clock.
valgrind_not = regress/unit/discovery_nodedb regress/unit/parent_trust
valgrind_scripts = hostile.py load.py attach.py deaths.py tool.py admission.py \
	start.py
valgrind_tests = $(addprefix $(srcdir)/regress/integration/,$(valgrind_scripts)) \
	$(filter-out $(valgrind_not),$(filter regress/unit/%,$(check_PROGRAMS)))
check-valgrind: all $(check_PROGRAMS)
	srcdir='$(srcdir)' P2PD_BUILD='$(abs_top_builddir)' \
	    $(srcdir)/regress/house/valgrind.sh $(valgrind_tests)
.PHONY: check-valgrind
