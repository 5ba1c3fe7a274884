/* SPDX-License-Identifier: Apache-2.0 */
#include "core/object.h"

enum smr_err smr_certificate_sign(struct smr_writer *w, const struct smr_privkey *supplier,
				  const struct smr_certificate *certificate)
{
	uint8_t room[SMR_CERTIFICATE_MAX];
	struct smr_writer payload = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;

	smr_put_array(&payload, certificate->platform == SMR_PLATFORM_SOFTWARE ? 4 : 5);
	smr_put_bytes(&payload, smr_eid_bytes(&certificate->eid));
	smr_put_bytes(&payload, SMR_ARRAY(certificate->d));
	smr_put_bytes(&payload, SMR_ARRAY(certificate->t));
	smr_put_bytes(&payload, SMR_ARRAY(certificate->shipment.octets));
	smr_put_platform(&payload, certificate->platform);
	SMR_TRY(smr_writer_done(&payload, &encoded));
	return smr_cose_sign(w, supplier, SMR_LABEL_CERTIFICATE, SMR_NONE, encoded);
}

static enum smr_err read_claims(struct smr_bytes payload, struct smr_certificate *out)
{
	struct smr_certificate claims;
	struct smr_reader r = smr_reader_init(payload);
	size_t items;

	items = smr_get_array(&r, 4, 5);
	smr_get_fixed(&r, claims.eid.octets, sizeof(claims.eid.octets));
	smr_get_fixed(&r, claims.d, sizeof(claims.d));
	smr_get_fixed(&r, claims.t, sizeof(claims.t));
	smr_get_fixed(&r, claims.shipment.octets, sizeof(claims.shipment.octets));
	claims.platform = smr_get_platform(&r, items == 5);
	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(smr_eid_check(&claims.eid));
	*out = claims;
	return SMR_OK;
}

static enum smr_err read_signed(struct smr_bytes encoded, struct smr_signed *out)
{
	struct smr_reader r = smr_reader_init(encoded);

	*out = smr_get_signed(&r);
	return smr_reader_done(&r);
}

enum smr_err smr_certificate_open(struct smr_bytes encoded, const struct smr_pubkey *supplier,
				  struct smr_certificate *out)
{
	struct smr_signed object;

	SMR_TRY(read_signed(encoded, &object));
	SMR_TRY(smr_cose_verify(&object, supplier, SMR_LABEL_CERTIFICATE, SMR_NONE));
	return read_claims(object.payload, out);
}

enum smr_err smr_certificate_peek(struct smr_bytes encoded, struct smr_certificate *out)
{
	struct smr_signed object;

	SMR_TRY(read_signed(encoded, &object));
	return read_claims(object.payload, out);
}
