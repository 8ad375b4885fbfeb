# SPDX-License-Identifier: ISC
# Whole daemons with real processes, on loopback or in a namespace of their own.
integration_tests = regress/integration/start.py \
	regress/integration/admission.py regress/integration/confined.py \
	regress/integration/deaths.py regress/integration/throttle.py \
	regress/integration/hostile.py regress/integration/load.py
EXTRA_DIST += $(integration_tests) regress/integration/p2ptest.py \
	regress/house/house.sh
AM_TESTS_ENVIRONMENT = P2PD_BUILD='$(abs_top_builddir)'; export P2PD_BUILD; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE;

# The walls around each process
if HOST_LINUX
check_PROGRAMS += regress/integration/walls
TESTS += regress/integration/walls
regress_integration_walls_SOURCES = regress/integration/walls.c \
	regress/integration/walls.h regress/integration/walls_trials.c
regress_integration_walls_LDADD = common/libipc.a common/libbase.a \
	$(SECCOMP_LIBS) $(BSD_LIBS)
endif
