# SPDX-License-Identifier: ISC

# What is measured, and by what: see run. Many peers from one process; epoll, so
# Linux only.
if HOST_LINUX
bench_programs = regress/bench/load regress/bench/traffic regress/bench/app \
	regress/bench/answer regress/bench/discload regress/bench/floor
check_PROGRAMS += $(bench_programs)
regress_bench_load_SOURCES = regress/bench/load.c
regress_bench_load_LDADD = $(peer_libs)
regress_bench_traffic_SOURCES = regress/bench/traffic.c \
	regress/bench/light.c regress/bench/light.h \
	regress/bench/payload.c regress/bench/payload.h
regress_bench_traffic_LDADD = $(peer_libs)
regress_bench_answer_SOURCES = regress/bench/answer.c
regress_bench_answer_LDADD = $(peer_libs)
regress_bench_discload_SOURCES = regress/bench/discload.c
regress_bench_discload_LDADD = p2pd/libp2pd.a $(peer_libs) $(LMDB_LIBS)
regress_bench_app_SOURCES = regress/bench/app.c \
	regress/bench/payload.c regress/bench/payload.h
regress_bench_app_LDADD = lib/libapp.a common/libwire.a common/libbase.a $(BSD_LIBS)
regress_bench_floor_SOURCES = regress/bench/floor.c \
	regress/bench/payload.c regress/bench/payload.h
regress_bench_floor_LDADD = common/libethcrypto.a common/libbase.a $(SNAPPY_LIBS) \
	$(SECP_LIBS) $(CRYPTO_LIBS) $(BSD_LIBS)

# Instructions of the hot paths; its session is the one of the unit tests.
if HAVE_CHECK
counts_programs = regress/bench/hotpath
check_PROGRAMS += $(counts_programs)
regress_bench_hotpath_SOURCES = regress/bench/hotpath.c $(session_world) \
	regress/bench/payload.c regress/bench/payload.h
regress_bench_hotpath_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS) -DMADE_WITH='"$(CFLAGS)"'
regress_bench_hotpath_LDADD = $(SESSION_TEST_LIBS)
endif
bench-counts: $(counts_programs)
	P2PD_BUILD='$(abs_top_builddir)' $(srcdir)/regress/bench/counts $(COUNTS)

# One table: p2pd, go-ethereum and the floor; BENCH="--short", or workloads.
bench: all $(bench_programs)
	P2PD_BUILD='$(abs_top_builddir)' $(srcdir)/regress/bench/run $(BENCH)
endif
.PHONY: bench bench-counts
EXTRA_DIST += regress/bench/README.md regress/bench/run regress/bench/counts regress/bench/callgrind.txt
