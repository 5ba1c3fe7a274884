/* SPDX-License-Identifier: Apache-2.0 */
/* Installing an MCIM: every check of design section 2, «TRE», in the order in which a refusal costs least. */
#include "tre/state.h"

/** Which operator may provision this TRE with this package? Its key, or why not. */
static enum smr_err find_operator(struct smr_tre_durable *draft, const struct smr_package *package,
				  uint8_t key[SMR_POINT_COMPRESSED_LEN])
{
	struct smr_key_id id;

	for (size_t i = 0; i < draft->anchor_count; i++) {
		struct smr_pubkey anchor = {0};
		enum smr_err err = smr_pubkey_import(&anchor, SMR_ARRAY(draft->anchors[i]));

		if (err == SMR_OK)
			err = smr_key_id_of(anchor.point, &id);
		smr_pubkey_wipe(&anchor);
		if (err != SMR_OK)
			return err;
		if (memcmp(&id, &package->operator_id, sizeof(id)) == 0) {
			memcpy(key, draft->anchors[i], SMR_POINT_COMPRESSED_LEN);
			return SMR_OK;
		}
	}
	return SMR_E_OPERATOR;
}

static bool order_covers(const struct smr_tre_durable *draft, const struct smr_order *order)
{
	if (order->whole_shipment)
		return memcmp(&order->shipment, &draft->shipment, sizeof(draft->shipment)) == 0;
	return memcmp(&order->eid, &draft->eid, sizeof(draft->eid)) == 0;
}

/** The owner's order, verified: it names the operator. */
static enum smr_err check_order(struct smr_tre_durable *draft, const struct smr_package *package,
				uint8_t key[SMR_POINT_COMPRESSED_LEN], uint64_t *order_serial)
{
	struct smr_pubkey owner = {0};
	struct smr_order order;
	enum smr_err err;

	if (package->order.len == 0)
		return SMR_E_ORDER;
	err = smr_pubkey_import(&owner, SMR_ARRAY(draft->owner));
	if (err == SMR_OK)
		err = smr_order_open(package->order, &owner, &order);
	smr_pubkey_wipe(&owner);
	if (err != SMR_OK)
		return err == SMR_E_SIGNATURE || err == SMR_E_MALFORMED ? SMR_E_ORDER : err;
	if (!order_covers(draft, &order))
		return SMR_E_ORDER;
	if (order.serial < draft->order_serial)
		return SMR_E_SERIAL;
	memcpy(key, order.operator_key, SMR_POINT_COMPRESSED_LEN);
	*order_serial = order.serial;
	return SMR_OK;
}

struct smr_tre_operator *smr_tre_operator(struct smr_tre_durable *draft, const uint8_t key[SMR_POINT_COMPRESSED_LEN])
{
	struct smr_tre_operator *fresh;

	for (size_t i = 0; i < draft->operator_count; i++) {
		if (memcmp(draft->operators[i].key, key, SMR_POINT_COMPRESSED_LEN) == 0)
			return &draft->operators[i];
	}
	if (draft->operator_count == SMR_TRE_ANCHORS_MAX)
		return NULL;
	fresh = &draft->operators[draft->operator_count++];
	memset(fresh, 0, sizeof(*fresh));
	memcpy(fresh->key, key, SMR_POINT_COMPRESSED_LEN);
	return fresh;
}

enum smr_err smr_tre_queue_install_receipt(struct smr_tre_durable *draft, const struct smr_tre_mcim *mcim)
{
	struct smr_receipt receipt = {.kind = SMR_RECEIPT_INSTALL, .iccid = mcim->iccid, .serial = mcim->serial};
	struct smr_bytes k = smr_bytes_of(mcim->content.aka.k, mcim->content.aka.k_len);

	SMR_TRY(smr_receipt_install_mac(k, &draft->eid, &mcim->iccid, mcim->serial, mcim->hash_x, mcim->hash_ev,
					receipt.mac));
	smr_tre_queue_receipt(draft, &receipt);
	return SMR_OK;
}

/** Is this very package the one that is installed? Then its MCIM and SQN array stay and the receipt is repeated. */
static bool is_installed(const struct smr_tre_mcim *live, const struct smr_mcim_binding *binding)
{
	return live != NULL && live->serial == binding->serial &&
	       memcmp(&live->iccid, &binding->iccid, sizeof(live->iccid)) == 0 &&
	       memcmp(live->operator_key, binding->operator_key, sizeof(live->operator_key)) == 0;
}

/** The MCIM as it will stand in its slot. */
static enum smr_err describe(struct smr_tre_mcim *fresh, const struct smr_mcim_binding *binding,
			     const struct smr_mcim *content, const struct smr_tre_mcim *before)
{
	memset(fresh, 0, sizeof(*fresh));
	fresh->used = true;
	memcpy(fresh->operator_key, binding->operator_key, sizeof(fresh->operator_key));
	fresh->iccid = binding->iccid;
	fresh->serial = binding->serial;
	fresh->state = SMR_MCIM_ACTIVATED;
	fresh->content = *content;
	/* The same K under a new serial keeps its SQN array: a fresh one would accept every old AUTN again. */
	if (before != NULL && before->content.aka.k_len == content->aka.k_len &&
	    smr_equal_ct(before->content.aka.k, content->aka.k, content->aka.k_len)) {
		fresh->sqn = before->sqn;
		return SMR_OK;
	}
	return smr_sqn_init(&fresh->sqn, NULL, content->sqn_delta, content->sqn_age_limit);
}

/** Open X into the MCIM that it describes. */
static enum smr_err open_x(struct smr_tre *tre, const struct smr_package *package,
			   const struct smr_mcim_binding *binding, const struct smr_tre_mcim *before,
			   struct smr_tre_mcim *fresh)
{
	const struct smr_agreer t = smr_tre_agreer(tre);
	struct smr_mcim content;
	enum smr_err err;

	SMR_TRY(smr_mcim_open(&t, binding, package->x, &content));
	err = describe(fresh, binding, &content, before);
	smr_mcim_wipe(&content);
	return err == SMR_OK ? smr_sha256(&package->x, 1, fresh->hash_x) : err;
}

/** Check the serial, open X, install. @p binding names the operator that may do so; W has been verified. */
static enum smr_err install_from(struct smr_tre *tre, struct smr_tre_durable *draft, const struct smr_package *package,
				 const struct smr_mcim_binding *binding, const uint8_t *hash_ev)
{
	struct smr_tre_mcim *live = smr_tre_live_mcim(draft);
	struct smr_tre_operator *memory = smr_tre_operator(draft, binding->operator_key);
	struct smr_tre_mcim *fresh = &tre->work.opened.fresh;
	enum smr_err err;

	if (memory == NULL)
		return SMR_E_TOO_MANY;
	if (is_installed(live, binding)) {
		SMR_TRY(smr_tre_queue_install_receipt(draft, live));
		return SMR_E_NOTHING;
	}
	if (binding->serial <= memory->mcim_serial)
		return SMR_E_SERIAL;
	if (live != NULL && memcmp(live->operator_key, binding->operator_key, sizeof(live->operator_key)) != 0)
		return SMR_E_STATE; /* another operator's MCIM is not replaced without everybody's consent (O7) */
	err = open_x(tre, package, binding, live, fresh);
	memcpy(fresh->hash_ev, hash_ev, sizeof(fresh->hash_ev));
	if (err == SMR_OK)
		err = smr_tre_queue_install_receipt(draft, fresh);
	if (err == SMR_OK) {
		memory->mcim_serial = binding->serial;
		*(live ? live : &draft->mcims[0]) = *fresh;
	}
	SMR_WIPE(*fresh);
	return err;
}

/** Is the package from the operator that may provision this TRE? */
static enum smr_err check_w(const struct smr_package *package, const struct smr_mcim_binding *binding)
{
	struct smr_pubkey operator_key = {0};
	struct smr_key_id id;
	enum smr_err err = smr_pubkey_import(&operator_key, SMR_ARRAY(binding->operator_key));

	if (err == SMR_OK)
		err = smr_key_id_of(operator_key.point, &id);
	if (err == SMR_OK && memcmp(&id, &package->operator_id, sizeof(id)) != 0)
		err = SMR_E_OPERATOR;
	if (err == SMR_OK)
		err = smr_w_verify(&operator_key, binding, package->x, package->order, package->w);
	smr_pubkey_wipe(&operator_key);
	return err;
}

enum smr_err smr_tre_install(struct smr_tre *tre, struct smr_tre_durable *draft, const struct smr_package *package,
			     const uint8_t hash_ev[SMR_HASH_LEN])
{
	struct smr_mcim_binding binding = {.eid = draft->eid, .iccid = package->iccid, .serial = package->serial};
	uint64_t order_serial = draft->order_serial;
	enum smr_err err;

	if (draft->owner_bound)
		SMR_TRY(check_order(draft, package, binding.operator_key, &order_serial));
	else
		SMR_TRY(find_operator(draft, package, binding.operator_key));
	err = check_w(package, &binding);
	if (err == SMR_OK)
		err = install_from(tre, draft, package, &binding, hash_ev);
	if (err == SMR_OK || err == SMR_E_NOTHING)
		draft->order_serial = order_serial;
	return err;
}
