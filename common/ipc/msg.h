/* SPDX-License-Identifier: ISC */
#ifndef COMMON_IPC_MSG_H
#define COMMON_IPC_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/ipc/ibuf.h"

/*
 * Messages between processes, described as data.  A descriptor lists the
 * fields of a C struct; one encoder and one decoder serve every message, so
 * that no raw struct, pointer or padding ever crosses a channel, and the
 * smallest and largest encoding follow from the description.
 *
 * Wire form, network byte order, fields in order, nothing between them:
 *   U8 U16 U32 U64   the integer
 *   BYTES            exactly max bytes
 *   STR              u16 length, then the bytes; a NUL among them is an error;
 *                    in memory char[max] with a NUL, so max - 1 bytes at most
 *   BLOB             u32 length, then the bytes; in memory uint8_t[max] at off
 *                    and a uint32_t length at lenoff
 *   ADDR             u8 family, u16 port, 16 bytes
 *   PREFIX           u8 family, u8 bits, 16 bytes
 *   STRUCT           the fields of sub, in place
 *   ARRAY            u16 count, then the elements; in memory an array of at
 *                    most max elements at off, a uint32_t count at lenoff
 */
enum msgfield_kind {
	MF_END, MF_U8, MF_U16, MF_U32, MF_U64, MF_BYTES, MF_STR, MF_BLOB,
	MF_ADDR, MF_PREFIX, MF_STRUCT, MF_ARRAY
};

struct msgdesc;

struct msgfield {
	enum msgfield_kind	 kind;
	size_t			 off;
	uint32_t		 max;
	size_t			 lenoff;
	const struct msgdesc	*sub;
};

struct msgdesc {
	uint32_t		 type;		/* imsg type; 0 for a sub-struct */
	const char		*name;
	size_t			 size;		/* of the C struct */
	const struct msgfield	*fields;	/* ends with MF_END */
};

#define MSG_U8(s, f)		{ MF_U8, offsetof(s, f), 0, 0, NULL }
#define MSG_U16(s, f)		{ MF_U16, offsetof(s, f), 0, 0, NULL }
#define MSG_U32(s, f)		{ MF_U32, offsetof(s, f), 0, 0, NULL }
#define MSG_U64(s, f)		{ MF_U64, offsetof(s, f), 0, 0, NULL }
#define MSG_BYTES(s, f)		{ MF_BYTES, offsetof(s, f), sizeof(((s *)0)->f), 0, NULL }
#define MSG_STR(s, f)		{ MF_STR, offsetof(s, f), sizeof(((s *)0)->f), 0, NULL }
#define MSG_BLOB(s, f, l)	{ MF_BLOB, offsetof(s, f), sizeof(((s *)0)->f), offsetof(s, l), NULL }
#define MSG_ADDR(s, f)		{ MF_ADDR, offsetof(s, f), 0, 0, NULL }
#define MSG_PREFIX(s, f)	{ MF_PREFIX, offsetof(s, f), 0, 0, NULL }
#define MSG_STRUCT(s, f, d)	{ MF_STRUCT, offsetof(s, f), 1, 0, d }
#define MSG_ARRAY(s, f, n, d)	{ MF_ARRAY, offsetof(s, f), \
	sizeof(((s *)0)->f) / sizeof(((s *)0)->f[0]), offsetof(s, n), d }
#define MSG_END			{ MF_END, 0, 0, 0, NULL }

/* Bytes of the smallest and largest encoding. */
size_t	 msg_minlen(const struct msgdesc *);
size_t	 msg_maxlen(const struct msgdesc *);
/*
 * Appends the encoding of body to a dynamic ibuf.  0, or -1 with errno: ERANGE
 * when a length in body is over the field's limit, or as ibuf_add.
 */
int	 msg_encode(const struct msgdesc *, const void *body, struct ibuf *);
/*
 * Fills body (desc->size bytes, zeroed first) from buf, which must be used up
 * exactly.  0, or -1 with errno EBADMSG; body is then zero.
 */
int	 msg_decode(const struct msgdesc *, struct ibuf *, void *body);

#endif
