/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/crypto/evp.h"
#include "regress/fuzz/fuzz.h"

/* Sockets, the event loop and frames: for what is fed through them. */

#define TURNS	8

void
fuzz_pair(int fds[2])
{
	int	 i;

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	for (i = 0; i < 2; i++)
		FUZZ_CHECK(fcntl(fds[i], F_SETFL, O_NONBLOCK) == 0);
}

void
fuzz_write(int fd, const void *data, size_t n)
{
	const uint8_t	*p = data;
	ssize_t		 w;

	while (n > 0) {
		if ((w = write(fd, p, n)) <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

int
fuzz_drain(int fd)
{
	uint8_t	 buf[65536];
	ssize_t	 n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		;
	return n == -1 && errno == EAGAIN ? 0 : -1;
}

int
fuzz_next_fd(void)
{
	int	 fd = dup(STDERR_FILENO);

	FUZZ_CHECK(fd != -1);
	close(fd);
	return fd;
}

struct event_base *
fuzz_base(void)
{
	static struct event_base	*base;

	if (base == NULL)
		FUZZ_CHECK((base = event_base_new()) != NULL);
	return base;
}

void
fuzz_loop(void)
{
	int	 i;

	for (i = 0; i < TURNS; i++)
		event_base_loop(fuzz_base(), EVLOOP_NONBLOCK);
}

void
fuzz_states(struct rlpx_state *a, struct rlpx_state *b)
{
	memset(a, 0, sizeof(*a));
	memset(a->aes_key, 0xa1, sizeof(a->aes_key));
	memset(a->mac_key, 0xb2, sizeof(a->mac_key));
	keccak_init(&a->tx_mac);
	keccak_update(&a->tx_mac, "one", 3);
	keccak_init(&a->rx_mac);
	keccak_update(&a->rx_mac, "two", 3);
	*b = *a;
	b->tx_mac = a->rx_mac;
	b->rx_mac = a->tx_mac;
}

void
fuzz_sealer_init(struct fuzz_sealer *s, const struct rlpx_state *state)
{
	static const uint8_t	 iv[16];
	const struct evp_algs	*algs = evp_algs();
	uint8_t			 skip[16];
	uint64_t		 pos;
	int			 n;

	FUZZ_CHECK((s->ctr = EVP_CIPHER_CTX_new()) != NULL);
	FUZZ_CHECK((s->ecb = EVP_CIPHER_CTX_new()) != NULL);
	FUZZ_CHECK(EVP_EncryptInit_ex2(s->ctr, algs->aes_256_ctr,
	    state->aes_key, iv, NULL));
	FUZZ_CHECK(EVP_EncryptInit_ex2(s->ecb, algs->aes_256_ecb,
	    state->mac_key, NULL, NULL));
	EVP_CIPHER_CTX_set_padding(s->ecb, 0);
	for (pos = 0; pos < state->tx_bytes; pos += sizeof(skip))
		EVP_EncryptUpdate(s->ctr, skip, &n, iv, sizeof(skip));
	s->mac = state->tx_mac;
}

void
fuzz_sealer_free(struct fuzz_sealer *s)
{
	EVP_CIPHER_CTX_free(s->ctr);
	EVP_CIPHER_CTX_free(s->ecb);
}

/* rlpx.md, "MAC"; other NULL: the digest itself. */
static void
mac_step(struct fuzz_sealer *s, uint8_t mac[16], const uint8_t *other)
{
	uint8_t	 digest[32], block[16];
	int	 i, n;

	keccak_digest(&s->mac, digest);
	FUZZ_CHECK(EVP_EncryptUpdate(s->ecb, block, &n, digest, 16));
	for (i = 0; i < 16; i++)
		block[i] ^= other == NULL ? digest[i] : other[i];
	keccak_update(&s->mac, block, 16);
	keccak_digest(&s->mac, digest);
	memcpy(mac, digest, 16);
}

void
fuzz_seal_head(struct fuzz_sealer *s, uint8_t out[32], const uint8_t in[16])
{
	int	 n;

	FUZZ_CHECK(EVP_EncryptUpdate(s->ctr, out, &n, in, 16));
	mac_step(s, out + 16, out);
}

void
fuzz_seal_body(struct fuzz_sealer *s, uint8_t *out, const uint8_t *in, size_t len)
{
	int	 n;

	FUZZ_CHECK(EVP_EncryptUpdate(s->ctr, out, &n, in, (int)len));
	keccak_update(&s->mac, out, len);
	mac_step(s, out + len, NULL);
}

size_t
fuzz_seal(struct fuzz_sealer *s, uint8_t *out, const uint8_t *body, size_t n)
{
	uint8_t	 head[16] = { (uint8_t)(n >> 16), (uint8_t)(n >> 8),
	    (uint8_t)n, 0xc2, 0x80, 0x80 };
	size_t	 padded = (n + 15) / 16 * 16;

	fuzz_seal_head(s, out, head);
	memset(out + 32, 0, padded);
	if (n > 0)
		memcpy(out + 32, body, n);
	fuzz_seal_body(s, out + 32, out + 32, padded);
	return FUZZ_FRAME_LEN(n);
}
