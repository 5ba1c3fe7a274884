/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the flight (design section 2, docs/protocol.md section 3). */
#include "core/gate.h"
#include "server/admission.h"
#include "server/shown_log.h"
#include "server/tell.h"

static void drop(struct smr_item *item)
{
	smr_item_wipe(item);
}

/** The clear answer to an unknown or ended flight key: the current one, signed by the RO root. */
static void hint(struct smr_item *item, const struct smr_steps *steps)
{
	struct smr_coap_answer answer = {.code = SMR_COAP_NOT_FOUND, .payload = smr_keyring_current(steps->ring)};

	SMR_COUNT_UP(steps->metrics, hints_flight_key, 1);
	smr_item_finish(item, steps, &answer);
}

void smr_flight_open(struct smr_item *item, const struct smr_steps *steps)
{
	const struct smr_privkey *q;
	uint32_t number;
	struct smr_space scratch = {item->scratch, sizeof(item->scratch)};
	struct smr_bytes m1;
	struct smr_bytes mac;

	if (smr_gate_split(item->coap.payload, &m1, &mac) != SMR_OK || smr_m1_peek(m1, &number) != SMR_OK) {
		SMR_COUNT_UP(steps->metrics, dropped_malformed, 1);
		return;
	}
	q = smr_keyring_flight_key(steps->ring, number);
	if (q == NULL) {
		hint(item, steps);
		return;
	}
	if (!smr_admission_admit(steps->admission, item, steps, m1, mac))
		return;
	SMR_COUNT_UP(steps->metrics, flights_opened, 1);
	if (smr_m1_open(q, m1, scratch, &item->m1) != SMR_OK) {
		SMR_COUNT_UP(steps->metrics, dropped_unopened, 1);
		drop(item);
		return;
	}
	item->stage = SMR_STAGE_LOOKUP;
}

/* What is known of the device that claims to have sent this. */
struct known {
	struct smr_pubkey d;
	enum smr_platform platform;
	const uint8_t *supplier; /* whose list it has to be on */
};

/** By reference. */
static enum smr_err known_from_shipment(const struct smr_item *item, const struct smr_steps *steps, struct known *out)
{
	const struct smr_keyring_shipment *shipment = smr_keyring_shipment(steps->ring, &item->device->shipment);

	/* Loaded a moment ago: a refusal would give a wrong reason. Unanswered, the device asks again in two seconds. */
	if (shipment == NULL)
		return SMR_E_UNAVAILABLE;
	out->platform = shipment->platform;
	out->supplier = shipment->supplier;
	return smr_pubkey_import(&out->d, SMR_ARRAY(item->device->d));
}

static enum smr_err known_from_certificate(const struct smr_item *item, const struct smr_steps *steps,
					   struct known *out)
{
	const struct smr_store_device *device = item->device;
	struct smr_certificate certificate;

	if (item->m1.certificate.len == 0)
		return SMR_E_NOT_FOUND;
	SMR_TRY(smr_keyring_certificate(steps->ring, item->m1.certificate, &certificate, &out->supplier));
	if (memcmp(&certificate.eid, &item->m1.evidence.eid, sizeof(certificate.eid)) != 0)
		return SMR_E_NOT_ADDRESSEE;
	/* The certificate of before a new enrolment is as genuine as ever: the operator has said which one counts. */
	if (device->err == SMR_OK && device->has_shipment &&
	    memcmp(&certificate.shipment, &device->shipment, sizeof(certificate.shipment)) != 0)
		return SMR_E_NOT_ADDRESSEE;
	out->platform = certificate.platform;
	return smr_pubkey_import(&out->d, SMR_ARRAY(certificate.d));
}

/** Verify the evidence as its platform makes it, and look whether the state that it shows is approved.
 * @param supplier  [out] whose list says so; lives as long as the ring. */
static enum smr_err verify(struct smr_item *item, const struct smr_steps *steps, const uint8_t **supplier)
{
	bool by_reference = item->device->err == SMR_OK && item->device->known_d;
	struct smr_row *row = &item->device->row;
	uint8_t state[SMR_HASH_LEN];
	struct known known = {0};
	enum smr_err err =
		by_reference ? known_from_shipment(item, steps, &known) : known_from_certificate(item, steps, &known);

	if (err == SMR_OK)
		err = smr_evidence_verify(&item->m1, &known.d, known.platform);
	if (err == SMR_OK)
		err = smr_evidence_state(&item->m1.evidence, known.platform, &item->m1.attested.attestation.quote,
					 state);
	if (err == SMR_OK) {
		row->measurement_approved = smr_keyring_approves(steps->ring, known.supplier, state);
		row->log_differs = item->m1.boot_log.len > 0 && !smr_shown_log_replays(&item->m1);
		*supplier = known.supplier;
	}
	smr_pubkey_wipe(&known.d);
	return err;
}

/** What a refused measurement came from, if the device shows it. */
static void tell_log(const struct smr_item *item, const struct smr_steps *steps, const uint8_t *supplier)
{
	if (item->m1.boot_log.len == 0 || !item->verdict.counted)
		return;
	if (item->verdict.refusal == SMR_REFUSAL_BOOT_LOG)
		SMR_COUNT_UP(steps->metrics, boot_logs_false, 1);
	if (item->verdict.refusal != SMR_REFUSAL_MEASUREMENT)
		return;
	SMR_COUNT_UP(steps->metrics, boot_logs_shown, 1);
	smr_shown_log_tell(&item->m1, steps->ring, supplier);
}

static void tell_tamper(const struct smr_item *item, const struct smr_steps *steps)
{
	if (!item->verdict.counted)
		return;
	SMR_COUNT_UP(steps->metrics, tamper_reports, item->m1.evidence.tamper ? 1 : 0);
	smr_tell_tamper(&item->m1.evidence.eid, item->m1.evidence.tamper);
}

/** Verified evidence is a quote if, and only if, the device has a TPM. */
static const struct smr_tpm_quote *quote_of(const struct smr_item *item)
{
	const struct smr_attestation *attestation = &item->m1.attested.attestation;

	return attestation->quoted ? &attestation->quote : NULL;
}

static void fill_change(struct smr_item *item)
{
	smr_change_from(item->change, item->device, &item->verdict, item->m1.hash_m1);
	item->change->keep_evidence = item->verdict.keep_evidence;
	item->change->missing = item->verdict.missing;
	item->change->evidence = item->m1.attested.whole;
	memcpy(item->change->e, item->m1.e, sizeof(item->change->e));
	memcpy(item->change->q, item->m1.q, sizeof(item->change->q));
}

void smr_flight_judge(struct smr_item *item, const struct smr_steps *steps)
{
	const uint8_t *supplier = NULL;
	enum smr_err err = verify(item, steps, &supplier);

	item->sealed_len = 0; /* the row had moved: what was sealed for it says something else */
	/* No answer before the signature has verified: no oracle, and no work for whoever just guesses. */
	if (err == SMR_E_SIGNATURE)
		SMR_COUNT_UP(steps->metrics, dropped_signature, 1);
	else if (err != SMR_OK)
		SMR_COUNT_UP(steps->metrics, dropped_unknown, 1);
	if (err != SMR_OK) {
		drop(item);
		return;
	}
	if (item->device->err != SMR_OK) {
		/* A genuine device that nobody has ordered for: there is no row to commit anything to. */
		item->verdict = (struct smr_verdict){.refusal = SMR_REFUSAL_NO_SUBSCRIPTION};
		item->stage = SMR_STAGE_ANSWER;
		return;
	}
	item->verdict = smr_rules_flight(&item->device->row, &item->m1.evidence, quote_of(item), item->m1.hash_m1);
	if (item->tries == 0) { /* a row that had moved makes it no second contact */
		tell_log(item, steps, supplier);
		tell_tamper(item, steps);
	}
	/* Our keys are at fault, not the row: nothing is changed by that. The keeper has said what to do. */
	if (item->verdict.send_package && item->device->x_lost)
		item->verdict = (struct smr_verdict){.refusal = SMR_REFUSAL_STORE};
	if (item->verdict.commit)
		fill_change(item);
	item->stage = item->verdict.commit ? SMR_STAGE_COMMIT : SMR_STAGE_ANSWER;
}

static struct smr_package package_of(const struct smr_store_device *device)
{
	struct smr_package package = {.operator_id = device->operator_id,
				      .iccid = device->row.iccid,
				      .serial = device->row.serial,
				      .x = smr_bytes_of(device->x, device->x_len),
				      .order = smr_bytes_of(device->order, device->order_len)};

	memcpy(package.w, device->w, sizeof(package.w));
	return package;
}

static enum smr_err make_ticket(const struct smr_item *item, const struct smr_steps *steps,
				const struct smr_m2_keys *keys, struct smr_space *out)
{
	uint32_t class = smr_keyring_class_for(steps->ring, item->device->interval_s);
	struct smr_ticket ticket = {
		.eid = item->device->eid, .lineage = item->verdict.lineage, .shipment = item->device->shipment};
	const struct smr_ticket_key *tk = smr_keyring_ticket_current(steps->ring, class);
	enum smr_err err;

	if (tk == NULL)
		return SMR_E_UNKNOWN_KEY;
	ticket.flight_epoch = smr_tk_epoch(tk->id);
	if (item->verdict.state == SMR_ROW_INSTALLED)
		ticket.state = SMR_TICKET_INSTALLED;
	memcpy(ticket.rk, keys->rk, sizeof(ticket.rk));
	err = smr_ticket_seal(tk, steps->lanes, &ticket, out);
	SMR_WIPE(ticket);
	return err;
}

/** An address that has not proved itself gets no more than so many times what it sent: the flight key is what can wait. Without it
 * the device learns of the new one from the hint that the old one's end brings. SMR_E_NO_ROOM: even so it is too long. */
static enum smr_err seal_within(struct smr_item *item, const struct smr_m2_keys *keys, struct smr_m2 *m2,
				struct smr_space *out)
{
	*out = smr_item_room_within(item);
	if (m2->flight_key.len && smr_m2_seal(keys, m2, out) == SMR_OK)
		return SMR_OK;
	m2->flight_key = SMR_NONE;
	*out = smr_item_room_within(item);
	return smr_m2_seal(keys, m2, out);
}

static enum smr_err seal(struct smr_item *item, const struct smr_steps *steps, struct smr_space *out)
{
	uint8_t ticket[SMR_TICKET_MAX];
	struct smr_space ticket_room = {ticket, sizeof(ticket)};
	struct smr_m2 m2 = {.refusal = item->verdict.refusal};
	struct smr_m2_keys keys;
	enum smr_err err = smr_m2_keys(&item->m1, &keys);

	if (err == SMR_OK && m2.refusal == SMR_REFUSAL_NONE) {
		err = make_ticket(item, steps, &keys, &ticket_room);
		m2.ticket = smr_bytes_of(ticket, ticket_room.len);
		m2.flight_key = smr_keyring_next(steps->ring, item->m1.q_number);
		m2.has_package = item->verdict.send_package;
		if (m2.has_package)
			m2.package = package_of(item->device);
	}
	if (err == SMR_OK)
		err = seal_within(item, &keys, &m2, out);
	SMR_WIPE(keys);
	return err;
}

static void count(const struct smr_item *item, const struct smr_steps *steps)
{
	if (item->verdict.refusal != SMR_REFUSAL_NONE) {
		SMR_COUNT_UP(steps->metrics, flights_refused, 1);
		return;
	}
	SMR_COUNT_UP(steps->metrics, flights_answered, 1);
	SMR_COUNT_UP(steps->metrics, packages_sent, item->verdict.send_package ? 1 : 0);
	SMR_COUNT_UP(steps->metrics, resends_answered, item->verdict.counted ? 0 : 1);
}

/* An address that has to prove itself first gets no answer of this kind: it is left to smr_flight_answer. */
void smr_flight_prepare(struct smr_item *item, const struct smr_steps *steps)
{
	struct smr_space room;

	item->sealed_len = seal(item, steps, &room) == SMR_OK ? (uint32_t)room.len : 0;
}

/** The answer's payload: as it was prepared, if it still says what it has to. */
static enum smr_err payload_of(struct smr_item *item, const struct smr_steps *steps, bool store_failed,
			       struct smr_bytes *out)
{
	struct smr_space room;

	if (store_failed)
		item->verdict = (struct smr_verdict){.refusal = SMR_REFUSAL_STORE};
	else if (item->sealed_len > 0) {
		*out = smr_bytes_of(smr_item_room(item).ptr, item->sealed_len);
		return SMR_OK;
	}
	SMR_TRY(seal(item, steps, &room));
	*out = smr_bytes_of(room.ptr, room.len);
	return SMR_OK;
}

void smr_flight_answer(struct smr_item *item, const struct smr_steps *steps, bool store_failed)
{
	struct smr_shipment_id shipment = {{0}};
	struct smr_coap_answer answer = {.code = SMR_COAP_CHANGED};
	enum smr_err err = payload_of(item, steps, store_failed, &answer.payload);

	if (err == SMR_E_NO_ROOM && !item->proved) {
		/* Whatever was committed stays: the same M1 again is answered from the row as it is. */
		smr_item_challenge(item, steps);
		return;
	}
	if (err != SMR_OK) {
		drop(item);
		return;
	}
	count(item, steps);
	if (item->device != NULL && item->device->err == SMR_OK && item->device->has_shipment)
		shipment = item->device->shipment;
	smr_item_finish(item, steps, &answer);
	smr_admission_answered(steps->admission, item, steps, &shipment);
}
