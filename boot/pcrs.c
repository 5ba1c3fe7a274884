/* SPDX-License-Identifier: Apache-2.0 */
#include "boot/pcrs.h"

#include "core/release.h"
#include "sys/log.h"

static const unsigned registers[] = {SMR_BOOT_PCR_PROGRAMS, SMR_BOOT_PCR_DATA};
#define REGISTERS_MASK (UINT32_C(1) << SMR_BOOT_PCR_PROGRAMS | UINT32_C(1) << SMR_BOOT_PCR_DATA)

static enum smr_err refuse(struct smr_boot_refusal *refusal, enum smr_err err, const char *what)
{
	const char *advice = smr_tpm_advice(err);

	return smr_boot_refuse(refusal, SMR_BOOT_TPM, err, "TPM: %s: %s%s%s", what, smr_err_text(err),
			       advice == NULL ? "" : ": ", advice == NULL ? "" : advice);
}

/* The platform hierarchy is the firmware's to hand over; no owner of the TPM changes that. */
static enum smr_err refuse_number(struct smr_tpm *tpm, struct smr_boot_refusal *refusal, enum smr_err err)
{
	bool enabled = false;
	enum smr_err unknown;

	if (err != SMR_E_TPM_HIERARCHY)
		return refuse(refusal, err, "the number against roll-back");
	unknown = smr_tpm_platform_enabled(tpm, &enabled);
	if (unknown != SMR_OK)
		return refuse(refusal, unknown, "the platform hierarchy");
	return smr_boot_refuse(refusal, SMR_BOOT_TPM_PLATFORM, err, "the TPM's platform hierarchy %s",
			       enabled ? "has an authorisation value" : "is disabled");
}

/* SHA-256 of the registers of a boot before anything was extended. */
static enum smr_err digest_of_zeros(uint8_t out[SMR_HASH_LEN])
{
	static const uint8_t zeros[SMR_COUNT(registers) * SMR_HASH_LEN];
	const struct smr_bytes all = SMR_ARRAY(zeros);

	return smr_sha256(&all, 1, out);
}

static enum smr_err check_fresh(struct smr_tpm *tpm, struct smr_boot_refusal *refusal)
{
	uint8_t expected[SMR_HASH_LEN];
	uint8_t found[SMR_HASH_LEN];
	enum smr_err err = digest_of_zeros(expected);

	if (err == SMR_OK)
		err = smr_tpm_pcr_digest(tpm, REGISTERS_MASK, found);
	if (err != SMR_OK)
		return refuse(refusal, err, "the registers");
	if (memcmp(expected, found, sizeof(found)) != 0)
		return smr_boot_refuse(refusal, SMR_BOOT_TPM_IN_USE, SMR_E_STATE,
				       "the TPM's registers %u and %u were extended before this boot",
				       SMR_BOOT_PCR_PROGRAMS, SMR_BOOT_PCR_DATA);
	return SMR_OK;
}

enum smr_err smr_boot_pcrs_begin(const char *tcti, struct smr_tpm **out, struct smr_boot_refusal *refusal)
{
	struct smr_problem problem = {0};
	enum smr_err err = smr_tpm_open(out, tcti, &problem);

	if (err != SMR_OK)
		return smr_boot_refuse(refusal, SMR_BOOT_TPM, err, "%s", smr_problem_text(&problem, err));
	err = check_fresh(*out, refusal);
	if (err != SMR_OK) {
		smr_tpm_close(*out);
		*out = NULL;
	}
	return err;
}

enum smr_err smr_boot_pcrs_floor(struct smr_tpm *tpm, uint64_t *floor, struct smr_boot_refusal *refusal)
{
	enum smr_err err = smr_tpm_version_read(tpm, floor);

	return err == SMR_OK ? SMR_OK : refuse(refusal, err, "the number against roll-back");
}

static enum smr_err extend_all(struct smr_tpm *tpm, const struct smr_boot_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		SMR_TRY(smr_tpm_pcr_extend(tpm, log->events[i].pcr, log->events[i].digest));
	return SMR_OK;
}

/* Somebody else at the TPM meanwhile would make a state that no log explains. */
static enum smr_err check_replay(struct smr_tpm *tpm, const struct smr_boot_log *log)
{
	uint8_t expected[SMR_HASH_LEN];
	uint8_t found[SMR_HASH_LEN];
	uint32_t pcrs;

	SMR_TRY(smr_tpm_log_replay(log->events, log->count, &pcrs, expected));
	SMR_TRY(smr_tpm_pcr_digest(tpm, pcrs, found));
	return memcmp(expected, found, sizeof(found)) == 0 ? SMR_OK : SMR_E_TAMPERED;
}

enum smr_err smr_boot_pcrs_extend(struct smr_tpm *tpm, uint32_t number, const struct smr_boot_log *log,
				  struct smr_boot_refusal *refusal)
{
	enum smr_err err = smr_tpm_version_raise(tpm, number);

	if (err == SMR_OK)
		err = smr_tpm_version_close(tpm);
	if (err != SMR_OK)
		return refuse_number(tpm, refusal, err);
	err = extend_all(tpm, log);
	if (err == SMR_OK)
		err = check_replay(tpm, log);
	return err == SMR_OK ? SMR_OK : refuse(refusal, err, "the registers");
}

/* The first error; none of them keeps the next step from being tried. */
static enum smr_err spoil(struct smr_tpm *tpm)
{
	const struct smr_bytes words = SMR_TEXT("samara1 boot refused");
	uint8_t digest[SMR_HASH_LEN] = {0};
	enum smr_err first = smr_sha256(&words, 1, digest);
	enum smr_err err;

	for (size_t i = 0; i < SMR_COUNT(registers); i++) {
		err = smr_tpm_pcr_extend(tpm, registers[i], digest);
		first = first == SMR_OK ? err : first;
	}
	err = smr_tpm_version_close(tpm);
	return first == SMR_OK ? err : first;
}

void smr_boot_pcrs_spoil(const char *tcti)
{
	struct smr_tpm *tpm;
	enum smr_err err = smr_tpm_open_bare(&tpm, tcti);

	if (err == SMR_OK)
		err = spoil(tpm);
	if (err != SMR_OK)
		smr_log_error(SMR_LOG_ERROR, "boot.not-spoilt", err,
			      "the TPM's registers, or its platform hierarchy, may be open until it is reset");
	smr_tpm_close(tpm);
}
