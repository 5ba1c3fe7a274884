/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file server_rig.h
 * The server's pipeline without sockets and threads: one item, a real store, and the device's end from core (scene.h). Include
 * after cmocka.h; the including test links scene, store_rig and the server.
 */
#ifndef SMR_TESTS_UNIT_SERVER_RIG_H
#define SMR_TESTS_UNIT_SERVER_RIG_H

#include "server/item.h"
#include "sys/clock.h"
#include "tests/unit/scene.h"
#include "tests/unit/store_rig.h"

#define WORLD_NOW 1700000000u
#define WORLD_EPOCH_S 86400u
#define WORLD_LIFETIME 30u
#define WORLD_DAY 86400u
#define WORLD_STALE_MS 3600000u
#define WORLD_COAP 7u /* octets before the payload of an answer: header 4, token 2, marker 1 */

struct world {
	struct scene *s;
	struct rig *store; /* the store and its directory */
	struct smr_keyring *ring;
	struct smr_pending *pending;
	struct smr_metrics metrics;
	uint16_t message_id;
	struct smr_steps steps;
	struct smr_admission *admission;
	struct smr_ticket_lanes lanes;
	struct smr_item item;
	struct smr_store_device device;
	struct smr_store_change change;
	uint64_t spare_from_s;
	bool looked_up; /* by the last drive */
	bool committed;
};

/** What a world is made of. */
enum world_content {
	WORLD_KNOWN = 1,     /* the device is known from its shipment */
	WORLD_PACKAGE = 2,   /* a subscription waits: MILENAGE, no order */
	WORLD_TUAK = 4,	     /* or TUAK with the owner's order */
	WORLD_TRUST = 8,     /* the supplier is trusted (for certificates) */
	WORLD_KEY = 16,	     /* flight key SCENE_Q_NUMBER, in force */
	WORLD_NEXT_KEY = 32, /* and the one after it, in force too */
	WORLD_GATE = 64,     /* the shipment has the gate key world_gate */
	WORLD_ALL = WORLD_KNOWN | WORLD_PACKAGE | WORLD_TRUST | WORLD_KEY
};

static inline void world_reload(struct world *w, uint64_t now)
{
	struct smr_keyring_times times = {now, 0, w->spare_from_s};
	struct smr_store_position position;

	smr_keyring_release(w->ring);
	w->ring = NULL;
	assert_int_equal(smr_keyring_load(w->store->store, &times, &w->ring), SMR_OK);
	assert_int_equal(smr_store_position(w->store->store, &position), SMR_OK);
	assert_int_equal(smr_pending_follow(w->pending, w->store->store, &position, smr_clock_ms()), SMR_OK);
	smr_pending_release(&w->steps.pending);
	w->steps = (struct smr_steps){w->ring,	smr_pending_hold(w->pending), &w->metrics, &w->message_id, w->admission,
				      &w->lanes};
}

static inline void world_sender(struct world *w, struct smr_file_info *info)
{
	smr_point_compress(w->s->supplier.own.point, info->sender);
}

static const uint8_t world_gate[SMR_GATE_KEY_LEN] = {'g', 'a', 't', 'e'};

static inline void world_put_shipment(struct world *w, bool gate)
{
	struct smr_store_shipment shipment = {.about = {.id = {"SHIPMENT"}}};
	struct smr_shipment_record record = {.eid = w->s->evidence.eid};
	struct smr_file_info info = rig_info(SMR_FILE_SHIPMENT, 1);

	shipment.about.has_gate = gate;
	if (gate)
		memcpy(shipment.about.gate, world_gate, sizeof(world_gate));
	world_sender(w, &info);
	memcpy(shipment.supplier, info.sender, sizeof(shipment.supplier));
	smr_point_compress(w->s->d.own.point, record.d);
	smr_point_compress(w->s->t.own.point, record.t);
	assert_int_equal(smr_store_load_begin(w->store->store, &info), SMR_OK);
	assert_int_equal(smr_store_put_shipment(w->store->store, &shipment), SMR_OK);
	assert_int_equal(smr_store_put_device(w->store->store, &shipment.about.id, &record), SMR_OK);
	assert_int_equal(smr_store_load_end(w->store->store, true), SMR_OK);
}

static inline void world_put_reference(struct world *w)
{
	struct smr_reference_record record = {.version = "1"};
	struct smr_file_info info = rig_info(SMR_FILE_REFERENCES, 1);

	world_sender(w, &info);
	memcpy(record.measurement, w->s->evidence.measurement, sizeof(record.measurement));
	assert_int_equal(smr_store_load_begin(w->store->store, &info), SMR_OK);
	assert_int_equal(smr_store_put_reference(w->store->store, info.sender, &record), SMR_OK);
	assert_int_equal(smr_store_load_end(w->store->store, true), SMR_OK);
}

static inline void world_put_package(struct world *w, const struct smr_package *package)
{
	struct smr_batch_record record = {.eid = w->s->evidence.eid, .package = *package};
	struct smr_store_party auc = rig_party("auc", 0x30);

	rig_load_begin(w->store, SMR_FILE_BATCH);
	assert_int_equal(smr_store_put_auc(w->store->store, &package->operator_id, &auc), SMR_OK);
	assert_int_equal(smr_store_put_package(w->store->store, &record), SMR_OK);
	rig_load_keep(w->store);
}

static inline void world_put_key(struct world *w, uint32_t number, uint64_t not_before, uint64_t not_after)
{
	struct smr_store_flight_key key = {.key = {.kind = SMR_FLIGHT_KEY_EPOCH,
						   .number = number,
						   .not_before = not_before,
						   .not_after = not_after}};
	struct smr_writer writer = smr_writer_init((struct smr_space){key.encoded, sizeof(key.encoded)});
	struct smr_bytes encoded;

	smr_point_compress(w->s->q.own.point, key.key.q);
	memcpy(key.scalar, w->s->q.own.scalar, sizeof(key.scalar));
	assert_int_equal(smr_flight_key_sign(&writer, &w->s->root.own, &key.key), SMR_OK);
	assert_int_equal(smr_writer_done(&writer, &encoded), SMR_OK);
	key.encoded_len = encoded.len;
	assert_int_equal(smr_store_add_flight_key(w->store->store, &key), SMR_OK);
}

static inline void world_put_trust(struct world *w)
{
	struct smr_store_party party = rig_party("supplier", 1);

	smr_point_compress(w->s->supplier.own.point, party.sign);
	party.has_kem = false;
	assert_int_equal(smr_store_trust(w->store->store, &party), SMR_OK);
}

static inline struct world *world_make(struct scene *s, unsigned content)
{
	struct world *w = calloc(1, sizeof(*w));
	void *store = NULL;

	assert_non_null(w);
	w->s = s;
	rig_setup(&store);
	w->store = store;
	w->pending = smr_pending_new(WORLD_STALE_MS);
	assert_non_null(w->pending);
	if (content & WORLD_KNOWN)
		world_put_shipment(w, content & WORLD_GATE);
	world_put_reference(w);
	if (content & WORLD_TRUST)
		world_put_trust(w);
	if (content & (WORLD_PACKAGE | WORLD_TUAK))
		world_put_package(w, content & WORLD_TUAK ? &s->package_tuak : &s->package);
	if (content & WORLD_KEY)
		world_put_key(w, SCENE_Q_NUMBER, WORLD_NOW - 10, WORLD_NOW + 200 * WORLD_DAY);
	if (content & WORLD_NEXT_KEY)
		world_put_key(w, SCENE_Q_NUMBER + 1, WORLD_NOW - 5, WORLD_NOW + 210 * WORLD_DAY);
	w->spare_from_s = SMR_KEYRING_NO_SPARE;
	world_reload(w, WORLD_NOW);
	return w;
}

static inline void world_free(struct world *w)
{
	void *store = w->store;

	smr_ticket_lanes_wipe(&w->lanes);
	smr_keyring_release(w->ring);
	smr_pending_release(&w->steps.pending);
	smr_pending_free(w->pending);
	rig_teardown(&store);
	free(w);
}

/** Put a request into the item, non-confirmable, with a token of two octets. @param echo  NULL: none. */
static inline void world_post_with(struct world *w, char path, struct smr_bytes payload, const uint8_t *echo)
{
	struct smr_item *item = &w->item;
	const uint8_t head[] = {0x52, 0x02, 0x12, 0x34, 0xaa, 0xbb, 0xb1, (uint8_t)path};
	const uint8_t option[] = {0xd0 | SMR_ECHO_LEN, 252 - 11 - 13};
	struct smr_writer writer = smr_writer_init((struct smr_space){item->in, sizeof(item->in)});

	smr_put_raw(&writer, SMR_ARRAY(head));
	if (echo != NULL) {
		smr_put_raw(&writer, SMR_ARRAY(option));
		smr_put_raw(&writer, smr_bytes_of(echo, SMR_ECHO_LEN));
	}
	smr_put_raw(&writer, SMR_TEXT("\xff"));
	smr_put_raw(&writer, payload);
	assert_int_equal(writer.err, SMR_OK);
	item->in_len = writer.len;
	item->out_len = 0;
}

static inline void world_post(struct world *w, char path, struct smr_bytes payload)
{
	world_post_with(w, path, payload, NULL);
}

/** The answer is a demand for an Echo, within the limit for addresses that have not proved themselves: which one? */
static inline void world_echo(const struct world *w, uint8_t echo[SMR_ECHO_LEN])
{
	const struct smr_item *item = &w->item;

	assert_int_equal(item->stage, SMR_STAGE_SEND);
	assert_int_equal(item->out[1], SMR_COAP_UNAUTHORIZED);
	assert_int_equal(item->out_len, 6 + 2 + SMR_ECHO_LEN);
	assert_memory_equal(item->out + 6, "\xd8\xef", 2);
	memcpy(echo, item->out + 8, SMR_ECHO_LEN);
}

/** What opened: look its row up and judge it. */
static inline void world_judge(struct world *w, void (*between)(struct world *w))
{
	struct smr_item *item = &w->item;

	w->looked_up = true;
	memset(&w->device, 0x77, sizeof(w->device));
	w->device.eid = *smr_item_eid(item);
	w->device.want_package = item->coap.path == SMR_COAP_FLIGHT;
	w->device.want_commands = item->coap.path == SMR_COAP_CHECKIN;
	assert_int_equal(smr_store_lookup(w->store->store, &w->device, 1), SMR_OK);
	item->device = &w->device;
	item->change = &w->change;
	if (between != NULL)
		between(w);
	smr_item_judge(item, &w->steps);
}

/** As a worker does it. @p failing  the store refuses to commit. True: there is an answer. */
static inline bool world_drive_with(struct world *w, bool failing, void (*between)(struct world *w))
{
	struct smr_item *item = &w->item;

	w->looked_up = w->committed = false;
	smr_item_read(item, &w->steps);
	smr_item_open(item, &w->steps);
	if (item->stage == SMR_STAGE_LOOKUP)
		world_judge(w, between);
	if (item->stage == SMR_STAGE_COMMIT) {
		smr_item_prepare(item, &w->steps);
		if (!failing) {
			assert_int_equal(smr_store_commit(w->store->store, &w->change, 1), SMR_OK);
			assert_int_equal(w->change.err, SMR_OK);
			w->committed = true;
		}
		smr_item_answer(item, &w->steps, failing);
	} else if (item->stage == SMR_STAGE_ANSWER) {
		item->change = NULL;
		smr_item_answer(item, &w->steps, false);
	}
	return item->stage == SMR_STAGE_SEND;
}

static inline bool world_drive(struct world *w)
{
	return world_drive_with(w, false, NULL);
}

/** The payload of the answer, whose head has to be that of @p code. */
static inline struct smr_bytes world_payload(const struct world *w, uint8_t code)
{
	const struct smr_item *item = &w->item;

	assert_int_equal(item->stage, SMR_STAGE_SEND);
	assert_true(item->out_len >= 6);
	assert_int_equal(item->out[0], 0x52);
	assert_int_equal(item->out[1], code);
	assert_memory_equal(item->out + 4, "\xaa\xbb", 2);
	if (item->out_len == 6)
		return SMR_NONE;
	assert_int_equal(item->out[6], 0xff);
	return smr_bytes_of(item->out + WORLD_COAP, item->out_len - WORLD_COAP);
}

static inline struct smr_store_device world_row(const struct world *w)
{
	struct smr_store_device device = {.eid = w->s->evidence.eid, .want_package = true, .want_commands = true};

	assert_int_equal(smr_store_lookup(w->store->store, &device, 1), SMR_OK);
	return device;
}

/** Nothing of the request may stay in memory once it is answered or dropped. */
static inline void world_assert_wiped(const struct world *w)
{
	assert_true(is_zero(&w->item.m1, sizeof(w->item.m1)));
	assert_true(is_zero(&w->item.ticket, sizeof(w->item.ticket)));
	assert_true(is_zero(&w->item.c1, sizeof(w->item.c1)));
	assert_true(is_zero(w->item.scratch, sizeof(w->item.scratch)));
	assert_null(w->item.device);
	assert_null(w->item.change);
}

/* ---- the device ---- */

struct device {
	uint8_t m1_room[SMR_M1_MAX];
	struct smr_space m1;
	struct smr_flight flight;
	struct opened_answer answer;
	uint8_t rk[SMR_RK_LEN];
	uint8_t ticket[SMR_TICKET_MAX];
	size_t ticket_len;
	uint8_t spare_rk[SMR_RK_LEN];
	uint8_t spare[SMR_TICKET_MAX];
	size_t spare_len;
	uint8_t c1_room[SMR_C1_MAX];
	struct smr_space c1;
	struct smr_checkin kept;
	uint8_t c2_scratch[SMR_C2_MAX];
	struct smr_c2 c2;
};

static inline void device_m1(struct device *d, struct scene *s, uint32_t number, const struct smr_privkey *key,
			     struct smr_bytes certificate)
{
	const struct smr_attester attester = {.key = key};

	smr_flight_wipe(&d->flight);
	d->m1 = (struct smr_space){d->m1_room, sizeof(d->m1_room)};
	assert_int_equal(
		smr_m1_build(&s->q.pub, number, &attester, &s->evidence, certificate, NULL, &d->m1, &d->flight),
		SMR_OK);
}

static inline void device_keep_ticket(struct device *d, struct smr_bytes ticket)
{
	assert_true(ticket.len <= sizeof(d->ticket));
	memcpy(d->ticket, ticket.ptr, ticket.len);
	d->ticket_len = ticket.len;
}

/** Open the server's M2; a ticket in it becomes the device's. */
static inline struct smr_m2 *device_m2(struct device *d, struct smr_bytes m2)
{
	assert_int_equal(open_answer(&d->answer, &d->flight, m2), SMR_OK);
	if (d->answer.m2.ticket.len) {
		device_keep_ticket(d, d->answer.m2.ticket);
		memcpy(d->rk, d->answer.rk, sizeof(d->rk));
	}
	return &d->answer.m2;
}

static inline void device_c1(struct device *d, uint32_t ctr, const struct smr_report *report)
{
	d->c1 = (struct smr_space){d->c1_room, sizeof(d->c1_room)};
	assert_int_equal(smr_c1_build(d->rk, smr_bytes_of(d->ticket, d->ticket_len), ctr, report, &d->c1, &d->kept),
			 SMR_OK);
}

static inline struct smr_c2 *device_c2(struct device *d, struct smr_bytes c2)
{
	uint8_t rk[SMR_RK_LEN];

	assert_int_equal(smr_c2_open(&d->kept, c2, (struct smr_space){d->c2_scratch, sizeof(d->c2_scratch)}, &d->c2, rk,
				     d->spare_rk),
			 SMR_OK);
	d->spare_len = d->c2.spare_ticket.len;
	if (d->spare_len)
		memcpy(d->spare, d->c2.spare_ticket.ptr, d->spare_len);
	if (d->c2.ticket.len) {
		device_keep_ticket(d, d->c2.ticket);
		memcpy(d->rk, rk, sizeof(rk));
	}
	return &d->c2;
}

/** A whole flight that has to bring a ticket. */
static inline struct smr_m2 *world_fly(struct world *w, struct device *d)
{
	device_m1(d, w->s, SCENE_Q_NUMBER, &w->s->d.own, SMR_NONE);
	world_post(w, 'f', view(d->m1));
	assert_true(world_drive(w));
	return device_m2(d, world_payload(w, SMR_COAP_CHANGED));
}

/** A whole check-in that has to be answered. */
static inline struct smr_c2 *world_check_in(struct world *w, struct device *d, uint32_t ctr,
					    const struct smr_report *report)
{
	device_c1(d, ctr, report);
	world_post(w, 'c', view(d->c1));
	assert_true(world_drive(w));
	return device_c2(d, world_payload(w, SMR_COAP_CHANGED));
}

#endif
