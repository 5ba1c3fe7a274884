/* SPDX-License-Identifier: Apache-2.0 */
/* The crypto seam without keys of the curve: hashes, HMAC, AEAD, the AES block, random octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "tests/unit/hex.h"

/* FIPS 180-4 examples, and the empty message. */
static const struct {
	const char *text;
	const char *hash;
} sha_vectors[] = {
	{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void test_sha256_published_vectors_match(void **state)
{
	uint8_t out[SMR_HASH_LEN];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(sha_vectors); i++) {
		struct smr_bytes text = smr_bytes_of(sha_vectors[i].text, strlen(sha_vectors[i].text));

		assert_int_equal(smr_sha256(&text, 1, out), SMR_OK);
		assert_hex(out, sizeof(out), sha_vectors[i].hash);
	}
	assert_int_equal(smr_sha256(NULL, 0, out), SMR_OK);
	assert_hex(out, sizeof(out), sha_vectors[0].hash);
}

static void test_sha256_a_million_in_pieces_matches(void **state)
{
	struct smr_sha256_state running;
	uint8_t piece[1000];
	uint8_t out[SMR_HASH_LEN];

	(void)state;
	memset(piece, 'a', sizeof(piece));
	assert_int_equal(smr_sha256_init(&running), SMR_OK);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(smr_sha256_update(&running, SMR_ARRAY(piece)), SMR_OK);
	assert_int_equal(smr_sha256_final(&running, out), SMR_OK);
	assert_hex(out, sizeof(out), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_sha256_any_split_gives_the_same_hash(void **state)
{
	uint8_t text[200];
	uint8_t whole[SMR_HASH_LEN];
	uint8_t out[SMR_HASH_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)i;
	assert_int_equal(smr_sha256(&SMR_ARRAY(text), 1, whole), SMR_OK);
	for (size_t cut = 0; cut <= sizeof(text); cut++) {
		const struct smr_bytes parts[] = {smr_bytes_of(text, cut), SMR_NONE,
						  smr_bytes_of(text + cut, sizeof(text) - cut)};

		assert_int_equal(smr_sha256(parts, SMR_COUNT(parts), out), SMR_OK);
		assert_memory_equal(out, whole, sizeof(out));
	}
}

static void test_sha256_copied_state_forks_the_hash(void **state)
{
	struct smr_sha256_state left;
	struct smr_sha256_state right;
	uint8_t out[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(smr_sha256_init(&left), SMR_OK);
	assert_int_equal(smr_sha256_update(&left, SMR_TEXT("ab")), SMR_OK);
	right = left;
	assert_int_equal(smr_sha256_update(&right, SMR_TEXT("x")), SMR_OK);
	assert_int_equal(smr_sha256_update(&left, SMR_TEXT("c")), SMR_OK);
	assert_int_equal(smr_sha256_final(&left, out), SMR_OK);
	assert_hex(out, sizeof(out), sha_vectors[1].hash);
	assert_int_equal(smr_sha256_final(&right, out), SMR_OK);
	assert_hex(out, sizeof(out), "b2bdab4230154046ad0b7dfa830a9260caa5bd6ae230e582a2244ab4bf0b4ca5");
}

static void test_sha256_final_leaves_nothing_of_the_input(void **state)
{
	struct smr_sha256_state running = {{0}};
	const struct smr_sha256_state clear = {{0}};
	uint8_t out[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(smr_sha256_init(&running), SMR_OK);
	assert_int_equal(smr_sha256_update(&running, SMR_TEXT("a secret shorter than a block")), SMR_OK);
	assert_int_equal(smr_sha256_final(&running, out), SMR_OK);
	assert_memory_equal(&running, &clear, sizeof(running));
}

#define LONG_KEY_OCTETS 131

/* RFC 4231 section 4. A repeated octet is given as {octet, count}; test 5 truncates the result to 16 octets. */
static const struct {
	uint8_t key_octet, text_octet;
	size_t key_count, text_count;
	const char *key, *text;
	const char *mac;
} hmac_vectors[] = {
	{0x0b, 0, 20, 0, NULL, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{0, 0, 0, 0, "Jefe", "what do ya want for nothing?",
	 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{0xaa, 0xdd, 20, 50, NULL, NULL, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	{0, 0xcd, 0, 50,
	 "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19", NULL,
	 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	{0x0c, 0, 20, 0, NULL, "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"},
	{0xaa, 0, LONG_KEY_OCTETS, 0, NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
	 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	{0xaa, 0, LONG_KEY_OCTETS, 0, NULL,
	 "This is a test using a larger than block-size key and a larger than block-size data. "
	 "The key needs to be hashed before being used by the HMAC algorithm.",
	 "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

static struct smr_bytes text_or_repeat(const char *text, uint8_t octet, size_t count, uint8_t room[LONG_KEY_OCTETS])
{
	if (text != NULL)
		return smr_bytes_of(text, strlen(text));
	assert_true(count <= LONG_KEY_OCTETS);
	memset(room, octet, count);
	return smr_bytes_of(room, count);
}

static void test_hmac_rfc4231_vectors_match_in_any_split(void **state)
{
	uint8_t key_room[LONG_KEY_OCTETS];
	uint8_t text_room[LONG_KEY_OCTETS];
	uint8_t out[SMR_HASH_LEN];
	struct smr_hmac_key ready;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(hmac_vectors); i++) {
		struct smr_bytes key = text_or_repeat(hmac_vectors[i].key, hmac_vectors[i].key_octet,
						      hmac_vectors[i].key_count, key_room);
		struct smr_bytes text = text_or_repeat(hmac_vectors[i].text, hmac_vectors[i].text_octet,
						       hmac_vectors[i].text_count, text_room);

		assert_int_equal(smr_hmac_key_init(&ready, key), SMR_OK);
		for (size_t cut = 0; cut <= text.len; cut++) {
			const struct smr_bytes parts[] = {smr_bytes_of(text.ptr, cut),
							  smr_bytes_of(text.ptr + cut, text.len - cut)};

			assert_int_equal(smr_hmac_sha256(key, parts, SMR_COUNT(parts), out), SMR_OK);
			assert_hex(out, strlen(hmac_vectors[i].mac) / 2, hmac_vectors[i].mac);
			assert_int_equal(smr_hmac_with(&ready, parts, SMR_COUNT(parts), out), SMR_OK);
			assert_hex(out, strlen(hmac_vectors[i].mac) / 2, hmac_vectors[i].mac);
		}
	}
}

/* RFC 2104 word for word: H(K ^ opad | H(K ^ ipad | text)). */
static void hmac_by_definition(struct smr_bytes key, struct smr_bytes text, uint8_t out[SMR_HASH_LEN])
{
	uint8_t masked[64] = {0};
	struct smr_bytes parts[2] = {SMR_ARRAY(masked), text};

	memcpy(masked, key.ptr, key.len);
	for (size_t i = 0; i < sizeof(masked); i++)
		masked[i] ^= 0x36;
	assert_int_equal(smr_sha256(parts, 2, out), SMR_OK);
	for (size_t i = 0; i < sizeof(masked); i++)
		masked[i] ^= 0x36 ^ 0x5c;
	parts[1] = smr_bytes_of(out, SMR_HASH_LEN);
	assert_int_equal(smr_sha256(parts, 2, out), SMR_OK);
}

/* A text of up to 55 octets ends in the block that it begins in. */
static void test_hmac_of_every_length_around_the_block_is_that_of_the_definition(void **state)
{
	uint8_t text[3 * 64];
	uint8_t key[32];
	uint8_t out[SMR_HASH_LEN];
	uint8_t same[SMR_HASH_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(7 * i + 1);
	memset(key, 0xa5, sizeof(key));
	for (size_t len = 0; len <= sizeof(text); len++) {
		const struct smr_bytes whole = smr_bytes_of(text, len);
		const struct smr_bytes parts[2] = {smr_bytes_of(text, len / 3),
						   smr_bytes_of(text + len / 3, len - len / 3)};

		hmac_by_definition(SMR_ARRAY(key), whole, out);
		assert_int_equal(smr_hmac_sha256(SMR_ARRAY(key), &whole, 1, same), SMR_OK);
		assert_memory_equal(out, same, sizeof(out));
		assert_int_equal(smr_hmac_sha256(SMR_ARRAY(key), parts, 2, same), SMR_OK);
		assert_memory_equal(out, same, sizeof(out));
	}
}

/* The well-known values of an empty key and message, and the two sides of the block's length. */
static void test_hmac_key_at_the_limits_matches(void **state)
{
	uint8_t key[65];
	uint8_t hashed[SMR_HASH_LEN];
	uint8_t out[SMR_HASH_LEN];
	uint8_t same[SMR_HASH_LEN];
	struct smr_bytes text = SMR_TEXT("text");

	(void)state;
	assert_int_equal(smr_hmac_sha256(SMR_NONE, NULL, 0, out), SMR_OK);
	assert_hex(out, sizeof(out), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	/* RFC 2104: 64 octets are used as they are, 65 are hashed first. */
	memset(key, 0, sizeof(key));
	key[0] = 0x55;
	assert_int_equal(smr_hmac_sha256(smr_bytes_of(key, 64), &text, 1, out), SMR_OK);
	assert_int_equal(smr_hmac_sha256(smr_bytes_of(key, 1), &text, 1, same), SMR_OK);
	assert_memory_equal(out, same, sizeof(out));
	assert_int_equal(smr_hmac_sha256(smr_bytes_of(key, 65), &text, 1, out), SMR_OK);
	assert_memory_not_equal(out, same, sizeof(out));
	assert_int_equal(smr_sha256(&SMR_ARRAY(key), 1, hashed), SMR_OK);
	assert_int_equal(smr_hmac_sha256(SMR_ARRAY(hashed), &text, 1, same), SMR_OK);
	assert_memory_equal(out, same, sizeof(out));
}

/* Test cases 1 to 4 of the GCM specification (McGrew and Viega), as in NIST's validation. */
static const struct {
	const char *key, *nonce, *ad, *plain, *sealed;
} gcm_vectors[] = {
	{"00000000000000000000000000000000", "000000000000000000000000", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
	{"00000000000000000000000000000000", "000000000000000000000000", "", "00000000000000000000000000000000",
	 "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
	{"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
	 "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
	 "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	 "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985"
	 "4d5c2af327cd64a62cf35abd2ba6fab4"},
	{"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	 "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
	 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
	 "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
	 "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
	 "5bc94fbc3221a5db94fae95ae7121a47"},
};

#define GCM_MAX 80

struct gcm_case {
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint8_t nonce[SMR_AEAD_NONCE_LEN];
	uint8_t ad[20];
	size_t ad_len;
	uint8_t plain[GCM_MAX];
	size_t plain_len;
	uint8_t sealed[GCM_MAX];
	size_t sealed_len;
};

static struct gcm_case gcm_case(size_t i)
{
	struct gcm_case c;

	hex(gcm_vectors[i].key, c.key, sizeof(c.key));
	hex(gcm_vectors[i].nonce, c.nonce, sizeof(c.nonce));
	c.ad_len = hex(gcm_vectors[i].ad, c.ad, sizeof(c.ad)).len;
	c.plain_len = hex(gcm_vectors[i].plain, c.plain, sizeof(c.plain)).len;
	c.sealed_len = hex(gcm_vectors[i].sealed, c.sealed, sizeof(c.sealed)).len;
	return c;
}

static enum smr_err gcm_open(const struct gcm_case *c, uint8_t *out)
{
	return smr_aead_open(c->key, c->nonce, smr_bytes_of(c->ad, c->ad_len), smr_bytes_of(c->sealed, c->sealed_len),
			     out);
}

static void test_aead_published_vectors_match_both_ways(void **state)
{
	uint8_t out[GCM_MAX];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(gcm_vectors); i++) {
		struct gcm_case c = gcm_case(i);

		assert_int_equal(smr_aead_seal(c.key, c.nonce, smr_bytes_of(c.ad, c.ad_len),
					       smr_bytes_of(c.plain, c.plain_len), out),
				 SMR_OK);
		assert_hex(out, c.plain_len + SMR_AEAD_TAG_LEN, gcm_vectors[i].sealed);
		assert_int_equal(gcm_open(&c, out), SMR_OK);
		assert_hex(out, c.plain_len, gcm_vectors[i].plain);
	}
}

static void test_aead_in_place_matches_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < SMR_COUNT(gcm_vectors); i++) {
		struct gcm_case c = gcm_case(i);
		uint8_t room[GCM_MAX];

		memcpy(room, c.plain, c.plain_len);
		assert_int_equal(smr_aead_seal(c.key, c.nonce, smr_bytes_of(c.ad, c.ad_len),
					       smr_bytes_of(room, c.plain_len), room),
				 SMR_OK);
		assert_hex(room, c.sealed_len, gcm_vectors[i].sealed);
		assert_int_equal(smr_aead_open(c.key, c.nonce, smr_bytes_of(c.ad, c.ad_len),
					       smr_bytes_of(room, c.sealed_len), room),
				 SMR_OK);
		assert_hex(room, c.plain_len, gcm_vectors[i].plain);
	}
}

static void assert_unopened_and_zero(const struct gcm_case *c)
{
	uint8_t out[GCM_MAX];
	const uint8_t zero[GCM_MAX] = {0};

	memset(out, 0xee, sizeof(out));
	assert_int_equal(gcm_open(c, out), SMR_E_UNOPENED);
	assert_memory_equal(out, zero, c->plain_len);
	assert_int_equal(out[c->plain_len], 0xee);
}

static void flip_every_bit(struct gcm_case *c, uint8_t *field, size_t len)
{
	for (size_t bit = 0; bit < 8 * len; bit++) {
		field[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_unopened_and_zero(c);
		field[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_aead_open_any_flipped_bit_is_refused_without_plaintext(void **state)
{
	struct gcm_case c = gcm_case(3);
	uint8_t out[GCM_MAX];

	(void)state;
	flip_every_bit(&c, c.key, sizeof(c.key));
	flip_every_bit(&c, c.nonce, sizeof(c.nonce));
	flip_every_bit(&c, c.ad, c.ad_len);
	flip_every_bit(&c, c.sealed, c.sealed_len);
	assert_int_equal(gcm_open(&c, out), SMR_OK); /* the flips above were undone: it was they that were refused */
}

/* One key for all: what came before, sealed, opened or refused, leaves no trace in what comes. */
static void test_aead_with_a_ready_key_is_the_same_cipher(void **state)
{
	const uint8_t zero[GCM_MAX] = {0};
	uint8_t out[GCM_MAX];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(gcm_vectors); i++) {
		struct gcm_case c = gcm_case(i);
		const struct smr_bytes ad = smr_bytes_of(c.ad, c.ad_len);
		const struct smr_bytes sealed = smr_bytes_of(c.sealed, c.sealed_len);
		struct smr_aead_key ready;

		assert_int_equal(smr_aead_key_init(&ready, c.key), SMR_OK);
		for (int again = 0; again < 3; again++) {
			assert_int_equal(
				smr_aead_seal_with(&ready, c.nonce, ad, smr_bytes_of(c.plain, c.plain_len), out),
				SMR_OK);
			assert_hex(out, c.plain_len + SMR_AEAD_TAG_LEN, gcm_vectors[i].sealed);
			assert_int_equal(smr_aead_open_with(&ready, c.nonce, ad, sealed, out), SMR_OK);
			assert_hex(out, c.plain_len, gcm_vectors[i].plain);
			c.nonce[again] ^= 1;
			memset(out, 0x5a, sizeof(out));
			assert_int_equal(smr_aead_open_with(&ready, c.nonce, ad, sealed, out), SMR_E_UNOPENED);
			assert_memory_equal(out, zero, c.plain_len);
			c.nonce[again] ^= 1;
			assert_int_equal(smr_aead_open_with(&ready, c.nonce, ad,
							    smr_bytes_of(c.sealed, SMR_AEAD_TAG_LEN - 1), out),
					 SMR_E_UNOPENED);
		}
		smr_aead_key_wipe(&ready);
		smr_aead_key_wipe(&ready); /* no harm */
		assert_int_equal(smr_aead_seal_with(&ready, c.nonce, ad, SMR_NONE, out), SMR_E_CRYPTO);
		assert_int_equal(smr_aead_open_with(&ready, c.nonce, ad, sealed, out), SMR_E_CRYPTO);
	}
}

static void test_aead_open_in_place_failure_leaves_no_plaintext(void **state)
{
	struct gcm_case c = gcm_case(3);
	const uint8_t zero[GCM_MAX] = {0};

	(void)state;
	c.sealed[c.sealed_len - 1] ^= 1;
	assert_int_equal(gcm_open(&c, c.sealed), SMR_E_UNOPENED);
	assert_memory_equal(c.sealed, zero, c.plain_len);
}

static void test_aead_open_every_shorter_length_is_refused(void **state)
{
	const struct gcm_case whole = gcm_case(3);

	(void)state;
	for (size_t len = 0; len < whole.sealed_len; len++) {
		struct gcm_case c = whole;
		uint8_t out[GCM_MAX];

		c.sealed_len = len;
		assert_int_equal(gcm_open(&c, out), SMR_E_UNOPENED);
		c = whole;
		if (len >= c.ad_len)
			continue;
		c.ad_len = len;
		assert_int_equal(gcm_open(&c, out), SMR_E_UNOPENED);
	}
}

static void test_aead_lengths_beyond_the_library_are_invalid(void **state)
{
	struct gcm_case c = gcm_case(0);
	const struct smr_bytes huge = {c.plain, (size_t)1 << 31};
	struct smr_aead_key ready;

	(void)state;
	assert_int_equal(smr_aead_seal(c.key, c.nonce, SMR_NONE, huge, c.sealed), SMR_E_INVALID);
	assert_int_equal(smr_aead_seal(c.key, c.nonce, huge, SMR_NONE, c.sealed), SMR_E_INVALID);
	assert_int_equal(smr_aead_open(c.key, c.nonce, SMR_NONE, huge, c.sealed), SMR_E_INVALID);
	assert_int_equal(smr_aead_key_init(&ready, c.key), SMR_OK);
	assert_int_equal(smr_aead_seal_with(&ready, c.nonce, SMR_NONE, huge, c.sealed), SMR_E_INVALID);
	assert_int_equal(smr_aead_seal_with(&ready, c.nonce, huge, SMR_NONE, c.sealed), SMR_E_INVALID);
	assert_int_equal(smr_aead_open_with(&ready, c.nonce, SMR_NONE, huge, c.sealed), SMR_E_INVALID);
	smr_aead_key_wipe(&ready);
}

static void test_aes_block_fips197_vectors_match(void **state)
{
	/* Appendix B and appendix C.1. */
	static const char *const vectors[][3] = {
		{"2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734",
		 "3925841d02dc09fbdc118597196a0b32"},
		{"000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff",
		 "69c4e0d86a7b0430d8cdb78070b4c55a"},
	};
	uint8_t key[16];
	uint8_t in[16];
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(vectors); i++) {
		hex(vectors[i][0], key, sizeof(key));
		hex(vectors[i][1], in, sizeof(in));
		assert_int_equal(smr_aes128_encrypt(key, in, out), SMR_OK);
		assert_hex(out, sizeof(out), vectors[i][2]);
		assert_int_equal(smr_aes128_encrypt(key, in, in), SMR_OK);
		assert_hex(in, sizeof(in), vectors[i][2]);
	}
}

/* FIPS 197, C.1 and C.3: either way, in place and not. */
static void test_aes_block_goes_either_way(void **state)
{
	static const char plain[] = "00112233445566778899aabbccddeeff";
	static const char *const vectors[][2] = {
		{"000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a"},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		 "8ea2b7ca516745bfeafc49904b496089"},
	};
	uint8_t key[32], block[16], out[16];

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(vectors); i++) {
		struct smr_bytes octets = smr_bytes_of(key, strlen(vectors[i][0]) / 2);

		hex(vectors[i][0], key, octets.len);
		hex(plain, block, sizeof(block));
		assert_int_equal(smr_aes_block(octets, SMR_AES_ENCRYPT, block, out), SMR_OK);
		assert_hex(out, sizeof(out), vectors[i][1]);
		assert_int_equal(smr_aes_block(octets, SMR_AES_DECRYPT, out, out), SMR_OK);
		assert_hex(out, sizeof(out), plain);
	}
	assert_int_equal(smr_aes_block(smr_bytes_of(key, 24), SMR_AES_ENCRYPT, block, out), SMR_E_INVALID);
}

static void test_random_fills_exactly_the_room(void **state)
{
	uint8_t seen[40] = {0};
	uint8_t out[40];

	(void)state;
	/* In 64 draws every octet has been other than zero but with probability 2^-512; the octet behind never is. */
	for (int i = 0; i < 64; i++) {
		memset(out, 0, sizeof(out));
		assert_int_equal(smr_random(out, sizeof(out) - 1), SMR_OK);
		for (size_t j = 0; j < sizeof(out); j++)
			seen[j] |= out[j];
	}
	for (size_t j = 0; j < sizeof(out) - 1; j++)
		assert_int_not_equal(seen[j], 0);
	assert_int_equal(seen[sizeof(out) - 1], 0);
	assert_int_equal(smr_random(NULL, 0), SMR_OK);
	assert_int_equal(smr_random(out, (size_t)1 << 31), SMR_E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256_published_vectors_match),
		cmocka_unit_test(test_sha256_a_million_in_pieces_matches),
		cmocka_unit_test(test_sha256_any_split_gives_the_same_hash),
		cmocka_unit_test(test_sha256_copied_state_forks_the_hash),
		cmocka_unit_test(test_sha256_final_leaves_nothing_of_the_input),
		cmocka_unit_test(test_hmac_rfc4231_vectors_match_in_any_split),
		cmocka_unit_test(test_hmac_of_every_length_around_the_block_is_that_of_the_definition),
		cmocka_unit_test(test_hmac_key_at_the_limits_matches),
		cmocka_unit_test(test_aead_published_vectors_match_both_ways),
		cmocka_unit_test(test_aead_in_place_matches_both_ways),
		cmocka_unit_test(test_aead_open_any_flipped_bit_is_refused_without_plaintext),
		cmocka_unit_test(test_aead_with_a_ready_key_is_the_same_cipher),
		cmocka_unit_test(test_aead_open_in_place_failure_leaves_no_plaintext),
		cmocka_unit_test(test_aead_open_every_shorter_length_is_refused),
		cmocka_unit_test(test_aead_lengths_beyond_the_library_are_invalid),
		cmocka_unit_test(test_aes_block_fips197_vectors_match),
		cmocka_unit_test(test_aes_block_goes_either_way),
		cmocka_unit_test(test_random_fills_exactly_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
