/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/tre_rig.h"

/* ---- the platform ---- */

/** Does the power fail here? Counts the write. */
static bool cut(struct rig_platform *p, bool *after)
{
	p->writes++;
	*after = p->cut_after != 0 && p->writes >= p->cut_after;
	return (p->cut_before != 0 && p->writes >= p->cut_before) || (p->cut_after != 0 && p->writes > p->cut_after);
}

static enum smr_err store(void *context, struct smr_bytes record)
{
	struct rig_platform *p = context;
	bool after;

	if (cut(p, &after))
		return SMR_E_IO;
	memcpy(p->record, record.ptr, record.len);
	p->record_len = record.len;
	return after ? SMR_E_IO : SMR_OK;
}

static enum smr_err load(void *context, struct smr_space *record)
{
	struct rig_platform *p = context;

	if (p->record_len == 0)
		return SMR_E_NOT_FOUND;
	memcpy(record->ptr, p->record, p->record_len);
	record->len = p->record_len;
	return SMR_OK;
}

static enum smr_err counter_read(void *context, uint64_t *value)
{
	*value = ((struct rig_platform *)context)->counter;
	return SMR_OK;
}

static enum smr_err counter_advance(void *context, uint64_t to)
{
	struct rig_platform *p = context;
	bool after;

	if (cut(p, &after))
		return SMR_E_IO;
	assert_true(to > p->counter);
	p->counter = to;
	return after ? SMR_E_IO : SMR_OK;
}

static enum smr_err storage_key(void *context, uint8_t key[SMR_AEAD_KEY_LEN])
{
	memcpy(key, ((struct rig_platform *)context)->storage_key, SMR_AEAD_KEY_LEN);
	return SMR_OK;
}

static enum smr_err measurement(void *context, uint8_t out[SMR_HASH_LEN])
{
	memcpy(out, ((struct rig_platform *)context)->measurement, SMR_HASH_LEN);
	return SMR_OK;
}

static enum smr_err tamper(void *context, uint32_t *events)
{
	*events = ((struct rig_platform *)context)->tamper;
	return SMR_OK;
}

/* ---- life ---- */

static void make_key(struct rig_key *key)
{
	assert_int_equal(smr_privkey_generate(&key->own), SMR_OK);
	assert_int_equal(smr_pubkey_import(&key->pub, SMR_ARRAY(key->own.point)), SMR_OK);
	smr_point_compress(key->own.point, key->point);
}

static void wipe_key(struct rig_key *key)
{
	smr_privkey_wipe(&key->own);
	smr_pubkey_wipe(&key->pub);
}

void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	make_key(&rig->supplier);
	make_key(&rig->root);
	make_key(&rig->q);
	make_key(&rig->epoch);
	make_key(&rig->owner);
	make_key(&rig->op);
	make_key(&rig->other_op);
	assert_int_equal(smr_eid_make(SMR_TEXT("890440320000000000000000000001"), &rig->eid), SMR_OK);
	memset(rig->shipment.octets, 7, sizeof(rig->shipment.octets));
	memset(rig->platform.storage_key, 3, sizeof(rig->platform.storage_key));
	memset(rig->platform.measurement, 9, sizeof(rig->platform.measurement));
	rig->aka = (struct smr_aka_params){.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1};
	assert_int_equal(smr_random(rig->aka.k, 16), SMR_OK);
	assert_int_equal(smr_random(rig->aka.opc, 16), SMR_OK);
	rig->tk.id = smr_tk_id(0, 5);
	assert_int_equal(smr_random(rig->tk.key, sizeof(rig->tk.key)), SMR_OK);
	rig->port = (struct smr_tre_port){
		.context = &rig->platform,
		.store = store,
		.load = load,
		.counter_read = counter_read,
		.counter_advance = counter_advance,
		.storage_key = storage_key,
		.measurement = measurement,
		.tamper = tamper,
	};
	rig->tre = malloc(smr_tre_size());
	assert_non_null(rig->tre);
	assert_int_equal(smr_tre_start(rig->tre, &rig->port), SMR_OK);
}

void rig_free(struct rig *rig)
{
	smr_ticket_lanes_wipe(&rig->lanes);
	smr_tre_stop(rig->tre);
	free(rig->tre);
	wipe_key(&rig->supplier);
	wipe_key(&rig->root);
	wipe_key(&rig->q);
	wipe_key(&rig->epoch);
	wipe_key(&rig->owner);
	wipe_key(&rig->op);
	wipe_key(&rig->other_op);
}

int rig_set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_init(rig);
	*state = rig;
	return 0;
}

int rig_tear_down(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

enum smr_err rig_restart(struct rig *rig)
{
	smr_tre_stop(rig->tre);
	rig->platform.cut_before = rig->platform.cut_after = 0;
	return smr_tre_start(rig->tre, &rig->port);
}

/* ---- enrolment ---- */

static struct smr_bytes sign_key(const struct rig *rig, const struct rig_key *q, uint32_t number,
				 uint8_t room[SMR_FLIGHT_KEY_MAX])
{
	struct smr_flight_key key = {.kind = number == 1 ? SMR_FLIGHT_KEY_SHELF : SMR_FLIGHT_KEY_EPOCH,
				     .number = number,
				     .not_before = 1,
				     .not_after = 2};
	struct smr_writer w = smr_writer_init((struct smr_space){room, SMR_FLIGHT_KEY_MAX});
	struct smr_bytes out;

	memcpy(key.q, q->point, sizeof(key.q));
	assert_int_equal(smr_flight_key_sign(&w, &rig->root.own, &key), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &out), SMR_OK);
	return out;
}

static struct smr_bytes sign_certificate(const struct rig *rig, uint8_t room[SMR_CERTIFICATE_MAX])
{
	struct smr_certificate certificate = {.eid = rig->eid, .shipment = rig->shipment};
	struct smr_writer w = smr_writer_init((struct smr_space){room, SMR_CERTIFICATE_MAX});
	struct smr_bytes out;

	memcpy(certificate.d, rig->d, sizeof(certificate.d));
	memcpy(certificate.t, rig->t, sizeof(certificate.t));
	assert_int_equal(smr_certificate_sign(&w, &rig->supplier.own, &certificate), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &out), SMR_OK);
	return out;
}

static struct smr_bytes seal_challenge(const struct rig *rig, const uint8_t challenge[SMR_HASH_LEN],
				       struct smr_space room)
{
	struct smr_pubkey t = {0};

	assert_int_equal(smr_pubkey_import(&t, SMR_ARRAY(rig->t)), SMR_OK);
	assert_int_equal(smr_hpke_seal(&t, SMR_TEXT(SMR_LABEL_ENROL), smr_eid_bytes(&rig->eid),
				       smr_bytes_of(challenge, SMR_HASH_LEN), &room),
			 SMR_OK);
	smr_pubkey_wipe(&t);
	return smr_bytes_of(room.ptr, room.len);
}

static const uint8_t enrol_challenge[SMR_HASH_LEN] = {1};

enum smr_err rig_enrol_begin(struct rig *rig)
{
	struct smr_tre_identity identity;

	SMR_TRY(smr_tre_enrol_begin(rig->tre, &rig->eid, enrol_challenge, &identity));
	memcpy(rig->d, identity.d, sizeof(rig->d));
	memcpy(rig->t, identity.t, sizeof(rig->t));
	return SMR_OK;
}

void rig_enrolment(struct rig *rig, bool owner_bound, struct rig_enrolment *out)
{
	struct smr_tre_enrolment *e = &out->enrolment;

	*e = (struct smr_tre_enrolment){.owner_bound = owner_bound, .anchor_count = owner_bound ? 0 : 1};
	e->certificate = sign_certificate(rig, out->certificate);
	e->shelf_key = sign_key(rig, &rig->q, 1, out->shelf);
	e->sealed_challenge =
		seal_challenge(rig, enrol_challenge, (struct smr_space){out->sealed, sizeof(out->sealed)});
	memcpy(e->supplier, rig->supplier.point, sizeof(e->supplier));
	memcpy(e->ro_root, rig->root.point, sizeof(e->ro_root));
	memcpy(e->owner, rig->owner.point, sizeof(e->owner));
	memcpy(e->anchors[0], rig->op.point, sizeof(e->anchors[0]));
}

enum smr_err rig_try_enrol(struct rig *rig, bool owner_bound)
{
	struct rig_enrolment e;
	uint8_t answer[SMR_HASH_LEN];

	SMR_TRY(rig_enrol_begin(rig));
	rig_enrolment(rig, owner_bound, &e);
	return smr_tre_enrol_finish(rig->tre, &e.enrolment, answer);
}

void rig_enrol(struct rig *rig, bool owner_bound)
{
	assert_int_equal(rig_try_enrol(rig, owner_bound), SMR_OK);
}

/* ---- packages, orders, commands ---- */

size_t rig_order(struct rig *rig, uint8_t out[SMR_ORDER_MAX], const struct rig_key *owner, const struct rig_key *op,
		 uint64_t serial, const struct smr_eid *eid)
{
	struct smr_order order = {.serial = serial, .eid = *eid};
	struct smr_writer w = smr_writer_init((struct smr_space){out, SMR_ORDER_MAX});
	struct smr_bytes encoded;

	(void)rig;
	memcpy(order.operator_key, op->point, sizeof(order.operator_key));
	assert_int_equal(smr_order_sign(&w, &owner->own, &order), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &encoded), SMR_OK);
	return encoded.len;
}

void rig_package(struct rig *rig, struct rig_package *out, const struct rig_key *op, uint64_t serial, bool with_order)
{
	struct smr_mcim mcim = {.aka = rig->aka, .sqn_delta = 1u << 28, .checkin_interval_s = 3600};
	struct smr_mcim_binding binding = {.eid = rig->eid, .serial = serial};
	struct smr_space x = {out->x, sizeof(out->x)};
	struct smr_pubkey t = {0};

	memset(&out->package, 0, sizeof(out->package));
	assert_int_equal(smr_imsi_parse(SMR_TEXT("001010000000001"), &mcim.imsi), SMR_OK);
	assert_int_equal(smr_iccid_parse(SMR_TEXT("8988211000000000011"), &binding.iccid), SMR_OK);
	memcpy(binding.operator_key, op->point, sizeof(binding.operator_key));
	assert_int_equal(smr_pubkey_import(&t, SMR_ARRAY(rig->t)), SMR_OK);
	assert_int_equal(smr_mcim_seal(&t, &binding, &mcim, &x), SMR_OK);
	smr_pubkey_wipe(&t);
	if (with_order)
		out->package.order =
			smr_bytes_of(out->order, rig_order(rig, out->order, &rig->owner, op, 1, &rig->eid));
	out->package.iccid = binding.iccid;
	out->package.serial = serial;
	out->package.x = smr_bytes_of(x.ptr, x.len);
	assert_int_equal(smr_key_id_of(op->own.point, &out->package.operator_id), SMR_OK);
	assert_int_equal(smr_w_sign(&op->own, &binding, out->package.x, out->package.order, out->package.w), SMR_OK);
}

size_t rig_command(struct rig *rig, uint8_t out[SMR_COMMAND_MAX], const struct rig_key *op,
		   const struct smr_package *package, uint64_t serial, enum smr_mcim_state state)
{
	struct smr_command command = {.eid = rig->eid, .iccid = package->iccid, .serial = serial, .state = state};
	struct smr_writer w = smr_writer_init((struct smr_space){out, SMR_COMMAND_MAX});
	struct smr_bytes encoded;

	assert_int_equal(smr_key_id_of(op->own.point, &command.operator_id), SMR_OK);
	assert_int_equal(smr_command_sign(&w, &op->own, &command), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &encoded), SMR_OK);
	return encoded.len;
}

/* ---- the server ---- */

static struct smr_bytes seal_ticket(struct rig *rig, const uint8_t rk[SMR_RK_LEN], uint32_t lineage,
				    uint8_t room[SMR_TICKET_MAX])
{
	struct smr_ticket ticket = {.eid = rig->eid, .lineage = lineage, .flight_epoch = 5};
	struct smr_space space = {room, SMR_TICKET_MAX};

	memcpy(ticket.rk, rk, SMR_RK_LEN);
	assert_int_equal(smr_ticket_seal(&rig->tk, &rig->lanes, &ticket, &space), SMR_OK);
	return smr_bytes_of(space.ptr, space.len);
}

struct smr_space rig_answer(struct rig *rig, struct smr_bytes m1, const struct rig_package *package,
			    enum smr_refusal refusal, uint8_t room[SMR_M2_MAX])
{
	uint8_t scratch[SMR_M1_MAX];
	uint8_t ticket[SMR_TICKET_MAX];
	uint8_t key[SMR_FLIGHT_KEY_MAX];
	struct smr_space out = {room, SMR_M2_MAX};
	struct smr_m2 m2 = {.refusal = refusal};
	struct smr_pubkey d = {0};
	struct smr_m2_keys keys;
	struct smr_m1 opened;
	uint32_t number;

	assert_int_equal(smr_m1_peek(m1, &number), SMR_OK);
	assert_int_equal(smr_m1_open(number == 1 ? &rig->q.own : &rig->epoch.own, m1,
				     (struct smr_space){scratch, sizeof(scratch)}, &opened),
			 SMR_OK);
	assert_int_equal(smr_pubkey_import(&d, SMR_ARRAY(rig->d)), SMR_OK);
	assert_int_equal(smr_evidence_verify(&opened, &d, SMR_PLATFORM_SOFTWARE), SMR_OK);
	smr_pubkey_wipe(&d);
	rig->seen = opened.evidence;
	assert_int_equal(smr_evidence_hash(opened.attested.ev, opened.e, opened.q, rig->hash_ev), SMR_OK);
	assert_int_equal(smr_m2_keys(&opened, &keys), SMR_OK);
	if (refusal == SMR_REFUSAL_NONE) {
		m2.ticket = seal_ticket(rig, keys.rk, opened.evidence.ctr, ticket);
		m2.has_package = package != NULL;
		if (package != NULL)
			m2.package = package->package;
		if (number == 1)
			m2.flight_key = sign_key(rig, &rig->epoch, 2, key);
	}
	assert_int_equal(smr_m2_seal(&keys, &m2, &out), SMR_OK);
	smr_m1_wipe(&opened);
	return out;
}

enum smr_err rig_flight(struct rig *rig, const struct rig_package *package, struct smr_tre_outcome *outcome)
{
	uint8_t m1_room[SMR_M1_MAX];
	uint8_t m2_room[SMR_M2_MAX];
	struct smr_space m1 = {m1_room, sizeof(m1_room)};
	struct smr_space m2;

	SMR_TRY(smr_tre_flight_start(rig->tre, false, &m1));
	m2 = rig_answer(rig, smr_bytes_of(m1.ptr, m1.len), package, SMR_REFUSAL_NONE, m2_room);
	return smr_tre_flight_complete(rig->tre, smr_bytes_of(m2.ptr, m2.len), outcome);
}

struct smr_space rig_answer_checkin(struct rig *rig, struct smr_bytes c1, struct smr_bytes object,
				    enum smr_refusal refusal, uint8_t room[SMR_C2_MAX])
{
	uint8_t ticket_room[SMR_TICKET_MAX];
	uint8_t key[SMR_FLIGHT_KEY_MAX];
	struct smr_space out = {room, SMR_C2_MAX};
	struct smr_c2 c2 = {.refusal = refusal};
	struct smr_ticket ticket;
	struct smr_c2_keys keys;
	struct smr_bytes sealed;
	struct smr_c1 opened;
	uint32_t tk_id;

	assert_int_equal(smr_c1_peek(c1, &sealed, &tk_id), SMR_OK);
	assert_int_equal(tk_id, rig->tk.id);
	assert_int_equal(smr_ticket_open(&rig->tk, &rig->lanes, sealed, &ticket), SMR_OK);
	assert_int_equal(smr_c1_open(&ticket, c1, &opened), SMR_OK);
	rig->report = opened.report;
	rig->c1_ctr = opened.ctr;
	assert_int_equal(smr_c2_keys(&opened.keys, &keys), SMR_OK);
	if (refusal == SMR_REFUSAL_NONE) {
		c2.ticket = seal_ticket(rig, keys.rk, ticket.lineage, ticket_room);
		c2.beacon = rig->beacon;
		if (rig->send_epoch)
			c2.flight_key = sign_key(rig, &rig->epoch, 2, key);
		if (object.len)
			c2.objects[c2.object_count++] = object;
	}
	assert_int_equal(smr_c2_seal(&opened.keys, keys.r, &c2, &out), SMR_OK);
	return out;
}

enum smr_err rig_checkin(struct rig *rig, struct smr_bytes object, struct smr_tre_outcome *outcome)
{
	uint8_t c1_room[SMR_C1_MAX];
	uint8_t c2_room[SMR_C2_MAX];
	struct smr_space c1 = {c1_room, sizeof(c1_room)};
	struct smr_space c2;

	SMR_TRY(smr_tre_checkin_start(rig->tre, &c1));
	c2 = rig_answer_checkin(rig, smr_bytes_of(c1.ptr, c1.len), object, SMR_REFUSAL_NONE, c2_room);
	return smr_tre_checkin_complete(rig->tre, smr_bytes_of(c2.ptr, c2.len), outcome);
}
