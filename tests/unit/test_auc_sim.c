/* SPDX-License-Identifier: Apache-2.0 */
/* hostapd's line protocol: hostile lines, vectors that a USIM accepts, AUTS, and everybody who gets FAILURE. */
#include "tests/unit/auc_rig.h"

#include "auc/sim.h"
#include "sys/text.h"
#include "tests/unit/random.h"
#include "tests/unit/subscriber.h"

#define IMSI "001010000000001"
#define AUTS "0102030405060708090a0b0c0d0e"
#define RAND "000102030405060708090a0b0c0d0e0f"

static struct smr_auc_db *db;
static struct smr_subscription_record sub;

static int enter(void **state)
{
	if (scratch_enter(state) != 0)
		return 1;
	smr_log_init("test", SMR_LOG_ERROR, false);
	db = auc_open();
	sub = auc_record(1, AUC_SERIAL);
	auc_add(db, &sub);
	return 0;
}

static int leave(void **state)
{
	smr_auc_db_close(db);
	return scratch_leave(state);
}

static void activate(void)
{
	assert_int_equal(smr_auc_db_judged(db, &sub.iccid, SMR_AUC_ACTIVE, ""), SMR_OK);
}

/* ---- lines ---- */

/* From memory of exactly that length: a sanitizer sees every octet too many. */
static enum smr_err parse(const void *text, size_t len, struct smr_sim_request *out)
{
	uint8_t *copy = malloc(len + 1);
	enum smr_err err;

	assert_non_null(copy);
	memcpy(copy + 1, text, len);
	err = smr_sim_parse(smr_bytes_of(copy + 1, len), out);
	free(copy);
	return err;
}

static void test_line_of_each_form_is_read(void **state)
{
	struct smr_sim_request r;
	uint8_t want[16];

	(void)state;
	assert_int_equal(parse(SMR_TEXT("AKA-REQ-AUTH " IMSI).ptr, 28, &r), SMR_OK);
	assert_int_equal(r.verb, SMR_SIM_AKA_REQUEST);
	assert_string_equal(r.imsi_text, IMSI);
	assert_memory_equal(&r.imsi, &sub.imsi, sizeof(r.imsi));
	assert_int_equal(parse(SMR_TEXT("SIM-REQ-AUTH " IMSI " 3").ptr, 30, &r), SMR_OK);
	assert_int_equal(r.verb, SMR_SIM_GSM_REQUEST);
	assert_int_equal(parse("AKA-AUTS " IMSI " " AUTS " " RAND, 9 + 15 + 1 + 28 + 1 + 32, &r), SMR_OK);
	assert_int_equal(r.verb, SMR_SIM_AKA_AUTS);
	for (uint8_t i = 0; i < 16; i++)
		want[i] = i;
	assert_memory_equal(r.rand, want, 16);
	for (uint8_t i = 0; i < 14; i++)
		want[i] = (uint8_t)(i + 1);
	assert_memory_equal(r.auts, want, 14);
}

static void test_line_hostile_is_malformed(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"AKA-REQ-AUTH",
		"AKA-REQ-AUTH ",
		" AKA-REQ-AUTH " IMSI,
		"AKA-REQ-AUTH  " IMSI,
		"AKA-REQ-AUTH " IMSI " ",
		"AKA-REQ-AUTH " IMSI "\n",
		"AKA-REQ-AUTH\t" IMSI,
		"aka-req-auth " IMSI,
		"AKA-REQ-AUTHX " IMSI,
		"AKA-REQ-AUT " IMSI,
		"AKA-REQ-AUTH 00101",
		"AKA-REQ-AUTH 0010100000000011",
		"AKA-REQ-AUTH 00101000000000a",
		"AKA-REQ-AUTH -00101000000001",
		"AKA-REQ-AUTH " IMSI " 1",
		"AKA-REQ-AUTH " IMSI " 1 2",
		IMSI " AKA-REQ-AUTH",
		"SIM-REQ-AUTH " IMSI,
		"SIM-REQ-AUTH " IMSI " 3 3",
		"AKA-AUTS " IMSI,
		"AKA-AUTS " IMSI " " AUTS,
		"AKA-AUTS " IMSI " " AUTS " " RAND " x",
		"AKA-AUTS " IMSI " " AUTS "00 " RAND,
		"AKA-AUTS " IMSI " 01 " RAND,
		"AKA-AUTS " IMSI " " AUTS " " RAND "0",
		"AKA-AUTS " IMSI " " AUTS " 0x0102030405060708090a0b0c0d0e0f",
		"AKA-AUTS " IMSI " zz02030405060708090a0b0c0d0e " RAND,
		"AKA-AUTS " IMSI " " RAND " " AUTS,
		"AKA-RESP-AUTH " IMSI " FAILURE",
		"AKA-REQ-AUTH \xc3\xa4"
		"01010000000001",
	};
	struct smr_sim_request r;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(lines); i++)
		if (parse(lines[i], strlen(lines[i]), &r) == SMR_OK)
			fail_msg("accepted: %s", lines[i]);
	assert_int_not_equal(parse("AKA-REQ-AUTH " IMSI "\0", 29, &r), SMR_OK);
	assert_int_not_equal(parse("AKA-REQ-AUTH\0" IMSI, 28, &r), SMR_OK);
}

static void test_line_cut_and_noise_stay_in_bounds(void **state)
{
	static const char line[] = "AKA-AUTS " IMSI " " AUTS " " RAND;
	static const char letters[] = "AKASIM-REQTUH 0123456789abf ";
	struct rng rng = {23};
	struct smr_sim_request r;

	(void)state;
	for (size_t len = 0; len < sizeof(line) - 1; len++)
		assert_int_not_equal(parse(line, len, &r), SMR_OK);
	for (int i = 0; i < 20000; i++) {
		char noise[64];
		size_t len = rng_below(&rng, sizeof(noise));

		for (size_t j = 0; j < len; j++)
			noise[j] = letters[rng_below(&rng, sizeof(letters))];
		(void)!parse(noise, len, &r);
	}
}

/* ---- answers ---- */

struct answer {
	char text[SMR_SIM_LINE_MAX + 1];
	size_t len;
};

static void ask(const char *line, struct answer *answer)
{
	struct smr_space room = {(uint8_t *)answer->text, SMR_SIM_LINE_MAX};
	struct smr_sim_request r;

	assert_int_equal(parse(line, strlen(line), &r), SMR_OK);
	smr_sim_serve(db, &r, &room);
	assert_true(room.len < sizeof(answer->text));
	answer->len = room.len;
	answer->text[room.len] = '\0';
}

static void assert_failure(const char *imsi)
{
	char line[64];
	char want[64];
	struct answer answer;

	(void)snprintf(line, sizeof(line), "AKA-REQ-AUTH %s", imsi);
	(void)snprintf(want, sizeof(want), "AKA-RESP-AUTH %s FAILURE", imsi);
	ask(line, &answer);
	assert_string_equal(answer.text, want);
}

struct vector {
	uint8_t rand[16], autn[16], ik[16], ck[16], res[16];
	size_t res_len;
};

static void take(const char **at, uint8_t *out, size_t *len)
{
	size_t digits = strcspn(*at, " ");
	struct smr_space room = {out, 16};

	assert_int_equal(smr_hex_decode(smr_bytes_of(*at, digits), &room), SMR_OK);
	*len = room.len;
	*at += digits;
	if (**at != '\0')
		++*at;
}

static struct vector ask_vector(const struct smr_subscription_record *s)
{
	char imsi[SMR_IMSI_TEXT];
	char line[64];
	char head[64];
	struct answer answer;
	struct vector v = {.res_len = 0};
	const char *at;
	size_t len;

	smr_imsi_text(&s->imsi, imsi);
	(void)snprintf(line, sizeof(line), "AKA-REQ-AUTH %s", imsi);
	(void)snprintf(head, sizeof(head), "AKA-RESP-AUTH %s ", imsi);
	ask(line, &answer);
	assert_memory_equal(answer.text, head, strlen(head));
	at = answer.text + strlen(head);
	take(&at, v.rand, &len);
	assert_int_equal(len, 16);
	take(&at, v.autn, &len);
	assert_int_equal(len, 16);
	take(&at, v.ik, &len);
	assert_int_equal(len, 16);
	take(&at, v.ck, &len);
	assert_int_equal(len, 16);
	take(&at, v.res, &v.res_len);
	assert_int_equal(*at, '\0');
	return v;
}

static void assert_usim_accepts(const struct smr_subscription_record *s, struct smr_sqn *usim, const struct vector *v)
{
	struct smr_aka_result result;

	assert_int_equal(smr_aka_authenticate(&s->aka, usim, v->rand, v->autn, &result), SMR_OK);
	assert_int_equal(result.res_len, v->res_len);
	assert_memory_equal(result.res, v->res, v->res_len);
	assert_memory_equal(result.ck, v->ck, 16); /* IK stands before CK in the line */
	assert_memory_equal(result.ik, v->ik, 16);
	assert_memory_equal(result.amf, s->amf, 2);
}

static void accept_many(const struct smr_subscription_record *s)
{
	struct smr_sqn usim = usim_at(s->sqn);

	for (int i = 0; i < 40; i++) {
		struct vector v = ask_vector(s);

		assert_usim_accepts(s, &usim, &v);
	}
}

static void test_vector_is_accepted_by_a_milenage_usim(void **state)
{
	(void)state;
	activate();
	accept_many(&sub);
}

static void test_vector_is_accepted_by_a_tuak_usim_of_every_length(void **state)
{
	static const uint8_t res[] = {4, 8, 16};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct smr_subscription_record tuak = auc_record(10 + i, AUC_SERIAL + 1 + i);

		tuak.aka = (struct smr_aka_params){.alg = SMR_AKA_TUAK,
						   .k_len = i % 2 ? 32 : 16,
						   .res_len = res[i / 2],
						   .keccak_iterations = (uint8_t)(1 + i % 2)};
		memset(tuak.aka.k, 0x20, tuak.aka.k_len);
		memset(tuak.aka.opc, 0x21, 32);
		auc_add(db, &tuak);
		assert_int_equal(smr_auc_db_judged(db, &tuak.iccid, SMR_AUC_ACTIVE, ""), SMR_OK);
		accept_many(&tuak);
	}
}

static void test_vector_sqn_is_durable_and_its_rand_fresh(void **state)
{
	uint8_t before[16] = {0};

	(void)state;
	activate();
	for (int i = 0; i < 5; i++) {
		struct vector v = ask_vector(&sub);
		struct smr_sqn usim = usim_at(sub.sqn);

		assert_usim_accepts(&sub, &usim, &v);
		/* Another connection sees the very SQN of this AUTN: it is committed. */
		assert_int_equal(smr_sqn_seq((uint64_t)auc_number("SELECT sqn FROM subscription")), usim.highest);
		assert_memory_not_equal(v.rand, before, 16);
		memcpy(before, v.rand, 16);
	}
}

static void test_vector_is_not_given_when_its_sqn_cannot_be_kept(void **state)
{
	(void)state;
	activate();
	auc_sql("CREATE TRIGGER no BEFORE UPDATE OF sqn ON subscription BEGIN SELECT RAISE(ABORT, 'no'); END");
	assert_failure(IMSI);
	auc_sql("DROP TRIGGER no");
	(void)ask_vector(&sub);
}

static void test_vector_at_the_end_of_the_sqns_is_refused(void **state)
{
	static const uint8_t rand[16] = {1};

	(void)state;
	activate();
	assert_int_equal(smr_auc_db_set_sqn(db, &sub.imsi, SMR_SQN_MAX, rand), SMR_OK);
	assert_failure(IMSI);
}

static void test_who_is_not_active_gets_failure(void **state)
{
	(void)state;
	assert_failure(IMSI);		   /* inactive: nobody has proved the installation */
	assert_failure("001010000000077"); /* unknown */
	assert_int_equal(smr_auc_db_judged(db, &sub.iccid, SMR_AUC_REJECTED, "no"), SMR_OK);
	assert_failure(IMSI);
	activate();
	(void)ask_vector(&sub);
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, 9, true), SMR_OK);
	assert_failure(IMSI);
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, 10, false), SMR_OK);
	(void)ask_vector(&sub);
	assert_int_equal(smr_auc_db_note_exported(db, &sub.iccid, "osmo-hlr"), SMR_OK);
	assert_failure(IMSI); /* another authentication centre's */
	sub.serial++;
	auc_add(db, &sub); /* sealed anew: proof is needed again */
	assert_failure(IMSI);
}

static void test_refusal_spends_no_sqn(void **state)
{
	(void)state;
	assert_failure(IMSI);
	assert_int_equal(auc_number("SELECT sqn FROM subscription"), 32);
}

static void test_gsm_triplets_are_refused_for_everybody(void **state)
{
	struct answer answer;

	(void)state;
	activate();
	ask("SIM-REQ-AUTH " IMSI " 3", &answer);
	assert_string_equal(answer.text, "SIM-RESP-AUTH " IMSI " FAILURE");
	assert_int_equal(auc_number("SELECT sqn FROM subscription"), 32);
}

static void test_answer_without_room_is_none(void **state)
{
	uint8_t room[SMR_SIM_LINE_MAX];
	struct smr_sim_request r;

	(void)state;
	activate();
	assert_int_equal(parse("AKA-REQ-AUTH " IMSI, 28, &r), SMR_OK);
	for (size_t len = 1; len < 60; len++) {
		struct smr_space space = {room, len};

		smr_sim_serve(db, &r, &space);
		assert_int_equal(space.len, 0);
	}
}

/* ---- resynchronisation ---- */

static void send_auts(const uint8_t auts[14], const uint8_t rand[16])
{
	char auts_hex[SMR_HEX_TEXT(14)];
	char rand_hex[SMR_HEX_TEXT(16)];
	char line[128];
	struct answer answer;

	smr_hex_encode(smr_bytes_of(auts, 14), auts_hex);
	smr_hex_encode(smr_bytes_of(rand, 16), rand_hex);
	(void)snprintf(line, sizeof(line), "AKA-AUTS " IMSI " %s %s", auts_hex, rand_hex);
	ask(line, &answer);
	assert_int_equal(answer.len, 0);
}

/* A USIM that is ahead of the AuC refuses with AUTS. */
static struct vector refused_vector(struct smr_sqn *usim, struct smr_aka_result *result)
{
	struct vector v = ask_vector(&sub);

	assert_int_equal(smr_aka_authenticate(&sub.aka, usim, v.rand, v.autn, result), SMR_E_SQN);
	return v;
}

static void test_auts_brings_the_auc_above_the_usim(void **state)
{
	struct smr_sqn usim = usim_at(1000000);
	struct smr_aka_result result;
	struct vector v;

	(void)state;
	activate();
	v = refused_vector(&usim, &result);
	send_auts(result.auts, v.rand);
	v = ask_vector(&sub);
	assert_usim_accepts(&sub, &usim, &v);
}

static void test_auts_for_another_rand_is_ignored(void **state)
{
	struct smr_sqn usim = usim_at(1000000);
	struct smr_aka_result result;
	struct vector old;
	int64_t sqn;

	(void)state;
	activate();
	old = refused_vector(&usim, &result);
	(void)ask_vector(&sub); /* the AuC has sent another RAND since */
	sqn = auc_number("SELECT sqn FROM subscription");
	send_auts(result.auts, old.rand);
	assert_int_equal(auc_number("SELECT sqn FROM subscription"), sqn);
}

static void test_auts_altered_is_ignored(void **state)
{
	struct smr_sqn usim = usim_at(1000000);
	struct smr_aka_result result;
	struct vector v;
	int64_t sqn;

	(void)state;
	activate();
	v = refused_vector(&usim, &result);
	sqn = auc_number("SELECT sqn FROM subscription");
	for (size_t bit = 0; bit < 8 * SMR_AKA_AUTS_LEN; bit += 3) {
		result.auts[bit / 8] ^= (uint8_t)(1u << bit % 8);
		send_auts(result.auts, v.rand);
		result.auts[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(auc_number("SELECT sqn FROM subscription"), sqn);
	}
	send_auts(result.auts, v.rand);
	assert_true(auc_number("SELECT sqn FROM subscription") > sqn);
}

static void test_auts_never_lowers_the_sqn(void **state)
{
	struct smr_sqn usim = usim_at(1000000);
	struct smr_sqn behind;
	struct smr_aka_result result;
	struct vector v;
	int64_t sqn;

	(void)state;
	activate();
	v = refused_vector(&usim, &result);
	send_auts(result.auts, v.rand);
	sqn = auc_number("SELECT sqn FROM subscription");
	send_auts(result.auts, v.rand); /* played again */
	assert_int_equal(auc_number("SELECT sqn FROM subscription"), sqn);
	behind = usim_at(64); /* the AuC is too far ahead for its delta: AUTS names a lower SQN */
	behind.delta = 1;
	v = refused_vector(&behind, &result);
	sqn = auc_number("SELECT sqn FROM subscription");
	send_auts(result.auts, v.rand);
	assert_int_equal(auc_number("SELECT sqn FROM subscription"), sqn);
}

static void test_auts_of_a_subscription_without_vectors_is_ignored(void **state)
{
	uint8_t auts[14] = {0};
	uint8_t rand[16] = {0}; /* what the row holds before the first vector */

	(void)state;
	send_auts(auts, rand);
	assert_int_equal(auc_number("SELECT sqn FROM subscription"), 32);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_line_of_each_form_is_read),
		TEST(test_line_hostile_is_malformed),
		TEST(test_line_cut_and_noise_stay_in_bounds),
		TEST(test_vector_is_accepted_by_a_milenage_usim),
		TEST(test_vector_is_accepted_by_a_tuak_usim_of_every_length),
		TEST(test_vector_sqn_is_durable_and_its_rand_fresh),
		TEST(test_vector_is_not_given_when_its_sqn_cannot_be_kept),
		TEST(test_vector_at_the_end_of_the_sqns_is_refused),
		TEST(test_who_is_not_active_gets_failure),
		TEST(test_refusal_spends_no_sqn),
		TEST(test_gsm_triplets_are_refused_for_everybody),
		TEST(test_answer_without_room_is_none),
		TEST(test_auts_brings_the_auc_above_the_usim),
		TEST(test_auts_for_another_rand_is_ignored),
		TEST(test_auts_altered_is_ignored),
		TEST(test_auts_never_lowers_the_sqn),
		TEST(test_auts_of_a_subscription_without_vectors_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
