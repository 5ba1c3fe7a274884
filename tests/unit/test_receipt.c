/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/object.h"
#include "tests/unit/hex.h"
#include "tests/unit/seam.h"

#define EID "89044011112233441122334411223321"
#define ICCID "8949000000000000018f"
#define RECEIPT "85024a" ICCID "07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d"

static struct smr_receipt receipt(void)
{
	struct smr_receipt r = {.kind = SMR_RECEIPT_COMMAND, .serial = 7, .result = SMR_E_SERIAL};

	hex(ICCID, r.iccid.octets, sizeof(r.iccid.octets));
	memset(r.mac, 0x4d, sizeof(r.mac));
	return r;
}

static enum smr_err read_receipt(const char *encoded, struct smr_receipt *out)
{
	uint8_t room[sizeof(RECEIPT)];
	struct smr_reader r = smr_reader_init(hex(encoded, room, sizeof(room)));

	smr_get_receipt(&r, out);
	return smr_reader_done(&r);
}

static void test_receipt_is_encoded_as_by_a_second_implementation(void **state)
{
	struct smr_receipt in = receipt(), got;
	struct smr_writer counter = smr_writer_size();
	uint8_t room[sizeof(RECEIPT)];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	(void)state;
	smr_put_receipt(&w, &in);
	smr_put_receipt(&counter, &in);
	assert_int_equal(smr_writer_done(&w, NULL), SMR_OK);
	assert_int_equal(counter.len, w.len);
	assert_hex(room, w.len, RECEIPT);
	assert_int_equal(read_receipt(RECEIPT, &got), SMR_OK);
	assert_int_equal(got.kind, in.kind);
	assert_memory_equal(&got.iccid, &in.iccid, sizeof(in.iccid));
	assert_true(got.serial == in.serial && got.result == in.result);
	assert_memory_equal(got.mac, in.mac, sizeof(in.mac));
	for (size_t len = 0; len < w.len; len++) {
		struct smr_writer small = smr_writer_init((struct smr_space){room, len});

		smr_put_receipt(&small, &in);
		assert_int_equal(smr_writer_done(&small, NULL), SMR_E_NO_ROOM);
	}
}

static void test_receipt_outside_its_grammar_is_malformed(void **state)
{
	static const char *const bad[] = {
		"85004a" ICCID "07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d", /* kind */
		"85034a" ICCID "07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d",
		"84024a" ICCID "07190306",
		"86024a" ICCID "07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d00",
		"85024a" ICCID "071b0000000100000000504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d", /* result above 32 bits */
		"85024a" ICCID "071903064f4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d",		 /* MAC */
		"85024a8949000000000000017f07190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d",	 /* check digit */
		"85024989490000000000000107190306504d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d",
	};
	char cut[sizeof(RECEIPT)];
	struct smr_receipt got;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(bad); i++)
		if (read_receipt(bad[i], &got) != SMR_E_MALFORMED)
			fail_msg("%s", bad[i]);
	for (size_t len = 0; len < sizeof(RECEIPT) - 1; len += 2) {
		memcpy(cut, RECEIPT, len);
		cut[len] = '\0';
		assert_int_equal(read_receipt(cut, &got), SMR_E_MALFORMED);
	}
	assert_int_equal(read_receipt(RECEIPT "00", &got), SMR_E_MALFORMED);
}

struct mac_input {
	uint8_t k[32];
	size_t k_len;
	struct smr_eid eid;
	struct smr_iccid iccid;
	uint64_t serial;
	uint32_t result;
	enum smr_mcim_state state;
	uint8_t hash_x[SMR_HASH_LEN], hash_ev[SMR_HASH_LEN];
};

static struct mac_input mac_input(size_t k_len, uint64_t serial, uint32_t result)
{
	struct mac_input in = {.k_len = k_len, .serial = serial, .result = result, .state = SMR_MCIM_SUSPENDED};

	for (size_t i = 0; i < sizeof(in.k); i++)
		in.k[i] = (uint8_t)i;
	hex(EID, in.eid.octets, sizeof(in.eid.octets));
	hex(ICCID, in.iccid.octets, sizeof(in.iccid.octets));
	memset(in.hash_x, 0x58, sizeof(in.hash_x));
	memset(in.hash_ev, 0x45, sizeof(in.hash_ev));
	return in;
}

static enum smr_err install_mac(const struct mac_input *in, uint8_t out[SMR_RECEIPT_MAC_LEN])
{
	return smr_receipt_install_mac(smr_bytes_of(in->k, in->k_len), &in->eid, &in->iccid, in->serial, in->hash_x,
				       in->hash_ev, out);
}

static enum smr_err command_mac(const struct mac_input *in, uint8_t out[SMR_RECEIPT_MAC_LEN])
{
	return smr_receipt_command_mac(smr_bytes_of(in->k, in->k_len), &in->eid, &in->iccid, in->serial, in->state,
				       in->result, out);
}

static void test_receipt_macs_agree_with_a_second_implementation(void **state)
{
	struct mac_input in = mac_input(16, 7, 0);
	uint8_t mac[SMR_RECEIPT_MAC_LEN];

	(void)state;
	assert_int_equal(install_mac(&in, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), "fafdbb9ceaeda01471c7b143d4d61621");
	assert_int_equal(command_mac(&in, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), "00c2b8ae8b8f51eafb7ca7f308676bb2");
	in = mac_input(32, UINT64_C(1) << 40, 0);
	assert_int_equal(install_mac(&in, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), "0ab919653041fb5abb1a4c4186f834d8");
	in = mac_input(32, 7, SMR_E_SERIAL);
	assert_int_equal(command_mac(&in, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), "02c24ef783ee72e61e8edf90c6c4a071");
}

/* Every bit of what a receipt is about counts, and of nothing else. */
static void test_receipt_mac_changes_with_every_bit_of_its_input(void **state)
{
	struct mac_input in = mac_input(32, 7, 9);
	const struct {
		uint8_t *at;
		size_t len;
		bool install, command;
	} parts[] = {
		{in.k, sizeof(in.k), true, true},
		{in.eid.octets, sizeof(in.eid.octets), true, true},
		{in.iccid.octets, sizeof(in.iccid.octets), true, true},
		{(uint8_t *)&in.serial, sizeof(in.serial), true, true},
		{(uint8_t *)&in.result, sizeof(in.result), false, true},
		{(uint8_t *)&in.state, sizeof(in.state), false, true},
		{in.hash_x, sizeof(in.hash_x), true, false},
		{in.hash_ev, sizeof(in.hash_ev), true, false},
	};
	uint8_t install[SMR_RECEIPT_MAC_LEN], command[SMR_RECEIPT_MAC_LEN], got[SMR_RECEIPT_MAC_LEN];

	(void)state;
	assert_int_equal(install_mac(&in, install), SMR_OK);
	assert_int_equal(command_mac(&in, command), SMR_OK);
	for (size_t i = 0; i < SMR_COUNT(parts); i++)
		for (size_t bit = 0; bit < 8 * parts[i].len; bit++) {
			parts[i].at[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(install_mac(&in, got), SMR_OK);
			assert_int_equal(memcmp(got, install, sizeof(got)) != 0, parts[i].install);
			assert_int_equal(command_mac(&in, got), SMR_OK);
			assert_int_equal(memcmp(got, command, sizeof(got)) != 0, parts[i].command);
			parts[i].at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
}

static void test_receipt_mac_with_k_of_another_length_is_refused(void **state)
{
	uint8_t mac[SMR_RECEIPT_MAC_LEN];

	(void)state;
	for (size_t len = 0; len <= 32; len++) {
		struct mac_input in = mac_input(len, 7, 0);
		enum smr_err want = len == 16 || len == 32 ? SMR_OK : SMR_E_INVALID;

		assert_int_equal(install_mac(&in, mac), want);
		assert_int_equal(command_mac(&in, mac), want);
	}
}

/* ---- a library that fails ---- */

static void test_receipt_mac_with_any_failing_call_is_not_given(void **state)
{
	struct mac_input in = mac_input(16, 7, 0);
	uint8_t mac[SMR_RECEIPT_MAC_LEN] = {0}, zeros[SMR_RECEIPT_MAC_LEN] = {0};

	(void)state;
	for (unsigned n = 1; n <= 2; n++) { /* KDF, HMAC */
		seam_fail_at(n);
		assert_int_equal(install_mac(&in, mac), SMR_E_CRYPTO);
		seam_fail_at(n);
		assert_int_equal(command_mac(&in, mac), SMR_E_CRYPTO);
		assert_memory_equal(mac, zeros, sizeof(mac));
	}
	seam_fail_at(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receipt_is_encoded_as_by_a_second_implementation),
		cmocka_unit_test(test_receipt_outside_its_grammar_is_malformed),
		cmocka_unit_test(test_receipt_macs_agree_with_a_second_implementation),
		cmocka_unit_test(test_receipt_mac_changes_with_every_bit_of_its_input),
		cmocka_unit_test(test_receipt_mac_with_k_of_another_length_is_refused),
		cmocka_unit_test(test_receipt_mac_with_any_failing_call_is_not_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
