/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that open in one TPM and one measured state: name of the parent (34 octets) | TPM2B_PRIVATE | TPM2B_PUBLIC | SHA-256 of all
 * that. The name tells another TPM from an altered file, the hash an altered file from a cleared TPM; neither is trusted for more. */
#include <tss2/tss2_mu.h>

#include "tpm/inside.h"
#include "tpm/keys.h"

/* ---- policy ---- */

/** Policy digest of «these PCRs have this digest». */
static enum smr_err policy_of(struct smr_tpm *tpm, uint32_t pcrs, const uint8_t pcr_digest[SMR_HASH_LEN],
			      TPM2B_DIGEST *out)
{
	TPML_PCR_SELECTION selection = smr_tpm_selection(pcrs);
	TPM2B_DIGEST expected = {.size = SMR_HASH_LEN};
	TPM2B_DIGEST *digest = NULL;
	ESYS_TR trial = ESYS_TR_NONE;
	enum smr_err err;

	memcpy(expected.buffer, pcr_digest, SMR_HASH_LEN);
	err = smr_tpm_policy(tpm, TPM2_SE_TRIAL, &trial);
	if (err == SMR_OK)
		err = smr_tpm_err(Esys_PolicyPCR(tpm->esys, trial, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &expected,
						 &selection));
	if (err == SMR_OK)
		err = smr_tpm_err(
			Esys_PolicyGetDigest(tpm->esys, trial, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &digest));
	if (err == SMR_OK)
		*out = *digest;
	Esys_Free(digest);
	smr_tpm_flush(tpm, &trial);
	return err;
}

/* ---- form ---- */

static enum smr_err name_of_parent(struct smr_tpm *tpm, uint8_t out[SMR_TPM_NAME_LEN])
{
	TPM2B_NAME *name = NULL;
	enum smr_err err = smr_tpm_err(Esys_TR_GetName(tpm->esys, tpm->parent, &name));

	if (err == SMR_OK && name->size != SMR_TPM_NAME_LEN)
		err = SMR_E_IO; /* uncovered: it has the name algorithm of our template */
	if (err == SMR_OK)
		memcpy(out, name->name, SMR_TPM_NAME_LEN);
	Esys_Free(name);
	return err;
}

static enum smr_err put_sealed(const uint8_t name[SMR_TPM_NAME_LEN], const TPM2B_PRIVATE *private,
			       const TPM2B_PUBLIC *public, struct smr_space *out)
{
	size_t at = SMR_TPM_NAME_LEN;
	struct smr_bytes all;

	if (out->len < SMR_TPM_NAME_LEN + SMR_HASH_LEN)
		return SMR_E_NO_ROOM;
	memcpy(out->ptr, name, SMR_TPM_NAME_LEN);
	if (Tss2_MU_TPM2B_PRIVATE_Marshal(private, out->ptr, out->len - SMR_HASH_LEN, &at) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_PUBLIC_Marshal(public, out->ptr, out->len - SMR_HASH_LEN, &at) != TSS2_RC_SUCCESS)
		return SMR_E_NO_ROOM;
	all = smr_bytes_of(out->ptr, at);
	out->len = at + SMR_HASH_LEN;
	return smr_sha256(&all, 1, out->ptr + at);
}

static enum smr_err get_sealed(struct smr_bytes sealed, TPM2B_PRIVATE *private, TPM2B_PUBLIC *public)
{
	struct smr_bytes all = {sealed.ptr, sealed.len - SMR_HASH_LEN};
	size_t at = SMR_TPM_NAME_LEN;
	uint8_t hash[SMR_HASH_LEN];

	if (sealed.len < SMR_TPM_NAME_LEN + SMR_HASH_LEN)
		return SMR_E_TAMPERED;
	SMR_TRY(smr_sha256(&all, 1, hash));
	if (memcmp(hash, sealed.ptr + all.len, sizeof(hash)) != 0 ||
	    Tss2_MU_TPM2B_PRIVATE_Unmarshal(all.ptr, all.len, &at, private) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_PUBLIC_Unmarshal(all.ptr, all.len, &at, public) != TSS2_RC_SUCCESS || at != all.len)
		return SMR_E_TAMPERED;
	return SMR_OK;
}

/* ---- seal ---- */

static enum smr_err create_sealed(struct smr_tpm *tpm, const TPM2B_DIGEST *policy, struct smr_bytes secret,
				  struct smr_space *out)
{
	static const TPM2B_DATA outside;
	static const TPML_PCR_SELECTION none;
	TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.data.size = (UINT16)secret.len};
	const TPM2B_PUBLIC template = {
		.publicArea = {.type = TPM2_ALG_KEYEDHASH,
			       .nameAlg = TPM2_ALG_SHA256,
			       .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA,
			       .authPolicy = *policy,
			       .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL},
	};
	TPM2B_PRIVATE *private = NULL;
	TPM2B_PUBLIC *public = NULL;
	uint8_t name[SMR_TPM_NAME_LEN];
	enum smr_err err = name_of_parent(tpm, name);

	memcpy(sensitive.sensitive.data.buffer, secret.ptr, secret.len);
	if (err == SMR_OK)
		err = smr_tpm_err(Esys_Create(tpm->esys, tpm->parent, smr_tpm_session(tpm, TPMA_SESSION_DECRYPT),
					      ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside, &none,
					      &private, &public, NULL, NULL, NULL));
	SMR_WIPE(sensitive);
	if (err == SMR_OK)
		err = put_sealed(name, private, public, out);
	Esys_Free(private);
	Esys_Free(public);
	return err;
}

enum smr_err smr_tpm_seal(struct smr_tpm *tpm, uint32_t pcrs, const uint8_t pcr_digest[SMR_HASH_LEN],
			  struct smr_bytes secret, struct smr_space *sealed)
{
	TPM2B_DIGEST policy;

	if (secret.len > SMR_TPM_SECRET_MAX)
		return SMR_E_INVALID;
	SMR_TRY(policy_of(tpm, pcrs, pcr_digest, &policy));
	return create_sealed(tpm, &policy, secret, sealed);
}

/* ---- unseal ---- */

static enum smr_err take_secret(const TPM2B_SENSITIVE_DATA *data, struct smr_space *secret)
{
	if (data->size > secret->len)
		return SMR_E_NO_ROOM;
	memcpy(secret->ptr, data->buffer, data->size);
	secret->len = data->size;
	return SMR_OK;
}

/** The policy session both proves the state and encrypts the answer. */
static enum smr_err unseal_loaded(struct smr_tpm *tpm, uint32_t pcrs, ESYS_TR object, struct smr_space *secret)
{
	static const TPM2B_DIGEST present; /* empty: whatever they are now; the policy of the object decides */
	TPML_PCR_SELECTION selection = smr_tpm_selection(pcrs);
	TPM2B_SENSITIVE_DATA *data = NULL;
	ESYS_TR policy = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_policy(tpm, TPM2_SE_POLICY, &policy);

	if (err == SMR_OK)
		err = smr_tpm_err(Esys_TRSess_SetAttributes(tpm->esys, policy,
							    TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_ENCRYPT, 0xff));
	if (err == SMR_OK)
		err = smr_tpm_err(Esys_PolicyPCR(tpm->esys, policy, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &present,
						 &selection));
	if (err == SMR_OK)
		err = smr_tpm_err(Esys_Unseal(tpm->esys, object, policy, ESYS_TR_NONE, ESYS_TR_NONE, &data));
	if (err == SMR_OK) {
		err = take_secret(data, secret);
		SMR_WIPE(*data);
	}
	Esys_Free(data);
	smr_tpm_flush(tpm, &policy);
	return err;
}

static enum smr_err load_sealed(struct smr_tpm *tpm, struct smr_bytes sealed, ESYS_TR *object)
{
	uint8_t name[SMR_TPM_NAME_LEN];
	TPM2B_PRIVATE private = {0};
	TPM2B_PUBLIC public = {0}; /* the library reads into one of size 0 alone */
	enum smr_err err;

	SMR_TRY(get_sealed(sealed, &private, &public));
	SMR_TRY(name_of_parent(tpm, name));
	if (memcmp(name, sealed.ptr, sizeof(name)) != 0)
		return SMR_E_TPM_CLEARED;
	err = smr_tpm_err(Esys_Load(tpm->esys, tpm->parent, smr_tpm_session(tpm, 0), ESYS_TR_NONE, ESYS_TR_NONE,
				    &private, &public, object));
	/* The parent is the one that sealed it: then it is the file that is not what it was. */
	return err == SMR_E_TPM_CLEARED || err == SMR_E_IO ? SMR_E_TAMPERED : err;
}

enum smr_err smr_tpm_unseal(struct smr_tpm *tpm, uint32_t pcrs, struct smr_bytes sealed, struct smr_space *secret)
{
	ESYS_TR object = ESYS_TR_NONE;
	enum smr_err err = load_sealed(tpm, sealed, &object);

	if (err == SMR_OK)
		err = unseal_loaded(tpm, pcrs, object, secret);
	smr_tpm_flush(tpm, &object);
	if (err != SMR_OK)
		smr_wipe(secret->ptr, secret->len);
	return err;
}
