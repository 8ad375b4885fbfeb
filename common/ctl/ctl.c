/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "common/ctl/ctl.h"

static const struct msgfield hello_fields[] = {
	MSG_U32(struct ctl_hello, version),
	MSG_U8(struct ctl_hello, restricted),
	MSG_END
};

static const struct msgfield show_fields[] = {
	MSG_U32(struct ctl_show_req, conn),
	MSG_U8(struct ctl_show_req, what),
	MSG_BYTES(struct ctl_show_req, id),
	MSG_END
};

static const struct msgfield peer_fields[] = {
	MSG_U32(struct ctl_peer_req, conn),
	MSG_U8(struct ctl_peer_req, op),
	MSG_BYTES(struct ctl_peer_req, id),
	MSG_STR(struct ctl_peer_req, host),
	MSG_U16(struct ctl_peer_req, tcp),
	MSG_U16(struct ctl_peer_req, udp),
	MSG_U8(struct ctl_peer_req, reason),
	MSG_U8(struct ctl_peer_req, save),
	MSG_U8(struct ctl_peer_req, wait),
	MSG_END
};

static const struct msgfield ban_fields[] = {
	MSG_U32(struct ctl_ban_req, conn),
	MSG_U8(struct ctl_ban_req, op),
	MSG_U8(struct ctl_ban_req, by_id),
	MSG_BYTES(struct ctl_ban_req, id),
	MSG_PREFIX(struct ctl_ban_req, prefix),
	MSG_U64(struct ctl_ban_req, seconds),
	MSG_STR(struct ctl_ban_req, note),
	MSG_END
};

static const struct msgfield log_fields[] = {
	MSG_U32(struct ctl_log_req, conn),
	MSG_U8(struct ctl_log_req, verbose),
	MSG_END
};

static const struct msgfield monitor_fields[] = {
	MSG_U32(struct ctl_monitor_req, conn),
	MSG_U8(struct ctl_monitor_req, messages),
	MSG_END
};

static const struct msgfield lookup_fields[] = {
	MSG_U32(struct ctl_lookup_req, conn),
	MSG_BYTES(struct ctl_lookup_req, id),
	MSG_END
};

static const struct msgfield conn_fields[] = {
	MSG_U32(struct ctl_conn, conn),
	MSG_END
};

static const struct msgfield rec_fields[] = {
	MSG_U32(struct ctl_rec, conn),
	MSG_BLOB(struct ctl_rec, rec, len),
	MSG_END
};

static const struct msgfield end_fields[] = {
	MSG_U32(struct ctl_end, conn),
	MSG_U8(struct ctl_end, code),
	MSG_STR(struct ctl_end, text),
	MSG_END
};

#define DESC(var, type, st, f)	\
	const struct msgdesc var = { type, #type, sizeof(struct st), f }

DESC(ctl_hello_desc, CTL_HELLO, ctl_hello, hello_fields);
DESC(ctl_show_desc, CTL_SHOW, ctl_show_req, show_fields);
DESC(ctl_peer_desc, CTL_PEER, ctl_peer_req, peer_fields);
DESC(ctl_ban_desc, CTL_BAN, ctl_ban_req, ban_fields);
DESC(ctl_log_desc, CTL_LOG, ctl_log_req, log_fields);
DESC(ctl_stop_desc, CTL_STOP, ctl_conn, conn_fields);
DESC(ctl_monitor_desc, CTL_MONITOR, ctl_monitor_req, monitor_fields);
DESC(ctl_rec_desc, CTL_REC, ctl_rec, rec_fields);
DESC(ctl_end_desc, CTL_END, ctl_end, end_fields);
DESC(ctl_gone_desc, CTL_GONE, ctl_conn, conn_fields);
DESC(ctl_lookup_desc, CTL_LOOKUP, ctl_lookup_req, lookup_fields);
