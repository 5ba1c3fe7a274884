/* SPDX-License-Identifier: Apache-2.0 */
/* Server keys and beacons that arrive with answers, and which MCIM is in use. */
#include "tre/state.h"

enum smr_err smr_tre_take_flight_key(struct smr_tre_durable *draft, struct smr_bytes encoded)
{
	struct smr_flight_key key;
	struct smr_pubkey root = {0};
	enum smr_err err = smr_pubkey_import(&root, SMR_ARRAY(draft->ro_root));

	if (err == SMR_OK)
		err = smr_flight_key_open(encoded, &root, &key);
	smr_pubkey_wipe(&root);
	if (err != SMR_OK)
		return err;
	/* Shelf keys come at manufacture alone; and an older epoch key may have lost its secret. */
	if (key.kind != SMR_FLIGHT_KEY_EPOCH || key.number <= draft->epoch.number)
		return SMR_E_SERIAL;
	draft->epoch.number = key.number;
	memcpy(draft->epoch.point, key.q, sizeof(key.q));
	return SMR_OK;
}

void smr_tre_take_beacon(struct smr_tre_durable *draft, const struct smr_beacon *beacon)
{
	if (beacon->number > draft->beacon.number)
		draft->beacon = *beacon;
}

struct smr_tre_mcim *smr_tre_live_mcim(struct smr_tre_durable *state)
{
	for (size_t i = 0; i < SMR_TRE_MCIMS_MAX; i++) {
		if (state->mcims[i].used)
			return &state->mcims[i];
	}
	return NULL;
}

enum smr_err smr_tre_flight_key(struct smr_tre *tre, struct smr_bytes encoded)
{
	SMR_TRY(smr_tre_ready_enrolled(tre));
	/* Anybody on the path may send such a key: what fails has changed nothing and costs no access to storage. */
	SMR_TRY(smr_tre_take_flight_key(&tre->now, encoded));
	(void)smr_tre_draft(tre);
	return smr_tre_keep(tre);
}
