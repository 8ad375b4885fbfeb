/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_RLPX_H
#define COMMON_WIRE_RLPX_H

#include <stddef.h>
#include <stdint.h>

#include "common/crypto/keccak.h"
#include "common/crypto/secp.h"

/*
 * The RLPx handshake in EIP-8 form (devp2p, rlpx.md, "Initial Handshake").
 * Pure: nothing here holds the node key. What needs it, the two ECDH products
 * of each side, is given as arguments.
 */
#define RLPX_HS_MAX	2048	/* handshake packet with its 2 size bytes */
#define RLPX_NONCE	32
#define RLPX_PAD_MIN	100	/* our own random padding */
#define RLPX_PAD_MAX	199

struct rlpx_keys {		/* one side's own part, made by rlpx_keys_make */
	uint8_t		 eph_priv[SECP_PRIV];
	uint8_t		 eph_pub[SECP_PUB];
	uint8_t		 nonce[RLPX_NONCE];
};

/* 0, or -1 without randomness. */
int	 rlpx_keys_make(struct rlpx_keys *);

/*
 * The packet length that the first two bytes announce, these two included;
 * 0 when it is below the smallest possible or above RLPX_HS_MAX.
 */
size_t	 rlpx_packet_len(const uint8_t head[2]);

/*
 * Initiator. Builds a sealed auth for peer's key. static_x is the ECDH of the
 * node key and peer's key. own is our node id. out has room for RLPX_HS_MAX.
 * 0 and *len, or -1.
 */
int	 rlpx_auth_make(uint8_t *out, size_t *len, const struct rlpx_keys *,
	    const uint8_t own[SECP_PUB], const uint8_t peer[SECP_PUB],
	    const uint8_t static_x[32]);
/*
 * Recipient, first half: opens a whole auth packet (size bytes included) with
 * the ECDH of the node key and ecies_point() of packet + 2.
 */
struct rlpx_auth {
	uint8_t		 sig[SECP_SIG];
	uint8_t		 pub[SECP_PUB];		/* claimed node id, not validated */
	uint8_t		 nonce[RLPX_NONCE];
	uint64_t	 version;
};
int	 rlpx_auth_open(struct rlpx_auth *, const uint8_t *pkt, size_t len,
	    const uint8_t ecies_x[32]);
/* Second half: the peer's ephemeral key, by static_x of the claimed id. */
int	 rlpx_auth_ephemeral(uint8_t eph[SECP_PUB], const struct rlpx_auth *,
	    const uint8_t static_x[32]);
int	 rlpx_ack_make(uint8_t *out, size_t *len, const struct rlpx_keys *,
	    const uint8_t peer[SECP_PUB]);
struct rlpx_ack {
	uint8_t		 eph[SECP_PUB];		/* validated */
	uint8_t		 nonce[RLPX_NONCE];
	uint64_t	 version;
};
int	 rlpx_ack_open(struct rlpx_ack *, const uint8_t *pkt, size_t len,
	    const uint8_t ecies_x[32]);

/*
 * Everything that the frame layer of one connection is: what crosses to the
 * session at add-peer, and may one day cross to a newer binary.
 */
struct rlpx_state {
	uint8_t		 aes_key[32];
	uint8_t		 mac_key[32];
	uint64_t	 tx_bytes;	/* position in each direction's key stream */
	uint64_t	 rx_bytes;
	struct keccak	 tx_mac;
	struct keccak	 rx_mac;
	uint8_t		 snappy_tx;	/* what we send is compressed */
	uint8_t		 snappy_rx;	/* what we read is compressed */
};

/*
 * Derives the state. initiator says which side we are; own, peer are the
 * ephemeral parts; auth and ack are the packets as they went over the wire.
 * 0, or -1 on a bad point.
 */
int	 rlpx_secrets(struct rlpx_state *, int initiator, const struct rlpx_keys *own,
	    const uint8_t peer_eph[SECP_PUB], const uint8_t peer_nonce[RLPX_NONCE],
	    const uint8_t *auth, size_t authlen, const uint8_t *ack, size_t acklen);

#define RLPX_STATE_LEN	(32 + 32 + 8 + 8 + 2 * KECCAK_STATE_LEN + 2)
void	 rlpx_state_export(const struct rlpx_state *, uint8_t out[RLPX_STATE_LEN]);
int	 rlpx_state_import(struct rlpx_state *, const uint8_t in[RLPX_STATE_LEN]);

#endif
