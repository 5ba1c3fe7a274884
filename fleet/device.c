/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/device.h"

#include <stdlib.h>

#include "tre/state.h"

struct smr_engine {
	const struct smr_population *population;
	struct smr_slot *slot; /* of the device at work */
	struct smr_tre_port port;
	struct smr_tre tre;
};

struct smr_parked {
	struct smr_flight flight;
};

/* ---- the platform ---- */

static enum smr_err store(void *context, struct smr_bytes record)
{
	struct smr_engine *engine = context;

	if (record.len > sizeof(engine->slot->record))
		return SMR_E_NO_ROOM;
	memcpy(engine->slot->record, record.ptr, record.len);
	engine->slot->record_len = (uint32_t)record.len;
	return SMR_OK;
}

static enum smr_err load(void *context, struct smr_space *record)
{
	const struct smr_engine *engine = context;
	size_t len = engine->slot->record_len;

	if (len == 0)
		return SMR_E_NOT_FOUND;
	if (len > sizeof(engine->slot->record) || len > record->len)
		return SMR_E_TAMPERED;
	memcpy(record->ptr, engine->slot->record, len);
	record->len = len;
	return SMR_OK;
}

static enum smr_err counter_read(void *context, uint64_t *value)
{
	*value = ((const struct smr_engine *)context)->slot->counter;
	return SMR_OK;
}

static enum smr_err counter_advance(void *context, uint64_t to)
{
	((struct smr_engine *)context)->slot->counter = to;
	return SMR_OK;
}

static enum smr_err storage_key(void *context, uint8_t key[SMR_AEAD_KEY_LEN])
{
	memcpy(key, ((const struct smr_engine *)context)->population->storage_key, SMR_AEAD_KEY_LEN);
	return SMR_OK;
}

static enum smr_err measurement(void *context, uint8_t out[SMR_HASH_LEN])
{
	memcpy(out, ((const struct smr_engine *)context)->population->measurement, SMR_HASH_LEN);
	return SMR_OK;
}

static enum smr_err tamper(void *context, uint32_t *events)
{
	(void)context;
	*events = 0;
	return SMR_OK;
}

enum smr_err smr_engine_new(const struct smr_population *population, struct smr_engine **out)
{
	struct smr_engine *engine = calloc(1, sizeof(*engine));

	*out = engine;
	if (engine == NULL)
		return SMR_E_NO_MEMORY;
	engine->population = population;
	engine->port = (struct smr_tre_port){
		.context = engine,
		.store = store,
		.load = load,
		.counter_read = counter_read,
		.counter_advance = counter_advance,
		.storage_key = storage_key,
		.measurement = measurement,
		.tamper = tamper,
	};
	return SMR_OK;
}

void smr_engine_free(struct smr_engine *engine)
{
	free(engine);
}

/* ---- power on, power off ---- */

static enum smr_err power_on(struct smr_engine *engine, struct smr_slot *slot)
{
	enum smr_err err;

	engine->slot = slot;
	err = smr_tre_start(&engine->tre, &engine->port);
	if (err != SMR_OK)
		smr_tre_stop(&engine->tre);
	return err;
}

static void power_off(struct smr_engine *engine)
{
	const struct smr_tre_durable *now = &engine->tre.now;
	bool ticket = now->contact.ticket_len || now->spare.ticket_len || now->pending.c1_len;

	engine->slot->marks = (smr_tre_live_mcim(&engine->tre.now) != NULL ? SMR_SLOT_INSTALLED : 0u) |
			      (ticket ? SMR_SLOT_TICKET : 0u);
	smr_tre_stop(&engine->tre);
}

/* e leaves the engine with the flight, instead of being erased: its device stays powered while this engine serves others. */
static enum smr_err park(struct smr_engine *engine, struct smr_parked **parked)
{
	*parked = malloc(sizeof(**parked));
	if (*parked == NULL)
		return SMR_E_NO_MEMORY;
	(*parked)->flight = engine->tre.flight;
	SMR_WIPE(engine->tre.flight);
	engine->tre.flight_open = false;
	return SMR_OK;
}

static void unpark(struct smr_engine *engine, struct smr_parked **parked)
{
	engine->tre.flight = (*parked)->flight;
	engine->tre.flight_open = true;
	SMR_WIPE(**parked);
	free(*parked);
	*parked = NULL;
}

void smr_parked_free(struct smr_parked *parked)
{
	if (parked == NULL)
		return;
	smr_flight_wipe(&parked->flight);
	free(parked);
}

/* ---- enrolment ---- */

/* The supplier's station asks a TRE for keys that it makes itself. These have theirs from the seed, so they are written as enrolment would
 * leave them. */
static enum smr_err write_enrolment(struct smr_tre_durable *now, const struct smr_population *population,
				    const struct smr_roster_head *head, const struct smr_population_device *device)
{
	struct smr_space certificate = {now->certificate, sizeof(now->certificate)};

	SMR_TRY(smr_population_certify(population, device, &certificate));
	now->certificate_len = certificate.len;
	now->has_keys = now->enrolled = true;
	now->eid = device->eid;
	memcpy(now->d, device->d.scalar, sizeof(now->d));
	memcpy(now->t, device->t.scalar, sizeof(now->t));
	now->shipment = population->shipment;
	memcpy(now->ro_root, head->root, sizeof(now->ro_root));
	now->shelf.number = head->shelf_number;
	memcpy(now->shelf.point, head->shelf, sizeof(now->shelf.point));
	memcpy(now->anchors[0], population->operator_point, sizeof(now->anchors[0]));
	now->anchor_count = 1;
	now->has_gate = true;
	memcpy(now->gate, population->gate, sizeof(now->gate));
	return SMR_OK;
}

enum smr_err smr_device_enrol(struct smr_engine *engine, const struct smr_roster_head *head, struct smr_slot *slot,
			      const struct smr_population_device *device)
{
	enum smr_err err;

	SMR_TRY(power_on(engine, slot));
	err = write_enrolment(smr_tre_draft(&engine->tre), engine->population, head, device);
	if (err == SMR_OK)
		err = smr_tre_keep(&engine->tre);
	else
		smr_tre_discard(&engine->tre);
	power_off(engine);
	return err;
}

/* ---- contacts ---- */

/* Made in any case, while the TRE has the flight open: a demand for it must not cost a start of the TRE. */
static enum smr_err add_proof(struct smr_engine *engine, struct smr_space *m1, size_t *proof)
{
	uint8_t mac[SMR_GATE_MAC_LEN];
	struct smr_space whole = {m1->ptr, SMR_FLIGHT_REQUEST_MAX};

	SMR_TRY(smr_tre_flight_gate(&engine->tre, mac));
	SMR_TRY(smr_gate_append(smr_bytes_of(m1->ptr, m1->len), mac, &whole));
	*proof = whole.len - m1->len;
	return SMR_OK;
}

enum smr_err smr_device_fly(struct smr_engine *engine, struct smr_slot *slot, bool with_certificate,
			    struct smr_space *m1, size_t *proof, struct smr_parked **parked)
{
	enum smr_err err;

	smr_parked_free(*parked);
	*parked = NULL;
	SMR_TRY(power_on(engine, slot));
	err = smr_tre_flight_start(&engine->tre, with_certificate, m1);
	if (err == SMR_OK)
		err = add_proof(engine, m1, proof);
	if (err == SMR_OK)
		err = park(engine, parked);
	power_off(engine);
	return err;
}

enum smr_err smr_device_land(struct smr_engine *engine, struct smr_slot *slot, struct smr_bytes m2,
			     struct smr_parked **parked, struct smr_tre_outcome *outcome)
{
	enum smr_err err;
	uint32_t ctr;

	if (*parked == NULL)
		return SMR_E_STATE;
	SMR_TRY(power_on(engine, slot));
	unpark(engine, parked);
	ctr = engine->tre.flight.ctr;
	err = smr_tre_flight_complete(&engine->tre, m2, outcome);
	if (err == SMR_OK && outcome->refusal == SMR_REFUSAL_NONE)
		slot->promised = ctr;
	if (engine->tre.flight_open) {
		enum smr_err parking = park(engine, parked);

		err = parking != SMR_OK ? parking : err;
	}
	power_off(engine);
	return err;
}

enum smr_err smr_device_flight_key(struct smr_engine *engine, struct smr_slot *slot, struct smr_bytes encoded)
{
	enum smr_err err;

	SMR_TRY(power_on(engine, slot));
	err = smr_tre_flight_key(&engine->tre, encoded);
	power_off(engine);
	return err;
}

enum smr_err smr_device_check_in(struct smr_engine *engine, struct smr_slot *slot, struct smr_space *c1)
{
	enum smr_err err;
	uint32_t before;

	SMR_TRY(power_on(engine, slot));
	before = engine->tre.now.ctr;
	err = smr_tre_checkin_start(&engine->tre, c1);
	if (engine->tre.now.ctr != before)
		slot->asked = engine->tre.now.ctr;
	power_off(engine);
	return err;
}

enum smr_err smr_device_checked_in(struct smr_engine *engine, struct smr_slot *slot, struct smr_bytes c2,
				   struct smr_tre_outcome *outcome)
{
	uint32_t receipts;
	enum smr_err err;

	SMR_TRY(power_on(engine, slot));
	receipts = engine->tre.now.pending.receipts;
	err = smr_tre_checkin_complete(&engine->tre, c2, outcome);
	if (err == SMR_OK && outcome->refusal == SMR_REFUSAL_NONE && receipts > 0)
		slot->promised = slot->asked;
	power_off(engine);
	return err;
}

enum smr_err smr_device_state(struct smr_engine *engine, struct smr_slot *slot, struct smr_tre_state *out)
{
	SMR_TRY(power_on(engine, slot));
	smr_tre_state(&engine->tre, out);
	power_off(engine);
	return SMR_OK;
}
