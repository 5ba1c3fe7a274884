/* SPDX-License-Identifier: Apache-2.0 */
/* The TRE's port with a TPM: what it keeps, and what it notices when directory, registers or TPM are not what they were. */
#include <signal.h>

#include "core/rules.h"
#include "tests/unit/tre_tpm_rig.h"

/* ---- keys in the TPM ---- */

/* What d signs, quotes or certifies t over. */
static void hash_of_identity(const struct smr_tre_identity *identity, uint8_t hash[SMR_HASH_LEN])
{
	uint8_t room[160];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes payload;

	smr_put_array(&w, 3);
	smr_put_bytes(&w, smr_eid_bytes(&tre->now.eid));
	smr_put_bytes(&w, SMR_ARRAY(identity->d));
	smr_put_bytes(&w, SMR_ARRAY(identity->t));
	assert_int_equal(smr_writer_done(&w, &payload), SMR_OK);
	assert_int_equal(smr_cose_hash(SMR_LABEL_ENROL, SMR_ARRAY(challenge), payload, hash), SMR_OK);
}

static void test_proof_is_a_quote_over_identity_and_measurement(void **state)
{
	struct smr_tre_identity identity;
	struct smr_pubkey d = {0};
	uint8_t hash[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_true(identity.proof.quoted);
	assert_int_equal(identity.proof.quote.pcrs, SMR_TRE_TPM_PCRS);
	hash_of_identity(&identity, hash);
	assert_int_equal(smr_pubkey_import(&d, SMR_ARRAY(identity.d)), SMR_OK);
	assert_int_equal(
		smr_tpm_quote_verify(&d, &identity.proof.quote, hash, identity.measurement, identity.proof.sig),
		SMR_OK);
	smr_pubkey_wipe(&d);
}

static void test_keys_survive_a_restart_and_are_not_in_the_record(void **state)
{
	struct smr_tre_identity identity;
	uint8_t d[SMR_POINT_COMPRESSED_LEN];

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_true(tre->now.keys_in_platform);
	assert_int_equal(restart(), SMR_OK);
	assert_true(tre->now.keys_in_platform);
	smr_point_compress(tre->d.point, d);
	assert_memory_equal(d, identity.d, sizeof(d));
	begin_well(&identity); /* a repeated begin makes new keys */
	assert_memory_not_equal(d, identity.d, sizeof(d));
}

/* A register is extended between the reading of the measurement and the quote. */
static void test_attestation_of_a_changed_state_is_refused(void **state)
{
	struct smr_tre_identity identity;
	struct smr_attestation out;
	uint8_t measurement[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_int_equal(port.measurement(port.context, measurement), SMR_OK);
	extend(9);
	assert_int_equal(port.keys->attest(port.context, challenge, &out), SMR_E_MEASUREMENT);
	assert_int_equal(port.measurement(port.context, measurement), SMR_OK);
	assert_int_equal(port.keys->attest(port.context, challenge, &out), SMR_OK);
}

/* What the station is shown: between the two halves of enrolment alone. */
static void test_endorsement_is_shown_while_it_is_enrolled(void **state)
{
	static const uint8_t certificate[200] = {0x30, 0x81, 197};
	static const uint8_t empty[4]; /* a credential of two empty parts */
	static const TPM2B_AUTH owners = {.size = 1, .buffer = {'o'}};
	uint8_t room[SMR_ENDORSEMENT_MAX];
	const struct smr_space space = {room, sizeof(room)};
	struct smr_tre_endorsement endorsement;
	struct smr_tre_identity identity;
	uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN];
	struct smr_pubkey d = {0};
	uint8_t hash[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(start(), SMR_OK);
	assert_int_equal(smr_tre_enrol_endorse(tre, challenge, space, &endorsement), SMR_E_STATE);
	assert_int_equal(smr_tre_enrol_activate(tre, SMR_NONE, secret), SMR_E_STATE);
	begin_well(&identity);
	assert_int_equal(smr_tre_enrol_endorse(tre, challenge, space, &endorsement), SMR_E_NOT_FOUND);
	swtpm_put_certificate(tpm_port.tpm, SMR_ARRAY(certificate));
	assert_int_equal(smr_tre_enrol_endorse(tre, challenge, space, &endorsement), SMR_OK);
	assert_true(smr_bytes_equal(endorsement.certificate, SMR_ARRAY(certificate)));
	hash_of_identity(&identity, hash);
	assert_int_equal(smr_pubkey_import(&d, SMR_ARRAY(identity.d)), SMR_OK);
	assert_int_equal(smr_tpm_certify_verify(&d, tre->t.point, &endorsement.certification.quote, hash,
						endorsement.certification.sig),
			 SMR_OK);
	smr_pubkey_wipe(&d);
	assert_int_equal(smr_tre_enrol_activate(tre, SMR_ARRAY(certificate), secret), SMR_E_MALFORMED);
	assert_int_equal(smr_tre_enrol_activate(tre, SMR_ARRAY(empty), secret), SMR_E_UNOPENED);
	assert_int_equal(Esys_HierarchyChangeAuth(tpm_port.tpm->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
						  ESYS_TR_NONE, ESYS_TR_NONE, &owners),
			 TSS2_RC_SUCCESS);
	assert_int_equal(Esys_TR_SetAuth(tpm_port.tpm->esys, ESYS_TR_RH_ENDORSEMENT, NULL), TSS2_RC_SUCCESS);
	assert_int_equal(smr_tre_enrol_activate(tre, SMR_ARRAY(empty), secret), SMR_E_TPM_HIERARCHY);
}

/* ---- roll-back ---- */

static void test_restored_record_is_a_rollback(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	save("");
	begin_well(&identity);
	stop();
	save("-new");
	restore(""); /* the whole directory: nothing else of a TRE is in files */
	assert_int_equal(start(), SMR_E_ROLLBACK);
	assert_explained(SMR_E_ROLLBACK, "older record");
	restore("-new");
	assert_int_equal(restart(), SMR_OK);
}

static void test_removed_record_is_a_rollback(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_int_equal(unlink(DIR_NAME "/record"), 0);
	assert_int_equal(restart(), SMR_E_ROLLBACK);
}

/* A power cut between the record and the counter leaves the record one ahead; anything more is no power cut. */
static void test_record_ahead_by_one_is_completed_and_by_two_refused(void **state)
{
	struct smr_tre_identity identity;
	uint64_t before = 0;
	uint64_t after = 0;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_int_equal(port.counter_read(port.context, &before), SMR_OK);
	tre->counter++; /* writes a record with a stamp two above the counter; the counter refuses to jump */
	assert_int_equal(begin(&identity), SMR_E_INVALID);
	assert_int_equal(restart(), SMR_E_ROLLBACK);
	assert_int_equal(port.counter_read(port.context, &after), SMR_OK);
	assert_true(after == before);
	assert_int_equal(smr_tpm_counter_advance(tpm_port.tpm, tpm_port.secrets.counter_auth), SMR_OK);
	assert_int_equal(restart(), SMR_OK); /* now it is one ahead */
	assert_int_equal(port.counter_read(port.context, &after), SMR_OK);
	assert_true(after == before + 2);
}

static void test_counter_that_went_on_alone_is_a_rollback(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_int_equal(smr_tpm_counter_advance(tpm_port.tpm, tpm_port.secrets.counter_auth), SMR_OK);
	assert_int_equal(restart(), SMR_E_ROLLBACK);
}

/* ---- measured state ---- */

static void test_sealed_state_opens_in_the_state_that_it_was_sealed_to_alone(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	extend(8);
	assert_int_equal(restart(), SMR_E_MEASUREMENT);
	assert_int_equal(begin(&identity), SMR_E_MEASUREMENT);
	assert_explained(SMR_E_MEASUREMENT, "boot the approved software again");
	stop();
	power_cycle("tpm");
	assert_int_equal(start(), SMR_OK);
}

static void test_registers_that_do_not_count_do_not_matter(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	extend(7);
	extend(10);
	assert_int_equal(restart(), SMR_OK);
}

/* ---- tamper line ---- */

/* The event of a copied TPM is the TRE's own: whoever writes the file cannot have the server answer with that reason. */
static void test_tamper_file_is_never_taken_for_a_copied_tpm(void **state)
{
	static const char *const files[] = {"open", "2147483648", "4294967295", "1"};
	const struct smr_tpm_quote quote = {.resets = 1};
	const struct smr_row row = {.state = SMR_ROW_SEALED, .measurement_approved = true};
	struct smr_evidence evidence = {.ctr = 1};

	(void)state;
	assert_int_equal(start(), SMR_OK);
	for (size_t i = 0; i < SMR_COUNT(files); i++) {
		scratch_text(DIR_NAME "/tamper", files[i]);
		assert_int_equal(port.tamper(port.context, &evidence.tamper), SMR_OK);
		assert_int_equal(smr_rules_flight(&row, &evidence, &quote, challenge).refusal, SMR_REFUSAL_TAMPER);
	}
}

/* ---- another TPM, none, a cleared one ---- */

static void test_directory_with_another_tpm_is_refused_as_such(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	stop();
	power_cycle("another");
	assert_int_equal(start(), SMR_E_TPM_CLEARED);
	assert_explained(SMR_E_TPM_CLEARED, "enrol the device anew");
	stop();
	power_cycle("tpm");
	assert_int_equal(start(), SMR_OK);
}

static void test_cleared_tpm_is_refused_as_such(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_int_equal(
		Esys_Clear(tpm_port.tpm->esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
		TSS2_RC_SUCCESS);
	assert_int_equal(restart(), SMR_E_TPM_CLEARED);
}

static void remove_t(void)
{
	ESYS_TR object = ESYS_TR_NONE;
	ESYS_TR gone = ESYS_TR_NONE;

	assert_int_equal(smr_tpm_find(tpm_port.tpm, SMR_TPM_HANDLE_T, &object), SMR_OK);
	assert_int_equal(Esys_EvictControl(tpm_port.tpm->esys, ESYS_TR_RH_OWNER, object, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					   ESYS_TR_NONE, SMR_TPM_HANDLE_T, &gone),
			 TSS2_RC_SUCCESS);
}

/* As when a power cut came while they were made anew: enrolment begins again. */
static void test_keys_that_are_gone_before_enrolment_are_made_anew(void **state)
{
	struct smr_tre_identity identity;
	struct smr_tre_enrolment enrolment = {0};
	uint8_t answer[SMR_HASH_LEN];

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	remove_t();
	assert_int_equal(restart(), SMR_OK);
	assert_int_equal(smr_tre_enrol_finish(tre, &enrolment, answer), SMR_E_STATE);
	begin_well(&identity);
	assert_int_equal(restart(), SMR_OK);
	assert_true(tre->now.has_keys);
}

static void test_counter_or_keys_that_the_owner_removed_are_refused(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	smr_tre_draft(tre)->enrolled = true;
	assert_int_equal(smr_tre_keep(tre), SMR_OK);
	remove_t();
	assert_int_equal(restart(), SMR_E_TPM_CLEARED);
	remove_index(tpm_port.tpm, SMR_TPM_INDEX_COUNTER);
	assert_int_equal(restart(), SMR_E_TPM_CLEARED);
}

static void test_second_directory_of_one_tpm_is_refused_as_such(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	stop();
	assert_int_equal(start_at("second"), SMR_E_EXISTS);
	assert_int_equal(begin(&identity), SMR_E_EXISTS);
	assert_explained(SMR_E_EXISTS, "serves another directory");
	stop();
	assert_int_equal(start(), SMR_OK); /* the first one has lost nothing */
}

static void test_absent_tpm_ends_the_start_with_words(void **state)
{
	struct smr_problem problem = {{0}};

	(void)state;
	assert_int_equal(
		smr_tre_tpm_open(&tpm_port, DIR_NAME, "swtpm:host=127.0.0.1,port=1", SMR_TRE_TPM_PCRS, &problem),
		SMR_E_TPM_ABSENT);
	assert_non_null(strstr(problem.text, "see that the TPM is there"));
	assert_int_equal(start(), SMR_OK); /* for leave */
}

static void start_in_full_tpm(void)
{
	struct smr_problem problem = {{0}};

	fill_up();
	assert_int_equal(smr_tre_tpm_open(&tpm_port, DIR_NAME, swtpm.tcti, SMR_TRE_TPM_PCRS, &problem), SMR_E_TPM_FULL);
	assert_non_null(strstr(problem.text, "tpm2_nvundefine"));
	assert_false(smr_fs_exists(DIR_NAME "/storage.sealed"));
}

static void test_full_tpm_ends_the_first_start_with_words_and_the_next_one_finishes_it(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	start_in_full_tpm();
	make_room();
	assert_int_equal(start(), SMR_OK);
	assert_false(smr_fs_exists(DIR_NAME "/storage.first"));
	begin_well(&identity);
	assert_int_equal(restart(), SMR_OK);
}

/* ---- a first start that was not finished ---- */

static void test_first_secret_that_is_put_back_opens_nothing(void **state)
{
	struct smr_tre_identity identity;
	struct smr_attestation out;

	(void)state;
	start_in_full_tpm();
	copy(DIR_NAME "/storage.first", "saved-first");
	make_room();
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	save("");
	stop();
	copy("saved-first", DIR_NAME "/storage.first");
	assert_int_equal(unlink(DIR_NAME "/storage.sealed"), 0);
	assert_int_equal(start(), SMR_E_TAMPERED); /* while there is a record nothing is begun anew */
	stop();
	assert_int_equal(unlink(DIR_NAME "/record"), 0);
	assert_int_equal(start(), SMR_OK); /* as empty as a new one */
	stop();
	copy("saved-record", DIR_NAME "/record");
	assert_int_equal(start(), SMR_E_TAMPERED);
	assert_int_equal(port.measurement(port.context, tpm_port.measurement), SMR_OK);
	assert_int_equal(port.keys->load(port.context, tre->d.point, tre->t.point), SMR_OK);
	assert_int_equal(port.keys->attest(port.context, challenge, &out), SMR_E_TPM_CLEARED);
	stop();
	restore("");
	assert_int_equal(start(), SMR_OK); /* the TPM has lost nothing */
}

static void test_first_start_in_another_state_waits_for_the_one_it_began_in(void **state)
{
	(void)state;
	start_in_full_tpm();
	make_room();
	copy(DIR_NAME "/storage.first", "saved-first");
	assert_int_equal(start(), SMR_OK);
	stop();
	copy("saved-first", DIR_NAME "/storage.first");
	assert_int_equal(unlink(DIR_NAME "/storage.sealed"), 0);
	assert_int_equal(start(), SMR_OK);
	extend(8);
	stop();
	copy("saved-first", DIR_NAME "/storage.first");
	assert_int_equal(unlink(DIR_NAME "/storage.sealed"), 0);
	assert_int_equal(start(), SMR_E_MEASUREMENT);
	stop();
	power_cycle("tpm");
	assert_int_equal(start(), SMR_OK);
}

/* Nobody depends on a secret without a counter. */
static void test_first_secret_that_does_not_open_and_has_no_counter_is_made_anew(void **state)
{
	static const uint8_t garbage[64] = {1};

	(void)state;
	start_in_full_tpm();
	make_room();
	scratch_put(DIR_NAME "/storage.first", garbage, sizeof(garbage));
	assert_int_equal(start(), SMR_OK);
	stop();
	assert_int_equal(unlink(DIR_NAME "/storage.sealed"), 0);
	scratch_put(DIR_NAME "/storage.first", garbage, sizeof(garbage));
	assert_int_equal(start(), SMR_E_EXISTS);
}

/* ---- an approved update ---- */

static void test_prepared_state_opens_once_it_is_booted_and_the_former_no_more(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_int_equal(prepare(1), SMR_OK);
	assert_int_equal(restart(), SMR_OK); /* the former one, as long as the update is not booted */
	assert_true(smr_fs_exists(DIR_NAME "/storage.next"));
	stop();
	boot(to_come, SMR_COUNT(to_come));
	assert_int_equal(start(), SMR_OK);
	assert_true(tre->now.has_keys);
	assert_false(smr_fs_exists(DIR_NAME "/storage.next"));
	begin_well(&identity);
	assert_int_equal(restart(), SMR_OK);
	stop();
	power_cycle("tpm");
	assert_int_equal(start(), SMR_E_MEASUREMENT);
	assert_explained(SMR_E_MEASUREMENT, "--prepare");
	stop();
	boot(to_come, SMR_COUNT(to_come));
	assert_int_equal(start(), SMR_OK);
}

static void test_state_that_was_not_prepared_stays_closed(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_int_equal(prepare(1), SMR_OK);
	stop();
	boot(to_come, 1);
	assert_int_equal(start(), SMR_E_MEASUREMENT);
	assert_int_equal(prepare(1), SMR_E_MEASUREMENT);
	stop();
	boot(to_come, SMR_COUNT(to_come));
	assert_int_equal(start(), SMR_OK);
}

static void test_preparation_that_is_not_this_tres_replaces_nothing(void **state)
{
	struct smr_tre_identity identity;
	uint8_t content[1024];
	size_t len;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_int_equal(prepare(1), SMR_OK);
	save("");
	len = scratch_get(DIR_NAME "/storage.next", content, sizeof(content));
	content[60] ^= 1;
	scratch_put(DIR_NAME "/storage.next", content, len);
	stop();
	boot(to_come, SMR_COUNT(to_come));
	assert_int_equal(start(), SMR_E_MEASUREMENT);
	/* A sound one of this TPM, but another TRE's: sealed here with a secret of its own. */
	stop();
	{
		struct smr_tpm *tpm = swtpm_open(&swtpm);
		struct smr_space sealed = {content, sizeof(content)};
		uint8_t digest[SMR_HASH_LEN];
		static const uint8_t others[40] = {9};

		assert_int_equal(smr_tpm_pcr_digest(tpm, SMR_TRE_TPM_PCRS, digest), SMR_OK);
		assert_int_equal(smr_tpm_seal(tpm, SMR_TRE_TPM_PCRS, digest, SMR_ARRAY(others), &sealed), SMR_OK);
		scratch_put(DIR_NAME "/storage.next", sealed.ptr, sealed.len);
		smr_tpm_close(tpm);
	}
	assert_int_equal(start(), SMR_E_MEASUREMENT);
	stop();
	power_cycle("tpm");
	assert_int_equal(start(), SMR_OK); /* what was sealed first is still there */
}

/* Without the counter no software opens it again: «boot the former one» would be wrong advice. */
static void test_removed_counter_is_told_as_such_also_where_other_software_runs(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	assert_int_equal(prepare(1), SMR_OK);
	remove_index(tpm_port.tpm, SMR_TPM_INDEX_COUNTER);
	stop();
	boot(to_come, 1); /* not what was prepared */
	assert_int_equal(start(), SMR_E_TPM_CLEARED);
	stop();
	boot(to_come, SMR_COUNT(to_come));
	assert_int_equal(start(), SMR_E_TPM_CLEARED);
	assert_int_equal(unlink(DIR_NAME "/storage.next"), 0);
	assert_int_equal(restart(), SMR_E_TPM_CLEARED);
}

static void test_preparation_for_a_number_that_does_not_boot_any_more_is_refused(void **state)
{
	uint8_t digest[SMR_HASH_LEN] = {0};

	(void)state;
	assert_int_equal(start(), SMR_OK);
	assert_int_equal(smr_tpm_version_raise(tpm_port.tpm, 7), SMR_OK);
	assert_int_equal(prepare(6), SMR_E_SERIAL);
	assert_false(smr_fs_exists(DIR_NAME "/storage.next"));
	assert_int_equal(smr_tpm_version_close(tpm_port.tpm), SMR_OK); /* as samara-boot leaves it */
	assert_int_equal(prepare(6), SMR_E_SERIAL);
	assert_int_equal(prepare(7), SMR_OK);
	assert_int_equal(port.prepare(port.context, 7, 1u << 8, digest), SMR_E_INVALID);
	assert_int_equal(unlink(DIR_NAME "/storage.sealed"), 0);
	assert_int_equal(prepare(7), SMR_E_TAMPERED);
}

static void test_reset_in_the_middle_is_told_and_closes_what_was_open(void **state)
{
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	tre->flight_open = true;
	swtpm_reset(&swtpm);
	assert_int_equal(begin(&identity), SMR_E_TPM_RESET);
	assert_false(tre->flight_open);
	assert_explained(SMR_E_TPM_RESET, "restart the whole device");
	assert_int_equal(restart(), SMR_OK);
}

/* ---- files ---- */

static enum smr_err start_altered(const char *file, size_t at, enum smr_err (*start_again)(void))
{
	uint8_t content[8192];
	size_t len = scratch_get(file, content, sizeof(content));
	enum smr_err err;

	assert_true(at < len);
	content[at] ^= 0x01;
	scratch_put(file, content, len);
	err = start_again();
	content[at] ^= 0x01;
	scratch_put(file, content, len);
	return err;
}

/* Over the port as it stands: a record is read anew. */
static enum smr_err restart_engine(void)
{
	smr_tre_stop(tre);
	return smr_tre_start(tre, &port);
}

static size_t length_of(const char *file)
{
	uint8_t content[8192];

	return scratch_get(file, content, sizeof(content));
}

static void test_sealed_secret_altered_anywhere_is_tampered(void **state)
{
	struct smr_tre_identity identity;
	size_t len;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	len = length_of(DIR_NAME "/storage.sealed");
	for (size_t i = 0; i < len; i += 23) /* every octet: test_tpm_keys.c */
		assert_int_equal(start_altered(DIR_NAME "/storage.sealed", i, restart), SMR_E_TAMPERED);
	assert_explained(SMR_E_TAMPERED, "storage.sealed");
	assert_int_equal(restart(), SMR_OK);
}

/* Its first octets are the stamp. */
static void test_record_altered_anywhere_is_refused(void **state)
{
	struct smr_tre_identity identity;
	size_t len;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	len = length_of(DIR_NAME "/record");
	for (size_t i = 0; i < len; i += 7) /* every octet: test_tre.c */
		assert_int_equal(start_altered(DIR_NAME "/record", i, restart_engine), SMR_E_TAMPERED);
	assert_int_equal(restart(), SMR_OK);
}

static void test_missing_or_overlong_sealed_secret_is_tampered(void **state)
{
	static const uint8_t overlong[SMR_TPM_SEALED_MAX + 1];
	struct smr_tre_identity identity;

	(void)state;
	assert_int_equal(start(), SMR_OK);
	begin_well(&identity);
	save("");
	assert_int_equal(unlink(DIR_NAME "/storage.sealed"), 0);
	assert_int_equal(restart(), SMR_E_TAMPERED);
	scratch_put(DIR_NAME "/storage.sealed", overlong, sizeof(overlong));
	assert_int_equal(restart(), SMR_E_TAMPERED);
	restore("");
	assert_int_equal(restart(), SMR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tpm_test(test_proof_is_a_quote_over_identity_and_measurement),
		tpm_test(test_keys_survive_a_restart_and_are_not_in_the_record),
		tpm_test(test_endorsement_is_shown_while_it_is_enrolled),
		tpm_test(test_attestation_of_a_changed_state_is_refused),
		tpm_test(test_restored_record_is_a_rollback),
		tpm_test(test_removed_record_is_a_rollback),
		tpm_test(test_record_ahead_by_one_is_completed_and_by_two_refused),
		tpm_test(test_counter_that_went_on_alone_is_a_rollback),
		tpm_test(test_sealed_state_opens_in_the_state_that_it_was_sealed_to_alone),
		tpm_test(test_registers_that_do_not_count_do_not_matter),
		tpm_test(test_tamper_file_is_never_taken_for_a_copied_tpm),
		tpm_test(test_directory_with_another_tpm_is_refused_as_such),
		tpm_test(test_cleared_tpm_is_refused_as_such),
		tpm_test(test_keys_that_are_gone_before_enrolment_are_made_anew),
		tpm_test(test_counter_or_keys_that_the_owner_removed_are_refused),
		tpm_test(test_second_directory_of_one_tpm_is_refused_as_such),
		tpm_test(test_absent_tpm_ends_the_start_with_words),
		tpm_test(test_full_tpm_ends_the_first_start_with_words_and_the_next_one_finishes_it),
		tpm_test(test_first_secret_that_is_put_back_opens_nothing),
		tpm_test(test_first_start_in_another_state_waits_for_the_one_it_began_in),
		tpm_test(test_first_secret_that_does_not_open_and_has_no_counter_is_made_anew),
		tpm_test(test_prepared_state_opens_once_it_is_booted_and_the_former_no_more),
		tpm_test(test_state_that_was_not_prepared_stays_closed),
		tpm_test(test_preparation_that_is_not_this_tres_replaces_nothing),
		tpm_test(test_removed_counter_is_told_as_such_also_where_other_software_runs),
		tpm_test(test_preparation_for_a_number_that_does_not_boot_any_more_is_refused),
		tpm_test(test_reset_in_the_middle_is_told_and_closes_what_was_open),
		tpm_test(test_sealed_secret_altered_anywhere_is_tampered),
		tpm_test(test_record_altered_anywhere_is_refused),
		tpm_test(test_missing_or_overlong_sealed_secret_is_tampered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
