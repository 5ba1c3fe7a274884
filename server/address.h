/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file address.h
 * A peer's address in one form for both families, for hashing: IPv4 as IPv4-mapped IPv6 (RFC 4291 2.5.5.2).
 */
#ifndef SMR_SERVER_ADDRESS_H
#define SMR_SERVER_ADDRESS_H

#include <sys/socket.h>

#include "base/base.h"

struct smr_address {
	uint8_t ip[16];
	uint8_t port[2];
};

/** All zeros for a family that is neither. */
struct smr_address smr_address_of(const struct sockaddr_storage *from);
/** What one site usually has: the /24 of an IPv4 address, the /56 of an IPv6 one; the rest and the port are zeros. */
struct smr_address smr_address_prefix(const struct smr_address *address);

#endif
