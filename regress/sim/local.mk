# SPDX-License-Identifier: ISC
# Networks of engines on a virtual clock.
check_LIBRARIES += regress/sim/libsim.a
regress_sim_libsim_a_SOURCES = regress/sim/world.c regress/sim/world.h
check_PROGRAMS += regress/sim/netsim
regress_sim_netsim_SOURCES = regress/sim/netsim.c
SIM_LIBS = regress/sim/libsim.a $(P2PD_LIBS) $(P2PD_SYSLIBS)
regress_sim_netsim_LDADD = $(SIM_LIBS)
