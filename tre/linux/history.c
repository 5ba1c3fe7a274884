/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/history.h"

struct smr_tre_history smr_tre_history_of(struct smr_tpm *tpm, const struct smr_tre_secrets *secrets)
{
	return (struct smr_tre_history){.tpm = tpm, .secrets = secrets};
}

/** @p begun  [out] false: the TPM was told of no record yet. */
static enum smr_err read_value(const struct smr_tre_history *history, uint8_t value[SMR_HASH_LEN], bool *begun)
{
	enum smr_err err = smr_tpm_history_read(history->tpm, history->secrets->history_auth, value);

	*begun = err == SMR_OK;
	if (err != SMR_E_NOT_FOUND)
		return err;
	memset(value, 0, SMR_HASH_LEN);
	return SMR_OK;
}

static enum smr_err vouch(const struct smr_tre_history *history, struct smr_bytes file, uint8_t mac[SMR_HASH_LEN])
{
	return smr_hmac_sha256(SMR_ARRAY(history->secrets->history_key), &file, 1, mac);
}

static enum smr_err is_vouched_for(const struct smr_tre_history *history, struct smr_bytes file, bool *good)
{
	uint8_t mac[SMR_HASH_LEN];

	*good = false;
	if (file.len < SMR_TRE_HISTORY_TAIL)
		return SMR_OK;
	SMR_TRY(vouch(history, smr_bytes_of(file.ptr, file.len - SMR_HASH_LEN), mac));
	*good = smr_equal_ct(mac, file.ptr + file.len - SMR_HASH_LEN, SMR_HASH_LEN);
	return SMR_OK;
}

enum smr_err smr_tre_history_open(const struct smr_tre_history *history, struct smr_bytes file)
{
	bool bound;

	SMR_TRY(is_vouched_for(history, file, &bound));
	/* One that is bound and has no history left is not given another: the owner has removed it. */
	return bound ? SMR_OK : smr_tpm_history_create(history->tpm, history->secrets->history_auth);
}

enum smr_err smr_tre_history_bind(struct smr_tre_history *history, struct smr_bytes record, struct smr_space *file)
{
	uint8_t now[SMR_HASH_LEN];
	uint8_t *tail = file->ptr + record.len;
	bool begun;

	if (record.len > SMR_TRE_RECORD_MAX || file->len < record.len + SMR_TRE_HISTORY_TAIL)
		return SMR_E_NO_ROOM; /* uncovered: the engine has no longer one */
	SMR_TRY(read_value(history, now, &begun));
	SMR_TRY(smr_random(history->by, sizeof(history->by)));
	memcpy(file->ptr, record.ptr, record.len);
	SMR_TRY(smr_tpm_history_after(now, history->by, tail));
	memcpy(tail + SMR_HASH_LEN, history->by, SMR_HASH_LEN);
	file->len = record.len + SMR_TRE_HISTORY_TAIL;
	SMR_TRY(vouch(history, smr_bytes_of(file->ptr, file->len - SMR_HASH_LEN), tail + 2u * SMR_HASH_LEN));
	history->ahead = true;
	return SMR_OK;
}

enum smr_err smr_tre_history_follow(struct smr_tre_history *history)
{
	if (!history->ahead)
		return SMR_OK;
	SMR_TRY(smr_tpm_history_extend(history->tpm, history->secrets->history_auth, history->by));
	history->ahead = false;
	return SMR_OK;
}

/** @p tail  of a file that is vouched for. */
static enum smr_err compare(struct smr_tre_history *history, const uint8_t *tail, const uint8_t now[SMR_HASH_LEN])
{
	uint8_t next[SMR_HASH_LEN];

	if (memcmp(now, tail, SMR_HASH_LEN) == 0)
		return SMR_OK;
	memcpy(history->by, tail + SMR_HASH_LEN, SMR_HASH_LEN);
	SMR_TRY(smr_tpm_history_after(now, history->by, next));
	if (memcmp(next, tail, SMR_HASH_LEN) != 0)
		return SMR_E_ROLLBACK;
	history->ahead = true;
	return smr_tre_history_follow(history);
}

enum smr_err smr_tre_history_take(struct smr_tre_history *history, struct smr_space *file)
{
	uint8_t now[SMR_HASH_LEN];
	bool begun;
	bool good;

	history->ahead = false;
	SMR_TRY(read_value(history, now, &begun));
	SMR_TRY(is_vouched_for(history, smr_bytes_of(file->ptr, file->len), &good));
	history->unbound = !good;
	if (!good) /* whether a record of before is genuine is for the engine to see */
		return begun ? SMR_E_TAMPERED : SMR_OK;
	file->len -= SMR_TRE_HISTORY_TAIL;
	return compare(history, file->ptr + file->len, now);
}
