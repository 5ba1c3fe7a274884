/* SPDX-License-Identifier: Apache-2.0 */
#include "server/echo.h"

#include "server/siphash.h"

static void make(const uint8_t key[SMR_ECHO_KEY_LEN], uint64_t window, const struct smr_address *address,
		 uint8_t out[SMR_ECHO_LEN])
{
	uint8_t in[sizeof(*address) + 8];

	memcpy(in, address, sizeof(*address));
	smr_put_be64(in + sizeof(*address), window);
	smr_put_be64(out, smr_siphash(key, SMR_ARRAY(in)));
	out[0] = (uint8_t)window;
}

void smr_echo_make(const uint8_t key[SMR_ECHO_KEY_LEN], uint64_t unix_s, const struct smr_address *address,
		   uint8_t out[SMR_ECHO_LEN])
{
	make(key, unix_s / SMR_ECHO_WINDOW_S, address, out);
}

bool smr_echo_good(const uint8_t key[SMR_ECHO_KEY_LEN], uint64_t unix_s, const struct smr_address *address,
		   struct smr_bytes echo)
{
	uint64_t newest = unix_s / SMR_ECHO_WINDOW_S + 1;
	uint8_t wanted[SMR_ECHO_LEN];
	uint64_t age;

	if (echo.len != SMR_ECHO_LEN)
		return false;
	age = (uint8_t)(newest - echo.ptr[0]); /* in windows, by the low octet */
	if (age > SMR_ECHO_WINDOWS + 1)
		return false;
	make(key, newest - age, address, wanted);
	return smr_equal_ct(wanted, echo.ptr, sizeof(wanted));
}
