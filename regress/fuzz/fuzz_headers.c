/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/crypto/keccak.h"
#include "lib/examples/eth-headers/chain.h"
#include "regress/fuzz/fuzz.h"

/*
 * eth-headers: pieces that are asked for, come, do not, or lie, in any order.
 * Headers are of two chains that part at FORK, or whatever the input says.
 */
#define HEADERS	96
#define FORK	20
#define ASKED	(2 * CHAIN_WINDOW)

static struct {
	uint8_t	 raw[64];
	size_t	 len;
	uint8_t	 hash[ETH_HASH];
}		 world[2][HEADERS + 1];

static struct chain	 c;
static struct piece	*asked[ASKED];
static unsigned int	 nasked;

static void
make_header(unsigned int fork, uint64_t n)
{
	static const uint8_t	 none[ETH_HASH];
	struct rlpw		 w;
	int			 i;

	rlpw_init(&w, world[fork][n].raw, sizeof(world[fork][n].raw));
	rlpw_list(&w);
	rlpw_bytes(&w, n == 0 ? none : world[fork][n - 1].hash, ETH_HASH);
	for (i = 1; i < 8; i++)
		rlpw_bytes(&w, none, 0);
	rlpw_uint(&w, n);
	rlpw_uint(&w, n > FORK ? fork : 0);
	rlpw_end(&w);
	FUZZ_CHECK(rlpw_finish(&w, &world[fork][n].len) == 0);
	keccak256(world[fork][n].hash, world[fork][n].raw, world[fork][n].len);
}

static void
make_world(void)
{
	unsigned int	 fork;
	uint64_t	 n;

	for (fork = 0; world[1][HEADERS].len == 0 && fork < 2; fork++) {
		for (n = 0; n <= HEADERS; n++)
			make_header(fork, n);
	}
}

/* Pieces are in order, leave nothing out, and nobody forgets one. */
static void
check(void)
{
	struct piece	*p;
	uint64_t	 next = c.height + 1;
	unsigned int	 n = 0, out = 0, i;

	TAILQ_FOREACH(p, &c.pieces, entry) {
		FUZZ_CHECK(p->first == next && p->count > 0);
		next += p->count;
		n++;
		if (p->state != PIECE_ASKED)
			continue;
		for (i = 0; i < nasked && asked[i] != p; i++)
			;
		FUZZ_CHECK(i < nasked);
		out++;
	}
	FUZZ_CHECK(next == c.next && n == c.npieces && out == nasked);
	FUZZ_CHECK(c.nback <= CHAIN_BACK && c.height <= HEADERS);
}

static struct piece *
take(struct fuzz *f)
{
	struct piece	*p;
	unsigned int	 i = fuzz_u8(f) % nasked;

	p = asked[i];
	asked[i] = asked[--nasked];
	return p;
}

static void
put_world(struct fuzz *f, unsigned int fork)
{
	struct piece	*p = take(f);
	struct rlp	 r;
	uint8_t		*buf;
	uint64_t	 count = fuzz_u8(f), n;
	size_t		 len = 0;

	if (count > p->count)
		count = p->count;
	FUZZ_CHECK((buf = malloc(HEADERS * sizeof(world[0][0].raw))) != NULL);
	for (n = p->first; n < p->first + count && n <= HEADERS; n++) {
		memcpy(buf + len, world[fork][n].raw, world[fork][n].len);
		len += world[fork][n].len;
	}
	rlp_init(&r, buf, len);
	n = p->first + count <= HEADERS + 1 ? count : HEADERS + 1 - p->first;
	FUZZ_CHECK(chain_put(&c, p, 1 + fuzz_u8(f) % 5, &r) == (int)n);
	free(buf);
}

/* Whatever else a peer may send, by all that decodes it. */
static void
decode(struct fuzz *f)
{
	struct eth_status	 st;
	struct rlp		 r;
	uint8_t			 out[64], *copy;
	uint64_t		 id;
	uint32_t		 reply, code = fuzz_u8(f);
	size_t			 n;

	copy = fuzz_copy(f, fuzz_u8(f), &n);
	if (eth_status_decode(&st, copy, n) == 0)
		FUZZ_CHECK(eth_fork_encode(out, sizeof(out), &st) > 0);
	eth_range_decode(&id, copy, n);
	FUZZ_CHECK(eth_answer(out, sizeof(out), 70, code, &reply, copy, n) <=
	    sizeof(out));
	if (eth_headers_decode(&id, &r, copy, n) == 0 && nasked > 0)
		chain_put(&c, take(f), 1 + code % 5, &r);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz	 f;
	struct piece	*p;
	unsigned int	 op;

	fuzz_begin(&f, data, size);
	make_world();
	nasked = 0;
	chain_init(&c, world[0][0].hash, 1 + fuzz_u8(&f) % 16);
	c.target = HEADERS;
	while (f.len > 0) {
		op = fuzz_u8(&f);
		if (op < 0x60) {
			p = nasked == ASKED ? NULL : chain_want(&c, 1 + op % 5,
			    op < 0x50 ? HEADERS : op, op & 0x03);
			if (p != NULL)
				asked[nasked++] = p;
		} else if (op < 0xc0 && nasked > 0)
			put_world(&f, op >= 0xa0);
		else if (op < 0xd0 && nasked > 0)
			chain_give_up(&c, take(&f));
		else if (op < 0xf0)
			FUZZ_CHECK(chain_lay(&c) <= 5);
		else
			decode(&f);
		check();
	}
	chain_free(&c);
	return 0;
}
