/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/endorsement.h"

#include <tss2/tss2_mu.h>

#include "tpm/inside.h"

#define INDEX_EK_CERTIFICATE 0x01c0000au
#define READ_MAX 512u /* octets that every TPM gives at once */

/* ---- certificate ---- */

static enum smr_err size_of(struct smr_tpm *tpm, ESYS_TR index, size_t *size)
{
	TPM2B_NV_PUBLIC *public = NULL;
	enum smr_err err = smr_tpm_err(Esys_NV_ReadPublic(tpm->esys, index, smr_tpm_session(tpm, TPMA_SESSION_AUDIT),
							  ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL));

	if (err == SMR_OK)
		*size = public->nvPublic.dataSize;
	Esys_Free(public);
	return err;
}

/** Whoever knows nothing may read it. */
static enum smr_err read_some(struct smr_tpm *tpm, ESYS_TR index, size_t at, size_t len, uint8_t *out)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	enum smr_err err = smr_tpm_err(Esys_NV_Read(tpm->esys, index, index, smr_tpm_session(tpm, 0), ESYS_TR_NONE,
						    ESYS_TR_NONE, (UINT16)len, (UINT16)at, &data));

	if (err == SMR_OK && data->size != len)
		err = SMR_E_IO; /* uncovered: a TPM gives what it was asked for, or an error */
	if (err == SMR_OK)
		memcpy(out, data->buffer, len);
	Esys_Free(data);
	return err == SMR_E_TPM_CLEARED ? SMR_E_MALFORMED : err; /* it asks for a value: no vendor's */
}

/** Length of the SEQUENCE that a certificate is: an index may be longer. 0: it is none. */
static size_t length_of(struct smr_bytes octets)
{
	if (octets.len < 4 || octets.ptr[0] != 0x30)
		return 0;
	if (octets.ptr[1] == 0x81)
		return 3u + octets.ptr[2];
	return octets.ptr[1] == 0x82 ? 4u + smr_get_be16(octets.ptr + 2) : 0;
}

static enum smr_err read_index(struct smr_tpm *tpm, ESYS_TR index, struct smr_space *out)
{
	size_t size = 0;
	size_t room = out->len;
	size_t len;

	SMR_TRY(size_of(tpm, index, &size));
	room = size < room ? size : room;
	for (size_t at = 0; at < room; at += READ_MAX)
		SMR_TRY(read_some(tpm, index, at, room - at < READ_MAX ? room - at : READ_MAX, out->ptr + at));
	len = length_of(smr_bytes_of(out->ptr, room));
	if (len == 0 || len > size)
		return SMR_E_MALFORMED;
	if (len > room)
		return SMR_E_NO_ROOM;
	out->len = len;
	return SMR_OK;
}

enum smr_err smr_tpm_ek_certificate(struct smr_tpm *tpm, struct smr_space *out)
{
	ESYS_TR index = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_find(tpm, INDEX_EK_CERTIFICATE, &index);

	if (err == SMR_OK)
		err = read_index(tpm, index, out);
	smr_tpm_forget(tpm, &index);
	return err;
}

/* ---- credential ---- */

/* Template L-2. */
enum smr_err smr_tpm_ek(struct smr_tpm *tpm, ESYS_TR *ek)
{
	static const TPM2B_SENSITIVE_CREATE sensitive;
	static const TPM2B_DATA outside;
	static const TPML_PCR_SELECTION none;
	static const TPM2B_PUBLIC template = {
		.publicArea =
			{
				.type = TPM2_ALG_ECC,
				.nameAlg = TPM2_ALG_SHA256,
				.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
						    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_ADMINWITHPOLICY |
						    TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
				/* TPM2_PolicySecret(TPM_RH_ENDORSEMENT) */
				.authPolicy = {.size = SMR_HASH_LEN,
					       .buffer = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8,
							  0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
							  0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
							  0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa}},
				.parameters.eccDetail = SMR_TPM_STORAGE_P256,
				.unique.ecc = {.x.size = SMR_SCALAR_LEN, .y.size = SMR_SCALAR_LEN},
			},
	};

	return smr_tpm_hierarchy_err(Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_ENDORSEMENT, smr_tpm_session(tpm, 0),
							ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &template, &outside,
							&none, ek, NULL, NULL, NULL, NULL));
}

struct credential {
	TPM2B_ID_OBJECT id;
	TPM2B_ENCRYPTED_SECRET secret;
};

static enum smr_err read_credential(struct smr_bytes octets, struct credential *out)
{
	size_t at = 0;

	*out = (struct credential){0};
	if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(octets.ptr, octets.len, &at, &out->id) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(octets.ptr, octets.len, &at, &out->secret) != TSS2_RC_SUCCESS ||
	    at != octets.len)
		return SMR_E_MALFORMED;
	return SMR_OK;
}

/** Part 3, 12.5: everything that a credential made for something else runs into. */
static enum smr_err activation_err(TSS2_RC rc)
{
	switch (smr_tpm_code(rc)) {
	case TPM2_RC_INTEGRITY:
	case TPM2_RC_ECC_POINT:
	case TPM2_RC_SIZE:
	case TPM2_RC_VALUE:
	case TPM2_RC_INSUFFICIENT:
		return SMR_E_UNOPENED;
	default:
		return smr_tpm_err(rc);
	}
}

static enum smr_err take_secret(const TPM2B_DIGEST *opened, uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	if (opened->size != SMR_TPM_CREDENTIAL_SECRET_LEN)
		return SMR_E_UNOPENED;
	memcpy(secret, opened->buffer, SMR_TPM_CREDENTIAL_SECRET_LEN);
	return SMR_OK;
}

/** Our session authorises the key and hides the answer, @p policy is that of the EK. */
static enum smr_err open_with(struct smr_tpm *tpm, ESYS_TR key, ESYS_TR ek, ESYS_TR policy, const struct credential *c,
			      uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	TPM2B_DIGEST *opened = NULL;
	enum smr_err err = smr_tpm_hierarchy_err(Esys_PolicySecret(tpm->esys, ESYS_TR_RH_ENDORSEMENT, policy,
								   smr_tpm_session(tpm, 0), ESYS_TR_NONE, ESYS_TR_NONE,
								   NULL, NULL, NULL, 0, NULL, NULL));

	if (err == SMR_OK)
		err = activation_err(Esys_ActivateCredential(tpm->esys, key, ek,
							     smr_tpm_session(tpm, TPMA_SESSION_ENCRYPT), policy,
							     ESYS_TR_NONE, &c->id, &c->secret, &opened));
	if (err == SMR_OK) {
		err = take_secret(opened, secret);
		SMR_WIPE(*opened);
	}
	Esys_Free(opened);
	return err;
}

enum smr_err smr_tpm_activate(struct smr_tpm *tpm, enum smr_own_key key, struct smr_bytes credential,
			      uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	ESYS_TR object = key == SMR_OWN_D ? tpm->d : tpm->t;
	ESYS_TR policy = ESYS_TR_NONE;
	ESYS_TR ek = ESYS_TR_NONE;
	struct credential c;
	enum smr_err err;

	memset(secret, 0, SMR_TPM_CREDENTIAL_SECRET_LEN);
	if (object == ESYS_TR_NONE)
		return SMR_E_STATE;
	SMR_TRY(read_credential(credential, &c));
	err = smr_tpm_ek(tpm, &ek);
	if (err == SMR_OK)
		err = smr_tpm_policy(tpm, TPM2_SE_POLICY, &policy);
	if (err == SMR_OK)
		err = open_with(tpm, object, ek, policy, &c, secret);
	smr_tpm_flush(tpm, &policy);
	smr_tpm_flush(tpm, &ek);
	return err;
}
