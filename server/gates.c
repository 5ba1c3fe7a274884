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

/* Each of the two rounds; the fewest keys that can be configured leave one for each. */
static size_t turn_keys(const struct smr_gates *gates)
{
	return gates->max / 8;
}

/** As long as there is room, what a new snapshot has and we have not. */
static void follow(struct smr_gates *gates, const struct smr_keyring *ring)
{
	const struct smr_keyring_gate *gate;

	if (gates->filled_from == smr_keyring_generation(ring))
		return;
	gates->kept = gates->max;
	if (smr_keyring_gate_count(ring) > gates->max)
		gates->kept -= 2 * turn_keys(gates);
	if (gates->count > gates->kept)
		gates->count = gates->kept;
	for (size_t i = 0; gates->count < gates->kept && (gate = smr_keyring_gate_at(ring, i)) != NULL; i++) {
		if (find(gates, &gate->shipment) == gates->count)
			gates->entries[gates->count++] = *gate;
	}
	gates->filled_from = smr_keyring_generation(ring);
}

static bool is_of(const struct smr_gate_key *key, const uint8_t hash_m1[SMR_HASH_LEN],
		  const uint8_t mac[SMR_GATE_MAC_LEN])
{
	uint8_t wanted[SMR_GATE_MAC_LEN];

	return smr_gate_mac(key, hash_m1, wanted) == SMR_OK && smr_equal_ct(wanted, mac, sizeof(wanted));
}

/** The shipment whose MAC it is, in the group that comes at this @p turn of a round; NULL: none of them. */
static const struct smr_shipment_id *in_turn(const struct smr_gates *gates, const struct smr_keyring *ring,
					     uint64_t turn, const uint8_t hash_m1[SMR_HASH_LEN],
					     const uint8_t mac[SMR_GATE_MAC_LEN])
{
	size_t keys = turn_keys(gates);
	size_t groups = (smr_keyring_gate_count(ring) + keys - 1) / keys;
	size_t first = (size_t)(turn % groups) * keys;
	const struct smr_keyring_gate *gate;

	for (size_t i = first; i < first + keys && (gate = smr_keyring_gate_at(ring, i)) != NULL; i++)
		if (is_of(&gate->key, hash_m1, mac))
			return &gate->shipment;
	return NULL;
}

bool smr_gates_pass(struct smr_gates *gates, const struct smr_keyring *ring, uint64_t now_us,
		    const uint8_t hash_m1[SMR_HASH_LEN], const uint8_t mac[SMR_GATE_MAC_LEN])
{
	const struct smr_shipment_id *found;

	follow(gates, ring);
	for (size_t i = 0; i < gates->count; i++) {
		if (is_of(&gates->entries[i].key, hash_m1, mac)) {
			to_front(gates, i);
			return true;
		}
	}
	if (gates->kept == gates->max)
		return false; /* those were all */
	found = in_turn(gates, ring, now_us / SMR_GATES_QUICK_US, hash_m1, mac);
	if (found == NULL)
		found = in_turn(gates, ring, now_us / gates->slow_us, hash_m1, mac);
	if (found != NULL)
		smr_gates_seen(gates, ring, found);
	return found != NULL;
}

void smr_gates_seen(struct smr_gates *gates, const struct smr_keyring *ring, const struct smr_shipment_id *shipment)
{
	size_t at;

	follow(gates, ring);
	at = find(gates, shipment);
	if (at == gates->count) {
		const struct smr_keyring_gate *gate = smr_keyring_gate_of(ring, shipment);

		if (gate == NULL)
			return;
		if (gates->count < gates->kept)
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
