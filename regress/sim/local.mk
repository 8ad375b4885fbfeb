# SPDX-License-Identifier: ISC
# Networks of discv4 engines on a virtual clock. "make check" runs a small one
# twice; "make sim" one of 1,000 nodes that loses a tenth of its datagrams,
# with attackers, one whose nodes come and go, and a small one whose signatures
# are real. Minutes of work.
check_LIBRARIES += regress/sim/libsim.a
regress_sim_libsim_a_SOURCES = regress/sim/world.c regress/sim/world.h
check_PROGRAMS += regress/sim/netsim
regress_sim_netsim_SOURCES = regress/sim/netsim.c
SIM_LIBS = regress/sim/libsim.a $(P2PD_LIBS) $(P2PD_SYSLIBS)
regress_sim_netsim_LDADD = $(SIM_LIBS)
dist_check_SCRIPTS += regress/sim/netsim.sh
TESTS += regress/sim/netsim.sh

SIM_FLAGS = -n 1000 -m 30 -l 10
sim: regress/sim/netsim
	regress/sim/netsim $(SIM_FLAGS) -a
	regress/sim/netsim $(SIM_FLAGS) -c 1
	regress/sim/netsim -r -a -n 40 -m 2 -l 10
.PHONY: sim
