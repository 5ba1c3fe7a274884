/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/supplier_endorse.h"

#include "core/tpm_credential.h"
#include "sys/clock.h"
#include "tpm/advice.h"

/* The keys that are shown, ready for use. */
struct shown {
	struct smr_pubkey ek;
	struct smr_pubkey d;
	struct smr_pubkey t;
};

static enum smr_err take_endorsement(struct smr_tre_client *tre, const uint8_t challenge[SMR_HASH_LEN],
				     struct smr_shipment_record *record, struct smr_attestation *certification,
				     struct smr_problem *problem)
{
	struct smr_space room = {record->endorsement, sizeof(record->endorsement)};
	struct smr_tre_endorsement got;
	enum smr_err err = smr_tre_client_enrol_endorse(tre, challenge, room, &got);

	if (err == SMR_E_NOT_FOUND)
		return smr_problem(
			problem, err,
			"its TPM has no endorsement certificate for ECC P-256 (index 0x1c0000a): such a TPM is "
			"enrolled with --unendorsed alone, on your own word");
	if (err != SMR_OK)
		return smr_tpm_problem(problem, err, "the TRE does not show its TPM's endorsement");
	record->endorsement_len = got.certificate.len;
	*certification = got.certification;
	return SMR_OK;
}

/* Only the TPM with this EK opens the credential, and only while it has an object of this name: d, in its one template. */
static enum smr_err challenge_ek(struct smr_tre_client *tre, const struct shown *shown, struct smr_problem *problem)
{
	uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN];
	uint8_t opened[SMR_TPM_CREDENTIAL_SECRET_LEN] = {0};
	uint8_t credential[SMR_TPM_CREDENTIAL_LEN];
	uint8_t name[SMR_TPM_NAME_LEN];
	enum smr_err err = smr_random(secret, sizeof(secret));

	if (err == SMR_OK)
		err = smr_tpm_name(shown->d.point, name);
	if (err == SMR_OK)
		err = smr_tpm_credential_make(&shown->ek, name, secret, credential);
	if (err == SMR_OK)
		err = smr_tre_client_enrol_activate(tre, SMR_ARRAY(credential), opened);
	if (err == SMR_E_UNOPENED || (err == SMR_OK && !smr_equal_ct(secret, opened, sizeof(secret))))
		err = smr_problem(
			problem, SMR_E_NOT_ADDRESSEE,
			"the endorsement certificate is that of another TPM than the one that has its keys (or its EK "
			"was made with a nonce or template of its own, 0x1c0000b and 0x1c0000c: that is not "
			"supported)");
	else if (err != SMR_OK)
		(void)smr_tpm_problem(problem, err, "the TRE did not answer for its TPM");
	SMR_WIPE(secret);
	SMR_WIPE(opened);
	return err;
}

static enum smr_err import_keys(const uint8_t ek[SMR_POINT_LEN], const struct smr_shipment_record *record,
				struct shown *out)
{
	SMR_TRY(smr_pubkey_import(&out->ek, smr_bytes_of(ek, SMR_POINT_LEN)));
	SMR_TRY(smr_pubkey_import(&out->d, SMR_ARRAY(record->d)));
	return smr_pubkey_import(&out->t, SMR_ARRAY(record->t));
}

static enum smr_err check(struct smr_tre_client *tre, const struct shown *shown, const uint8_t hash[SMR_HASH_LEN],
			  const struct smr_attestation *certification, struct smr_problem *problem)
{
	enum smr_err err;

	SMR_TRY(challenge_ek(tre, shown, problem));
	err = smr_tpm_certify_verify(&shown->d, shown->t.point, &certification->quote, hash, certification->sig);
	if (err == SMR_E_SIGNATURE)
		return smr_problem(
			problem, err,
			"its TPM does not certify that the KEM key is in it too: the key may be in software");
	return err == SMR_OK ? SMR_OK : smr_problem(problem, err, "%s", smr_err_text(err));
}

enum smr_err smr_supplier_endorse(const struct smr_tpm_roots *roots, struct smr_tre_client *tre,
				  const uint8_t challenge[SMR_HASH_LEN], const uint8_t hash[SMR_HASH_LEN],
				  struct smr_shipment_record *record, uint8_t ek[SMR_POINT_LEN],
				  struct smr_problem *problem)
{
	struct smr_attestation certification;
	struct shown shown = {0};
	enum smr_err err;

	SMR_TRY(take_endorsement(tre, challenge, record, &certification, problem));
	SMR_TRY(smr_endorsement_verify(roots, smr_bytes_of(record->endorsement, record->endorsement_len),
				       smr_clock_unix(), ek, problem));
	err = import_keys(ek, record, &shown);
	if (err == SMR_OK)
		err = check(tre, &shown, hash, &certification, problem);
	else
		(void)smr_problem(problem, err, "%s", smr_err_text(err));
	smr_pubkey_wipe(&shown.ek);
	smr_pubkey_wipe(&shown.d);
	smr_pubkey_wipe(&shown.t);
	return err;
}
