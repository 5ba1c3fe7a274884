/* SPDX-License-Identifier: Apache-2.0 */
#include "core/attest.h"

void smr_put_platform(struct smr_writer *w, enum smr_platform platform)
{
	if (platform != SMR_PLATFORM_SOFTWARE)
		smr_put_uint(w, (uint64_t)platform);
}

enum smr_platform smr_get_platform(struct smr_reader *r, bool present)
{
	enum smr_platform platform;

	if (!present)
		return SMR_PLATFORM_SOFTWARE;
	platform = (enum smr_platform)smr_get_uint(r, SMR_PLATFORM_TPM);
	if (platform == SMR_PLATFORM_SOFTWARE) /* is said by leaving it out */
		smr_reader_fail(r, SMR_E_MALFORMED);
	return platform;
}

enum smr_err smr_attest(const struct smr_attester *attester, const uint8_t hash[SMR_HASH_LEN],
			struct smr_attestation *out)
{
	memset(out, 0, sizeof(*out));
	if (attester->key != NULL)
		return smr_ecdsa_sign(attester->key, hash, out->sig);
	return attester->attest(attester->context, hash, out);
}

enum smr_err smr_agree(const struct smr_agreer *own, const struct smr_pubkey *peer, uint8_t out[SMR_DH_LEN])
{
	return own->key != NULL ? smr_ecdh(own->key, peer, out) : own->agree(own->context, peer, out);
}

const uint8_t *smr_agreer_point(const struct smr_agreer *own)
{
	return own->key != NULL ? own->key->point : own->point;
}
