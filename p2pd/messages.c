/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "common/base/util.h"
#include "p2pd/messages.h"

static const struct msgfield cap_fields[] = {
	MSG_STR(struct cap, name),
	MSG_U32(struct cap, version),
	MSG_END
};
static const struct msgdesc cap_desc = { 0, "cap", sizeof(struct cap), cap_fields };

static const struct msgfield sharedcap_fields[] = {
	MSG_STRUCT(struct sharedcap, cap, &cap_desc),
	MSG_U32(struct sharedcap, codes),
	MSG_U32(struct sharedcap, offset),
	MSG_U32(struct sharedcap, owner),
	MSG_END
};
static const struct msgdesc sharedcap_desc = { 0, "sharedcap",
    sizeof(struct sharedcap), sharedcap_fields };

static const struct msgfield addr_fields[] = {
	MSG_ADDR(struct m_addr, addr),
	MSG_END
};
static const struct msgdesc addr_desc = { 0, "addr", sizeof(struct m_addr), addr_fields };

static const struct msgfield capver_fields[] = {
	MSG_U32(struct m_capver, version),
	MSG_U32(struct m_capver, codes),
	MSG_END
};
static const struct msgdesc capver_desc = { 0, "capver", sizeof(struct m_capver),
    capver_fields };

static const struct msgfield enr_fields[] = {
	MSG_STR(struct m_enr, key),
	MSG_BLOB(struct m_enr, val, len),
	MSG_END
};
static const struct msgdesc enr_desc = { 0, "enr", sizeof(struct m_enr), enr_fields };

static const struct msgfield cond_fields[] = {
	MSG_STR(struct m_cond, key),
	MSG_END
};
static const struct msgdesc cond_desc = { 0, "cond", sizeof(struct m_cond), cond_fields };

static const struct msgfield prefix_fields[] = {
	MSG_U8(struct m_prefix, cond),
	MSG_BLOB(struct m_prefix, bytes, len),
	MSG_END
};
static const struct msgdesc prefix_desc = { 0, "prefix", sizeof(struct m_prefix),
    prefix_fields };

static const struct msgfield meta_fields[] = {
	MSG_U32(struct m_app_meta, wanted),
	MSG_ARRAY(struct m_app_meta, enr, nenr, &enr_desc),
	MSG_ARRAY(struct m_app_meta, cond, ncond, &cond_desc),
	MSG_ARRAY(struct m_app_meta, prefix, nprefix, &prefix_desc),
	MSG_END
};
static const struct msgdesc meta_desc = { 0, "meta", sizeof(struct m_app_meta),
    meta_fields };

static const struct msgfield d4_node_fields[] = {
	MSG_BYTES(struct m_d4_node, key),
	MSG_ADDR(struct m_d4_node, addr),
	MSG_U16(struct m_d4_node, tcp),
	MSG_END
};
static const struct msgdesc d4_node_desc = { 0, "d4_node",
    sizeof(struct m_d4_node), d4_node_fields };

#define BODY(st, type, ...)						\
	static const struct msgfield st##_fields[] = { __VA_ARGS__, MSG_END }; \
	const struct msgdesc st##_desc = { type, #type, sizeof(struct st), st##_fields }
#define U8(f)		MSG_U8(struct S, f)
#define U16(f)		MSG_U16(struct S, f)
#define U32(f)		MSG_U32(struct S, f)
#define U64(f)		MSG_U64(struct S, f)
#define BYTES(f)	MSG_BYTES(struct S, f)
#define STR(f)		MSG_STR(struct S, f)
#define ADDR(f)		MSG_ADDR(struct S, f)
#define PREFIX(f)	MSG_PREFIX(struct S, f)
#define BLOB(f, n)	MSG_BLOB(struct S, f, n)
#define ARRAY(f, n, d)	MSG_ARRAY(struct S, f, n, d)
#define STRUCT(f, d)	MSG_STRUCT(struct S, f, d)

#define S m_init
BODY(m_init, M_INIT, U32(version), U8(kind), U8(instance), U8(nsessions),
    U8(verbose), U8(sandbox), U32(uid), U32(gid), STR(chroot), U32(maxfiles),
    BYTES(id), STR(client), U64(mem_budget), U64(queue_peer), U64(queue_app),
    U32(stall_ms));
#undef S
#define S m_start
BODY(m_start, M_START, U8(dummy));
#undef S
#define S m_ready
BODY(m_ready, M_READY, U32(version), U32(active), U32(unavailable),
    U16(landlock_abi));
#undef S
#define S m_log
BODY(m_log, M_LOG, U8(pri), U32(dropped), STR(line));
#undef S
#define S m_verbose
BODY(m_verbose, M_VERBOSE, U8(verbose));
#undef S
#define S m_stop
BODY(m_stop, M_STOP, U32(grace_ms));
#undef S
#define S m_net
BODY(m_net, M_NET, U32(max_pending), U32(setup_ms), U32(connect_ms),
    U32(addr_secs), U32(net_count), U32(net_secs), U32(history_secs),
    U8(dial), U8(restricted));
#undef S
#define S m_netrestrict
BODY(m_netrestrict, M_NETRESTRICT, PREFIX(prefix));
#undef S
#define S m_ban
BODY(m_ban, M_BAN, U8(add), U8(by_id), BYTES(id), PREFIX(prefix));
#undef S
#define S m_listen
BODY(m_listen, M_LISTEN, ADDR(addr));
#undef S
#define S m_key
BODY(m_key, M_KEY, U32(conn), U8(op), BYTES(point));
#undef S
#define S m_key_done
BODY(m_key_done, M_KEY_DONE, U32(conn), U8(op), BYTES(secret));
#undef S
#define S m_check1
BODY(m_check1, M_CHECK1, U32(conn), U8(flags), BYTES(id), ADDR(remote),
    ADDR(local));
#undef S
#define S m_verdict1
BODY(m_verdict1, M_VERDICT1, U32(conn), U16(reason), U8(disc), U32(generation),
    BLOB(hello, hellolen));
#undef S
#define S m_check2
BODY(m_check2, M_CHECK2, U32(conn), U8(flags), BYTES(id), ADDR(remote),
    ADDR(local), U32(generation), U64(p2p_version), STR(client), U16(port),
    ARRAY(caps, ncaps, &cap_desc), U64(bytes_in), U64(bytes_out), BYTES(state));
#undef S
#define S m_verdict2
BODY(m_verdict2, M_VERDICT2, U32(conn), U16(reason), U8(disc));
#undef S
#define S m_attempt
BODY(m_attempt, M_ATTEMPT, U32(conn), U8(flags), U8(stage), U16(reason),
    U8(disc_sent), U8(disc_recv), U8(has_id), BYTES(id), ADDR(remote), U32(ms),
    U32(count), STR(detail));
#undef S
#define S m_dial
BODY(m_dial, M_DIAL, U32(conn), BYTES(id), ADDR(remote), U8(flags));
#undef S
#define S m_static
BODY(m_static, M_STATIC, U8(add), BYTES(id), STR(host), U16(tcp));
#undef S
#define S m_connected
BODY(m_connected, M_CONNECTED, U8(up), U8(flags), BYTES(id),
    U16(reason), U32(ms));
#undef S
#define S m_resolve
BODY(m_resolve, M_RESOLVE, U32(req), STR(host));
#undef S
#define S m_resolve_stop
BODY(m_resolve_stop, M_RESOLVE_STOP, U32(req));
#undef S
#define S m_resolved
BODY(m_resolved, M_RESOLVED, U32(req), ARRAY(addrs, n, &addr_desc), STR(text));
#undef S
#define S m_peer_start
BODY(m_peer_start, M_PEER_START, U32(handle), U8(flags), BYTES(id),
    ADDR(remote), ADDR(local), U64(p2p_version), STR(client),
    ARRAY(caps, ncaps, &cap_desc), ARRAY(shared, nshared, &sharedcap_desc),
    U64(bytes_in), U64(bytes_out), BYTES(state));
#undef S
#define S m_peer_end
BODY(m_peer_end, M_PEER_END, U32(handle), U16(reason), U8(disc), U8(remote),
    U64(ms), U64(msgs_in), U64(msgs_out), U64(bytes_in), U64(bytes_out));
#undef S
#define S m_peer_stop
BODY(m_peer_stop, M_PEER_STOP, U32(handle), U16(reason), U8(disc));
#undef S
#define S m_peer_flags
BODY(m_peer_flags, M_PEER_FLAGS, U32(handle), U8(flags));
#undef S

/* One body, two types: from control it has no number yet. */
#define S m_app
static const struct msgfield m_app_fields[] = { U32(app), U32(uid), U32(gid),
    U32(pid), U16(session), U16(nsessions), U32(request), U64(features),
    BYTES(token), U32(grace_ms), U8(resumed), STR(name), MSG_END };
const struct msgdesc m_app_new_desc = { M_APP_NEW, "M_APP_NEW",
    sizeof(struct m_app), m_app_fields };
const struct msgdesc m_app_open_desc = { M_APP_OPEN, "M_APP_OPEN",
    sizeof(struct m_app), m_app_fields };
#undef S

#define S m_app_attach
BODY(m_app_attach, M_APP_ATTACH, U32(app), U32(request), STR(name), U8(mode),
    U8(policy), ARRAY(vers, nvers, &capver_desc), STRUCT(meta, &meta_desc));
#undef S
#define S m_app_attached
BODY(m_app_attached, M_APP_ATTACHED, U32(app), U32(request), U32(capid),
    U8(resumed), U64(rate), U16(error), U16(room), STR(text));
#undef S
#define S m_app_detach
BODY(m_app_detach, M_APP_DETACH, U32(app), U32(capid));
#undef S
#define S m_app_closed
BODY(m_app_closed, M_APP_CLOSED, U32(app));
#undef S
#define S m_app_update
BODY(m_app_update, M_APP_UPDATE, U32(app), U32(request), U32(capid), U8(has),
    STRUCT(meta, &meta_desc));
#undef S
#define S m_app_updated
BODY(m_app_updated, M_APP_UPDATED, U32(app), U32(request), U32(capid),
    U16(error), U16(room), STR(text));
#undef S
#define S m_app_penalise
BODY(m_app_penalise, M_APP_PENALISE, U32(app), U32(handle), U8(disc), U32(secs));
#undef S
#define S m_app_hint
BODY(m_app_hint, M_APP_HINT, U32(app), BYTES(id), ADDR(addr), U16(udp));
#undef S
#define S m_cap_gone
BODY(m_cap_gone, M_CAP_GONE, U32(capid));
#undef S
#define S m_candidate
BODY(m_candidate, M_CANDIDATE, BYTES(id), ADDR(addr), U16(udp), U8(source));
#undef S
#define S m_goal
BODY(m_goal, M_GOAL, U32(dialed));
#undef S
#define S m_plan
BODY(m_plan, M_PLAN, U32(want), U32(waiting), U32(dialing), U64(taken),
    U64(refused));
#undef S
#define S m_socket
BODY(m_socket, M_SOCKET, U8(kind));
#undef S
#define S m_show
BODY(m_show, M_SHOW, U32(conn), U8(what), U32(handle));
#undef S
#define S m_monitor
BODY(m_monitor, M_MONITOR, U8(messages));
#undef S
#define S m_event
BODY(m_event, M_EVENT, U8(message), U32(lost), BLOB(rec, len));
#undef S

#define S m_disc
BODY(m_disc, M_DISC, U8(v4), STR(dir), ADDR(announce4), ADDR(announce6));
#undef S
#define S m_udp
BODY(m_udp, M_UDP, ADDR(addr));
#undef S
#define S m_bootnode
BODY(m_bootnode, M_BOOTNODE, BYTES(id), ADDR(addr), U16(tcp), BLOB(record, len));
#undef S
#define S m_d4_sign
BODY(m_d4_sign, M_D4_SIGN, U32(req), U8(type), STRUCT(from, &d4_node_desc),
    STRUCT(to, &d4_node_desc), BYTES(hash), BYTES(target), ARRAY(nodes, n, &d4_node_desc));
#undef S
#define S m_d4_signed
BODY(m_d4_signed, M_D4_SIGNED, U32(req), BLOB(packet, len));
#undef S
#define S m_record_facts
BODY(m_record_facts, M_RECORD_FACTS, ADDR(ip4), ADDR(ip6));
#undef S
#define S m_record
BODY(m_record, M_RECORD, U64(seq), BLOB(record, len));
#undef S
#define S m_want
BODY(m_want, M_WANT, U32(n));
#undef S
#define S m_condition
BODY(m_condition, M_CONDITION, U8(first), ARRAY(cond, ncond, &cond_desc),
    ARRAY(prefix, nprefix, &prefix_desc));
#undef S
#define S m_query
BODY(m_query, M_QUERY, U32(conn), U8(what), BYTES(id));
#undef S

#define LISTED(n)	&m_##n##_desc,
const struct msgdesc *const msg_all[] = {
	MSG_DESCS(LISTED)
	&ctl_hello_desc, &ctl_show_desc, &ctl_peer_desc, &ctl_ban_desc,
	&ctl_log_desc, &ctl_stop_desc, &ctl_monitor_desc, &ctl_rec_desc,
	&ctl_end_desc, &ctl_gone_desc, &ctl_lookup_desc, NULL
};

const char *
proc_name(enum proc_kind kind)
{
	static const char *const names[PROC_KINDS] = {
		"parent", "control", "listener", "dialer", "session", "resolver",
		"discovery"
	};

	return (unsigned int)kind < PROC_KINDS ? names[kind] : "unknown";
}

const char *
stage_name(unsigned int stage)
{
	static const char *const names[] = { "none", "accept", "resolve",
	    "connect", "auth", "post-handshake", "hello", "add-peer" };

	return stage < nitems_of(names) ? names[stage] : "unknown";
}
