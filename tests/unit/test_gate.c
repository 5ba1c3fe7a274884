/* SPDX-License-Identifier: Apache-2.0 */
/* The gate MAC: its value, its place behind M1, and that it is bound to key and M1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/gate.h"
#include "tests/unit/seam.h"

static const uint8_t shipment_key[SMR_GATE_KEY_LEN] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
/* [1, 2, h'55…', h'66…'], in the form of an M1 */
static uint8_t m1_octets[4 + 34 + 22];

static struct smr_bytes m1_like(void)
{
	memcpy(m1_octets, (const uint8_t[]){0x84, 0x01, 0x02, 0x58, 33}, 5);
	memset(m1_octets + 5, 0x55, 33);
	m1_octets[38] = 0x55; /* bstr of 21 */
	memset(m1_octets + 39, 0x66, 21);
	return SMR_ARRAY(m1_octets);
}

static void mac_of(const uint8_t key[SMR_GATE_KEY_LEN], uint8_t first, uint8_t mac[SMR_GATE_MAC_LEN])
{
	uint8_t hash[SMR_HASH_LEN] = {first};
	struct smr_gate_key derived;

	assert_int_equal(smr_gate_key_derive(key, &derived), SMR_OK);
	assert_int_equal(smr_gate_mac(&derived, hash, mac), SMR_OK);
}

/* Computed by python3-cryptography: HMAC(HKDFExpand(key, "samara1 gate\0"), 32 zeros). */
static void test_mac_has_the_documented_value(void **state)
{
	static const uint8_t wanted[SMR_GATE_MAC_LEN] = {0x15, 0xf9, 0x9c, 0xe0, 0x98, 0x5f,
							 0xb3, 0x13, 0x4d, 0x81, 0xf0, 0x2c};
	uint8_t mac[SMR_GATE_MAC_LEN];

	(void)state;
	mac_of(shipment_key, 0, mac);
	assert_memory_equal(mac, wanted, sizeof(wanted));
}

static void test_mac_of_another_key_or_m1_differs(void **state)
{
	uint8_t other_key[SMR_GATE_KEY_LEN] = {1};
	uint8_t mac[SMR_GATE_MAC_LEN];
	uint8_t other[SMR_GATE_MAC_LEN];

	(void)state;
	mac_of(shipment_key, 0, mac);
	mac_of(other_key, 0, other);
	assert_memory_not_equal(mac, other, sizeof(mac));
	mac_of(shipment_key, 1, other);
	assert_memory_not_equal(mac, other, sizeof(mac));
}

static void test_append_and_split_are_inverse(void **state)
{
	uint8_t room[128];
	struct smr_space request = {room, sizeof(room)};
	uint8_t mac[SMR_GATE_MAC_LEN];
	struct smr_bytes m1;
	struct smr_bytes found;

	(void)state;
	mac_of(shipment_key, 7, mac);
	assert_int_equal(smr_gate_append(m1_like(), mac, &request), SMR_OK);
	assert_int_equal(request.len, sizeof(m1_octets) + SMR_GATE_ITEM_LEN);
	assert_int_equal(smr_gate_split(smr_bytes_of(room, request.len), &m1, &found), SMR_OK);
	assert_true(smr_bytes_equal(m1, m1_like()));
	assert_true(smr_bytes_equal(found, SMR_ARRAY(mac)));
	assert_int_equal(smr_gate_split(m1_like(), &m1, &found), SMR_OK);
	assert_true(smr_bytes_equal(m1, m1_like()));
	assert_int_equal(found.len, 0);
	request.len = sizeof(m1_octets) + SMR_GATE_ITEM_LEN - 1;
	assert_int_equal(smr_gate_append(m1_like(), mac, &request), SMR_E_NO_ROOM);
}

static void test_anything_else_behind_m1_is_malformed(void **state)
{
	uint8_t room[128];
	struct smr_space request = {room, sizeof(room)};
	uint8_t mac[SMR_GATE_MAC_LEN];
	struct smr_bytes m1;
	struct smr_bytes found;

	(void)state;
	mac_of(shipment_key, 7, mac);
	assert_int_equal(smr_gate_append(m1_like(), mac, &request), SMR_OK);
	for (size_t len = 0; len < request.len; len++) {
		if (len != sizeof(m1_octets))
			assert_int_equal(smr_gate_split(smr_bytes_of(room, len), &m1, &found), SMR_E_MALFORMED);
	}
	room[request.len] = 0; /* a third item */
	assert_int_equal(smr_gate_split(smr_bytes_of(room, request.len + 1), &m1, &found), SMR_E_MALFORMED);
	for (unsigned head = 0; head < 256; head++) { /* another length, another type */
		room[sizeof(m1_octets)] = (uint8_t)head;
		assert_int_equal(smr_gate_split(smr_bytes_of(room, request.len), &m1, &found),
				 head == 0x4c ? SMR_OK : SMR_E_MALFORMED);
	}
}

static void test_mac_with_crypto_that_fails_says_so(void **state)
{
	uint8_t hash[SMR_HASH_LEN] = {0};
	uint8_t mac[SMR_GATE_MAC_LEN];
	struct smr_gate_key key;

	(void)state;
	seam_fail_at(1);
	assert_int_equal(smr_gate_key_derive(shipment_key, &key), SMR_E_CRYPTO);
	seam_fail_at(0);
	assert_int_equal(smr_gate_key_derive(shipment_key, &key), SMR_OK);
	seam_fail_at(1);
	assert_int_equal(smr_gate_mac(&key, hash, mac), SMR_E_CRYPTO);
	seam_fail_at(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mac_has_the_documented_value),
		cmocka_unit_test(test_mac_of_another_key_or_m1_differs),
		cmocka_unit_test(test_append_and_split_are_inverse),
		cmocka_unit_test(test_anything_else_behind_m1_is_malformed),
		cmocka_unit_test(test_mac_with_crypto_that_fails_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
