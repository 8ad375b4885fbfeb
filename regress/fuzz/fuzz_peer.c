/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wire/app.h"
#include "common/wire/frame.h"
#include "regress/fuzz/session.h"

#define BODY_MAX	20000

static struct fuzz_sealer	 sealers[SES_PEERS];
static int			 sealing[SES_PEERS];

static void
start(unsigned int i, int snappy)
{
	if (sealing[i])
		return;
	ses_peer(i, snappy);
	fuzz_sealer_init(&sealers[i], &world.state[i]);
	sealing[i] = 1;
}

/* A frame with right MACs whose body is of the input; long ones repeat it. */
static void
say_frame(struct fuzz *f, unsigned int i, uint8_t how)
{
	static uint8_t	 body[BODY_MAX], packed[2 * BODY_MAX];
	static uint8_t	 wire[FUZZ_FRAME_LEN(2 * BODY_MAX)];
	uint8_t		 code = fuzz_u8(f), fill;
	size_t		 n, len;

	if (how & 1) {
		n = fuzz_u16(f) % BODY_MAX;
		fill = fuzz_u8(f);
		memset(body, fill, n);
	} else {
		n = fuzz_u8(f);
		fuzz_fill(f, body, n);
	}
	packed[0] = code == 0 ? 0x80 : code;
	if (how & 2) {
		len = frame_compress(packed + 1, body, n);
		FUZZ_CHECK(len > 0 && len < sizeof(packed));
	} else
		memcpy(packed + 1, body, len = n);
	len = fuzz_seal(&sealers[i], wire, packed, 1 + len);
	fuzz_write(world.peer[i], wire, len);
}

static void
say_head(struct fuzz *f, unsigned int i)
{
	uint8_t	 head[16], wire[32];

	fuzz_fill(f, head, sizeof(head));
	fuzz_seal_head(&sealers[i], wire, head);
	fuzz_write(world.peer[i], wire, sizeof(wire));
}

static void
say_bytes(struct fuzz *f, unsigned int i)
{
	uint8_t	*data;
	size_t	 n;

	data = fuzz_copy(f, fuzz_u8(f), &n);
	fuzz_write(world.peer[i], data, n);
	free(data);
}

static void
leave(unsigned int i)
{
	close(world.peer[i]);
	world.peer[i] = -1;
	fuzz_sealer_free(&sealers[i]);
	sealing[i] = 0;
}

/* An application leaves, or comes back for eth. */
static void
come_or_go(unsigned int i)
{
	if (world.app[i] == -1) {
		ses_app(i);
		ses_attach(i, "eth", 69, APP_DROP);
		return;
	}
	close(world.app[i]);
	world.app[i] = -1;
}

static void
step(struct fuzz *f, uint8_t what)
{
	unsigned int	 i = what % SES_PEERS;

	if (!sealing[i]) {
		start(i, what & 0x10);
		return;
	}
	what /= SES_PEERS;
	switch (what % 16) {
	case 0:
		say_head(f, i);
		break;
	case 1:
		say_bytes(f, i);
		break;
	case 2:
		leave(i);
		break;
	case 3:
		if (world.app[i % SES_APPS] != -1)
			fuzz_drain(world.app[i % SES_APPS]);
		break;
	case 4:
		fuzz_drain(world.peer[i]);
		break;
	case 6:
		ses_parent(f);
		break;
	case 11:
		come_or_go(i % SES_APPS);
		break;
	default:
		say_frame(f, i, what);
		break;
	}
}

/* Peers of a session, past the handshake, with applications that own eth. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz	 f;
	unsigned int	 i;
	uint8_t		 mode, what;

	fuzz_begin(&f, data, size);
	mode = fuzz_u8(&f);
	ses_begin(SES_LITTLE);
	ses_app(0);
	ses_app(1);
	ses_loop();
	ses_attach(0, "eth", 69, mode % 3);
	if (mode & 0x40)
		ses_attach(1, "aa", 1, mode / 4 % 3);
	if (mode & 0x80)
		ses_attach(1, "eth", 69, APP_DISCONNECT + 1);
	while (f.len > 0 && !world.done) {
		what = fuzz_u8(&f);
		step(&f, what);
		/* Now and then several come at once. */
		if (!(what & 0x40))
			ses_loop();
	}
	for (i = 0; i < SES_PEERS; i++)
		if (sealing[i])
			leave(i);
	ses_end();
	return 0;
}
