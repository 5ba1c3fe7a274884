/* SPDX-License-Identifier: Apache-2.0 */
#include "core/gate.h"

#include "core/kdf.h"

enum smr_err smr_gate_key_derive(const uint8_t shipment_key[SMR_GATE_KEY_LEN], struct smr_gate_key *out)
{
	return smr_kdf(smr_bytes_of(shipment_key, SMR_GATE_KEY_LEN), "gate", NULL, 0,
		       (struct smr_space){out->octets, sizeof(out->octets)});
}

enum smr_err smr_gate_mac(const struct smr_gate_key *key, const uint8_t hash_m1[SMR_HASH_LEN],
			  uint8_t mac[SMR_GATE_MAC_LEN])
{
	const struct smr_bytes hash = smr_bytes_of(hash_m1, SMR_HASH_LEN);
	uint8_t whole[SMR_HASH_LEN];

	SMR_TRY(smr_hmac_sha256(SMR_ARRAY(key->octets), &hash, 1, whole));
	memcpy(mac, whole, SMR_GATE_MAC_LEN);
	return SMR_OK;
}

enum smr_err smr_gate_append(struct smr_bytes m1, const uint8_t mac[SMR_GATE_MAC_LEN], struct smr_space *request)
{
	struct smr_writer w = smr_writer_init(*request);
	struct smr_bytes written;

	smr_put_raw(&w, m1);
	smr_put_bytes(&w, smr_bytes_of(mac, SMR_GATE_MAC_LEN));
	SMR_TRY(smr_writer_done(&w, &written));
	request->len = written.len;
	return SMR_OK;
}

enum smr_err smr_gate_split(struct smr_bytes request, struct smr_bytes *m1, struct smr_bytes *mac)
{
	struct smr_reader r = smr_reader_init(request);

	(void)smr_get_item(&r);
	if (r.err != SMR_OK)
		return SMR_E_MALFORMED;
	*m1 = smr_reader_consumed(&r);
	*mac = SMR_NONE;
	if (m1->len < request.len)
		*mac = smr_get_bytes(&r, SMR_GATE_MAC_LEN, SMR_GATE_MAC_LEN);
	return smr_reader_done(&r);
}
