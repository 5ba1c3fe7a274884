/* SPDX-License-Identifier: Apache-2.0 */
#include "server/gates.h"

static void to_front(struct smr_gates *gates, size_t at)
{
	struct smr_keyring_gate entry = gates->entries[at];

	memmove(gates->entries + 1, gates->entries, at * sizeof(entry));
	gates->entries[0] = entry;
	SMR_WIPE(entry);
}

static size_t find(const struct smr_gates *gates, const struct smr_shipment_id *shipment)
{
	size_t at = 0;

	while (at < gates->count && memcmp(&gates->entries[at].shipment, shipment, sizeof(*shipment)) != 0)
		at++;
	return at;
}

/** As long as there is room, what a new snapshot has and we have not. */
static void fill(struct smr_gates *gates, const struct smr_keyring *ring)
{
	const struct smr_keyring_gate *gate;

	for (size_t i = 0; gates->count < gates->max && (gate = smr_keyring_gate_at(ring, i)) != NULL; i++) {
		if (find(gates, &gate->shipment) == gates->count)
			gates->entries[gates->count++] = *gate;
	}
	gates->filled_from = smr_keyring_generation(ring);
}

bool smr_gates_pass(struct smr_gates *gates, const struct smr_keyring *ring, const uint8_t hash_m1[SMR_HASH_LEN],
		    const uint8_t mac[SMR_GATE_MAC_LEN])
{
	uint8_t wanted[SMR_GATE_MAC_LEN];

	if (gates->filled_from != smr_keyring_generation(ring))
		fill(gates, ring);
	for (size_t i = 0; i < gates->count; i++) {
		if (smr_gate_mac(&gates->entries[i].key, hash_m1, wanted) != SMR_OK)
			return false;
		if (smr_equal_ct(wanted, mac, sizeof(wanted))) {
			to_front(gates, i);
			return true;
		}
	}
	return false;
}

void smr_gates_seen(struct smr_gates *gates, const struct smr_keyring *ring, const struct smr_shipment_id *shipment)
{
	size_t at = find(gates, shipment);

	if (at == gates->count) {
		const struct smr_keyring_gate *gate = smr_keyring_gate_of(ring, shipment);

		if (gate == NULL)
			return;
		if (gates->count < gates->max)
			gates->count++;
		at = gates->count - 1; /* the one that was not seen for longest makes room */
		gates->entries[at] = *gate;
	}
	if (at > 0)
		to_front(gates, at);
}

void smr_gates_wipe(struct smr_gates *gates)
{
	SMR_WIPE(gates->entries);
	gates->count = 0;
}
