/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wire/app.h"
#include "p2pd/session/peer.h"
#include "regress/fuzz/session.h"

/* A frame with a right length; its body is of the input, or long and plain. */
static void
say_frame(struct fuzz *f, int fd)
{
	static uint8_t	 frame[APP_HEADER + 70000];
	struct app_head	 h;
	uint8_t		 how = fuzz_u8(f);

	memset(&h, 0, sizeof(h));
	h.type = fuzz_u8(f) % 16;
	h.flags = how & 3;
	h.request = fuzz_u8(f);
	h.peer = fuzz_u8(f);
	h.len = how & 4 ? fuzz_u16(f) : fuzz_u8(f) % 64;
	memset(frame + APP_HEADER, how, h.len);
	fuzz_fill(f, frame + APP_HEADER, h.len < 64 ? h.len : 12);
	app_head_encode(frame, &h);
	fuzz_write(fd, frame, APP_HEADER + h.len);
}

static void
say_bytes(struct fuzz *f, int fd)
{
	uint8_t	*data;
	size_t	 n;

	data = fuzz_copy(f, fuzz_u8(f), &n);
	fuzz_write(fd, data, n);
	free(data);
}

/* A send to a peer, right in all but what the input says of it. */
static void
say_send(struct fuzz *f, int fd, int priority)
{
	static uint8_t	 frame[APP_HEADER + APP_MSG_HEAD + 65536];
	struct app_head	 h;
	uint8_t		 how = fuzz_u8(f);
	size_t		 n;

	n = how & 1 ? fuzz_u16(f) : how >> 1;
	memset(&h, 0, sizeof(h));
	h.len = (uint32_t)(APP_MSG_HEAD + n);
	h.type = AF_SEND;
	h.flags = (uint16_t)((how & 2 ? AFL_COMPLETE : 0) |
	    (priority ? AFL_PRIORITY : 0));
	h.request = how;
	h.peer = fuzz_u8(f) % (SES_PEERS + 1);
	app_head_encode(frame, &h);
	app_put32(frame + APP_HEADER, fuzz_u8(f) % 4);
	app_put32(frame + APP_HEADER + 4, fuzz_u8(f) % 18);
	/* What snappy cannot make smaller. */
	arc4random_buf(frame + APP_HEADER + APP_MSG_HEAD, n);
	fuzz_write(fd, frame, APP_HEADER + h.len);
}

/* A send to many, in the same way. */
static void
say_many(struct fuzz *f, int fd)
{
	static uint8_t		 frame[APP_HEADER + APP_MULTI_HEAD + 32 + 65536];
	struct app_multisend	 m;
	struct app_head		 h;
	uint8_t			 how = fuzz_u8(f), list[32];
	size_t			 n, len;

	memset(&m, 0, sizeof(m));
	m.select = how & 3;
	m.version = how & 4 ? fuzz_u8(f) : 0;
	m.count = how / 8 % 8;
	for (n = 0; n < m.count; n++)
		app_put32(list + 4 * n, fuzz_u8(f) % (SES_PEERS + 2));
	m.handles = list;
	m.capid = fuzz_u8(f) % 4;
	m.code = fuzz_u8(f) % 18;
	m.k = fuzz_u8(f) % 8;
	n = how & 0x80 ? fuzz_u16(f) : fuzz_u8(f);
	len = app_multisend_encode(frame + APP_HEADER,
	    sizeof(frame) - APP_HEADER, &m);
	FUZZ_CHECK(len > 0);
	arc4random_buf(frame + APP_HEADER + len, n);
	memset(&h, 0, sizeof(h));
	h.len = (uint32_t)(len + n);
	h.type = AF_MULTISEND;
	h.flags = how & 0x40 ? AFL_COMPLETE : AFL_PRIORITY;
	h.request = how;
	app_head_encode(frame, &h);
	fuzz_write(fd, frame, APP_HEADER + h.len);
}

/* An update, or an attach, of options that are well formed but for the last. */
static void
say_options(struct fuzz *f, int fd, unsigned int app)
{
	static uint8_t		 frame[APP_HEADER + 8192];
	static const uint16_t	 sizes[] = { 4, 4, 4, 4, 20, 4, 9, 24 };
	struct app_attach	 at;
	struct app_head		 h;
	uint8_t			 value[32], *body = frame + APP_HEADER;
	uint8_t			 how = fuzz_u8(f);
	size_t			 n = 4, i;

	memset(&h, 0, sizeof(h));
	h.type = AF_UPDATE;
	h.request = fuzz_u8(f);
	app_put32(body, how / 4);
	if (how & 1) {
		h.type = AF_ATTACH;
		memset(&at, 0, sizeof(at));
		strlcpy(at.name, app == 0 ? "eth" : "aa", sizeof(at.name));
		at.mode = how >> 1 & 1;
		at.policy = APP_DROP;
		at.nvers = 1;
		at.vers[0].version = app == 0 ? 69 : 1;
		at.vers[0].codes = 16;
		n = app_attach_encode(body, 64, &at);
	}
	for (i = fuzz_u8(f) % 8; i > 0; i--) {
		how = fuzz_u8(f);
		memset(value, 0, sizeof(value));
		value[0] = how % 8 < AO_ENR ? 0 : 2;
		fuzz_fill(f, value + 1, sizes[how % 8] - 1);
		if (app_opt_add(body, 8192, &n, how % 8, value,
		    how & 0x80 ? 0 : sizes[how % 8]) == -1)
			break;
	}
	h.len = (uint32_t)n - (how == 0xff);
	app_head_encode(frame, &h);
	fuzz_write(fd, frame, APP_HEADER + h.len);
}

static void
step(struct fuzz *f, uint8_t what)
{
	unsigned int	 i = what % SES_APPS, p = what / 16 % SES_PEERS;

	if (world.app[i] == -1) {
		ses_app(i);
		return;
	}
	switch (what / SES_APPS % 8) {
	case 0:
		say_bytes(f, world.app[i]);
		break;
	case 1:
		ses_peer(p, 1);
		break;
	case 2:
		if (world.peer[p] != -1)
			close(world.peer[p]);
		world.peer[p] = -1;
		break;
	case 3:
		fuzz_drain(world.app[i]);
		if (world.peer[p] != -1)
			fuzz_drain(world.peer[p]);
		break;
	case 4:
		ses_attach(i, what & 0x80 ? "eth" : "aa", what & 0x80 ? 69 : 1,
		    what / 32 % 4);
		break;
	case 5:
		if ((what & 0xf0) == 0xf0) {
			close(world.app[i]);
			world.app[i] = -1;
		} else
			say_frame(f, world.app[i]);
		break;
	case 6:
		ses_parent(f);
		break;
	default:
		if (p == 2)
			say_many(f, world.app[i]);
		else if (p == 3)
			say_options(f, world.app[i], i);
		else
			say_send(f, world.app[i], p == 1);
		break;
	}
}

/* Applications of a session after their hello. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz	 f;
	uint8_t		 what;

	fuzz_begin(&f, data, size);
	ses_begin(fuzz_u8(&f) & 1 ? SES_AMPLE : SES_LITTLE);
	ses_app(0);
	while (f.len > 0 && !world.done) {
		what = fuzz_u8(&f);
		step(&f, what);
		/* Now and then several come at once. */
		if (!(what & 0x40))
			ses_loop();
	}
	ses_end();
	return 0;
}
