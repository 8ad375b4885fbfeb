/* SPDX-License-Identifier: ISC */
#ifndef COMMON_WIRE_NETWORK_H
#define COMMON_WIRE_NETWORK_H

/* The public networks whose bootnodes are known. */
enum network {
	NETWORK_MAINNET, NETWORK_SEPOLIA, NETWORK_HOODI, NETWORK_NONE, NETWORKS
};

/* Name of a network, and back: -1 when there is none of this name. */
const char *network_name(enum network);
int	 network_byname(const char *);
/* The nth bootnode of a network, an enode URL; NULL beyond. */
const char *network_bootnode(enum network, unsigned int n);

#endif
