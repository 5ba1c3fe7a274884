/* SPDX-License-Identifier: Apache-2.0 */
/* Connection and sessions. */
#include <stdlib.h>

#include "tpm/inside.h"
#include "tpm/keys.h"
#include "tpm/tcti.h"

/** The platform's firmware has done so on a real device, or nobody yet after a reset. */
static enum smr_err start_up(struct smr_tpm *tpm)
{
	TSS2_RC rc = Esys_Startup(tpm->esys, TPM2_SU_CLEAR);

	return smr_tpm_code(rc) == TPM2_RC_INITIALIZE ? SMR_OK : smr_tpm_err(rc);
}

/* ---- loaded objects ---- */

void smr_tpm_flush(struct smr_tpm *tpm, ESYS_TR *object)
{
	if (*object != ESYS_TR_NONE)
		(void)Esys_FlushContext(tpm->esys, *object);
	*object = ESYS_TR_NONE;
}

void smr_tpm_forget(struct smr_tpm *tpm, ESYS_TR *object)
{
	if (*object != ESYS_TR_NONE)
		(void)Esys_TR_Close(tpm->esys, object);
	*object = ESYS_TR_NONE;
}

enum smr_err smr_tpm_find(struct smr_tpm *tpm, TPM2_HANDLE handle, ESYS_TR *object)
{
	TSS2_RC rc = Esys_TR_FromTPMPublic(tpm->esys, handle, smr_tpm_session(tpm, TPMA_SESSION_AUDIT), ESYS_TR_NONE,
					   ESYS_TR_NONE, object);

	if (rc == TSS2_RC_SUCCESS)
		return SMR_OK;
	*object = ESYS_TR_NONE;
	return smr_tpm_code(rc) == TPM2_RC_HANDLE ? SMR_E_NOT_FOUND : smr_tpm_err(rc);
}

/** What a user that was killed left behind: nobody else would ever flush it, and there is room for three. */
static enum smr_err flush_leftovers(struct smr_tpm *tpm, TPM2_HANDLE first)
{
	TPMS_CAPABILITY_DATA *found = NULL;
	TPMI_YES_NO more;
	TSS2_RC rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first,
					TPM2_MAX_CAP_HANDLES, &more, &found);

	if (rc != TSS2_RC_SUCCESS)
		return smr_tpm_err(rc);
	for (UINT32 i = 0; rc == TSS2_RC_SUCCESS && i < found->data.handles.count; i++) {
		ESYS_TR object = ESYS_TR_NONE;

		rc = Esys_TR_FromTPMPublic(tpm->esys, found->data.handles.handle[i], ESYS_TR_NONE, ESYS_TR_NONE,
					   ESYS_TR_NONE, &object);
		if (rc == TSS2_RC_SUCCESS)
			rc = Esys_FlushContext(tpm->esys, object);
	}
	Esys_Free(found);
	return smr_tpm_err(rc);
}

/** Storage key, P-256: the same template always gives the same key, until the TPM is cleared. */
static enum smr_err make_parent(struct smr_tpm *tpm)
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
						    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
						    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
				.parameters.eccDetail = SMR_TPM_STORAGE_P256,
			},
	};

	return smr_tpm_hierarchy_err(Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
							ESYS_TR_NONE, &sensitive, &template, &outside, &none,
							&tpm->parent, NULL, NULL, NULL, NULL));
}

static enum smr_err start_session(struct smr_tpm *tpm, TPM2_SE kind, ESYS_TR *session)
{
	static const TPMT_SYM_DEF cipher = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};

	*session = ESYS_TR_NONE;
	return smr_tpm_err(Esys_StartAuthSession(tpm->esys, tpm->parent, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
						 ESYS_TR_NONE, NULL, kind, &cipher, TPM2_ALG_SHA256, session));
}

enum smr_err smr_tpm_policy(struct smr_tpm *tpm, TPM2_SE kind, ESYS_TR *session)
{
	return start_session(tpm, kind, session);
}

enum smr_err smr_tpm_second(struct smr_tpm *tpm, ESYS_TR *session)
{
	return start_session(tpm, TPM2_SE_HMAC, session);
}

ESYS_TR smr_tpm_session(struct smr_tpm *tpm, TPMA_SESSION attributes)
{
	/* A bare connection: an empty password, which goes with what is authorised alone. */
	if (tpm->session == ESYS_TR_PASSWORD)
		return attributes == TPMA_SESSION_AUDIT ? ESYS_TR_NONE : ESYS_TR_PASSWORD;
	/* Fails only for what is no session. */
	(void)Esys_TRSess_SetAttributes(tpm->esys, tpm->session, TPMA_SESSION_CONTINUESESSION | attributes, 0xff);
	return tpm->session;
}

TPM2B_AUTH smr_tpm_auth(const uint8_t *auth)
{
	TPM2B_AUTH value = {.size = SMR_TPM_AUTH_LEN};

	memcpy(value.buffer, auth, SMR_TPM_AUTH_LEN);
	return value;
}

/* ---- open and close ---- */

static enum smr_err prepare(struct smr_tpm *tpm)
{
	SMR_TRY(start_up(tpm));
	SMR_TRY(flush_leftovers(tpm, TPM2_TRANSIENT_FIRST));
	SMR_TRY(flush_leftovers(tpm, TPM2_LOADED_SESSION_FIRST));
	SMR_TRY(make_parent(tpm));
	return start_session(tpm, TPM2_SE_HMAC, &tpm->session);
}

/** What the registers and the platform hierarchy need, and no more. */
static enum smr_err prepare_bare(struct smr_tpm *tpm)
{
	tpm->session = ESYS_TR_PASSWORD;
	return start_up(tpm);
}

static enum smr_err open_at(const char *where, enum smr_err (*get_ready)(struct smr_tpm *), struct smr_tpm **out)
{
	struct smr_tpm *tpm = malloc(sizeof(*tpm));
	enum smr_err err;

	if (tpm == NULL)
		return SMR_E_NO_MEMORY; /* uncovered: out of memory */
	*tpm = (struct smr_tpm){.parent = ESYS_TR_NONE, .session = ESYS_TR_NONE, .d = ESYS_TR_NONE, .t = ESYS_TR_NONE};
	err = smr_tcti_open(where, &tpm->tcti);
	if (err == SMR_OK)
		err = smr_tpm_err(Esys_Initialize(&tpm->esys, tpm->tcti, NULL));
	if (err == SMR_OK)
		err = get_ready(tpm);
	if (err != SMR_OK) {
		smr_tpm_close(tpm);
		return err;
	}
	*out = tpm;
	return SMR_OK;
}

/* The library would write its own lines to stderr; our errors say what it would. */
static void silence_library(void)
{
	(void)setenv("TSS2_LOG", "all+NONE", 0);
}

enum smr_err smr_tpm_open_bare(struct smr_tpm **out, const char *tcti)
{
	*out = NULL;
	silence_library();
	return open_at(tcti, prepare_bare, out);
}

enum smr_err smr_tpm_open(struct smr_tpm **out, const char *tcti, struct smr_problem *problem)
{
	enum smr_err err;

	*out = NULL;
	silence_library();
	err = open_at(tcti, prepare, out);
	if (err == SMR_OK)
		return SMR_OK;
	if (err == SMR_E_INVALID)
		return smr_problem(problem, err,
				   "tpm «%s»: write device:/dev/tpmrm0, or swtpm:host=127.0.0.1,port=2321", tcti);
	/* Of the hierarchies it is the owner's that the parent key stands in. */
	(void)smr_tpm_problem(problem, err, err == SMR_E_TPM_HIERARCHY ? "the storage (owner) hierarchy" : tcti);
	return smr_problem_prefix(problem, err, "tpm");
}

void smr_tpm_close(struct smr_tpm *tpm)
{
	if (tpm == NULL)
		return;
	if (tpm->esys != NULL) {
		smr_tpm_forget(tpm, &tpm->d);
		smr_tpm_forget(tpm, &tpm->t);
		if (tpm->session != ESYS_TR_PASSWORD)
			smr_tpm_flush(tpm, &tpm->session);
		smr_tpm_flush(tpm, &tpm->parent);
		Esys_Finalize(&tpm->esys);
	}
	smr_tcti_close(tpm->tcti);
	smr_wipe(tpm, sizeof(*tpm));
	free(tpm);
}
