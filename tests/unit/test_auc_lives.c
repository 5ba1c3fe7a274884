/* SPDX-License-Identifier: Apache-2.0 */
/* Turns in a subscription's life at the AuC: not installed, lost, withdrawn, its device enrolled anew. */
#include "tests/unit/auc_rig.h"

#include "auc/judge.h"

static struct smr_auc_db *db;
static struct smr_subscription_record sub;
static struct auc_proof proof;

static int enter(void **state)
{
	if (scratch_enter(state) != 0)
		return 1;
	smr_log_init("test", SMR_LOG_ERROR, false);
	db = auc_open();
	sub = auc_record(1, AUC_SERIAL);
	auc_add(db, &sub);
	auc_approve(db, sub.supplier);
	auc_prove(&proof, &sub);
	return 0;
}

static int leave(void **state)
{
	smr_auc_db_close(db);
	return scratch_leave(state);
}

static enum smr_ack_verdict judge(const struct smr_evidence_record *record)
{
	enum smr_ack_verdict verdict = (enum smr_ack_verdict)77;

	assert_int_equal(smr_auc_judge(db, record, &verdict), SMR_OK);
	return verdict;
}

static enum smr_auc_state state_of(const struct smr_subscription_record *record)
{
	return auc_get(db, record).state;
}

struct line {
	char why[160];
	bool reseal;
};

static void take_line(void *context, const struct smr_auc_line *line)
{
	struct line *out = context;

	(void)snprintf(out->why, sizeof(out->why), "%s", line->why);
	out->reseal = line->reseal;
}

static struct line line_of(const char *imsi)
{
	struct line line = {0};

	assert_int_equal(smr_auc_db_each(db, imsi, take_line, &line), SMR_OK);
	return line;
}

#define IMSI "001010000000001"

/* Evidence of a later flight, with no receipt. */
static void make_missing(struct auc_proof *out, uint32_t ctr, bool failed)
{
	memset(out, 0, sizeof(*out));
	out->ev.eid = sub.eid;
	out->ev.ctr = ctr;
	memset(out->ev.measurement, 0x4d, sizeof(out->ev.measurement));
	out->ev.failed = failed;
	out->ev.failed_iccid = sub.iccid;
	out->ev.failed_serial = sub.serial;
	out->ev.failed_reason = SMR_E_UNOPENED;
	auc_sign(out, &sub, AUC_D);
	out->record.receipt = (struct smr_receipt){.kind = SMR_RECEIPT_NONE};
}

/* ---- the device does not hold it ---- */

static void test_failure_signed_by_the_device_is_shown_with_its_reason(void **state)
{
	struct auc_proof failed;

	(void)state;
	make_missing(&failed, 2, true);
	assert_int_equal(judge(&failed.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_of(&sub), SMR_AUC_REJECTED);
	assert_true(line_of(IMSI).reseal);
	assert_non_null(strstr(line_of(IMSI).why, "could not install it"));
	assert_non_null(strstr(line_of(IMSI).why, smr_err_text(SMR_E_UNOPENED)));
}

static void test_failure_that_the_device_did_not_sign_says_nothing(void **state)
{
	struct auc_proof failed;

	(void)state;
	make_missing(&failed, 2, true);
	failed.encoded[failed.record.evidence.len - 1] ^= 1;
	assert_int_equal(judge(&failed.record), SMR_ACK_REJECTED);
	assert_int_equal(state_of(&sub), SMR_AUC_INACTIVE);
	failed.encoded[failed.record.evidence.len - 1] ^= 1;
	failed.record.serial++;
	assert_int_equal(judge(&failed.record), SMR_ACK_REJECTED);
	assert_int_equal(state_of(&sub), SMR_AUC_INACTIVE);
}

static void test_failure_of_another_package_says_nothing_but_that_it_is_not_there(void **state)
{
	struct auc_proof other;

	(void)state;
	make_missing(&other, 2, true);
	other.ev.failed_serial--;
	auc_sign(&other, &sub, AUC_D);
	other.record.receipt = (struct smr_receipt){.kind = SMR_RECEIPT_NONE};
	assert_int_equal(judge(&other.record), SMR_ACK_ACCEPTED);
	assert_null(strstr(line_of(IMSI).why, "could not install it"));
	/* And evidence that has it says the opposite. */
	other.ev.ctr++;
	other.ev.have = true;
	other.ev.have_iccid = sub.iccid;
	other.ev.have_serial = sub.serial;
	auc_sign(&other, &sub, AUC_D);
	other.record.receipt = (struct smr_receipt){.kind = SMR_RECEIPT_NONE};
	assert_int_equal(judge(&other.record), SMR_ACK_REJECTED);
}

/* A lost MCIM stops nothing at once: whoever holds d could otherwise cut its owner off. The operator sees it and seals anew. */
static void test_lost_subscription_stays_active_and_is_listed_for_reseal(void **state)
{
	struct auc_proof lost;

	(void)state;
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_false(line_of(IMSI).reseal);
	make_missing(&lost, 2, false);
	assert_int_equal(judge(&lost.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_of(&sub), SMR_AUC_ACTIVE);
	assert_true(line_of(IMSI).reseal);
	sub.serial++;
	auc_add(db, &sub);
	assert_int_equal(state_of(&sub), SMR_AUC_INACTIVE);
	assert_false(line_of(IMSI).reseal);
}

/* The RO kept evidence from before the installation, when the device truly had nothing. */
static void test_missing_evidence_from_before_the_installation_says_nothing(void **state)
{
	struct auc_proof early;

	(void)state;
	proof.ev.ctr = 9;
	auc_sign(&proof, &sub, AUC_D);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	for (uint32_t ctr = 8; ctr <= 9; ctr++) {
		make_missing(&early, ctr, ctr == 8);
		assert_int_equal(judge(&early.record), SMR_ACK_REJECTED);
		assert_false(line_of(IMSI).reseal);
	}
}

static void test_good_installation_after_a_failure_activates(void **state)
{
	struct auc_proof failed;

	(void)state;
	make_missing(&failed, 2, true);
	assert_int_equal(judge(&failed.record), SMR_ACK_ACCEPTED);
	proof.ev.ctr = 3;
	auc_sign(&proof, &sub, AUC_D);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_of(&sub), SMR_AUC_ACTIVE);
	assert_false(line_of(IMSI).reseal);
}

/* ---- withdrawn ---- */

static void test_withdrawn_never_activates_whatever_is_proved(void **state)
{
	(void)state;
	assert_int_equal(smr_auc_db_withdraw(db, &sub.iccid, AUC_SERIAL), SMR_OK);
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	assert_int_equal(state_of(&sub), SMR_AUC_WITHDRAWN);
	assert_false(line_of(IMSI).reseal);
	assert_int_equal(smr_auc_db_add(db, &sub), SMR_E_SERIAL);
	assert_int_equal(state_of(&sub), SMR_AUC_WITHDRAWN);
}

static void test_withdrawn_while_active_stops(void **state)
{
	(void)state;
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(smr_auc_db_withdraw(db, &sub.iccid, AUC_SERIAL), SMR_OK);
	assert_int_equal(state_of(&sub), SMR_AUC_WITHDRAWN);
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED); /* the receipt again */
}

static void test_withdrawal_of_a_serial_that_is_not_there(void **state)
{
	struct smr_subscription_record other = auc_record(2, 5);

	(void)state;
	assert_int_equal(smr_auc_db_withdraw(db, &other.iccid, 5), SMR_E_NOT_FOUND);
	assert_int_equal(smr_auc_db_withdraw(db, &sub.iccid, AUC_SERIAL + 1), SMR_E_NOT_FOUND);
	assert_int_equal(smr_auc_db_withdraw(db, &sub.iccid, AUC_SERIAL - 1), SMR_OK); /* replaced already */
	assert_int_equal(state_of(&sub), SMR_AUC_INACTIVE);
}

static void test_sealed_anew_after_withdrawal_activates_on_its_own_proof(void **state)
{
	(void)state;
	assert_int_equal(smr_auc_db_withdraw(db, &sub.iccid, AUC_SERIAL), SMR_OK);
	sub.serial++;
	sub.hash_x[0] ^= 1;
	auc_add(db, &sub);
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	assert_int_equal(state_of(&sub), SMR_AUC_INACTIVE);
	auc_prove(&proof, &sub);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_of(&sub), SMR_AUC_ACTIVE);
}

/* ---- one device, one live subscription ---- */

static void test_activation_ends_the_older_subscription_of_the_device(void **state)
{
	struct smr_subscription_record next = auc_record(2, AUC_SERIAL + 1);

	(void)state;
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	auc_add(db, &next);
	assert_int_equal(state_of(&sub), SMR_AUC_ACTIVE); /* the device needs it until it has the next */
	auc_prove(&proof, &next);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_of(&next), SMR_AUC_ACTIVE);
	assert_int_equal(state_of(&sub), SMR_AUC_WITHDRAWN);
}

static void test_new_key_of_the_device_ends_its_subscription_at_once(void **state)
{
	struct smr_subscription_record next = auc_record(2, AUC_SERIAL + 1);

	(void)state;
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	player_point(next.d, AUC_D + 30);
	auc_add(db, &next);
	assert_int_equal(state_of(&sub), SMR_AUC_WITHDRAWN);
	assert_string_equal(line_of(IMSI).why, "its device was enrolled anew");
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	/* The key of before proves nothing about the new one. */
	auc_prove(&proof, &next);
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	auc_sign(&proof, &next, AUC_D + 30);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
}

/* The file of before the new enrolment comes late: what it adds is dead already. */
static void test_older_subscription_that_comes_late_is_withdrawn(void **state)
{
	struct smr_subscription_record late = auc_record(2, AUC_SERIAL - 1);

	(void)state;
	auc_add(db, &late);
	assert_int_equal(state_of(&late), SMR_AUC_WITHDRAWN);
	auc_prove(&proof, &late);
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	assert_int_equal(state_of(&sub), SMR_AUC_INACTIVE);
}

static void test_database_of_version_1_is_upgraded_and_keeps_its_data(void **state)
{
	(void)state;
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	smr_auc_db_close(db);
	auc_sql("DROP INDEX subscription_eid; ALTER TABLE subscription DROP COLUMN ctr;"
		"ALTER TABLE subscription DROP COLUMN platform; PRAGMA user_version = 1");
	db = auc_open();
	assert_int_equal(auc_number("PRAGMA user_version"), 3);
	assert_int_equal(state_of(&sub), SMR_AUC_ACTIVE);
	assert_int_equal(auc_get(db, &sub).ctr, 0);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(auc_get(db, &sub).ctr, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failure_signed_by_the_device_is_shown_with_its_reason),
		TEST(test_failure_that_the_device_did_not_sign_says_nothing),
		TEST(test_failure_of_another_package_says_nothing_but_that_it_is_not_there),
		TEST(test_lost_subscription_stays_active_and_is_listed_for_reseal),
		TEST(test_missing_evidence_from_before_the_installation_says_nothing),
		TEST(test_good_installation_after_a_failure_activates),
		TEST(test_withdrawn_never_activates_whatever_is_proved),
		TEST(test_withdrawn_while_active_stops),
		TEST(test_withdrawal_of_a_serial_that_is_not_there),
		TEST(test_sealed_anew_after_withdrawal_activates_on_its_own_proof),
		TEST(test_activation_ends_the_older_subscription_of_the_device),
		TEST(test_new_key_of_the_device_ends_its_subscription_at_once),
		TEST(test_older_subscription_that_comes_late_is_withdrawn),
		TEST(test_database_of_version_1_is_upgraded_and_keeps_its_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
