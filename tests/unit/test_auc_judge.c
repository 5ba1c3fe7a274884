/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's own check: one good record, and every single thing that must keep it from being accepted. */
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

static enum smr_auc_state state_now(void)
{
	return auc_get(db, &sub).state;
}

static void take_why(void *context, const struct smr_auc_line *line)
{
	(void)snprintf(context, 128, "%s", line->why);
}

static void assert_why(enum smr_err err)
{
	char why[128] = "";

	assert_int_equal(smr_auc_db_each(db, NULL, take_why, why), SMR_OK);
	assert_string_equal(why, err == SMR_OK ? "" : smr_err_text(err));
}

/* Rejected for this reason, which the operator can read; what is right afterwards still activates. */
static void assert_rejected(enum smr_err why)
{
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	assert_int_equal(state_now(), SMR_AUC_REJECTED);
	assert_why(why);
	auc_prove(&proof, &sub);
	auc_approve(db, sub.supplier);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
}

/* The record is about something else: the subscription stays as it was. */
static void assert_rejected_untouched(void)
{
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	assert_why(SMR_OK);
}

static void test_install_good_evidence_activates(void **state)
{
	(void)state;
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
	assert_why(SMR_OK);
}

static void test_install_repeated_is_accepted_again(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
}

static void test_install_signed_by_another_key_is_rejected(void **state)
{
	(void)state;
	auc_sign(&proof, &sub, AUC_D + 50);
	assert_rejected(SMR_E_SIGNATURE);
}

static void test_install_altered_evidence_is_rejected_at_every_octet(void **state)
{
	size_t len = proof.record.evidence.len;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		proof.encoded[i] ^= 0x10;
		assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
		assert_int_equal(state_now(), SMR_AUC_REJECTED);
		proof.encoded[i] ^= 0x10;
	}
	for (size_t cut = 1; cut < len; cut++) {
		proof.record.evidence.len = cut;
		assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	}
	proof.encoded[20] ^= 1;
	proof.record.evidence.len = len;
	assert_rejected(SMR_E_SIGNATURE);
}

static void test_install_of_another_flight_is_rejected(void **state)
{
	(void)state;
	player_point(proof.record.e, 31);
	assert_rejected(SMR_E_SIGNATURE);
	auc_sql("UPDATE subscription SET state = 0");
	player_point(proof.record.q, 31);
	assert_rejected(SMR_E_SIGNATURE);
}

static void test_install_unapproved_measurement_is_rejected(void **state)
{
	(void)state;
	proof.ev.measurement[31] ^= 1;
	auc_sign(&proof, &sub, AUC_D);
	assert_rejected(SMR_E_MEASUREMENT);
}

static void test_install_measurement_of_another_supplier_is_rejected(void **state)
{
	uint8_t other[SMR_POINT_COMPRESSED_LEN];

	(void)state;
	player_point(other, AUC_SUPPLIER + 1);
	proof.ev.measurement[0] ^= 1; /* on the list of the other supplier alone */
	auc_approve_measurement(db, other, proof.ev.measurement);
	auc_sign(&proof, &sub, AUC_D);
	assert_rejected(SMR_E_MEASUREMENT);
}

static void test_install_before_any_references_are_loaded_is_not_judged_yet(void **state)
{
	enum smr_ack_verdict verdict = SMR_ACK_ACCEPTED;

	(void)state;
	assert_int_equal(smr_auc_db_clear_references(db, sub.supplier), SMR_OK);
	assert_int_equal(smr_auc_judge(db, &proof.record, &verdict), SMR_E_NOT_FOUND);
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	auc_approve(db, sub.supplier);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
}

static void test_install_with_tamper_is_rejected(void **state)
{
	(void)state;
	proof.ev.tamper = 2;
	auc_sign(&proof, &sub, AUC_D);
	assert_rejected(SMR_E_TAMPERED);
}

static void test_install_mac_wrong_in_any_bit_is_rejected(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 8 * SMR_RECEIPT_MAC_LEN; bit++) {
		proof.record.receipt.mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
		proof.record.receipt.mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	proof.record.receipt.mac[15] ^= 1;
	assert_rejected(SMR_E_MAC);
}

/* A dishonest RO pairs a receipt with the evidence of another flight of the same device, which is signed and approved. */
static void test_install_receipt_with_other_good_evidence_is_rejected(void **state)
{
	uint8_t mac[SMR_RECEIPT_MAC_LEN];

	(void)state;
	memcpy(mac, proof.record.receipt.mac, sizeof(mac));
	proof.ev.ctr = 2;
	auc_sign(&proof, &sub, AUC_D);
	memcpy(proof.record.receipt.mac, mac, sizeof(mac));
	assert_rejected(SMR_E_MAC);
}

static void test_install_of_another_x_is_rejected(void **state)
{
	struct smr_subscription_record other = sub;

	(void)state;
	other.hash_x[0] ^= 1;
	auc_sign(&proof, &other, AUC_D);
	assert_rejected(SMR_E_MAC);
}

static void test_install_with_a_result_is_rejected(void **state)
{
	(void)state;
	proof.record.receipt.result = 1;
	assert_rejected(SMR_E_STATE);
}

static void test_install_without_evidence_is_rejected(void **state)
{
	(void)state;
	proof.record.evidence = SMR_NONE;
	assert_rejected(SMR_E_TRUNCATED);
}

static void test_install_evidence_of_another_eid_is_rejected(void **state)
{
	(void)state;
	assert_int_equal(smr_eid_make(SMR_TEXT("890440320000000000000000000001"), &proof.ev.eid), SMR_OK);
	auc_sign(&proof, &sub, AUC_D);
	assert_rejected(SMR_E_NOT_ADDRESSEE);
}

/* ---- records about something else ---- */

static void test_record_of_another_eid_touches_nothing(void **state)
{
	(void)state;
	assert_int_equal(smr_eid_make(SMR_TEXT("890440320000000000000000000001"), &proof.record.eid), SMR_OK);
	assert_rejected_untouched();
}

static void test_record_of_another_serial_touches_nothing(void **state)
{
	struct smr_subscription_record older = sub;

	(void)state;
	older.serial = AUC_SERIAL - 1;
	auc_sign(&proof, &older, AUC_D); /* good, for what was sealed before */
	assert_rejected_untouched();
	older.serial = AUC_SERIAL + 1;
	auc_sign(&proof, &older, AUC_D);
	assert_rejected_untouched();
}

static void test_record_whose_receipt_says_otherwise_touches_nothing(void **state)
{
	struct smr_subscription_record other = auc_record(2, AUC_SERIAL);

	(void)state;
	proof.record.receipt.iccid = other.iccid;
	assert_rejected_untouched();
	auc_prove(&proof, &sub);
	proof.record.receipt.serial++;
	assert_rejected_untouched();
}

static void test_record_of_an_iccid_not_loaded_is_not_judged_yet(void **state)
{
	struct smr_subscription_record other = auc_record(2, AUC_SERIAL);
	enum smr_ack_verdict verdict = SMR_ACK_ACCEPTED;

	(void)state;
	auc_prove(&proof, &other);
	assert_int_equal(smr_auc_judge(db, &proof.record, &verdict), SMR_E_NOT_FOUND);
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	auc_add(db, &other);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
}

/* ---- an active one ---- */

static void test_active_subscription_survives_bad_records(void **state)
{
	(void)state;
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	proof.record.receipt.mac[0] ^= 1;
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
	proof.record.evidence = SMR_NONE; /* repeated by an RO that lost it: nothing to seal anew for */
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
	assert_why(SMR_OK);
}

static void test_active_after_reseal_needs_the_new_proof(void **state)
{
	struct smr_subscription_record newer = auc_record(1, AUC_SERIAL + 1);

	(void)state;
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	newer.hash_x[5] ^= 9;
	auc_add(db, &newer);
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	assert_rejected_untouched(); /* the old proof again */
	auc_prove(&proof, &newer);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
}

/* ---- commands ---- */

struct shown {
	uint64_t serial;
	uint32_t result;
};

static void take_receipt(void *context, const struct smr_auc_line *line)
{
	*(struct shown *)context = (struct shown){line->receipt_serial, line->receipt_result};
}

static struct shown shown_receipt(void)
{
	struct shown shown;

	assert_int_equal(smr_auc_db_each(db, NULL, take_receipt, &shown), SMR_OK);
	return shown;
}

static void test_command_receipt_of_the_last_command_is_noted(void **state)
{
	struct smr_evidence_record r = auc_command_receipt(&sub, 50, SMR_MCIM_SUSPENDED, 3);

	(void)state;
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, 50, true), SMR_OK);
	assert_int_equal(judge(&r), SMR_ACK_ACCEPTED);
	assert_int_equal(shown_receipt().serial, 50);
	assert_int_equal(shown_receipt().result, 3);
	assert_int_equal(state_now(), SMR_AUC_INACTIVE); /* a command receipt activates nothing */
}

static void test_command_receipt_names_the_state_that_was_commanded(void **state)
{
	struct smr_evidence_record r = auc_command_receipt(&sub, 50, SMR_MCIM_ACTIVATED, 0);

	(void)state;
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, 50, true), SMR_OK);
	assert_int_equal(judge(&r), SMR_ACK_REJECTED);
	assert_int_equal(shown_receipt().serial, 0);
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, 51, false), SMR_OK);
	r = auc_command_receipt(&sub, 51, SMR_MCIM_ACTIVATED, 0);
	assert_int_equal(judge(&r), SMR_ACK_ACCEPTED);
}

/* True, but of a command before the last: it says nothing about the state that is wanted now. */
static void test_command_receipt_of_an_earlier_command_is_rejected(void **state)
{
	struct smr_evidence_record r = auc_command_receipt(&sub, 50, SMR_MCIM_SUSPENDED, 0);

	(void)state;
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, 50, true), SMR_OK);
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, 52, true), SMR_OK);
	assert_int_equal(judge(&r), SMR_ACK_REJECTED);
	assert_int_equal(shown_receipt().serial, 0);
}

static void test_command_receipt_altered_is_rejected(void **state)
{
	struct smr_evidence_record good = auc_command_receipt(&sub, 50, SMR_MCIM_SUSPENDED, 0);
	struct smr_evidence_record r = good;

	(void)state;
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, 50, true), SMR_OK);
	r.receipt.result = 1;
	assert_int_equal(judge(&r), SMR_ACK_REJECTED);
	r = good;
	r.receipt.mac[3] ^= 1;
	assert_int_equal(judge(&r), SMR_ACK_REJECTED);
	r = good;
	r.receipt.serial = r.serial = 49; /* of a command before the last */
	assert_int_equal(judge(&r), SMR_ACK_REJECTED);
	r = good;
	r.evidence = proof.record.evidence; /* a command is proved by no evidence */
	assert_int_equal(judge(&r), SMR_ACK_REJECTED);
	assert_int_equal(shown_receipt().serial, 0);
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	assert_int_equal(judge(&good), SMR_ACK_ACCEPTED);
}

/* The MAC of one kind of receipt is none of the other. */
static void test_receipt_of_one_kind_is_not_one_of_the_other(void **state)
{
	struct smr_evidence_record r = proof.record;

	(void)state;
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, AUC_SERIAL, false), SMR_OK);
	r.receipt.kind = SMR_RECEIPT_COMMAND;
	r.evidence = SMR_NONE;
	assert_int_equal(judge(&r), SMR_ACK_REJECTED);
	r = auc_command_receipt(&sub, AUC_SERIAL, SMR_MCIM_ACTIVATED, 0);
	r.receipt.kind = SMR_RECEIPT_INSTALL;
	r.evidence = proof.record.evidence;
	memcpy(r.e, proof.record.e, sizeof(r.e));
	memcpy(r.q, proof.record.q, sizeof(r.q));
	assert_int_equal(judge(&r), SMR_ACK_REJECTED);
	assert_int_not_equal(state_now(), SMR_AUC_ACTIVE);
}

/* ---- our own trouble ---- */

static void test_own_trouble_is_no_verdict(void **state)
{
	enum smr_ack_verdict verdict = (enum smr_ack_verdict)77;
	uint8_t wrong[SMR_AUC_MASTER_LEN] = "another key 16 b";
	struct smr_problem problem;

	(void)state;
	smr_auc_db_close(db);
	assert_int_equal(smr_auc_db_open(AUC_DB, wrong, false, &db, &problem), SMR_OK);
	assert_int_equal(smr_err_class(smr_auc_judge(db, &proof.record, &verdict)), SMR_CLASS_LIMIT);
	assert_int_equal(verdict, 77);
	smr_auc_db_close(db);
	db = auc_open();
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	auc_sql("ALTER TABLE reference RENAME TO elsewhere");
	assert_int_equal(smr_err_class(smr_auc_judge(db, &proof.record, &verdict)), SMR_CLASS_LIMIT);
	assert_int_equal(verdict, 77);
	auc_sql("ALTER TABLE elsewhere RENAME TO reference");
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
}

/* A device with a TPM: a quote over the PCRs that are approved, and nothing else. */
static void test_install_by_a_tpm_activates_on_a_quote_alone(void **state)
{
	enum { APPROVED = 1u << 8 | 1u << 9, LOOSE = 1u << 16 | 1u << 17 };
	uint8_t approved[SMR_HASH_LEN];

	(void)state;
	sub = auc_record(2, AUC_SERIAL + 1);
	sub.platform = SMR_PLATFORM_TPM;
	auc_add(db, &sub);
	assert_int_equal(auc_get(db, &sub).platform, SMR_PLATFORM_TPM);
	auc_prove(&proof, &sub);
	auc_approve(db, sub.supplier); /* the digest as a measurement of software, whatever the PCRs */
	assert_int_equal(smr_tpm_state(APPROVED, proof.ev.measurement, approved), SMR_OK);
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	assert_int_equal(state_now(), SMR_AUC_REJECTED); /* signed */
	auc_quote(&proof, AUC_D, APPROVED);
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED); /* not on the list */
	auc_approve_measurement(db, sub.supplier, approved);
	auc_quote(&proof, AUC_D, LOOSE);
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	auc_quote(&proof, AUC_D + 1, APPROVED); /* another TPM */
	assert_int_equal(judge(&proof.record), SMR_ACK_REJECTED);
	auc_quote(&proof, AUC_D, APPROVED);
	assert_int_equal(judge(&proof.record), SMR_ACK_ACCEPTED);
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
}

static void test_quote_of_a_device_with_software_keys_is_rejected(void **state)
{
	(void)state;
	auc_approve(db, sub.supplier);
	auc_quote(&proof, AUC_D, 1u << 8);
	assert_rejected(SMR_E_SIGNATURE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_install_by_a_tpm_activates_on_a_quote_alone),
		TEST(test_quote_of_a_device_with_software_keys_is_rejected),
		TEST(test_install_good_evidence_activates),
		TEST(test_install_repeated_is_accepted_again),
		TEST(test_install_signed_by_another_key_is_rejected),
		TEST(test_install_altered_evidence_is_rejected_at_every_octet),
		TEST(test_install_of_another_flight_is_rejected),
		TEST(test_install_unapproved_measurement_is_rejected),
		TEST(test_install_measurement_of_another_supplier_is_rejected),
		TEST(test_install_before_any_references_are_loaded_is_not_judged_yet),
		TEST(test_install_with_tamper_is_rejected),
		TEST(test_install_mac_wrong_in_any_bit_is_rejected),
		TEST(test_install_receipt_with_other_good_evidence_is_rejected),
		TEST(test_install_of_another_x_is_rejected),
		TEST(test_install_with_a_result_is_rejected),
		TEST(test_install_without_evidence_is_rejected),
		TEST(test_install_evidence_of_another_eid_is_rejected),
		TEST(test_record_of_another_eid_touches_nothing),
		TEST(test_record_of_another_serial_touches_nothing),
		TEST(test_record_whose_receipt_says_otherwise_touches_nothing),
		TEST(test_record_of_an_iccid_not_loaded_is_not_judged_yet),
		TEST(test_active_subscription_survives_bad_records),
		TEST(test_active_after_reseal_needs_the_new_proof),
		TEST(test_command_receipt_of_the_last_command_is_noted),
		TEST(test_command_receipt_names_the_state_that_was_commanded),
		TEST(test_command_receipt_of_an_earlier_command_is_rejected),
		TEST(test_command_receipt_altered_is_rejected),
		TEST(test_receipt_of_one_kind_is_not_one_of_the_other),
		TEST(test_own_trouble_is_no_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
