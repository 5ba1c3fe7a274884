/* SPDX-License-Identifier: Apache-2.0 */
#include "core/aka/tuak.h"

#include "core/aka/keccak.h"

/* The 200 octets of IN (TS 35.231 clause 6.1). Every field is laid down with its octets reversed. */
enum in_offset {
	IN_TOP = 0,	  /* 32: TOP or TOPc */
	IN_INSTANCE = 32, /* 1 */
	IN_NAME = 33,	  /* 7 */
	IN_RAND = 40,	  /* 16 */
	IN_AMF = 56,	  /* 2 */
	IN_SQN = 58,	  /* 6 */
	IN_K = 64,	  /* 32: a short K is followed by zeros */
	IN_PAD_FIRST = 96,
	IN_PAD_LAST = 135 /* 64 octets of capacity follow */
};

/* OUT, reversed likewise. */
enum out_offset { OUT_MAC = 0, OUT_RES = 0, OUT_TOPC = 0, OUT_CK = 32, OUT_IK = 64, OUT_AK = 96 };

/* INSTANCE: which function, and which lengths. */
enum instance {
	INSTANCE_F1 = 0x00,
	INSTANCE_F1STAR = 0x80,
	INSTANCE_F2345 = 0x40,
	INSTANCE_F5STAR = 0xc0,
	INSTANCE_CK256 = 0x04,
	INSTANCE_IK256 = 0x02,
	INSTANCE_K256 = 0x01
};

static void put_reversed(uint8_t *out, const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = in[len - 1 - i];
}

static bool key_is_sound(struct smr_bytes k, uint8_t iterations)
{
	return (k.len == 16 || k.len == 32) && iterations != 0;
}

/* Everything that all functions put in; RAND, AMF and SQN stay zero until the caller adds them. */
static void fill_common(uint8_t state[SMR_KECCAK_STATE_LEN], unsigned instance, const uint8_t top[32],
			struct smr_bytes k)
{
	memset(state, 0, SMR_KECCAK_STATE_LEN);
	put_reversed(state + IN_TOP, top, 32);
	state[IN_INSTANCE] = (uint8_t)(instance | (k.len == 32 ? INSTANCE_K256 : 0));
	put_reversed(state + IN_NAME, (const uint8_t *)"TUAK1.0", 7);
	put_reversed(state + IN_K, k.ptr, k.len);
	state[IN_PAD_FIRST] = 0x1f;
	state[IN_PAD_LAST] = 0x80;
}

static void iterate(uint8_t state[SMR_KECCAK_STATE_LEN], uint8_t iterations)
{
	for (uint8_t i = 0; i < iterations; i++)
		smr_keccak_f1600(state);
}

enum smr_err smr_tuak_topc(struct smr_bytes k, uint8_t iterations, const uint8_t top[32],
			   uint8_t topc[SMR_TUAK_TOPC_LEN])
{
	uint8_t state[SMR_KECCAK_STATE_LEN];

	if (!key_is_sound(k, iterations)) {
		smr_wipe(topc, SMR_TUAK_TOPC_LEN);
		return SMR_E_INVALID;
	}
	fill_common(state, 0, top, k);
	iterate(state, iterations);
	put_reversed(topc, state + OUT_TOPC, SMR_TUAK_TOPC_LEN);
	SMR_WIPE(state);
	return SMR_OK;
}

static enum smr_err make_mac(const struct smr_tuak_key *key, unsigned instance, const uint8_t rand[16],
			     const uint8_t sqn[6], const uint8_t amf[2], struct smr_space mac)
{
	uint8_t state[SMR_KECCAK_STATE_LEN];

	if (!key_is_sound(key->k, key->iterations) || (mac.len != 8 && mac.len != 16 && mac.len != 32)) {
		smr_wipe(mac.ptr, mac.len);
		return SMR_E_INVALID;
	}
	/* 08, 10, 20 stand for 8, 16, 32 octets: the bit is the length. */
	fill_common(state, instance | (unsigned)mac.len, key->topc, key->k);
	put_reversed(state + IN_RAND, rand, 16);
	put_reversed(state + IN_AMF, amf, 2);
	put_reversed(state + IN_SQN, sqn, 6);
	iterate(state, key->iterations);
	put_reversed(mac.ptr, state + OUT_MAC, mac.len);
	SMR_WIPE(state);
	return SMR_OK;
}

enum smr_err smr_tuak_f1(const struct smr_tuak_key *key, const uint8_t rand[16], const uint8_t sqn[6],
			 const uint8_t amf[2], struct smr_space mac)
{
	return make_mac(key, INSTANCE_F1, rand, sqn, amf, mac);
}

enum smr_err smr_tuak_f1star(const struct smr_tuak_key *key, const uint8_t rand[16], const uint8_t sqn[6],
			     const uint8_t amf[2], struct smr_space mac)
{
	return make_mac(key, INSTANCE_F1STAR, rand, sqn, amf, mac);
}

static bool lengths_are_sound(const struct smr_tuak_output *out)
{
	return (out->res_len == 4 || out->res_len == 8 || out->res_len == 16 || out->res_len == 32) &&
	       (out->ck_len == 16 || out->ck_len == 32) && (out->ik_len == 16 || out->ik_len == 32);
}

static unsigned instance_of(const struct smr_tuak_output *out)
{
	unsigned instance = INSTANCE_F2345;

	if (out->res_len != 4) /* 00, 08, 10, 20 stand for 4, 8, 16, 32 octets */
		instance |= out->res_len;
	if (out->ck_len == 32)
		instance |= INSTANCE_CK256;
	if (out->ik_len == 32)
		instance |= INSTANCE_IK256;
	return instance;
}

static void clear_results(struct smr_tuak_output *out)
{
	SMR_WIPE(out->res);
	SMR_WIPE(out->ck);
	SMR_WIPE(out->ik);
	SMR_WIPE(out->ak);
}

enum smr_err smr_tuak_f2345(const struct smr_tuak_key *key, const uint8_t rand[16], struct smr_tuak_output *out)
{
	uint8_t state[SMR_KECCAK_STATE_LEN];

	clear_results(out);
	if (!key_is_sound(key->k, key->iterations) || !lengths_are_sound(out))
		return SMR_E_INVALID;
	fill_common(state, instance_of(out), key->topc, key->k);
	put_reversed(state + IN_RAND, rand, 16);
	iterate(state, key->iterations);
	put_reversed(out->res, state + OUT_RES, out->res_len);
	put_reversed(out->ck, state + OUT_CK, out->ck_len);
	put_reversed(out->ik, state + OUT_IK, out->ik_len);
	put_reversed(out->ak, state + OUT_AK, sizeof(out->ak));
	SMR_WIPE(state);
	return SMR_OK;
}

enum smr_err smr_tuak_f5star(const struct smr_tuak_key *key, const uint8_t rand[16], uint8_t ak[6])
{
	uint8_t state[SMR_KECCAK_STATE_LEN];

	if (!key_is_sound(key->k, key->iterations)) {
		smr_wipe(ak, 6);
		return SMR_E_INVALID;
	}
	fill_common(state, INSTANCE_F5STAR, key->topc, key->k);
	put_reversed(state + IN_RAND, rand, 16);
	iterate(state, key->iterations);
	put_reversed(ak, state + OUT_AK, 6);
	SMR_WIPE(state);
	return SMR_OK;
}
