/* SPDX-License-Identifier: Apache-2.0 */
/* d and t: primary keys that nobody can make a second time. */
#include <tss2/tss2_mu.h>

#include "sys/fault.h"
#include "tpm/inside.h"
#include "tpm/keys.h"

#define COMMON                                                                                                         \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH | \
	 TPMA_OBJECT_NODA)

_Static_assert((COMMON | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT) == SMR_TPM_ATTESTER_ATTRIBUTES,
	       "d has the template that verifiers rebuild");
_Static_assert((COMMON | TPMA_OBJECT_DECRYPT) == SMR_TPM_AGREER_ATTRIBUTES, "and t");

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
		err = smr_tpm_hierarchy_err(Esys_CreatePrimary(
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
	err = smr_tpm_hierarchy_err(Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, old, smr_tpm_session(tpm, 0),
						      ESYS_TR_NONE, ESYS_TR_NONE, handle, &gone));
	smr_tpm_forget(tpm, &old); /* the library would go on to know it by its old name */
	return err;
}

static enum smr_err create(struct smr_tpm *tpm, const struct kind *kind, const TPM2B_AUTH *auth)
{
	ESYS_TR object = ESYS_TR_NONE;
	ESYS_TR place = ESYS_TR_NONE;
	enum smr_err err = vacate(tpm, kind->handle);

	SMR_FAULT("after-vacate", "key");
	if (err == SMR_OK)
		err = make(tpm, kind, auth, &object);
	if (err == SMR_OK)
		err = smr_tpm_hierarchy_err(Esys_EvictControl(tpm->esys, ESYS_TR_RH_OWNER, object,
							      smr_tpm_session(tpm, 0), ESYS_TR_NONE, ESYS_TR_NONE,
							      kind->handle, &place));
	SMR_FAULT("after-make", "key");
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

static enum smr_err read_attest(const TPM2B_ATTEST *octets, TPMI_ST_ATTEST type, TPMS_ATTEST *out)
{
	size_t offset = 0;

	*out = (TPMS_ATTEST){0};
	if (Tss2_MU_TPMS_ATTEST_Unmarshal(octets->attestationData, octets->size, &offset, out) != TSS2_RC_SUCCESS ||
	    out->type != type)
		return SMR_E_MALFORMED;
	return SMR_OK;
}

/** What the TPM says of itself, and its signature. The rest a verifier knows. */
static void take_attestation(const TPMS_ATTEST *attest, const TPMT_SIGNATURE *signature, struct smr_attestation *out)
{
	out->quote.clock_ms = attest->clockInfo.clock;
	out->quote.resets = attest->clockInfo.resetCount;
	out->quote.restarts = attest->clockInfo.restartCount;
	out->quote.safe = attest->clockInfo.safe == TPM2_YES;
	out->quote.firmware = attest->firmwareVersion;
	put_coordinate(&signature->signature.ecdsa.signatureR, out->sig);
	put_coordinate(&signature->signature.ecdsa.signatureS, out->sig + SMR_SCALAR_LEN);
}

enum smr_err smr_tpm_quote(struct smr_tpm *tpm, uint32_t pcrs, const uint8_t hash[SMR_HASH_LEN],
			   struct smr_attestation *out, uint8_t pcr_digest[SMR_HASH_LEN])
{
	const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL}; /* the key's own */
	TPML_PCR_SELECTION selection = smr_tpm_selection(pcrs);
	TPM2B_DATA extra = {.size = SMR_HASH_LEN};
	TPM2B_ATTEST *octets = NULL;
	TPMT_SIGNATURE *signature = NULL;
	TPMS_ATTEST attest;
	enum smr_err err;

	if (tpm->d == ESYS_TR_NONE)
		return SMR_E_STATE;
	memcpy(extra.buffer, hash, SMR_HASH_LEN);
	err = smr_tpm_err(Esys_Quote(tpm->esys, tpm->d, smr_tpm_session(tpm, 0), ESYS_TR_NONE, ESYS_TR_NONE, &extra,
				     &scheme, &selection, &octets, &signature));
	*out = (struct smr_attestation){.quoted = true, .quote.pcrs = pcrs};
	if (err == SMR_OK)
		err = read_attest(octets, TPM2_ST_ATTEST_QUOTE, &attest);
	if (err == SMR_OK && attest.attested.quote.pcrDigest.size != SMR_HASH_LEN)
		err = SMR_E_MALFORMED;
	if (err == SMR_OK) {
		take_attestation(&attest, signature, out);
		memcpy(pcr_digest, attest.attested.quote.pcrDigest.buffer, SMR_HASH_LEN);
	}
	Esys_Free(octets);
	Esys_Free(signature);
	return err;
}

/** No session serves twice in one command: t is authorised by the first, d by @p second. */
static enum smr_err certify(struct smr_tpm *tpm, ESYS_TR second, const uint8_t hash[SMR_HASH_LEN],
			    struct smr_attestation *out)
{
	const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL}; /* the key's own */
	TPM2B_DATA extra = {.size = SMR_HASH_LEN};
	TPM2B_ATTEST *octets = NULL;
	TPMT_SIGNATURE *signature = NULL;
	TPMS_ATTEST attest;
	enum smr_err err;

	memcpy(extra.buffer, hash, SMR_HASH_LEN);
	err = smr_tpm_err(Esys_Certify(tpm->esys, tpm->t, tpm->d, smr_tpm_session(tpm, 0), second, ESYS_TR_NONE, &extra,
				       &scheme, &octets, &signature));
	*out = (struct smr_attestation){.quoted = true};
	if (err == SMR_OK)
		err = read_attest(octets, TPM2_ST_ATTEST_CERTIFY, &attest);
	if (err == SMR_OK)
		take_attestation(&attest, signature, out);
	Esys_Free(octets);
	Esys_Free(signature);
	return err;
}

enum smr_err smr_tpm_certify(struct smr_tpm *tpm, const uint8_t hash[SMR_HASH_LEN], struct smr_attestation *out)
{
	ESYS_TR second = ESYS_TR_NONE;
	enum smr_err err;

	if (tpm->d == ESYS_TR_NONE || tpm->t == ESYS_TR_NONE)
		return SMR_E_STATE;
	err = smr_tpm_second(tpm, &second);
	if (err == SMR_OK)
		err = certify(tpm, second, hash, out);
	smr_tpm_flush(tpm, &second);
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
