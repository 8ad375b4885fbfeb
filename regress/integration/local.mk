# SPDX-License-Identifier: ISC
# Whole daemons with real processes, on loopback or in a namespace of their own.
integration_tests = regress/integration/start.py \
	regress/integration/admission.py regress/integration/confined.py \
	regress/integration/deaths.py regress/integration/throttle.py \
	regress/integration/hostile.py regress/integration/load.py \
	regress/integration/tool.py regress/integration/startup.py \
	regress/integration/attach.py
if HOST_LINUX
TESTS += $(integration_tests) regress/house/house.sh
endif
EXTRA_DIST += $(integration_tests) regress/integration/p2ptest.py \
	regress/house/house.sh
AM_TESTS_ENVIRONMENT = P2PD_BUILD='$(abs_top_builddir)'; export P2PD_BUILD; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	CK_DEFAULT_TIMEOUT=120; export CK_DEFAULT_TIMEOUT;

# The walls around each process
if HOST_LINUX
check_PROGRAMS += regress/integration/walls
TESTS += regress/integration/walls
regress_integration_walls_SOURCES = regress/integration/walls.c \
	regress/integration/walls.h regress/integration/walls_trials.c
regress_integration_walls_LDADD = common/libipc.a common/libbase.a \
	$(SECCOMP_LIBS) $(BSD_LIBS)
endif

# Memory by valgrind: the unit tests, then whole daemons. The sandbox is off in
# it (valgrind's own system calls are on no list), and the daemon says so.
VALGRIND = valgrind --leak-check=full --show-leak-kinds=definite \
	--errors-for-leak-kinds=definite --num-callers=20
valgrind_daemon = --trace-children=yes
check-valgrind: all $(check_PROGRAMS)
	@for t in $(filter regress/unit/%,$(check_PROGRAMS)); do \
		echo "valgrind: $$t"; \
		CK_FORK=no CK_DEFAULT_TIMEOUT=0 P2PD_TEST_SLOW=1 srcdir='$(srcdir)' \
		$(VALGRIND) -q --error-exitcode=99 ./$$t >valgrind.out 2>&1 || \
		{ cat valgrind.out; exit 1; }; done; rm -f valgrind.out
	@for t in start admission hostile; do \
		P2PD_BUILD='$(abs_top_builddir)' P2PD_TEST_SANDBOX=off \
		P2PD_TEST_SLOW=1 P2PD_TEST_WAIT=240 PYTHONDONTWRITEBYTECODE=1 \
		P2PD_TEST_WRAP='$(VALGRIND) $(valgrind_daemon)' \
		$(srcdir)/regress/integration/$$t.py || exit 1; done
.PHONY: check-valgrind
