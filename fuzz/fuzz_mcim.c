/* SPDX-License-Identifier: Apache-2.0 */
/* Covers: core/mcim.c core/hpke.c. Longest: 400. Dictionary: cbor. */
/* X: as it comes, and what an operator may have sealed into it. */
#include "fuzz/fuzz.h"

#include "core/hpke.h"
#include "core/mcim.h"

static const struct smr_mcim_binding binding = {{2}, {{0x89}}, {{0x89}}, 7};

/* A reader's own idea of the associated data: docs/protocol.md, «X». */
static struct smr_bytes associated_data(uint8_t room[96])
{
	struct smr_writer w = smr_writer_init((struct smr_space){room, 96});
	struct smr_bytes out = SMR_NONE;

	smr_put_array(&w, 4);
	smr_put_bytes(&w, SMR_ARRAY(binding.operator_key));
	smr_put_bytes(&w, smr_eid_bytes(&binding.eid));
	smr_put_bytes(&w, smr_iccid_bytes(&binding.iccid));
	smr_put_uint(&w, binding.serial);
	FUZZ_CHECK(smr_writer_done(&w, &out) == SMR_OK);
	return out;
}

/* An MCIM that a TRE takes is one that an operator can seal, and comes back the same. */
static void check_again(const struct smr_mcim *mcim)
{
	uint8_t room[SMR_X_MAX];
	struct smr_space x = {room, sizeof(room)};
	struct smr_mcim again;

	FUZZ_CHECK(smr_mcim_seal(&fuzz_key(FUZZ_T)->pub, &binding, mcim, &x) == SMR_OK);
	FUZZ_CHECK(smr_mcim_open(&(struct smr_agreer){.key = &fuzz_key(FUZZ_T)->own}, &binding,
				 smr_bytes_of(x.ptr, x.len), &again) == SMR_OK);
	FUZZ_CHECK(memcmp(&mcim->imsi, &again.imsi, sizeof(again.imsi)) == 0);
	FUZZ_CHECK(memcmp(mcim->aka.k, again.aka.k, sizeof(again.aka.k)) == 0);
	FUZZ_CHECK(mcim->sqn_delta == again.sqn_delta && mcim->profile == again.profile);
}

/* A TPM that gives the same key out for every credential: what follows it is then as it comes. */
static enum smr_err activate(void *context, enum smr_own_key key, struct smr_bytes credential,
			     uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	FUZZ_CHECK(context == NULL && key == SMR_OWN_T && credential.len == SMR_TPM_CREDENTIAL_LEN);
	memset(secret, 0, SMR_TPM_CREDENTIAL_SECRET_LEN);
	return SMR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smr_bytes octets = smr_bytes_of(data, len);
	struct smr_mcim mcim;
	uint8_t ad_room[96];
	uint8_t room[SMR_X_MAX + SMR_HPKE_OVERHEAD];
	struct smr_space x = {room, sizeof(room)};

	if (smr_mcim_open(&(struct smr_agreer){.key = &fuzz_key(FUZZ_T)->own}, &binding, octets, &mcim) == SMR_OK)
		check_again(&mcim);
	if (smr_mcim_open(&(struct smr_agreer){.key = &fuzz_key(FUZZ_T)->own, .activate = activate}, &binding, octets,
			  &mcim) == SMR_OK)
		check_again(&mcim);
	if (len > SMR_X_MAX)
		return 0;
	FUZZ_CHECK(smr_hpke_seal_with(&fuzz_key(FUZZ_E)->own, &fuzz_key(FUZZ_T)->pub, NULL, SMR_TEXT("samara1 mcim"),
				      associated_data(ad_room), octets, &x) == SMR_OK);
	if (smr_mcim_open(&(struct smr_agreer){.key = &fuzz_key(FUZZ_T)->own}, &binding, smr_bytes_of(x.ptr, x.len),
			  &mcim) == SMR_OK)
		check_again(&mcim);
	smr_mcim_wipe(&mcim);
	return 0;
}
