/* SPDX-License-Identifier: Apache-2.0 */
#include "core/object.h"

enum smr_err smr_flight_key_sign(struct smr_writer *w, const struct smr_privkey *root, const struct smr_flight_key *key)
{
	uint8_t room[SMR_FLIGHT_KEY_MAX];
	struct smr_writer payload = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;

	if ((unsigned)key->kind > SMR_FLIGHT_KEY_EPOCH || key->number == 0 || key->not_after <= key->not_before)
		return SMR_E_INVALID;
	smr_put_array(&payload, 5);
	smr_put_uint(&payload, key->kind);
	smr_put_uint(&payload, key->number);
	smr_put_bytes(&payload, SMR_ARRAY(key->q));
	smr_put_uint(&payload, key->not_before);
	smr_put_uint(&payload, key->not_after);
	SMR_TRY(smr_writer_done(&payload, &encoded));
	return smr_cose_sign(w, root, SMR_LABEL_FLIGHT_KEY, SMR_NONE, encoded);
}

enum smr_err smr_flight_key_open(struct smr_bytes encoded, const struct smr_pubkey *root, struct smr_flight_key *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_signed object = smr_get_signed(&r);
	struct smr_flight_key key;
	struct smr_pubkey q = {0};

	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(smr_cose_verify(&object, root, SMR_LABEL_FLIGHT_KEY, SMR_NONE));
	r = smr_reader_init(object.payload);
	smr_get_array(&r, 5, 5);
	key.kind = (enum smr_flight_key_kind)smr_get_uint(&r, SMR_FLIGHT_KEY_EPOCH);
	key.number = (uint32_t)smr_get_uint(&r, UINT32_MAX);
	smr_get_fixed(&r, key.q, sizeof(key.q));
	key.not_before = smr_get_uint(&r, UINT64_MAX);
	key.not_after = smr_get_uint(&r, UINT64_MAX);
	SMR_TRY(smr_reader_done(&r));
	if (key.number == 0 || key.not_after <= key.not_before)
		return SMR_E_MALFORMED;
	SMR_TRY(smr_pubkey_import(&q, SMR_ARRAY(key.q))); /* a key that nobody could use must not displace one in use */
	smr_pubkey_wipe(&q);
	*out = key;
	return SMR_OK;
}
