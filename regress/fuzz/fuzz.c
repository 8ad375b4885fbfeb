/* SPDX-License-Identifier: ISC */
#include "config.h"

#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/addr.h"
#include "common/base/log.h"
#include "common/base/util.h"
#include "common/crypto/evp.h"
#include "regress/fuzz/fuzz.h"

static uint8_t	privs[FUZZ_KEYS][SECP_PRIV];
static uint8_t	pubs[FUZZ_KEYS][SECP_PUB];
static uint64_t	prng;

void
fuzz_found(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

/* In libc's place: an input does the same whenever it is run. */
uint32_t
arc4random(void)
{
	prng = prng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(prng >> 32);
}

uint32_t
arc4random_uniform(uint32_t bound)
{
	return bound < 2 ? 0 : arc4random() % bound;
}

void
arc4random_buf(void *buf, size_t n)
{
	uint8_t	*p = buf;

	while (n-- > 0)
		*p++ = (uint8_t)arc4random();
}

/*
 * The clock of all deadlines, libevent's too. It goes on from input to input,
 * since nothing may be left that waits.
 */
static uint64_t	now_ms = 1000000;

void
fuzz_pass(uint32_t ms)
{
	now_ms += ms;
}

#ifdef __linux__
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = (time_t)(now_ms / 1000);
	ts->tv_nsec = (long)(now_ms % 1000) * 1000000;
	return 0;
}
#endif

static void
forget(int pri, const char *line, void *arg)
{
}

/* In order: to some rules it matters whose id is the smaller one. */
static void
make_keys(void)
{
	uint8_t		 priv[SECP_PRIV], pub[SECP_PUB];
	unsigned int	 i, j;

	for (i = 0; i < FUZZ_KEYS; i++) {
		memset(priv, 0x11 * (int)(i + 1), SECP_PRIV);
		FUZZ_CHECK(secp_pub_from_priv(pub, priv) == 0);
		for (j = i; j > 0 && memcmp(pub, pubs[j - 1], SECP_PUB) < 0; j--) {
			memcpy(pubs[j], pubs[j - 1], SECP_PUB);
			memcpy(privs[j], privs[j - 1], SECP_PRIV);
		}
		memcpy(pubs[j], pub, SECP_PUB);
		memcpy(privs[j], priv, SECP_PRIV);
	}
}

static void
setup(void)
{

	signal(SIGPIPE, SIG_IGN);
	log_init(1, 1);
	/* Lines are made, since that is where their arguments are read. */
	log_set_sink(forget, NULL);
	FUZZ_CHECK(secp_init() == 0);
	make_keys();
}

void
fuzz_begin(struct fuzz *f, const uint8_t *data, size_t size)
{
	static int	 done;

	if (!done)
		setup();
	done = 1;
	prng = 1;
	now_ms += 1000000;
	f->p = data;
	f->len = size;
}

const uint8_t *
fuzz_take(struct fuzz *f, size_t n, size_t *got)
{
	const uint8_t	*p = f->p;

	*got = n < f->len ? n : f->len;
	f->p += *got;
	f->len -= *got;
	return p;
}

void
fuzz_fill(struct fuzz *f, void *dst, size_t n)
{
	const uint8_t	*p;
	size_t		 got;

	memset(dst, 0, n);
	p = fuzz_take(f, n, &got);
	if (got > 0)
		memcpy(dst, p, got);
}

uint8_t
fuzz_u8(struct fuzz *f)
{
	uint8_t	 b;

	fuzz_fill(f, &b, 1);
	return b;
}

uint16_t
fuzz_u16(struct fuzz *f)
{
	uint16_t	 high = fuzz_u8(f);

	return (uint16_t)(high << 8 | fuzz_u8(f));
}

uint32_t
fuzz_u32(struct fuzz *f)
{
	uint32_t	 high = fuzz_u16(f);

	return high << 16 | fuzz_u16(f);
}

uint64_t
fuzz_u64(struct fuzz *f)
{
	uint64_t	 high = fuzz_u32(f);

	return high << 32 | fuzz_u32(f);
}

uint8_t *
fuzz_copy(struct fuzz *f, size_t n, size_t *got)
{
	const uint8_t	*p = fuzz_take(f, n, got);
	uint8_t		*copy;

	/* Of its very size: a read beyond is one beyond the allocation. */
	FUZZ_CHECK((copy = malloc(*got > 0 ? *got : 1)) != NULL);
	if (*got > 0)
		memcpy(copy, p, *got);
	return copy;
}

char *
fuzz_text(struct fuzz *f)
{
	const uint8_t	*p;
	size_t		 n;
	char		*s;

	p = fuzz_take(f, f->len, &n);
	FUZZ_CHECK((s = malloc(n + 1)) != NULL);
	if (n > 0)
		memcpy(s, p, n);
	s[n] = '\0';
	return s;
}

const uint8_t *
fuzz_priv(unsigned int n)
{
	return privs[n % FUZZ_KEYS];
}

const uint8_t *
fuzz_pub(unsigned int n)
{
	return pubs[n % FUZZ_KEYS];
}

/* Mostly small. */
static uint64_t
number(struct fuzz *f, size_t width)
{
	uint8_t	 b = fuzz_u8(f);

	if (b < 0xf0 || width == 1)
		return b;
	return width == 2 ? fuzz_u16(f) : width == 4 ? fuzz_u32(f) : fuzz_u64(f);
}

static void
body_addr(struct fuzz *f, struct addr *a)
{
	static const char *const texts[] = { "127.0.0.1:30303",
	    "192.0.2.1:30303", "198.51.100.7:1", "[2001:db8::1]:30303",
	    "[::1]:30303", "0.0.0.0:0", "[fe80::1]:65535" };
	uint8_t	 b = fuzz_u8(f);

	memset(a, 0, sizeof(*a));
	if (b > 0 && b <= nitems_of(texts))
		addr_parse(a, texts[b - 1]);
}

static void
body_prefix(struct fuzz *f, struct prefix *p)
{
	struct addr	 a;
	uint8_t		 bits = fuzz_u8(f);

	body_addr(f, &a);
	memset(p, 0, sizeof(*p));
	if (a.af != 0)
		prefix_of(p, &a, bits % (a.af == 4 ? 33 : 129));
}

static void
body_bytes(struct fuzz *f, uint8_t *p, size_t n)
{
	uint8_t	 b;

	if (n != SECP_PUB) {
		fuzz_fill(f, p, n);
		return;
	}
	b = fuzz_u8(f);
	if (b < 0xf0)
		memcpy(p, fuzz_pub(b), SECP_PUB);
	else
		fuzz_fill(f, p, n);
}

static void
body_text(struct fuzz *f, uint8_t *p, size_t max)
{
	size_t	 n = number(f, 2) % max, i;

	fuzz_fill(f, p, n);
	for (i = 0; i < n; i++)
		if (p[i] == 0)
			p[i] = 'x';
}

static void
body_integer(struct fuzz *f, uint8_t *p, size_t width)
{
	uint64_t	 v = number(f, width);
	uint32_t	 v32 = (uint32_t)v;
	uint16_t	 v16 = (uint16_t)v;

	switch (width) {
	case 1:
		*p = (uint8_t)v;
		break;
	case 2:
		memcpy(p, &v16, sizeof(v16));
		break;
	case 4:
		memcpy(p, &v32, sizeof(v32));
		break;
	default:
		memcpy(p, &v, sizeof(v));
	}
}

static void
body_field(struct fuzz *f, const struct msgfield *mf, uint8_t *body)
{
	static const size_t	 widths[] = { [MF_U8] = 1, [MF_U16] = 2,
	    [MF_U32] = 4, [MF_U64] = 8 };
	uint8_t			*p = body + mf->off;
	uint32_t		 i, n;

	switch (mf->kind) {
	case MF_BYTES:
		body_bytes(f, p, mf->max);
		break;
	case MF_STR:
		body_text(f, p, mf->max);
		break;
	case MF_BLOB:
		n = (uint32_t)(number(f, 2) % (mf->max + 1));
		fuzz_fill(f, p, n);
		memcpy(body + mf->lenoff, &n, sizeof(n));
		break;
	case MF_ADDR:
		body_addr(f, (struct addr *)(void *)p);
		break;
	case MF_PREFIX:
		body_prefix(f, (struct prefix *)(void *)p);
		break;
	case MF_STRUCT:
		fuzz_body(f, mf->sub, p);
		break;
	case MF_ARRAY:
		n = fuzz_u8(f) % (mf->max + 1);
		for (i = 0; i < n; i++)
			fuzz_body(f, mf->sub, p + i * mf->sub->size);
		memcpy(body + mf->lenoff, &n, sizeof(n));
		break;
	default:
		body_integer(f, p, widths[mf->kind]);
	}
}

void
fuzz_body(struct fuzz *f, const struct msgdesc *d, void *body)
{
	const struct msgfield	*mf;

	memset(body, 0, d->size);
	for (mf = d->fields; mf->kind != MF_END; mf++)
		body_field(f, mf, body);
}
