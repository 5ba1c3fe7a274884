/* SPDX-License-Identifier: Apache-2.0 */
/* d and t: primary keys that nobody can make a second time. */
#include <tss2/tss2_mu.h>

#include "tpm/inside.h"
#include "tpm/keys.h"

#define COMMON                                                                                                         \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH | \
	 TPMA_OBJECT_NODA)

_Static_assert((COMMON | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT) == SMR_TPM_ATTESTER_ATTRIBUTES,
	       "d has the template that verifiers rebuild");

/** What tells the two keys apart. */
struct kind {
	ESYS_TR hierarchy;
	TPM2_HANDLE handle;
	TPMA_OBJECT attributes;
	TPMI_ALG_ECC_SCHEME scheme;
};

static const struct kind kind_d = {ESYS_TR_RH_ENDORSEMENT, SMR_TPM_HANDLE_D,
				   COMMON | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT, TPM2_ALG_ECDSA};
static const struct kind kind_t = {ESYS_TR_RH_OWNER, SMR_TPM_HANDLE_T, COMMON | TPMA_OBJECT_DECRYPT, TPM2_ALG_NULL};

/* ---- making ---- */

/** The template, with random octets in the place of the point that will stand there. */
static enum smr_err fill_template(const struct kind *kind, TPM2B_PUBLIC *out)
{
	TPMT_PUBLIC *area = &out->publicArea;

	*out = (TPM2B_PUBLIC){0};
	area->type = TPM2_ALG_ECC;
	area->nameAlg = TPM2_ALG_SHA256;
	area->objectAttributes = kind->attributes;
	area->parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
	area->parameters.eccDetail.scheme.scheme = kind->scheme;
	area->parameters.eccDetail.scheme.details.anySig.hashAlg = TPM2_ALG_SHA256;
	area->parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
	area->parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
	area->unique.ecc.x.size = SMR_SCALAR_LEN;
	area->unique.ecc.y.size = SMR_SCALAR_LEN;
	SMR_TRY(smr_random(area->unique.ecc.x.buffer, SMR_SCALAR_LEN));
	return smr_random(area->unique.ecc.y.buffer, SMR_SCALAR_LEN);
}

static enum smr_err make(struct smr_tpm *tpm, const struct kind *kind, const TPM2B_AUTH *auth, ESYS_TR *object)
{
	static const TPM2B_DATA outside;
	static const TPML_PCR_SELECTION none;
	TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.userAuth = *auth};
	TPM2B_PUBLIC template;
	enum smr_err err = fill_template(kind, &template);

	if (err == SMR_OK)
		err = smr_tpm_err(Esys_CreatePrimary(
			tpm->esys, kind->hierarchy, smr_tpm_session(tpm, TPMA_SESSION_DECRYPT), ESYS_TR_NONE,
			ESYS_TR_NONE, &sensitive, &template, &outside, &none, object, NULL, NULL, NULL, NULL));
	SMR_WIPE(sensitive);
	SMR_WIPE(template);
	return err;
}

/** Take an object out of its persistent place, if there is one. */
static enum smr_err vacate(struct smr_tpm *tpm, TPM2_HANDLE handle)
{
	ESYS_TR old = ESYS_TR_NONE;
	ESYS_TR gone = ESYS_TR_NONE;
	enum smr_err err = smr_tpm_find(tpm, handle, &old);

	if (err == SMR_E_NOT_FOUND)
		return SMR_OK;
	SMR_TRY(err);
	err = smr_tpm_err(Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, old, smr_tpm_session(tpm, 0), ESYS_TR_NONE,
					    ESYS_TR_NONE, handle, &gone));
	smr_tpm_forget(tpm, &old); /* the library would go on to know it by its old name */
	return err;
}

static enum smr_err create(struct smr_tpm *tpm, const struct kind *kind, const TPM2B_AUTH *auth)
{
	ESYS_TR object = ESYS_TR_NONE;
	ESYS_TR place = ESYS_TR_NONE;
	enum smr_err err = vacate(tpm, kind->handle);

	if (err == SMR_OK)
		err = make(tpm, kind, auth, &object);
	if (err == SMR_OK)
		err = smr_tpm_err(Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, object, smr_tpm_session(tpm, 0),
						    ESYS_TR_NONE, ESYS_TR_NONE, kind->handle, &place));
	smr_tpm_forget(tpm, &place);
	smr_tpm_flush(tpm, &object);
	return err;
}

enum smr_err smr_tpm_keys_create(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN], struct smr_tpm_keys *out)
{
	TPM2B_AUTH value = smr_tpm_auth(auth);
	enum smr_err err;

	smr_tpm_forget(tpm, &tpm->d);
	smr_tpm_forget(tpm, &tpm->t);
	err = create(tpm, &kind_d, &value);
	if (err == SMR_OK)
		err = create(tpm, &kind_t, &value);
	SMR_WIPE(value);
	return err == SMR_OK ? smr_tpm_keys_load(tpm, auth, out) : err;
}

/* ---- finding ---- */

static void put_coordinate(const TPM2B_ECC_PARAMETER *from, uint8_t out[SMR_SCALAR_LEN])
{
	size_t len = from->size < SMR_SCALAR_LEN ? from->size : SMR_SCALAR_LEN;

	memset(out, 0, SMR_SCALAR_LEN - len); /* leading zeros may be left out */
	memcpy(out + SMR_SCALAR_LEN - len, from->buffer, len);
}

/** The point of a loaded key, if that has our template. */
static enum smr_err read_point(struct smr_tpm *tpm, const struct kind *kind, ESYS_TR object, uint8_t out[SMR_POINT_LEN])
{
	TPM2B_PUBLIC *public = NULL;
	enum smr_err err = smr_tpm_err(Esys_ReadPublic(tpm->esys, object, smr_tpm_session(tpm, TPMA_SESSION_AUDIT),
						       ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL, NULL));

	if (err == SMR_OK &&
	    (public->publicArea.type != TPM2_ALG_ECC || public->publicArea.objectAttributes != kind->attributes ||
	     public->publicArea.parameters.eccDetail.curveID != TPM2_ECC_NIST_P256))
		err = SMR_E_TPM_CLEARED; /* somebody else's object in our place */
	if (err == SMR_OK) {
		out[0] = 0x04;
		put_coordinate(&public->publicArea.unique.ecc.x, out + 1);
		put_coordinate(&public->publicArea.unique.ecc.y, out + 1 + SMR_SCALAR_LEN);
	}
	Esys_Free(public);
	return err;
}

static enum smr_err load(struct smr_tpm *tpm, const struct kind *kind, const TPM2B_AUTH *auth, ESYS_TR *object,
			 uint8_t point[SMR_POINT_LEN])
{
	enum smr_err err;

	smr_tpm_forget(tpm, object);
	err = smr_tpm_find(tpm, kind->handle, object);
	if (err == SMR_E_NOT_FOUND)
		return SMR_E_TPM_CLEARED;
	if (err == SMR_OK)
		err = smr_tpm_err(Esys_TR_SetAuth(tpm->esys, *object, auth));
	if (err == SMR_OK)
		err = read_point(tpm, kind, *object, point);
	if (err != SMR_OK)
		smr_tpm_forget(tpm, object);
	return err;
}

enum smr_err smr_tpm_keys_load(struct smr_tpm *tpm, const uint8_t auth[SMR_TPM_AUTH_LEN], struct smr_tpm_keys *out)
{
	TPM2B_AUTH value = smr_tpm_auth(auth);
	enum smr_err err = load(tpm, &kind_d, &value, &tpm->d, out->d);

	if (err == SMR_OK)
		err = load(tpm, &kind_t, &value, &tpm->t, out->t);
	SMR_WIPE(value);
	return err;
}

/* ---- use ---- */

/** What the TPM says of itself in a quote. The rest a verifier knows. */
static enum smr_err read_quote(const TPM2B_ATTEST *attest, struct smr_tpm_quote *out, uint8_t pcr_digest[SMR_HASH_LEN])
{
	TPMS_ATTEST a = {0};
	size_t offset = 0;

	if (Tss2_MU_TPMS_ATTEST_Unmarshal(attest->attestationData, attest->size, &offset, &a) != TSS2_RC_SUCCESS ||
	    a.type != TPM2_ST_ATTEST_QUOTE || a.attested.quote.pcrDigest.size != SMR_HASH_LEN)
		return SMR_E_MALFORMED;
	out->clock_ms = a.clockInfo.clock;
	out->resets = a.clockInfo.resetCount;
	out->restarts = a.clockInfo.restartCount;
	out->safe = a.clockInfo.safe == TPM2_YES;
	out->firmware = a.firmwareVersion;
	memcpy(pcr_digest, a.attested.quote.pcrDigest.buffer, SMR_HASH_LEN);
	return SMR_OK;
}

enum smr_err smr_tpm_quote(struct smr_tpm *tpm, uint32_t pcrs, const uint8_t hash[SMR_HASH_LEN],
			   struct smr_attestation *out, uint8_t pcr_digest[SMR_HASH_LEN])
{
	const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL}; /* the key's own */
	TPML_PCR_SELECTION selection = smr_tpm_selection(pcrs);
	TPM2B_DATA extra = {.size = SMR_HASH_LEN};
	TPM2B_ATTEST *attest = NULL;
	TPMT_SIGNATURE *signature = NULL;
	enum smr_err err;

	if (tpm->d == ESYS_TR_NONE)
		return SMR_E_STATE;
	memcpy(extra.buffer, hash, SMR_HASH_LEN);
	err = smr_tpm_err(Esys_Quote(tpm->esys, tpm->d, smr_tpm_session(tpm, 0), ESYS_TR_NONE, ESYS_TR_NONE, &extra,
				     &scheme, &selection, &attest, &signature));
	*out = (struct smr_attestation){.quoted = true, .quote.pcrs = pcrs};
	if (err == SMR_OK)
		err = read_quote(attest, &out->quote, pcr_digest);
	if (err == SMR_OK) {
		put_coordinate(&signature->signature.ecdsa.signatureR, out->sig);
		put_coordinate(&signature->signature.ecdsa.signatureS, out->sig + SMR_SCALAR_LEN);
	}
	Esys_Free(attest);
	Esys_Free(signature);
	return err;
}

enum smr_err smr_tpm_agree(struct smr_tpm *tpm, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN])
{
	TPM2B_ECC_POINT point = {.point = {.x.size = SMR_SCALAR_LEN, .y.size = SMR_SCALAR_LEN}};
	TPM2B_ECC_POINT *shared = NULL;
	enum smr_err err;

	if (tpm->t == ESYS_TR_NONE)
		return SMR_E_STATE;
	memcpy(point.point.x.buffer, peer->point + 1, SMR_SCALAR_LEN);
	memcpy(point.point.y.buffer, peer->point + 1 + SMR_SCALAR_LEN, SMR_SCALAR_LEN);
	err = smr_tpm_err(Esys_ECDH_ZGen(tpm->esys, tpm->t, smr_tpm_session(tpm, TPMA_SESSION_ENCRYPT), ESYS_TR_NONE,
					 ESYS_TR_NONE, &point, &shared));
	if (err == SMR_OK) {
		put_coordinate(&shared->point.x, out);
		SMR_WIPE(*shared);
	}
	Esys_Free(shared);
	return err;
}
