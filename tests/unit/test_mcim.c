/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/hpke.h"
#include "core/mcim.h"
#include "tests/unit/hex_key.h"
#include "tests/unit/seam.h"

#define INFO SMR_TEXT("samara1 mcim")
#define EID "89044011112233441122334411223321"
#define ICCID "8949000000000000018f"
#define ORDER SMR_TEXT("an order")

/* A subscription sealed and signed with python3-cbor2 and python3-cryptography: serial 5, content as in milenage(). */
#define FOREIGN_T "837dc4924d4426594674cd28012c0887a8e4dc7aaee57a636f3b2e998f3da326"
#define FOREIGN_OPERATOR "02637be5d7e1860f1a0eba208d3673d2f9ca84dd14da7db209804cee621b09d28e"
#define FOREIGN_X                                                                                          \
	"0468bb19035cdb5b28b13cfdeae533d778864726ac684bed2c274dea5c324453e77fb3a6dc7de34f5ae138c1a02d3329" \
	"d1e538b3ea033cba506954473ad17c549df6cdabe48cecb00e67a3d02d7dc6eaa2e2eb66e3a2ef354ad12e9f35c5a7f9" \
	"f1716ebd31e75c7a81fd96307718bba04d95df5f6f219b2b8361b686def57ae35ebf8598bee9"
#define FOREIGN_W                                                                                          \
	"6a7f08e694a59cb17aa2d68da963e91518d60ecb26d70c49e1851eb72a4aeae2d8acd89ef9d781db9747162c3858fb80" \
	"7ad1801c3d11bbd6a4680bcb3a41e5d8"
#define FOREIGN_W_ORDER                                                                                    \
	"248eda08471a9b864e22d8f94888e905ec55a575d1b1858e8de85dceb474c8b45fa8859e49b1238f7f38910421fb8618" \
	"37b7cdf0ed04a8db35ab9e649322c2b1"
#define PLAIN_MILENAGE \
	"8a48001010123456789f0150101112131415161718191a1b1c1d1e1f50303132333435363738393a3b3c3d3e3f08010000190e1007"

struct fixture {
	struct smr_privkey t, other_t, o, other_o;
	struct smr_pubkey t_pub, o_pub, other_o_pub;
	struct smr_mcim_binding binding;
	uint8_t x_room[SMR_X_MAX];
	struct smr_bytes x;
};

static void make(struct smr_privkey *own, struct smr_pubkey *pub)
{
	assert_int_equal(smr_privkey_generate(own), SMR_OK);
	if (pub != NULL)
		assert_int_equal(smr_pubkey_import(pub, SMR_ARRAY(own->point)), SMR_OK);
}

static struct smr_mcim milenage(void)
{
	struct smr_mcim m = {
		.aka = {.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1},
		.sqn_delta = UINT64_C(1) << 28,
		.checkin_interval_s = 3600,
		.profile = 7,
	};

	hex("001010123456789f", m.imsi.octets, sizeof(m.imsi.octets));
	for (uint8_t i = 0; i < 16; i++) {
		m.aka.k[i] = (uint8_t)(0x10 + i);
		m.aka.opc[i] = (uint8_t)(0x30 + i);
	}
	return m;
}

static struct smr_mcim tuak(uint8_t k_len, uint8_t res_len, uint8_t iterations)
{
	struct smr_mcim m = milenage();

	m.aka.alg = SMR_AKA_TUAK;
	m.aka.k_len = k_len;
	m.aka.res_len = res_len;
	m.aka.keccak_iterations = iterations;
	memset(m.aka.k + 16, k_len == 32 ? 0x4b : 0, 16);
	memset(m.aka.opc + 16, 0x0c, 16);
	return m;
}

static int set_up(void **state)
{
	static struct fixture f;
	const struct smr_mcim m = milenage();
	struct smr_space x = {f.x_room, sizeof(f.x_room)};

	make(&f.t, &f.t_pub);
	make(&f.other_t, NULL);
	make(&f.o, &f.o_pub);
	make(&f.other_o, &f.other_o_pub);
	smr_point_compress(f.o.point, f.binding.operator_key);
	hex(EID, f.binding.eid.octets, sizeof(f.binding.eid.octets));
	hex(ICCID, f.binding.iccid.octets, sizeof(f.binding.iccid.octets));
	f.binding.serial = 5;
	assert_int_equal(smr_mcim_seal(&f.t_pub, &f.binding, &m, &x), SMR_OK);
	f.x = smr_bytes_of(x.ptr, x.len);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	smr_privkey_wipe(&f->t);
	smr_privkey_wipe(&f->other_t);
	smr_privkey_wipe(&f->o);
	smr_privkey_wipe(&f->other_o);
	smr_pubkey_wipe(&f->t_pub);
	smr_pubkey_wipe(&f->o_pub);
	smr_pubkey_wipe(&f->other_o_pub);
	return 0;
}

static void assert_same(const struct smr_mcim *a, const struct smr_mcim *b)
{
	assert_memory_equal(&a->imsi, &b->imsi, sizeof(a->imsi));
	assert_int_equal(a->aka.alg, b->aka.alg);
	assert_int_equal(a->aka.k_len, b->aka.k_len);
	assert_memory_equal(a->aka.k, b->aka.k, sizeof(a->aka.k));
	assert_memory_equal(a->aka.opc, b->aka.opc, sizeof(a->aka.opc));
	assert_int_equal(a->aka.res_len, b->aka.res_len);
	assert_int_equal(a->aka.keccak_iterations, b->aka.keccak_iterations);
	assert_true(a->sqn_delta == b->sqn_delta && a->sqn_age_limit == b->sqn_age_limit);
	assert_int_equal(a->checkin_interval_s, b->checkin_interval_s);
	assert_int_equal(a->profile, b->profile);
}

static bool is_zero(const void *ptr, size_t len)
{
	const uint8_t *octets = ptr;

	for (size_t i = 0; i < len; i++)
		if (octets[i] != 0)
			return false;
	return true;
}

/* Open must fail with one of two errors and leave nothing. */
static void assert_not_opened(const struct smr_privkey *t, const struct smr_mcim_binding *binding, struct smr_bytes x,
			      enum smr_err want, enum smr_err or)
{
	struct smr_mcim got;
	enum smr_err err;

	memset(&got, 0x5a, sizeof(got));
	err = smr_mcim_open(&(struct smr_agreer){.key = t}, binding, x, &got);
	if (err != want && err != or)
		fail_msg("%s", smr_err_name(err));
	assert_true(is_zero(&got, sizeof(got)));
}

/* ---- content ---- */

static void seal_and_open(const struct fixture *f, const struct smr_mcim *in)
{
	uint8_t room[SMR_X_MAX];
	struct smr_space x = {room, sizeof(room)};
	struct smr_mcim got;

	assert_int_equal(smr_mcim_seal(&f->t_pub, &f->binding, in, &x), SMR_OK);
	assert_int_equal(
		smr_mcim_open(&(struct smr_agreer){.key = &f->t}, &f->binding, smr_bytes_of(room, x.len), &got),
		SMR_OK);
	assert_same(&got, in);
	smr_mcim_wipe(&got);
	assert_true(is_zero(&got, sizeof(got)));
}

static void test_mcim_of_every_kind_opens_to_what_was_sealed(void **state)
{
	const struct fixture *f = *state;
	static const uint8_t tuak_res[] = {4, 8, 16};
	struct smr_mcim m = milenage();

	for (m.aka.res_len = 4; m.aka.res_len <= 8; m.aka.res_len++)
		seal_and_open(f, &m);
	for (size_t i = 0; i < SMR_COUNT(tuak_res); i++) {
		m = tuak(16, tuak_res[i], 1);
		seal_and_open(f, &m);
		m = tuak(32, tuak_res[i], 255);
		seal_and_open(f, &m);
	}
}

static void test_mcim_at_its_limits_opens_to_what_was_sealed(void **state)
{
	static const uint64_t deltas[] = {1, 23, (1u << 28) - 1, 1u << 28, (1u << 28) + 1, (UINT64_C(1) << 43) - 1};
	const struct fixture *f = *state;
	struct smr_mcim m = tuak(32, 16, 255);

	for (size_t i = 0; i < SMR_COUNT(deltas); i++) {
		m.sqn_delta = deltas[i];
		seal_and_open(f, &m);
	}
	m.sqn_age_limit = (UINT64_C(1) << 43) - 1;
	m.profile = UINT32_MAX;
	m.checkin_interval_s = 31536000;
	seal_and_open(f, &m);
	m.checkin_interval_s = 60;
	seal_and_open(f, &m);
	hex("001010ffffffffff", m.imsi.octets, sizeof(m.imsi.octets));
	seal_and_open(f, &m);
}

static enum smr_err seal_error(const struct fixture *f, const struct smr_mcim *m)
{
	uint8_t room[SMR_X_MAX] = {0};
	struct smr_space x = {room, sizeof(room)};
	enum smr_err err = smr_mcim_seal(&f->t_pub, &f->binding, m, &x);

	assert_true(err == SMR_OK || is_zero(room, sizeof(room)));
	return err;
}

static void test_mcim_outside_its_limits_is_not_sealed(void **state)
{
	const struct fixture *f = *state;
	struct smr_mcim m;

#define REFUSED(error, change)                              \
	do {                                                \
		m = milenage();                             \
		change;                                     \
		assert_int_equal(seal_error(f, &m), error); \
	} while (0)

	REFUSED(SMR_OK, (void)0);
	REFUSED(SMR_E_UNSUPPORTED, m.aka.alg = (enum smr_aka_alg)0);
	REFUSED(SMR_E_UNSUPPORTED, m.aka.alg = (enum smr_aka_alg)3);
	REFUSED(SMR_E_MALFORMED, m.aka.k_len = 32);
	REFUSED(SMR_E_MALFORMED, m.aka.k_len = 0);
	REFUSED(SMR_E_MALFORMED, m.aka.k_len = 255);
	REFUSED(SMR_E_MALFORMED, m.aka.res_len = 3);
	REFUSED(SMR_E_MALFORMED, m.aka.res_len = 9);
	REFUSED(SMR_E_MALFORMED, m.aka.keccak_iterations = 0);
	REFUSED(SMR_E_MALFORMED, m.aka.keccak_iterations = 2);
	REFUSED(SMR_E_MALFORMED, m = tuak(24, 8, 1));
	REFUSED(SMR_E_MALFORMED, m = tuak(16, 5, 1));
	REFUSED(SMR_E_MALFORMED, m = tuak(16, 32, 1));
	REFUSED(SMR_E_MALFORMED, m = tuak(16, 8, 0));
	REFUSED(SMR_E_MALFORMED, m.sqn_delta = 0);
	REFUSED(SMR_E_MALFORMED, m.sqn_delta = UINT64_C(1) << 43);
	REFUSED(SMR_E_MALFORMED, m.sqn_age_limit = UINT64_C(1) << 43);
	REFUSED(SMR_E_MALFORMED, m.checkin_interval_s = 59);
	REFUSED(SMR_E_MALFORMED, m.checkin_interval_s = 31536001);
	REFUSED(SMR_E_MALFORMED, memset(&m.imsi, 0xff, sizeof(m.imsi)));
	REFUSED(SMR_E_MALFORMED, m.imsi.octets[7] = 0x90);
#undef REFUSED
}

static void test_x_is_as_long_as_its_content_needs_and_within_its_bound(void **state)
{
	const struct fixture *f = *state;
	struct smr_mcim big = tuak(32, 16, 255);
	uint8_t room[SMR_X_MAX];
	struct smr_space x = {room, sizeof(room)};

	assert_int_equal(f->x.len, sizeof(PLAIN_MILENAGE) / 2 + SMR_HPKE_OVERHEAD);
	big.sqn_delta = big.sqn_age_limit = (UINT64_C(1) << 43) - 1;
	big.checkin_interval_s = 31536000;
	big.profile = UINT32_MAX;
	assert_int_equal(smr_mcim_seal(&f->t_pub, &f->binding, &big, &x), SMR_OK);
	assert_true(x.len - SMR_HPKE_OVERHEAD <= SMR_MCIM_PLAIN_MAX);
	for (size_t len = 0; len < f->x.len; len++) {
		const struct smr_mcim m = milenage();
		struct smr_space small = {room, len};

		memset(room, 0xee, sizeof(room));
		assert_int_equal(smr_mcim_seal(&f->t_pub, &f->binding, &m, &small), SMR_E_NO_ROOM);
		for (size_t i = len; i < sizeof(room); i++)
			assert_int_equal(room[i], 0xee);
	}
}

/* ---- plaintexts that the operator sealed for this very device, and that break the grammar ---- */

static struct smr_bytes binding_ad(const struct smr_mcim_binding *b, uint8_t room[96])
{
	struct smr_writer w = smr_writer_init((struct smr_space){room, 96});
	struct smr_bytes ad = SMR_NONE;

	smr_put_array(&w, 4);
	smr_put_bytes(&w, SMR_ARRAY(b->operator_key));
	smr_put_bytes(&w, smr_eid_bytes(&b->eid));
	smr_put_bytes(&w, smr_iccid_bytes(&b->iccid));
	smr_put_uint(&w, b->serial);
	assert_int_equal(smr_writer_done(&w, &ad), SMR_OK);
	return ad;
}

static struct smr_bytes seal_plain(const struct fixture *f, const char *plain, uint8_t room[SMR_X_MAX])
{
	uint8_t plain_room[SMR_X_MAX], ad[96];
	struct smr_space x = {room, SMR_X_MAX};

	assert_int_equal(smr_hpke_seal(&f->t_pub, INFO, binding_ad(&f->binding, ad),
				       hex(plain, plain_room, sizeof(plain_room)), &x),
			 SMR_OK);
	return smr_bytes_of(x.ptr, x.len);
}

static void test_plaintext_by_hand_opens(void **state)
{
	const struct fixture *f = *state;
	const struct smr_mcim want = milenage();
	uint8_t room[SMR_X_MAX];
	struct smr_mcim got;

	assert_int_equal(smr_mcim_open(&(struct smr_agreer){.key = &f->t}, &f->binding,
				       seal_plain(f, PLAIN_MILENAGE, room), &got),
			 SMR_OK);
	assert_same(&got, &want);
}

static void test_plaintext_every_truncation_is_malformed(void **state)
{
	const struct fixture *f = *state;
	char plain[sizeof(PLAIN_MILENAGE) + 2];
	uint8_t room[SMR_X_MAX];

	for (size_t len = 0; len < sizeof(PLAIN_MILENAGE) - 1; len += 2) {
		memcpy(plain, PLAIN_MILENAGE, len);
		plain[len] = '\0';
		assert_not_opened(&f->t, &f->binding, seal_plain(f, plain, room), SMR_E_MALFORMED, SMR_E_MALFORMED);
	}
	assert_not_opened(&f->t, &f->binding, seal_plain(f, PLAIN_MILENAGE "00", room), SMR_E_MALFORMED,
			  SMR_E_MALFORMED);
}

#define IMSI "48001010123456789f"
#define K16 "50101112131415161718191a1b1c1d1e1f"
#define K32 "5820101112131415161718191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f"
#define K24 "5818101112131415161718191a1b1c1d1e1f1011121314151617"
#define K15 "4f101112131415161718191a1b1c1d1e"
#define REST "0000190e1007"

static void test_plaintext_outside_its_grammar_is_refused(void **state)
{
	static const char *const cases[] = {
		"89" IMSI "01" K16 K16 "0801"
		"0000190e10",
		"8b" IMSI "01" K16 K16 "0801" REST "00",
		"8a"
		"48001010123456789e"
		"01" K16 K16 "0801" REST, /* IMSI */
		"8a"
		"480010101234567890"
		"01" K16 K16 "0801" REST,
		"8a"
		"47001010123456ff"
		"01" K16 K16 "0801" REST,
		"8a" IMSI "00" K16 K16 "0801" REST, /* algorithms */
		"8a" IMSI "03" K16 K16 "0801" REST,
		"8a" IMSI "18ff" K16 K16 "0801" REST,
		"8a" IMSI "190101" K16 K16 "0801" REST, /* 257: must not become 1 */
		"8a" IMSI "01" K32 K16 "0801" REST,	/* lengths per algorithm */
		"8a" IMSI "01" K16 K32 "0801" REST,
		"8a" IMSI "01" K32 K32 "0801" REST,
		"8a" IMSI "01" K15 K16 "0801" REST,
		"8a" IMSI "02" K16 K16 "0801" REST,
		"8a" IMSI "02" K32 K16 "0801" REST,
		"8a" IMSI "02" K24 K32 "0801" REST,
		"8a" IMSI "02" K32 K24 "0801" REST,
		"8a" IMSI "01" K16 K16 "0301" REST, /* RES */
		"8a" IMSI "01" K16 K16 "0901" REST,
		"8a" IMSI "01" K16 K16 "1001" REST,
		"8a" IMSI "01" K16 K16 "19010801" REST, /* 264: must not become 8 */
		"8a" IMSI "02" K32 K32 "0501" REST,
		"8a" IMSI "02" K32 K32 "182001" REST,
		"8a" IMSI "01" K16 K16 "0800" REST, /* iterations */
		"8a" IMSI "01" K16 K16 "0802" REST,
		"8a" IMSI "02" K32 K32 "0800" REST,
		"8a" IMSI "02" K32 K32 "08190101" REST, /* 257: must not become 1 */
		"8a" IMSI "01" K16 K16 "0801"
		"1a10000000"
		"00190e1007", /* the default by its value: a second encoding */
		"8a" IMSI "01" K16 K16 "0801"
		"1b0000080000000000"
		"00190e1007", /* 2^43 */
		"8a" IMSI "01" K16 K16 "0801"
		"001b0000080000000000"
		"190e1007",
		"8a" IMSI "01" K16 K16 "0801"
		"0000183b07", /* interval */
		"8a" IMSI "01" K16 K16 "0801"
		"00001a01e1338107",
		"8a" IMSI "01" K16 K16 "0801"
		"00001b000000010000003c07", /* must not become 60 */
		"8a" IMSI "01" K16 K16 "0801"
		"0000190e101b0000000100000000", /* profile */
		"8a" IMSI "01" K16 K16 "0801"
		"0000f607",
	};
	static const char *const good[] = {
		"8a" IMSI "01" K16 K16 "0401" REST,
		"8a" IMSI "02" K16 K32 "1001" REST,
		"8a" IMSI "02" K32 K32 "0418ff" REST,
		"8a" IMSI "01" K16 K16 "0801"
		"0101183c00",
		"8a" IMSI "01" K16 K16 "0801"
		"00001a01e1338007",
	};
	const struct fixture *f = *state;
	uint8_t room[SMR_X_MAX];
	struct smr_mcim got;

	for (size_t i = 0; i < SMR_COUNT(cases); i++)
		assert_not_opened(&f->t, &f->binding, seal_plain(f, cases[i], room), SMR_E_MALFORMED,
				  SMR_E_UNSUPPORTED);
	for (size_t i = 0; i < SMR_COUNT(good); i++)
		assert_int_equal(smr_mcim_open(&(struct smr_agreer){.key = &f->t}, &f->binding,
					       seal_plain(f, good[i], room), &got),
				 SMR_OK);
}

static void test_plaintext_of_an_unknown_algorithm_is_unsupported(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[SMR_X_MAX];

	assert_not_opened(&f->t, &f->binding, seal_plain(f, "8a" IMSI "03" K16 K16 "0801" REST, room),
			  SMR_E_UNSUPPORTED, SMR_E_UNSUPPORTED);
	assert_not_opened(&f->t, &f->binding, seal_plain(f, "8a" IMSI "03" K32 K16 "0801" REST, room),
			  SMR_E_UNSUPPORTED, SMR_E_UNSUPPORTED);
}

/* ---- X ---- */

static void test_x_every_truncation_and_extension_is_not_opened(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[SMR_X_MAX + 1] = {0};

	memcpy(room, f->x.ptr, f->x.len);
	for (size_t len = 0; len < f->x.len; len++)
		assert_not_opened(&f->t, &f->binding, smr_bytes_of(room, len), SMR_E_UNOPENED, SMR_E_UNOPENED);
	assert_not_opened(&f->t, &f->binding, smr_bytes_of(room, f->x.len + 1), SMR_E_UNOPENED, SMR_E_UNOPENED);
	assert_not_opened(&f->t, &f->binding, SMR_ARRAY(room), SMR_E_MALFORMED, SMR_E_UNOPENED);
}

static void test_x_every_flipped_bit_is_not_opened(void **state)
{
	const struct fixture *f = *state;
	uint8_t room[SMR_X_MAX];

	memcpy(room, f->x.ptr, f->x.len);
	for (size_t bit = 0; bit < f->x.len * 8; bit++) {
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_not_opened(&f->t, &f->binding, smr_bytes_of(room, f->x.len), SMR_E_UNOPENED, SMR_E_BAD_POINT);
		room[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_attack_x_of_another_device_operator_iccid_or_serial_is_not_opened(void **state)
{
	const struct fixture *f = *state;
	struct smr_mcim_binding b = f->binding;

	assert_not_opened(&f->other_t, &b, f->x, SMR_E_UNOPENED, SMR_E_UNOPENED);
	smr_point_compress(f->other_o.point, b.operator_key);
	assert_not_opened(&f->t, &b, f->x, SMR_E_UNOPENED, SMR_E_UNOPENED);
	b = f->binding;
	b.operator_key[0] ^= 1; /* the other point with this x coordinate */
	assert_not_opened(&f->t, &b, f->x, SMR_E_UNOPENED, SMR_E_UNOPENED);
	b = f->binding;
	b.eid.octets[15] ^= 1;
	assert_not_opened(&f->t, &b, f->x, SMR_E_UNOPENED, SMR_E_UNOPENED);
	b = f->binding;
	b.iccid.octets[9] ^= 0x10;
	assert_not_opened(&f->t, &b, f->x, SMR_E_UNOPENED, SMR_E_UNOPENED);
	for (unsigned bit = 0; bit < 64; bit++) {
		b = f->binding;
		b.serial ^= UINT64_C(1) << bit;
		assert_not_opened(&f->t, &b, f->x, SMR_E_UNOPENED, SMR_E_UNOPENED);
	}
}

/* Sealed to this device under another purpose of HPKE (a file key, say). */
static void test_attack_x_sealed_under_another_info_is_not_opened(void **state)
{
	const struct fixture *f = *state;
	const struct smr_bytes infos[] = {SMR_TEXT("samara1 file"), SMR_TEXT("samara1 mcim\0"), SMR_TEXT("samara1 mci"),
					  SMR_NONE};
	uint8_t room[SMR_X_MAX], plain[64], ad[96];

	for (size_t i = 0; i < SMR_COUNT(infos); i++) {
		struct smr_space x = {room, sizeof(room)};

		assert_int_equal(smr_hpke_seal(&f->t_pub, infos[i], binding_ad(&f->binding, ad),
					       hex(PLAIN_MILENAGE, plain, sizeof(plain)), &x),
				 SMR_OK);
		assert_not_opened(&f->t, &f->binding, smr_bytes_of(room, x.len), SMR_E_UNOPENED, SMR_E_UNOPENED);
	}
}

static void test_x_sealed_twice_has_nothing_in_common(void **state)
{
	const struct fixture *f = *state;
	const struct smr_mcim m = milenage();
	uint8_t room[SMR_X_MAX];
	struct smr_space x = {room, sizeof(room)};

	assert_int_equal(smr_mcim_seal(&f->t_pub, &f->binding, &m, &x), SMR_OK);
	assert_int_equal(x.len, f->x.len);
	for (size_t i = 1; i + 8 <= x.len; i++)
		assert_memory_not_equal(room + i, f->x.ptr + i, 8);
}

/* ---- W ---- */

static enum smr_err w_verify(const struct fixture *f, const struct smr_mcim_binding *b, struct smr_bytes order,
			     const uint8_t w[SMR_SIG_LEN])
{
	return smr_w_verify(&f->o_pub, b, f->x, order, w);
}

static void test_w_verifies_for_what_it_was_made_for(void **state)
{
	const struct fixture *f = *state;
	uint8_t w[SMR_SIG_LEN];

	assert_int_equal(smr_w_sign(&f->o, &f->binding, f->x, SMR_NONE, w), SMR_OK);
	assert_int_equal(w_verify(f, &f->binding, SMR_NONE, w), SMR_OK);
	for (size_t bit = 0; bit < sizeof(w) * 8; bit++) {
		w[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(w_verify(f, &f->binding, SMR_NONE, w), SMR_E_SIGNATURE);
		w[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(smr_w_sign(&f->o, &f->binding, f->x, ORDER, w), SMR_OK);
	assert_int_equal(w_verify(f, &f->binding, ORDER, w), SMR_OK);
}

static void test_attack_w_with_another_order_or_none_is_refused(void **state)
{
	const struct fixture *f = *state;
	uint8_t with[SMR_SIG_LEN], without[SMR_SIG_LEN];

	assert_int_equal(smr_w_sign(&f->o, &f->binding, f->x, ORDER, with), SMR_OK);
	assert_int_equal(smr_w_sign(&f->o, &f->binding, f->x, SMR_NONE, without), SMR_OK);
	assert_int_equal(w_verify(f, &f->binding, SMR_NONE, with), SMR_E_SIGNATURE);
	assert_int_equal(w_verify(f, &f->binding, SMR_TEXT("an ordes"), with), SMR_E_SIGNATURE);
	assert_int_equal(w_verify(f, &f->binding, SMR_TEXT("an orde"), with), SMR_E_SIGNATURE);
	assert_int_equal(w_verify(f, &f->binding, ORDER, without), SMR_E_SIGNATURE);
}

static void test_attack_w_over_another_x_or_binding_is_refused(void **state)
{
	const struct fixture *f = *state;
	struct smr_mcim_binding b = f->binding;
	uint8_t w[SMR_SIG_LEN], x[SMR_X_MAX];

	assert_int_equal(smr_w_sign(&f->o, &b, f->x, ORDER, w), SMR_OK);
	assert_int_equal(smr_w_verify(&f->other_o_pub, &b, f->x, ORDER, w), SMR_E_SIGNATURE);
	memcpy(x, f->x.ptr, f->x.len);
	for (size_t i = 0; i < f->x.len; i++) {
		x[i] ^= 1;
		assert_int_equal(smr_w_verify(&f->o_pub, &b, smr_bytes_of(x, f->x.len), ORDER, w), SMR_E_SIGNATURE);
		x[i] ^= 1;
	}
	assert_int_equal(smr_w_verify(&f->o_pub, &b, smr_bytes_of(x, f->x.len - 1), ORDER, w), SMR_E_SIGNATURE);
	assert_int_equal(smr_w_verify(&f->o_pub, &b, SMR_NONE, ORDER, w), SMR_E_SIGNATURE);
	b.eid.octets[0] ^= 1;
	assert_int_equal(w_verify(f, &b, ORDER, w), SMR_E_SIGNATURE);
	b = f->binding;
	b.iccid.octets[0] ^= 1;
	assert_int_equal(w_verify(f, &b, ORDER, w), SMR_E_SIGNATURE);
	b = f->binding;
	b.serial++;
	assert_int_equal(w_verify(f, &b, ORDER, w), SMR_E_SIGNATURE);
}

/* The operator's key signs commands too: the payload of W under that label is no W. */
static void test_attack_w_signed_as_another_kind_is_refused(void **state)
{
	static const char *const labels[] = {SMR_LABEL_COMMAND, SMR_LABEL_ORDER, SMR_LABEL_FILE, SMR_LABEL_CARD};
	const struct fixture *f = *state;
	uint8_t room[128], hash[SMR_HASH_LEN], w[SMR_SIG_LEN];
	struct smr_writer payload = smr_writer_init((struct smr_space){room, sizeof(room)});

	assert_int_equal(smr_sha256(&f->x, 1, hash), SMR_OK);
	smr_put_array(&payload, 5);
	smr_put_bytes(&payload, smr_eid_bytes(&f->binding.eid));
	smr_put_bytes(&payload, smr_iccid_bytes(&f->binding.iccid));
	smr_put_uint(&payload, f->binding.serial);
	smr_put_bytes(&payload, SMR_ARRAY(hash));
	smr_put_null(&payload);
	for (size_t i = 0; i < SMR_COUNT(labels); i++) {
		assert_int_equal(smr_cose_sign_detached(&f->o, labels[i], SMR_NONE, smr_bytes_of(room, payload.len), w),
				 SMR_OK);
		assert_int_equal(w_verify(f, &f->binding, SMR_NONE, w), SMR_E_SIGNATURE);
	}
	assert_int_equal(smr_cose_sign_detached(&f->o, SMR_LABEL_MCIM, SMR_NONE, smr_bytes_of(room, payload.len), w),
			 SMR_OK);
	assert_int_equal(w_verify(f, &f->binding, SMR_NONE, w), SMR_OK);
}

/* ---- the second implementation ---- */

static void test_subscription_of_a_second_implementation_verifies_and_opens(void **state)
{
	const struct smr_mcim want = milenage();
	struct smr_mcim_binding b = ((const struct fixture *)*state)->binding;
	uint8_t x_room[SMR_X_MAX], w[SMR_SIG_LEN];
	struct smr_bytes x = hex(FOREIGN_X, x_room, sizeof(x_room));
	struct smr_privkey t = {0};
	struct smr_pubkey o = {0};
	struct smr_mcim got;

	hex_private(&t, FOREIGN_T);
	assert_int_equal(smr_pubkey_import(&o, hex(FOREIGN_OPERATOR, b.operator_key, sizeof(b.operator_key))), SMR_OK);
	hex(FOREIGN_W, w, sizeof(w));
	assert_int_equal(smr_w_verify(&o, &b, x, SMR_NONE, w), SMR_OK);
	assert_int_equal(smr_w_verify(&o, &b, x, ORDER, w), SMR_E_SIGNATURE);
	hex(FOREIGN_W_ORDER, w, sizeof(w));
	assert_int_equal(smr_w_verify(&o, &b, x, ORDER, w), SMR_OK);
	assert_int_equal(smr_mcim_open(&(struct smr_agreer){.key = &t}, &b, x, &got), SMR_OK);
	assert_same(&got, &want);
	smr_privkey_wipe(&t);
	smr_pubkey_wipe(&o);
}

/* ---- package ---- */

static struct smr_package package_with(struct smr_bytes x, struct smr_bytes order)
{
	struct smr_package p = {.operator_id = {"operator"}, .serial = 5, .x = x, .order = order};

	hex(ICCID, p.iccid.octets, sizeof(p.iccid.octets));
	memset(p.w, 0x57, sizeof(p.w));
	return p;
}

static enum smr_err read_package(struct smr_bytes in, struct smr_package *out)
{
	struct smr_reader r = smr_reader_init(in);

	smr_get_package(&r, out);
	return smr_reader_done(&r);
}

static void assert_package_comes_back(const struct smr_package *in)
{
	uint8_t room[700];
	struct smr_writer counter = smr_writer_size();
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_package got;

	smr_put_package(&w, in);
	smr_put_package(&counter, in);
	assert_int_equal(smr_writer_done(&w, NULL), SMR_OK);
	assert_int_equal(counter.len, w.len);
	assert_int_equal(read_package(smr_bytes_of(room, w.len), &got), SMR_OK);
	assert_memory_equal(&got.operator_id, &in->operator_id, sizeof(in->operator_id));
	assert_memory_equal(&got.iccid, &in->iccid, sizeof(in->iccid));
	assert_true(got.serial == in->serial && smr_bytes_equal(got.x, in->x) && smr_bytes_equal(got.order, in->order));
	assert_memory_equal(got.w, in->w, sizeof(in->w));
	for (size_t len = 0; len < w.len; len++) {
		struct smr_writer small = smr_writer_init((struct smr_space){room, len});

		assert_int_equal(read_package(smr_bytes_of(room, len), &got), SMR_E_MALFORMED);
		smr_put_package(&small, in);
		assert_int_equal(smr_writer_done(&small, NULL), SMR_E_NO_ROOM);
		w = smr_writer_init((struct smr_space){room, sizeof(room)}); /* the small one wrote here */
		smr_put_package(&w, in);
	}
	room[w.len] = 0;
	assert_int_equal(read_package(smr_bytes_of(room, w.len + 1), &got), SMR_E_MALFORMED);
}

static void test_package_with_and_without_order_comes_back(void **state)
{
	static uint8_t long_x[SMR_X_MAX], order[SMR_ORDER_MAX];
	const struct fixture *f = *state;
	struct smr_package p = package_with(f->x, SMR_NONE);

	assert_package_comes_back(&p);
	p = package_with(f->x, ORDER);
	assert_package_comes_back(&p);
	p = package_with(SMR_ARRAY(long_x), SMR_ARRAY(order));
	p.serial = UINT64_MAX;
	assert_package_comes_back(&p);
}

static void test_package_outside_its_grammar_is_malformed(void **state)
{
	static uint8_t filler[SMR_X_MAX + 1];
	const struct fixture *f = *state;
	const struct {
		struct smr_bytes x, order;
		uint8_t iccid_end;
	} cases[] = {
		{SMR_NONE, SMR_NONE, 0x8f},
		{smr_bytes_of(filler, SMR_HPKE_OVERHEAD), SMR_NONE, 0x8f}, /* seals nothing */
		{SMR_ARRAY(filler), SMR_NONE, 0x8f},
		{f->x, smr_bytes_of(filler, SMR_ORDER_MAX + 1), 0x8f},
		{f->x, SMR_NONE, 0x7f}, /* check digit */
		{f->x, SMR_NONE, 0x8e},
	};
	uint8_t room[700];
	struct smr_package got;

	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_package p = package_with(cases[i].x, cases[i].order);
		struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

		p.iccid.octets[9] = cases[i].iccid_end;
		smr_put_package(&w, &p);
		assert_int_equal(read_package(smr_bytes_of(room, w.len), &got), SMR_E_MALFORMED);
	}
}

/* «No order» is null; an order of no octets would be a second way to say it. */
static void test_package_with_an_empty_order_is_malformed(void **state)
{
	const struct fixture *f = *state;
	struct smr_package p = package_with(f->x, SMR_NONE), got;
	uint8_t room[700];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	smr_put_package(&w, &p);
	assert_int_equal(room[w.len - 1], 0xf6);
	assert_int_equal(read_package(smr_bytes_of(room, w.len), &got), SMR_OK);
	room[w.len - 1] = 0x40;
	assert_int_equal(read_package(smr_bytes_of(room, w.len), &got), SMR_E_MALFORMED);
}

/* ---- a library that fails ---- */

static void test_mcim_with_any_failing_call_is_neither_sealed_nor_opened(void **state)
{
	const struct fixture *f = *state;
	const struct smr_mcim m = milenage();
	uint8_t room[SMR_X_MAX];
	unsigned failures = 0;
	struct smr_mcim got;

	for (unsigned n = 1; n < 100; n++) {
		struct smr_space x = {room, sizeof(room)};
		enum smr_err err;

		memset(room, 0, sizeof(room));
		seam_fail_at(n);
		err = smr_mcim_seal(&f->t_pub, &f->binding, &m, &x);
		if (!seam_did_fail())
			break;
		assert_int_equal(err, SMR_E_CRYPTO);
		assert_null(memmem(room, sizeof(room), m.aka.k, 8));
		assert_null(memmem(room, sizeof(room), m.aka.opc, 8));
		failures++;
	}
	assert_true(failures > 5);
	for (unsigned n = 1; n < failures; n++) { /* no key is generated here, but a point imported */
		seam_fail_at(n);
		memset(&got, 0x5a, sizeof(got));
		assert_int_equal(smr_mcim_open(&(struct smr_agreer){.key = &f->t}, &f->binding, f->x, &got),
				 SMR_E_CRYPTO);
		assert_true(seam_did_fail());
		assert_true(is_zero(&got, sizeof(got)));
	}
	seam_fail_at(0);
}

static void test_w_with_any_failing_call_is_neither_signed_nor_taken(void **state)
{
	const struct fixture *f = *state;
	uint8_t good[SMR_SIG_LEN], w[SMR_SIG_LEN];

	assert_int_equal(smr_w_sign(&f->o, &f->binding, f->x, ORDER, good), SMR_OK);
	for (unsigned n = 1; n <= 4; n++) { /* hashes of X, of the order, of what is signed; signature */
		seam_fail_at(n);
		assert_int_equal(smr_w_sign(&f->o, &f->binding, f->x, ORDER, w), SMR_E_CRYPTO);
		seam_fail_at(n);
		assert_int_equal(w_verify(f, &f->binding, ORDER, good), SMR_E_CRYPTO);
	}
	seam_fail_at(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mcim_of_every_kind_opens_to_what_was_sealed),
		cmocka_unit_test(test_mcim_at_its_limits_opens_to_what_was_sealed),
		cmocka_unit_test(test_mcim_outside_its_limits_is_not_sealed),
		cmocka_unit_test(test_x_is_as_long_as_its_content_needs_and_within_its_bound),
		cmocka_unit_test(test_plaintext_by_hand_opens),
		cmocka_unit_test(test_plaintext_every_truncation_is_malformed),
		cmocka_unit_test(test_plaintext_outside_its_grammar_is_refused),
		cmocka_unit_test(test_plaintext_of_an_unknown_algorithm_is_unsupported),
		cmocka_unit_test(test_x_every_truncation_and_extension_is_not_opened),
		cmocka_unit_test(test_x_every_flipped_bit_is_not_opened),
		cmocka_unit_test(test_attack_x_of_another_device_operator_iccid_or_serial_is_not_opened),
		cmocka_unit_test(test_attack_x_sealed_under_another_info_is_not_opened),
		cmocka_unit_test(test_x_sealed_twice_has_nothing_in_common),
		cmocka_unit_test(test_w_verifies_for_what_it_was_made_for),
		cmocka_unit_test(test_attack_w_with_another_order_or_none_is_refused),
		cmocka_unit_test(test_attack_w_over_another_x_or_binding_is_refused),
		cmocka_unit_test(test_attack_w_signed_as_another_kind_is_refused),
		cmocka_unit_test(test_subscription_of_a_second_implementation_verifies_and_opens),
		cmocka_unit_test(test_package_with_and_without_order_comes_back),
		cmocka_unit_test(test_package_outside_its_grammar_is_malformed),
		cmocka_unit_test(test_package_with_an_empty_order_is_malformed),
		cmocka_unit_test(test_mcim_with_any_failing_call_is_neither_sealed_nor_opened),
		cmocka_unit_test(test_w_with_any_failing_call_is_neither_signed_nor_taken),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
