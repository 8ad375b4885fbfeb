# SPDX-License-Identifier: ISC
# Unit tests mirror the tree; each links only what it tests.
UNIT_CFLAGS = $(CHECK_CFLAGS)
UNIT_LIBS = $(CHECK_LIBS)

# common/crypto; RLPx handshake and frames
EXTRA_DIST += regress/vectors/rlpx_eip8.h regress/vectors/rlpx_frames.h
if HAVE_CHECK
UNIT_CRYPTO_PROGS = regress/unit/crypto_keccak regress/unit/crypto_secp \
	regress/unit/crypto_ecies regress/unit/wire_rlpx regress/unit/wire_frame
UNIT_CRYPTO_LIBS = common/libethcrypto.a common/libbase.a $(SECP_LIBS) \
	$(CRYPTO_LIBS) $(BSD_LIBS) $(UNIT_LIBS)
check_PROGRAMS += $(UNIT_CRYPTO_PROGS)
TESTS += $(UNIT_CRYPTO_PROGS)
regress_unit_crypto_keccak_SOURCES = regress/unit/common/crypto/keccak.c
regress_unit_crypto_keccak_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_crypto_keccak_LDADD = common/libethcrypto.a common/libbase.a \
	$(BSD_LIBS) $(UNIT_LIBS)
if HAVE_NETTLE
regress_unit_crypto_keccak_CFLAGS += -DHAVE_NETTLE $(NETTLE_CFLAGS)
regress_unit_crypto_keccak_LDADD += $(NETTLE_LIBS)
endif
regress_unit_crypto_secp_SOURCES = regress/unit/common/crypto/secp.c
regress_unit_crypto_secp_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_crypto_secp_LDADD = $(UNIT_CRYPTO_LIBS)
regress_unit_crypto_ecies_SOURCES = regress/unit/common/crypto/ecies.c
regress_unit_crypto_ecies_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_crypto_ecies_LDADD = $(UNIT_CRYPTO_LIBS)
regress_unit_wire_rlpx_SOURCES = regress/unit/common/wire/rlpx.c
regress_unit_wire_rlpx_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_rlpx_LDADD = common/libwire.a $(UNIT_CRYPTO_LIBS)
regress_unit_wire_frame_SOURCES = regress/unit/common/wire/frame.c
regress_unit_wire_frame_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_frame_LDADD = common/libwire.a $(UNIT_CRYPTO_LIBS) $(SNAPPY_LIBS)
endif

# p2pd/parent: the configuration; a case is a pair of files
CONF_CASES = \
	regress/unit/p2pd/parent/conf/allow-none \
	regress/unit/p2pd/parent/conf/bad-both \
	regress/unit/p2pd/parent/conf/bad-bytes \
	regress/unit/p2pd/parent/conf/bad-discovery \
	regress/unit/p2pd/parent/conf/bad-include \
	regress/unit/p2pd/parent/conf/bad-list \
	regress/unit/p2pd/parent/conf/bad-listen \
	regress/unit/p2pd/parent/conf/bad-loop \
	regress/unit/p2pd/parent/conf/bad-macro \
	regress/unit/p2pd/parent/conf/bad-names \
	regress/unit/p2pd/parent/conf/bad-nodes \
	regress/unit/p2pd/parent/conf/bad-nul \
	regress/unit/p2pd/parent/conf/bad-number \
	regress/unit/p2pd/parent/conf/bad-open \
	regress/unit/p2pd/parent/conf/bad-quote \
	regress/unit/p2pd/parent/conf/bad-rules \
	regress/unit/p2pd/parent/conf/bad-syntax \
	regress/unit/p2pd/parent/conf/bad-unit \
	regress/unit/p2pd/parent/conf/continued \
	regress/unit/p2pd/parent/conf/discovery \
	regress/unit/p2pd/parent/conf/empty \
	regress/unit/p2pd/parent/conf/files \
	regress/unit/p2pd/parent/conf/include \
	regress/unit/p2pd/parent/conf/listen \
	regress/unit/p2pd/parent/conf/listen-none \
	regress/unit/p2pd/parent/conf/macros \
	regress/unit/p2pd/parent/conf/network \
	regress/unit/p2pd/parent/conf/node-key \
	regress/unit/p2pd/parent/conf/nodes \
	regress/unit/p2pd/parent/conf/queues \
	regress/unit/p2pd/parent/conf/remark \
	regress/unit/p2pd/parent/conf/retire \
	regress/unit/p2pd/parent/conf/rules \
	regress/unit/p2pd/parent/conf/throttle-each \
	regress/unit/p2pd/parent/conf/throttle-off
EXTRA_DIST += $(CONF_CASES:=.in) $(CONF_CASES:=.ok) \
	regress/unit/p2pd/parent/conf/bad-second.inc \
	regress/unit/p2pd/parent/conf/second.inc \
	regress/unit/p2pd/parent/conf/third.inc
if HAVE_CHECK
check_PROGRAMS += regress/unit/parent_conf
TESTS += regress/unit/parent_conf
regress_unit_parent_conf_SOURCES = regress/unit/p2pd/parent/conf.c
regress_unit_parent_conf_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_conf_LDADD = p2pd/libp2pd.a common/libwire.a $(UNIT_CRYPTO_LIBS)
endif

# base
if HAVE_CHECK
check_PROGRAMS += regress/unit/base_addr regress/unit/base_log regress/unit/base_util
TESTS += regress/unit/base_addr regress/unit/base_log regress/unit/base_util
regress_unit_base_addr_SOURCES = regress/unit/common/base/addr.c
regress_unit_base_addr_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_base_addr_LDADD = common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_base_log_SOURCES = regress/unit/common/base/log.c
regress_unit_base_log_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_base_log_LDADD = common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_base_util_SOURCES = regress/unit/common/base/util.c
regress_unit_base_util_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_base_util_LDADD = common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
endif

# ipc
if HAVE_CHECK
check_PROGRAMS += regress/unit/ipc_ibuf \
	regress/unit/ipc_imsg \
	regress/unit/ipc_msg \
	regress/unit/ipc_channel \
	regress/unit/ipc_proc
TESTS += regress/unit/ipc_ibuf \
	regress/unit/ipc_imsg \
	regress/unit/ipc_msg \
	regress/unit/ipc_channel \
	regress/unit/ipc_proc
regress_unit_ipc_ibuf_SOURCES = regress/unit/common/ipc/ibuf.c
regress_unit_ipc_ibuf_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_ipc_ibuf_LDADD = common/libipc.a common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_ipc_imsg_SOURCES = regress/unit/common/ipc/imsg.c
regress_unit_ipc_imsg_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_ipc_imsg_LDADD = common/libipc.a common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_ipc_msg_SOURCES = regress/unit/common/ipc/msg.c
regress_unit_ipc_msg_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_ipc_msg_LDADD = common/libipc.a common/libbase.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_ipc_channel_SOURCES = regress/unit/common/ipc/channel.c
regress_unit_ipc_channel_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_ipc_channel_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sendmsg
regress_unit_ipc_channel_LDADD = common/libipc.a common/libbase.a $(EVENT_LIBS) $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_ipc_proc_SOURCES = regress/unit/common/ipc/proc.c
regress_unit_ipc_proc_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_ipc_proc_LDADD = common/libipc.a common/libbase.a $(SECCOMP_LIBS) $(BSD_LIBS) $(UNIT_LIBS)
endif

# the application protocol and its library
include regress/unit/lib/local.mk

# common/wire: encodings and the base protocol; common/ctl
if HAVE_CHECK
wire_tests = \
	regress/unit/wire_rlp \
	regress/unit/wire_reason \
	regress/unit/wire_caps \
	regress/unit/wire_base \
	regress/unit/wire_enode \
	regress/unit/ctl_record
check_PROGRAMS += $(wire_tests)
TESTS += $(wire_tests)
regress_unit_wire_rlp_SOURCES = regress/unit/common/wire/rlp.c
regress_unit_wire_rlp_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_rlp_LDADD = common/libwire.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_wire_reason_SOURCES = regress/unit/common/wire/reason.c
regress_unit_wire_reason_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_reason_LDADD = common/libwire.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_wire_caps_SOURCES = regress/unit/common/wire/caps.c
regress_unit_wire_caps_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_caps_LDADD = common/libwire.a $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_wire_base_SOURCES = regress/unit/common/wire/base.c
regress_unit_wire_base_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_base_LDADD = common/libwire.a common/libbase.a $(SNAPPY_LIBS) $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_wire_enode_SOURCES = regress/unit/common/wire/enode.c
regress_unit_wire_enode_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_enode_LDADD = common/libwire.a common/libethcrypto.a \
	common/libbase.a $(SECP_LIBS) $(CRYPTO_LIBS) $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_ctl_record_SOURCES = regress/unit/common/ctl/record.c
regress_unit_ctl_record_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_ctl_record_LDADD = common/libctl.a $(BSD_LIBS) $(UNIT_LIBS)
endif

# p2pd/session
if HAVE_CHECK
session_tests = regress/unit/session_peer regress/unit/session_app \
	regress/unit/session_limits regress/unit/session_show \
	regress/unit/session_send \
	regress/unit/session_queue regress/unit/session_offload \
	regress/unit/session_buffers
check_PROGRAMS += $(session_tests)
TESTS += $(session_tests)
session_world = regress/unit/p2pd/session/world.c regress/unit/p2pd/session/world.h
SESSION_TEST_LIBS = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_session_peer_SOURCES = regress/unit/p2pd/session/peer.c $(session_world)
regress_unit_session_peer_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_session_peer_LDADD = $(SESSION_TEST_LIBS)
regress_unit_session_app_SOURCES = regress/unit/p2pd/session/app.c $(session_world)
regress_unit_session_app_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_session_app_LDADD = $(SESSION_TEST_LIBS)
regress_unit_session_limits_SOURCES = regress/unit/p2pd/session/limits.c \
	regress/unit/p2pd/session/stall.c $(session_world)
regress_unit_session_limits_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_session_limits_LDADD = $(SESSION_TEST_LIBS)
regress_unit_session_show_SOURCES = regress/unit/p2pd/session/show.c $(session_world)
regress_unit_session_show_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_session_show_LDADD = $(SESSION_TEST_LIBS)
regress_unit_session_send_SOURCES = regress/unit/p2pd/session/send.c \
	regress/unit/p2pd/session/multisend.c regress/unit/p2pd/session/sendfix.c \
	regress/unit/p2pd/session/sendfix.h $(session_world)
regress_unit_session_send_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_session_send_LDADD = $(SESSION_TEST_LIBS)
regress_unit_session_queue_SOURCES = regress/unit/p2pd/session/queue.c $(session_world)
regress_unit_session_queue_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_session_queue_LDADD = $(SESSION_TEST_LIBS)
regress_unit_session_offload_SOURCES = regress/unit/p2pd/session/offload.c \
	regress/unit/p2pd/session/offload.h regress/unit/p2pd/session/taps.c \
	$(session_world)
regress_unit_session_offload_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_session_offload_LDADD = $(SESSION_TEST_LIBS)
regress_unit_session_buffers_SOURCES = regress/unit/p2pd/session/buffers.c
regress_unit_session_buffers_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_session_buffers_LDADD = $(SESSION_TEST_LIBS)
endif

# p2pd/control
if HAVE_CHECK
control_tests = regress/unit/control_intro regress/unit/control_server \
	regress/unit/control_app
check_PROGRAMS += $(control_tests)
TESTS += $(control_tests)
CONTROL_PLAY = regress/unit/p2pd/control/play.c regress/unit/p2pd/control/play.h
CONTROL_TEST_LIBS = p2pd/libp2pd.a common/libctl.a common/libwire.a \
	common/libipc.a common/libbase.a $(EVENT_LIBS) $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_control_intro_SOURCES = regress/unit/p2pd/control/intro.c
regress_unit_control_intro_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_control_intro_LDADD = $(CONTROL_TEST_LIBS)
regress_unit_control_server_SOURCES = regress/unit/p2pd/control/server.c $(CONTROL_PLAY)
regress_unit_control_server_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_control_server_LDADD = $(CONTROL_TEST_LIBS)
regress_unit_control_app_SOURCES = regress/unit/p2pd/control/app.c $(CONTROL_PLAY)
regress_unit_control_app_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_control_app_LDADD = $(CONTROL_TEST_LIBS)
endif

# p2pctl
if HAVE_CHECK
p2pctl_tests = regress/unit/p2pctl_parser regress/unit/p2pctl_output \
	regress/unit/p2pctl_client regress/unit/p2pctl_offline \
	regress/unit/p2pctl_nodeset regress/unit/p2pctl_d4client \
	regress/unit/p2pctl_crawl
check_PROGRAMS += $(p2pctl_tests)
TESTS += $(p2pctl_tests)
P2PCTL_TEST_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
P2PCTL_TEST_LIBS = $(P2PCTL_LIBS) $(P2PCTL_SYSLIBS) $(UNIT_LIBS)
regress_unit_p2pctl_parser_SOURCES = regress/unit/p2pctl/parser.c
regress_unit_p2pctl_parser_CFLAGS = $(P2PCTL_TEST_CFLAGS)
regress_unit_p2pctl_parser_LDADD = $(P2PCTL_TEST_LIBS)
regress_unit_p2pctl_output_SOURCES = regress/unit/p2pctl/output.c
regress_unit_p2pctl_output_CFLAGS = $(P2PCTL_TEST_CFLAGS)
regress_unit_p2pctl_output_LDADD = $(P2PCTL_TEST_LIBS)
regress_unit_p2pctl_client_SOURCES = regress/unit/p2pctl/client.c
regress_unit_p2pctl_client_CFLAGS = $(P2PCTL_TEST_CFLAGS)
regress_unit_p2pctl_client_LDADD = $(P2PCTL_TEST_LIBS)
regress_unit_p2pctl_offline_SOURCES = regress/unit/p2pctl/offline.c
regress_unit_p2pctl_offline_CFLAGS = $(P2PCTL_TEST_CFLAGS)
regress_unit_p2pctl_offline_LDADD = $(P2PCTL_TEST_LIBS)
regress_unit_p2pctl_nodeset_SOURCES = regress/unit/p2pctl/nodeset.c
regress_unit_p2pctl_nodeset_CFLAGS = $(P2PCTL_TEST_CFLAGS)
regress_unit_p2pctl_nodeset_LDADD = $(P2PCTL_TEST_LIBS)
regress_unit_p2pctl_d4client_SOURCES = regress/unit/p2pctl/d4client.c
regress_unit_p2pctl_d4client_CFLAGS = $(P2PCTL_TEST_CFLAGS)
regress_unit_p2pctl_d4client_LDADD = $(P2PCTL_TEST_LIBS)
regress_unit_p2pctl_crawl_SOURCES = regress/unit/p2pctl/crawl.c
regress_unit_p2pctl_crawl_CFLAGS = $(P2PCTL_TEST_CFLAGS)
regress_unit_p2pctl_crawl_LDADD = $(P2PCTL_TEST_LIBS)
endif

# p2pd: messages, and the parent's parts that hold no process
if HAVE_CHECK
parent_tests = regress/unit/p2pd_messages regress/unit/parent_admit \
	regress/unit/parent_apps regress/unit/parent_bans \
	regress/unit/parent_grace regress/unit/parent_retire \
	regress/unit/parent_history regress/unit/parent_nodes \
	regress/unit/parent_peers regress/unit/parent_trust \
	regress/unit/parent_cross \
	regress/unit/parent_resolve regress/unit/parent_show \
	regress/unit/parent_uidrate
PARENT_TEST_LIBS = $(P2PD_LIBS) $(SECP_LIBS) $(CRYPTO_LIBS) $(SNAPPY_LIBS) \
	$(BSD_LIBS) $(UNIT_LIBS)
check_PROGRAMS += $(parent_tests)
TESTS += $(parent_tests)
regress_unit_p2pd_messages_SOURCES = regress/unit/p2pd/messages.c
regress_unit_p2pd_messages_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_p2pd_messages_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_admit_SOURCES = regress/unit/p2pd/parent/admit.c
regress_unit_parent_admit_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_admit_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_apps_SOURCES = regress/unit/p2pd/parent/apps.c
regress_unit_parent_apps_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_apps_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_apps_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc
regress_unit_parent_grace_SOURCES = regress/unit/p2pd/parent/grace.c
regress_unit_parent_grace_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_grace_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_retire_SOURCES = regress/unit/p2pd/parent/retire.c
regress_unit_parent_retire_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_retire_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_bans_SOURCES = regress/unit/p2pd/parent/bans.c
regress_unit_parent_bans_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_bans_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_history_SOURCES = regress/unit/p2pd/parent/history.c
regress_unit_parent_history_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_history_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_nodes_SOURCES = regress/unit/p2pd/parent/nodes.c
regress_unit_parent_nodes_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_nodes_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_peers_SOURCES = regress/unit/p2pd/parent/peers.c
regress_unit_parent_peers_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_peers_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_uidrate_SOURCES = regress/unit/p2pd/parent/uidrate.c
regress_unit_parent_uidrate_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_uidrate_LDADD = $(PARENT_TEST_LIBS)
regress_unit_parent_trust_SOURCES = regress/unit/p2pd/parent/trust.c \
	regress/unit/p2pd/parent/far.c regress/unit/p2pd/parent/far.h
regress_unit_parent_trust_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_trust_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_parent_cross_SOURCES = regress/unit/p2pd/parent/cross.c \
	regress/unit/p2pd/parent/far.c regress/unit/p2pd/parent/far.h
regress_unit_parent_cross_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_cross_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_parent_resolve_SOURCES = regress/unit/p2pd/parent/resolve.c \
	regress/unit/p2pd/parent/far.c regress/unit/p2pd/parent/far.h
regress_unit_parent_resolve_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_resolve_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_parent_show_SOURCES = regress/unit/p2pd/parent/show.c \
	regress/unit/p2pd/parent/far.c regress/unit/p2pd/parent/far.h
regress_unit_parent_show_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_show_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
endif

# p2pd/child, handshake, listener, dialer
if HAVE_CHECK
conn_tests = \
	regress/unit/handshake_setup \
	regress/unit/handshake_linger \
	regress/unit/handshake_policy \
	regress/unit/listener_throttle \
	regress/unit/listener_accept \
	regress/unit/dialer_plan \
	regress/unit/dialer_cands \
	regress/unit/dialer_dial \
	regress/unit/p2pd_child
check_PROGRAMS += $(conn_tests)
TESTS += $(conn_tests)
regress_unit_handshake_setup_SOURCES = regress/unit/p2pd/handshake/setup.c \
	regress/unit/p2pd/handshake/fixture.c regress/unit/p2pd/handshake/fixture.h
regress_unit_handshake_setup_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_handshake_setup_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_handshake_linger_SOURCES = regress/unit/p2pd/handshake/linger.c
regress_unit_handshake_linger_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_handshake_linger_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_handshake_policy_SOURCES = regress/unit/p2pd/handshake/policy.c
regress_unit_handshake_policy_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_handshake_policy_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_listener_throttle_SOURCES = regress/unit/p2pd/listener/throttle.c
regress_unit_listener_throttle_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_listener_throttle_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_listener_accept_SOURCES = regress/unit/p2pd/listener/accept.c
regress_unit_listener_accept_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_listener_accept_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_dialer_plan_SOURCES = regress/unit/p2pd/dialer/plan.c
regress_unit_dialer_plan_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_dialer_plan_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_dialer_cands_SOURCES = regress/unit/p2pd/dialer/cands.c
regress_unit_dialer_cands_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_dialer_cands_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_dialer_dial_SOURCES = regress/unit/p2pd/dialer/dial.c
regress_unit_dialer_dial_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_dialer_dial_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
regress_unit_p2pd_child_SOURCES = regress/unit/p2pd/child.c
regress_unit_p2pd_child_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_p2pd_child_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
endif

# common/wire: discovery
if HAVE_CHECK
disc_wire_tests = regress/unit/wire_enr regress/unit/wire_discv4
check_PROGRAMS += $(disc_wire_tests)
TESTS += $(disc_wire_tests)
DISC_WIRE_LIBS = common/libwire.a common/libethcrypto.a common/libbase.a \
	$(SECP_LIBS) $(CRYPTO_LIBS) $(BSD_LIBS) $(UNIT_LIBS)
regress_unit_wire_enr_SOURCES = regress/unit/common/wire/enr.c
regress_unit_wire_enr_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_enr_LDADD = $(DISC_WIRE_LIBS)
regress_unit_wire_discv4_SOURCES = regress/unit/common/wire/discv4.c
regress_unit_wire_discv4_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_wire_discv4_LDADD = $(DISC_WIRE_LIBS)
endif

# p2pd/parent: what discovery asks of it
if HAVE_CHECK
check_PROGRAMS += regress/unit/parent_disc
TESTS += regress/unit/parent_disc
regress_unit_parent_disc_SOURCES = regress/unit/p2pd/parent/disc.c \
	regress/unit/p2pd/parent/far.c regress/unit/p2pd/parent/far.h
regress_unit_parent_disc_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_disc_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sockets_addr \
	-Wl,--wrap=sockets_udp
regress_unit_parent_disc_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
endif

# p2pd/handshake: ends that cannot be told
if HAVE_CHECK
check_PROGRAMS += regress/unit/handshake_ends
TESTS += regress/unit/handshake_ends
regress_unit_handshake_ends_SOURCES = regress/unit/p2pd/handshake/ends.c \
	regress/unit/p2pd/handshake/fixture.c \
	regress/unit/p2pd/handshake/fixture.h
regress_unit_handshake_ends_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_handshake_ends_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
endif

# p2pd/parent: the start
if HAVE_CHECK
check_PROGRAMS += regress/unit/parent_start
TESTS += regress/unit/parent_start
regress_unit_parent_start_SOURCES = regress/unit/p2pd/parent/start.c
regress_unit_parent_start_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_parent_start_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=proc_spawn \
	-Wl,--wrap=imsg_create -Wl,--wrap=mmap -Wl,--wrap=mmap64
regress_unit_parent_start_LDADD = $(P2PD_LIBS) $(P2PD_SYSLIBS) $(UNIT_LIBS)
endif

# p2pd/discovery: the node database
if HAVE_CHECK
check_PROGRAMS += regress/unit/discovery_nodedb
TESTS += regress/unit/discovery_nodedb
regress_unit_discovery_nodedb_SOURCES = regress/unit/p2pd/discovery/nodedb.c
regress_unit_discovery_nodedb_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_nodedb_LDADD = p2pd/libp2pd.a common/libwire.a \
	$(LMDB_LIBS) $(UNIT_CRYPTO_LIBS)
endif

# p2pd/discovery: the engine
if HAVE_CHECK
disc_engine_tests = regress/unit/discovery_node regress/unit/discovery_bond \
	regress/unit/discovery_votes regress/unit/discovery_table \
	regress/unit/discovery_lookup regress/unit/discovery_d4 \
	regress/unit/discovery_d4ask regress/unit/discovery_d4hostile \
	regress/unit/discovery_d4maint \
	regress/unit/discovery_udp
check_PROGRAMS += $(disc_engine_tests)
TESTS += $(disc_engine_tests)
DISC_ENGINE_LIBS = p2pd/libp2pd.a common/libwire.a $(UNIT_CRYPTO_LIBS)
DISC_RIG = regress/unit/p2pd/discovery/rig.c regress/unit/p2pd/discovery/rig.h
regress_unit_discovery_node_SOURCES = regress/unit/p2pd/discovery/node.c
regress_unit_discovery_node_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_node_LDADD = $(DISC_ENGINE_LIBS)
regress_unit_discovery_bond_SOURCES = regress/unit/p2pd/discovery/bond.c
regress_unit_discovery_bond_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_bond_LDADD = $(DISC_ENGINE_LIBS)
regress_unit_discovery_votes_SOURCES = regress/unit/p2pd/discovery/votes.c
regress_unit_discovery_votes_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_votes_LDADD = $(DISC_ENGINE_LIBS)
regress_unit_discovery_table_SOURCES = regress/unit/p2pd/discovery/table.c
regress_unit_discovery_table_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_table_LDADD = $(DISC_ENGINE_LIBS)
regress_unit_discovery_lookup_SOURCES = regress/unit/p2pd/discovery/lookup.c
regress_unit_discovery_lookup_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_lookup_LDADD = $(DISC_ENGINE_LIBS)
regress_unit_discovery_d4_SOURCES = regress/unit/p2pd/discovery/d4.c \
	$(DISC_RIG)
regress_unit_discovery_d4_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_d4_LDADD = $(DISC_ENGINE_LIBS)
regress_unit_discovery_d4ask_SOURCES = regress/unit/p2pd/discovery/d4ask.c \
	$(DISC_RIG)
regress_unit_discovery_d4ask_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_d4ask_LDADD = $(DISC_ENGINE_LIBS)
regress_unit_discovery_d4maint_SOURCES = regress/unit/p2pd/discovery/d4maint.c \
	$(DISC_RIG)
regress_unit_discovery_d4maint_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_d4maint_LDADD = $(DISC_ENGINE_LIBS)
regress_unit_discovery_d4hostile_SOURCES = \
	regress/unit/p2pd/discovery/d4hostile.c $(DISC_RIG)
regress_unit_discovery_d4hostile_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_d4hostile_LDADD = $(DISC_ENGINE_LIBS)
regress_unit_discovery_udp_SOURCES = regress/unit/p2pd/discovery/udp.c
regress_unit_discovery_udp_CFLAGS = $(AM_CFLAGS) $(UNIT_CFLAGS)
regress_unit_discovery_udp_LDADD = p2pd/libp2pd.a common/libbase.a \
	$(EVENT_LIBS) $(BSD_LIBS) $(UNIT_LIBS)
endif
