/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kdf.h"
#include "core/object.h"

#define MAC_INPUT_MAX 160u

void smr_put_receipt(struct smr_writer *w, const struct smr_receipt *receipt)
{
	smr_put_array(w, 5);
	smr_put_uint(w, receipt->kind);
	smr_put_bytes(w, smr_iccid_bytes(&receipt->iccid));
	smr_put_uint(w, receipt->serial);
	smr_put_uint(w, receipt->result);
	smr_put_bytes(w, SMR_ARRAY(receipt->mac));
}

void smr_get_receipt(struct smr_reader *r, struct smr_receipt *out)
{
	uint64_t kind;

	memset(out, 0, sizeof(*out));
	smr_get_array(r, 5, 5);
	kind = smr_get_uint(r, SMR_RECEIPT_COMMAND);
	if (kind == 0)
		smr_reader_fail(r, SMR_E_MALFORMED);
	out->kind = (enum smr_receipt_kind)kind;
	smr_get_fixed(r, out->iccid.octets, sizeof(out->iccid.octets));
	if (r->err == SMR_OK && smr_iccid_check(&out->iccid) != SMR_OK)
		smr_reader_fail(r, SMR_E_MALFORMED);
	out->serial = smr_get_uint(r, UINT64_MAX);
	out->result = (uint32_t)smr_get_uint(r, UINT32_MAX);
	smr_get_fixed(r, out->mac, sizeof(out->mac));
}

/** First octets of HMAC under KDF(K, label) over an encoded array. */
static enum smr_err mac_of(struct smr_bytes k, const char *label, const struct smr_writer *input,
			   uint8_t out[SMR_RECEIPT_MAC_LEN])
{
	uint8_t key[SMR_HASH_LEN];
	uint8_t mac[SMR_HASH_LEN];
	struct smr_bytes encoded;
	enum smr_err err;

	SMR_TRY(smr_writer_done(input, &encoded));
	err = smr_kdf(k, label, NULL, 0, (struct smr_space){key, sizeof(key)});
	if (err == SMR_OK)
		err = smr_hmac_sha256(SMR_ARRAY(key), &encoded, 1, mac);
	if (err == SMR_OK)
		memcpy(out, mac, SMR_RECEIPT_MAC_LEN);
	SMR_WIPE(key);
	SMR_WIPE(mac);
	return err;
}

enum smr_err smr_receipt_install_mac(struct smr_bytes k, const struct smr_eid *eid, const struct smr_iccid *iccid,
				     uint64_t serial, const uint8_t hash_x[SMR_HASH_LEN],
				     const uint8_t hash_ev[SMR_HASH_LEN], uint8_t out[SMR_RECEIPT_MAC_LEN])
{
	uint8_t room[MAC_INPUT_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	smr_put_array(&w, 5);
	smr_put_bytes(&w, smr_eid_bytes(eid));
	smr_put_bytes(&w, smr_iccid_bytes(iccid));
	smr_put_uint(&w, serial);
	smr_put_bytes(&w, smr_bytes_of(hash_x, SMR_HASH_LEN));
	smr_put_bytes(&w, smr_bytes_of(hash_ev, SMR_HASH_LEN));
	return mac_of(k, "ack-install", &w, out);
}

enum smr_err smr_receipt_command_mac(struct smr_bytes k, const struct smr_eid *eid, const struct smr_iccid *iccid,
				     uint64_t serial, enum smr_mcim_state state, uint32_t result,
				     uint8_t out[SMR_RECEIPT_MAC_LEN])
{
	uint8_t room[MAC_INPUT_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});

	smr_put_array(&w, 5);
	smr_put_bytes(&w, smr_eid_bytes(eid));
	smr_put_bytes(&w, smr_iccid_bytes(iccid));
	smr_put_uint(&w, serial);
	smr_put_uint(&w, state);
	smr_put_uint(&w, result);
	return mac_of(k, "ack-cmd", &w, out);
}
