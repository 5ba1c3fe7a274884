/* SPDX-License-Identifier: Apache-2.0 */
#include "core/object.h"

static struct smr_bytes target_of(const struct smr_order *order)
{
	if (order->whole_shipment)
		return SMR_ARRAY(order->shipment.octets);
	return smr_eid_bytes(&order->eid);
}

enum smr_err smr_order_sign(struct smr_writer *w, const struct smr_privkey *owner, const struct smr_order *order)
{
	uint8_t room[SMR_ORDER_MAX];
	struct smr_writer payload = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes encoded;

	smr_put_array(&payload, 3);
	smr_put_uint(&payload, order->serial);
	smr_put_bytes(&payload, SMR_ARRAY(order->operator_key));
	smr_put_bytes(&payload, target_of(order));
	SMR_TRY(smr_writer_done(&payload, &encoded));
	return smr_cose_sign(w, owner, SMR_LABEL_ORDER, SMR_NONE, encoded);
}

/** EID and shipment id have different lengths, and so tell themselves apart. */
static enum smr_err take_target(struct smr_bytes target, struct smr_order *order)
{
	if (target.len == SMR_SHIPMENT_ID_LEN) {
		order->whole_shipment = true;
		memcpy(order->shipment.octets, target.ptr, target.len);
		return SMR_OK;
	}
	if (target.len != SMR_EID_LEN)
		return SMR_E_MALFORMED;
	memcpy(order->eid.octets, target.ptr, target.len);
	return smr_eid_check(&order->eid);
}

enum smr_err smr_order_open(struct smr_bytes encoded, const struct smr_pubkey *owner, struct smr_order *out)
{
	struct smr_reader r = smr_reader_init(encoded);
	struct smr_signed object = smr_get_signed(&r);
	struct smr_order order = {0};
	struct smr_bytes target;

	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(smr_cose_verify(&object, owner, SMR_LABEL_ORDER, SMR_NONE));
	r = smr_reader_init(object.payload);
	smr_get_array(&r, 3, 3);
	order.serial = smr_get_uint(&r, UINT64_MAX);
	smr_get_fixed(&r, order.operator_key, sizeof(order.operator_key));
	target = smr_get_bytes(&r, SMR_SHIPMENT_ID_LEN, SMR_EID_LEN);
	SMR_TRY(smr_reader_done(&r));
	SMR_TRY(take_target(target, &order));
	*out = order;
	return SMR_OK;
}

enum smr_err smr_order_hash(struct smr_bytes encoded, uint8_t out[SMR_HASH_LEN])
{
	return smr_sha256(&encoded, 1, out);
}
