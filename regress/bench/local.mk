# SPDX-License-Identifier: ISC

# Many peers from one process; epoll, so Linux only.
if HOST_LINUX
check_PROGRAMS += regress/bench/load
regress_bench_load_SOURCES = regress/bench/load.c
regress_bench_load_LDADD = $(peer_libs)
endif
