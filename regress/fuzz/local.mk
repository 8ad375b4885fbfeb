# SPDX-License-Identifier: ISC
# Fuzz targets. With --enable-fuzzers "make fuzz" runs them under libFuzzer,
# FUZZ_SECONDS each; in every build "make check" runs each over its corpus.
check_LIBRARIES += regress/fuzz/libfuzz.a
regress_fuzz_libfuzz_a_SOURCES = regress/fuzz/fuzz.c regress/fuzz/fuzz.h \
	regress/fuzz/conn.c regress/fuzz/send.c \
	regress/fuzz/session.c regress/fuzz/session.h

if ENABLE_FUZZERS
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZ_MAIN =
else
FUZZ_LINK = $(AM_LDFLAGS)
FUZZ_MAIN = regress/fuzz/libfuzzmain.a
check_LIBRARIES += regress/fuzz/libfuzzmain.a
regress_fuzz_libfuzzmain_a_SOURCES = regress/fuzz/driver.c
endif
FUZZ_LIBS = regress/fuzz/libfuzz.a $(P2PD_LIBS) $(P2PD_SYSLIBS)

check_PROGRAMS += $(FUZZ_PROGS) regress/fuzz/seeds
regress_fuzz_seeds_SOURCES = regress/fuzz/seeds.c
regress_fuzz_seeds_LDADD = $(FUZZ_LIBS)

FUZZ_PROGS = regress/fuzz/fuzz_ack \
	regress/fuzz/fuzz_app \
	regress/fuzz/fuzz_appsock \
	regress/fuzz/fuzz_auth \
	regress/fuzz/fuzz_base \
	regress/fuzz/fuzz_client \
	regress/fuzz/fuzz_conf \
	regress/fuzz/fuzz_d4engine \
	regress/fuzz/fuzz_discv4 \
	regress/fuzz/fuzz_dispatch \
	regress/fuzz/fuzz_enode \
	regress/fuzz/fuzz_enr \
	regress/fuzz/fuzz_frame \
	regress/fuzz/fuzz_headers \
	regress/fuzz/fuzz_intro \
	regress/fuzz/fuzz_lib \
	regress/fuzz/fuzz_nodeval \
	regress/fuzz/fuzz_parent \
	regress/fuzz/fuzz_peer \
	regress/fuzz/fuzz_record \
	regress/fuzz/fuzz_request \
	regress/fuzz/fuzz_rlp \
	regress/fuzz/fuzz_setup \
	regress/fuzz/fuzz_show
regress_fuzz_fuzz_ack_SOURCES = regress/fuzz/fuzz_ack.c
regress_fuzz_fuzz_ack_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_ack_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_app_SOURCES = regress/fuzz/fuzz_app.c
regress_fuzz_fuzz_app_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_app_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_appsock_SOURCES = regress/fuzz/fuzz_appsock.c
regress_fuzz_fuzz_appsock_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_appsock_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_auth_SOURCES = regress/fuzz/fuzz_auth.c
regress_fuzz_fuzz_auth_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_auth_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_base_SOURCES = regress/fuzz/fuzz_base.c
regress_fuzz_fuzz_base_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_base_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_client_SOURCES = regress/fuzz/fuzz_client.c
regress_fuzz_fuzz_client_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_client_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_conf_SOURCES = regress/fuzz/fuzz_conf.c
regress_fuzz_fuzz_conf_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_conf_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_d4engine_SOURCES = regress/fuzz/fuzz_d4engine.c
regress_fuzz_fuzz_d4engine_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_d4engine_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_discv4_SOURCES = regress/fuzz/fuzz_discv4.c
regress_fuzz_fuzz_discv4_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_discv4_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_dispatch_SOURCES = regress/fuzz/fuzz_dispatch.c
regress_fuzz_fuzz_dispatch_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_dispatch_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_enode_SOURCES = regress/fuzz/fuzz_enode.c
regress_fuzz_fuzz_enode_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_enode_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_enr_SOURCES = regress/fuzz/fuzz_enr.c
regress_fuzz_fuzz_enr_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_enr_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_frame_SOURCES = regress/fuzz/fuzz_frame.c
regress_fuzz_fuzz_frame_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_frame_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_headers_SOURCES = regress/fuzz/fuzz_headers.c \
	lib/examples/eth-headers/chain.c lib/examples/eth-headers/chain.h \
	lib/examples/eth-headers/eth.c lib/examples/eth-headers/eth.h
regress_fuzz_fuzz_headers_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_headers_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_intro_SOURCES = regress/fuzz/fuzz_intro.c
regress_fuzz_fuzz_intro_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_intro_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_nodeval_SOURCES = regress/fuzz/fuzz_nodeval.c
regress_fuzz_fuzz_nodeval_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_nodeval_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_parent_SOURCES = regress/fuzz/fuzz_parent.c
regress_fuzz_fuzz_parent_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_parent_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_peer_SOURCES = regress/fuzz/fuzz_peer.c
regress_fuzz_fuzz_peer_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_peer_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_record_SOURCES = regress/fuzz/fuzz_record.c
regress_fuzz_fuzz_record_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_record_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_rlp_SOURCES = regress/fuzz/fuzz_rlp.c
regress_fuzz_fuzz_rlp_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_rlp_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_setup_SOURCES = regress/fuzz/fuzz_setup.c
regress_fuzz_fuzz_setup_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_setup_LDADD = $(FUZZ_MAIN) $(FUZZ_LIBS)
regress_fuzz_fuzz_lib_SOURCES = regress/fuzz/fuzz_lib.c
regress_fuzz_fuzz_lib_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_lib_LDADD = $(FUZZ_MAIN) lib/libapp.a $(FUZZ_LIBS)
regress_fuzz_fuzz_request_SOURCES = regress/fuzz/fuzz_request.c
regress_fuzz_fuzz_request_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
regress_fuzz_fuzz_request_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_request_LDADD = $(FUZZ_MAIN) regress/fuzz/libfuzz.a \
	p2pctl/libp2pctl.a lib/libapp.a $(P2PD_LIBS) $(JANSSON_LIBS) \
	$(P2PD_SYSLIBS)
regress_fuzz_fuzz_show_SOURCES = regress/fuzz/fuzz_show.c
regress_fuzz_fuzz_show_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
regress_fuzz_fuzz_show_LDFLAGS = $(FUZZ_LINK)
regress_fuzz_fuzz_show_LDADD = $(FUZZ_MAIN) regress/fuzz/libfuzz.a \
	p2pctl/libp2pctl.a $(P2PD_LIBS) $(JANSSON_LIBS) $(P2PD_SYSLIBS)

dist_check_SCRIPTS += regress/fuzz/fuzz.sh
TESTS += regress/fuzz/fuzz.sh
EXTRA_DIST += regress/fuzz/corpus regress/fuzz/dict

fuzz: $(FUZZ_PROGS) regress/fuzz/seeds
if ENABLE_FUZZERS
	srcdir='$(srcdir)' $(srcdir)/regress/fuzz/fuzz.sh run $(FUZZ_TARGETS)
else
	@echo "fuzz: this build has no libFuzzer: configure with --enable-fuzzers CC=clang"
	@exit 1
endif
.PHONY: fuzz

clean-local: fuzz-clean
fuzz-clean:
	rm -rf regress/fuzz/made regress/fuzz/work
.PHONY: fuzz-clean
