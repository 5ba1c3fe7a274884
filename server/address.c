/* SPDX-License-Identifier: Apache-2.0 */
#include "server/address.h"

#include <netinet/in.h>

#define PREFIX_IPV4 15u /* octets: 12 of mapping, 3 of address */
#define PREFIX_IPV6 7u

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct smr_address smr_address_of(const struct sockaddr_storage *from)
{
	struct smr_address out = {{0}, {0}};
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	if (from->ss_family == AF_INET) {
		memcpy(&four, from, sizeof(four));
		memcpy(out.ip, mapped, sizeof(mapped));
		memcpy(out.ip + sizeof(mapped), &four.sin_addr, sizeof(four.sin_addr));
		memcpy(out.port, &four.sin_port, sizeof(out.port));
	} else if (from->ss_family == AF_INET6) {
		memcpy(&six, from, sizeof(six));
		memcpy(out.ip, &six.sin6_addr, sizeof(out.ip));
		memcpy(out.port, &six.sin6_port, sizeof(out.port));
	}
	return out;
}

struct smr_address smr_address_prefix(const struct smr_address *address)
{
	struct smr_address out = {{0}, {0}};

	memcpy(out.ip, address->ip, memcmp(address->ip, mapped, sizeof(mapped)) == 0 ? PREFIX_IPV4 : PREFIX_IPV6);
	return out;
}
