/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/vault.h"

#include <stdlib.h>

#include "core/kdf.h"
#include "sys/fsio.h"

/* What is sealed: the secret, and where the counter started; 0 as long as that is not known, since no counter of a TPM starts there. */
#define SECRET_LEN 32u
#define CONTENT_LEN (SECRET_LEN + 8u)

/* ---- one file ---- */

static enum smr_err unseal(const struct smr_tre_vault *vault, const char *path, uint8_t content[CONTENT_LEN])
{
	struct smr_space room = {content, CONTENT_LEN};
	struct smr_blob blob = {0};
	enum smr_err err = smr_fs_read(path, SMR_TPM_SEALED_MAX, &blob);

	if (err == SMR_OK)
		err = smr_tpm_unseal(vault->tpm, vault->pcrs, smr_bytes_of(blob.ptr, blob.len), &room);
	smr_blob_wipe(&blob);
	if (err == SMR_OK && room.len != CONTENT_LEN)
		err = SMR_E_TAMPERED; /* uncovered: nobody else seals under this policy and puts it here */
	return err == SMR_E_TOO_MANY || err == SMR_E_NO_ROOM ? SMR_E_TAMPERED : err;
}

static enum smr_err seal(const struct smr_tre_vault *vault, const uint8_t content[CONTENT_LEN],
			 const uint8_t digest[SMR_HASH_LEN], const char *path)
{
	uint8_t room[SMR_TPM_SEALED_MAX];
	struct smr_space sealed = {room, sizeof(room)};

	SMR_TRY(smr_tpm_seal(vault->tpm, vault->pcrs, digest, smr_bytes_of(content, CONTENT_LEN), &sealed));
	return smr_fs_write(path, smr_bytes_of(sealed.ptr, sealed.len), 0600);
}

/** To what runs now. */
static enum smr_err seal_here(const struct smr_tre_vault *vault, const uint8_t content[CONTENT_LEN], const char *path)
{
	uint8_t digest[SMR_HASH_LEN];

	SMR_TRY(smr_tpm_pcr_digest(vault->tpm, vault->pcrs, digest));
	return seal(vault, content, digest, path);
}

/** What opens the TPM's indices does not depend on where the counter starts, all else does. */
static enum smr_err derive(const uint8_t content[CONTENT_LEN], struct smr_tre_secrets *out)
{
	const struct smr_bytes secret = {content, SECRET_LEN};
	const struct smr_bytes base = {content + SECRET_LEN, CONTENT_LEN - SECRET_LEN};

	out->base = smr_get_be64(base.ptr);
	SMR_TRY(smr_kdf(secret, "tre-bound", &base, 1, (struct smr_space){out->key, sizeof(out->key)}));
	SMR_TRY(smr_kdf(secret, "tre-storage", &base, 1,
			(struct smr_space){out->unbound_key, sizeof(out->unbound_key)}));
	SMR_TRY(smr_kdf(secret, "tre-history", NULL, 0,
			(struct smr_space){out->history_auth, sizeof(out->history_auth)}));
	SMR_TRY(smr_kdf(secret, "tre-history-mac", &base, 1,
			(struct smr_space){out->history_key, sizeof(out->history_key)}));
	SMR_TRY(smr_kdf(secret, "tre-keys", &base, 1, (struct smr_space){out->key_auth, sizeof(out->key_auth)}));
	return smr_kdf(secret, "tre-counter", NULL, 0,
		       (struct smr_space){out->counter_auth, sizeof(out->counter_auth)});
}

/** Is the file alone to blame, and not a TPM or a disk that fails? */
static bool does_not_open(enum smr_err err)
{
	return err == SMR_E_NOT_FOUND || err == SMR_E_MEASUREMENT || err == SMR_E_TPM_CLEARED || err == SMR_E_TAMPERED;
}

/* ---- first start ---- */

/** A new secret, unless a counter may depend on the one that does not open. @p why  it does not. */
static enum smr_err make_secret(const struct smr_tre_vault *vault, enum smr_err why, uint8_t content[CONTENT_LEN])
{
	enum smr_err err = smr_tpm_counter_find(vault->tpm);

	if (err == SMR_OK)
		return why == SMR_E_MEASUREMENT ? why : SMR_E_EXISTS;
	if (err != SMR_E_NOT_FOUND)
		return err; /* uncovered: the TPM answered a moment ago */
	memset(content, 0, CONTENT_LEN);
	SMR_TRY(smr_fs_remove(vault->next));
	SMR_TRY(smr_random(content, SECRET_LEN));
	return seal_here(vault, content, vault->first);
}

/** The secret is written before the counter is made with what comes from it: so a counter that was made is never without its secret. */
static enum smr_err start_first(const struct smr_tre_vault *vault, uint8_t content[CONTENT_LEN],
				struct smr_tre_secrets *out)
{
	uint64_t base = 0;
	enum smr_err err = unseal(vault, vault->first, content);

	if (does_not_open(err))
		err = make_secret(vault, err, content);
	SMR_TRY(err);
	SMR_TRY(derive(content, out));
	SMR_TRY(smr_tpm_counter_create(vault->tpm, out->counter_auth, &base));
	smr_put_be64(content + SECRET_LEN, base);
	SMR_TRY(smr_tpm_history_begin(vault->tpm, out->history_auth));
	SMR_TRY(seal_here(vault, content, vault->sealed));
	return smr_fs_remove(vault->first);
}

/* ---- a prepared update ---- */

/** Does it belong to the counter of this TPM? What another one's takes the place of would be lost. And is there room for all that this
 * release keeps in the TPM? After the next step the former one opens nothing any more. */
static enum smr_err check_ours(const struct smr_tre_vault *vault, const uint8_t content[CONTENT_LEN])
{
	struct smr_tre_secrets found;
	uint64_t value = 0;
	enum smr_err err = derive(content, &found);

	if (err == SMR_OK)
		err = smr_tpm_counter_read(vault->tpm, found.counter_auth, &value);
	if (err == SMR_OK)
		err = smr_tpm_history_create(vault->tpm, found.history_auth);
	SMR_WIPE(found);
	return err;
}

/** What is sealed does not open here, and neither does what waits. Other software to blame, or a counter that its owner has removed? Then no
 * software opens it again. */
static enum smr_err why_closed(const struct smr_tre_vault *vault)
{
	enum smr_err err = smr_tpm_counter_find(vault->tpm);

	if (err == SMR_OK)
		return SMR_E_MEASUREMENT;
	return err == SMR_E_NOT_FOUND ? SMR_E_TPM_CLEARED : err;
}

static enum smr_err take_next(const struct smr_tre_vault *vault, uint8_t content[CONTENT_LEN])
{
	enum smr_err err = unseal(vault, vault->next, content);

	if (err == SMR_OK)
		err = check_ours(vault, content);
	if (err == SMR_OK)
		err = smr_fs_rename(vault->next, vault->sealed);
	return does_not_open(err) ? why_closed(vault) : err;
}

enum smr_err smr_tre_vault_prepare(const struct smr_tre_vault *vault, const uint8_t digest[SMR_HASH_LEN])
{
	uint8_t content[CONTENT_LEN];
	enum smr_err err = unseal(vault, vault->sealed, content);

	if (err == SMR_OK)
		err = seal(vault, content, digest, vault->next);
	SMR_WIPE(content);
	return err == SMR_E_NOT_FOUND ? SMR_E_TAMPERED : err;
}

/* ---- life ---- */

static enum smr_err take(const struct smr_tre_vault *vault, bool unused, uint8_t content[CONTENT_LEN],
			 struct smr_tre_secrets *out)
{
	enum smr_err err = unseal(vault, vault->sealed, content);

	if (err == SMR_E_NOT_FOUND)
		err = unused ? start_first(vault, content, out) : SMR_E_TAMPERED;
	else if (err == SMR_E_MEASUREMENT)
		err = take_next(vault, content);
	else if (err == SMR_OK)
		err = smr_fs_remove(vault->first); /* the last step of a first start */
	return err == SMR_OK ? derive(content, out) : err;
}

enum smr_err smr_tre_vault_take(struct smr_tre_vault *vault, bool unused, struct smr_tre_secrets *out)
{
	uint8_t content[CONTENT_LEN];
	enum smr_err err = take(vault, unused, content, out);

	SMR_WIPE(content);
	if (err != SMR_OK)
		SMR_WIPE(*out);
	return err;
}

enum smr_err smr_tre_vault_open(struct smr_tre_vault *vault, struct smr_tpm *tpm, uint32_t pcrs, const char *dir)
{
	*vault = (struct smr_tre_vault){
		.tpm = tpm,
		.pcrs = pcrs,
		.sealed = smr_fs_join(dir, "storage.sealed"),
		.next = smr_fs_join(dir, "storage.next"),
		.first = smr_fs_join(dir, "storage.first"),
	};
	return vault->sealed != NULL && vault->next != NULL && vault->first != NULL ? SMR_OK : SMR_E_NO_MEMORY;
}

void smr_tre_vault_close(struct smr_tre_vault *vault)
{
	free(vault->sealed);
	free(vault->next);
	free(vault->first);
	*vault = (struct smr_tre_vault){0};
}
