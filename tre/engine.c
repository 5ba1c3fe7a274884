/* SPDX-License-Identifier: Apache-2.0 */
/* Life of the engine: start, draft and keep, measured state, display. */
#include "tre/state.h"

#include "core/kdf.h"

/* A sealed record: stamp (8 octets, associated data), salt (16), AEAD of the encoded state. The salt makes every record's
 * key fresh, so that the zero nonce is never used twice with one key. */
#define STAMP_LEN 8u
#define SALT_LEN 16u
#define HEAD_LEN (STAMP_LEN + SALT_LEN)

static const uint8_t zero_nonce[SMR_AEAD_NONCE_LEN];

size_t smr_tre_size(void)
{
	return sizeof(struct smr_tre);
}

static enum smr_err record_key(struct smr_tre *tre, const uint8_t *head, uint8_t key[SMR_AEAD_KEY_LEN])
{
	uint8_t storage[SMR_AEAD_KEY_LEN];
	struct smr_bytes salt = {head + STAMP_LEN, SALT_LEN};
	enum smr_err err = tre->port->storage_key(tre->port->context, storage);

	if (err == SMR_OK)
		err = smr_kdf(SMR_ARRAY(storage), "tre-record", &salt, 1, (struct smr_space){key, SMR_AEAD_KEY_LEN});
	SMR_WIPE(storage);
	return err;
}

/** Encoded and sealed in place: a small device has no room for both forms. */
static enum smr_err seal_record(struct smr_tre *tre, uint64_t stamp, struct smr_bytes *out)
{
	uint8_t key[SMR_AEAD_KEY_LEN];
	struct smr_bytes plain;
	struct smr_space room = {tre->work.record + HEAD_LEN, sizeof(tre->work.record) - HEAD_LEN - SMR_AEAD_TAG_LEN};
	enum smr_err err = smr_tre_record_encode(&tre->now, room, &plain);

	smr_put_be64(tre->work.record, stamp);
	if (err == SMR_OK)
		err = smr_random(tre->work.record + STAMP_LEN, SALT_LEN);
	if (err == SMR_OK)
		err = record_key(tre, tre->work.record, key);
	if (err == SMR_OK)
		err = smr_aead_seal(key, zero_nonce, smr_bytes_of(tre->work.record, HEAD_LEN), plain, room.ptr);
	if (err == SMR_OK)
		*out = smr_bytes_of(tre->work.record, HEAD_LEN + plain.len + SMR_AEAD_TAG_LEN);
	else
		SMR_WIPE(tre->work);
	SMR_WIPE(key);
	return err;
}

/** Open and decode the record of @p len octets in tre->work.record, in place. */
static enum smr_err open_record(struct smr_tre *tre, size_t len, uint64_t *stamp)
{
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint8_t *body = tre->work.record + HEAD_LEN;
	struct smr_bytes sealed;
	enum smr_err err;

	if (len < HEAD_LEN + SMR_AEAD_TAG_LEN)
		return SMR_E_TAMPERED;
	*stamp = smr_get_be64(tre->work.record);
	sealed = smr_bytes_of(body, len - HEAD_LEN);
	SMR_TRY(record_key(tre, tre->work.record, key));
	err = smr_aead_open(key, zero_nonce, smr_bytes_of(tre->work.record, HEAD_LEN), sealed, body);
	SMR_WIPE(key);
	if (err != SMR_OK)
		return err == SMR_E_UNOPENED ? SMR_E_TAMPERED : err;
	err = smr_tre_record_decode(smr_bytes_of(body, sealed.len - SMR_AEAD_TAG_LEN), &tre->now);
	SMR_WIPE(tre->work);
	return err == SMR_OK ? SMR_OK : SMR_E_TAMPERED;
}

/** Compare the record's stamp with the counter; complete the write that a power cut interrupted. */
static enum smr_err check_stamp(struct smr_tre *tre, uint64_t stamp)
{
	uint64_t counter;

	SMR_TRY(tre->port->counter_read(tre->port->context, &counter));
	if (stamp < counter || stamp - counter > 1)
		return SMR_E_ROLLBACK;
	if (stamp == counter + 1)
		SMR_TRY(tre->port->counter_advance(tre->port->context, stamp));
	tre->counter = stamp;
	return SMR_OK;
}

/** What is stored becomes the present state. */
static enum smr_err load(struct smr_tre *tre)
{
	struct smr_space room = {tre->work.record, sizeof(tre->work.record)};
	uint64_t stamp = 0;
	enum smr_err err = tre->port->load(tre->port->context, &room);

	SMR_WIPE(tre->now);
	if (err == SMR_E_NOT_FOUND)
		return check_stamp(tre, 0); /* a counter that has moved means that a record was removed */
	if (err == SMR_OK)
		err = open_record(tre, room.len, &stamp);
	if (err == SMR_OK)
		err = check_stamp(tre, stamp);
	if (err == SMR_OK)
		err = smr_tre_import_keys(tre);
	return err;
}

enum smr_err smr_tre_start(struct smr_tre *tre, const struct smr_tre_port *port)
{
	memset(tre, 0, sizeof(*tre));
	tre->port = port;
	tre->health = port->measurement(port->context, tre->measurement);
	if (tre->health == SMR_OK)
		tre->health = load(tre);
	if (tre->health != SMR_OK)
		SMR_WIPE(tre->now);
	return tre->health;
}

void smr_tre_stop(struct smr_tre *tre)
{
	enum smr_err health = tre->health == SMR_OK ? SMR_E_UNAVAILABLE : tre->health;

	smr_tre_close_flight(tre);
	smr_privkey_wipe(&tre->d);
	smr_privkey_wipe(&tre->t);
	smr_wipe(tre, sizeof(*tre));
	tre->health = health;
}

static enum smr_err load_platform_keys(struct smr_tre *tre)
{
	enum smr_err err = tre->port->keys->load(tre->port->context, tre->d.point, tre->t.point);

	if (err != SMR_E_TPM_CLEARED || tre->now.enrolled)
		return err;
	/* Making new ones was interrupted; nobody has certified any yet, and enrolment begins anew. */
	tre->now.has_keys = false;
	return SMR_OK;
}

enum smr_err smr_tre_import_keys(struct smr_tre *tre)
{
	smr_privkey_wipe(&tre->d);
	smr_privkey_wipe(&tre->t);
	if (!tre->now.has_keys)
		return SMR_OK; /* uncovered: nothing is stored before there are keys */
	if (tre->port->keys != NULL)
		return load_platform_keys(tre);
	SMR_TRY(smr_privkey_import(&tre->d, tre->now.d));
	return smr_privkey_import(&tre->t, tre->now.t);
}

struct smr_attester smr_tre_attester(const struct smr_tre *tre)
{
	if (tre->port->keys == NULL)
		return (struct smr_attester){.key = &tre->d};
	return (struct smr_attester){.context = tre->port->context, .attest = tre->port->keys->attest};
}

struct smr_agreer smr_tre_agreer(const struct smr_tre *tre)
{
	if (tre->port->keys == NULL)
		return (struct smr_agreer){.key = &tre->t};
	return (struct smr_agreer){.point = tre->t.point,
				   .context = tre->port->context,
				   .agree = tre->port->keys->agree,
				   .activate = tre->port->keys->activate};
}

void smr_tre_close_flight(struct smr_tre *tre)
{
	if (tre->flight_open)
		smr_flight_wipe(&tre->flight);
	tre->flight_open = false;
}

struct smr_tre_durable *smr_tre_draft(struct smr_tre *tre)
{
	tre->drafting = true;
	return &tre->now;
}

void smr_tre_discard(struct smr_tre *tre)
{
	enum smr_err err;

	if (!tre->drafting)
		return;
	tre->drafting = false;
	err = load(tre);
	if (err != SMR_OK) {
		SMR_WIPE(tre->now);
		tre->health = err;
	}
}

enum smr_err smr_tre_keep(struct smr_tre *tre)
{
	struct smr_bytes record = SMR_NONE;
	enum smr_err err = seal_record(tre, tre->counter + 1, &record);

	if (err == SMR_OK)
		err = tre->port->store(tre->port->context, record);
	if (err != SMR_OK) {
		smr_tre_discard(tre);
		return err;
	}
	err = tre->port->counter_advance(tre->port->context, tre->counter + 1);
	if (err != SMR_OK) {
		/* Storage is ahead of the counter now; only a restart may complete that, so nothing more is done here. */
		tre->health = err;
		SMR_WIPE(tre->now);
	} else {
		tre->counter++;
	}
	tre->drafting = false;
	return err;
}

enum smr_err smr_tre_ready(struct smr_tre *tre)
{
	uint8_t measurement[SMR_HASH_LEN];
	enum smr_err err;

	smr_tre_discard(tre); /* nothing is left over from an earlier operation; if it were, it would be undone here */
	if (tre->health != SMR_OK)
		return tre->health;
	err = tre->port->measurement(tre->port->context, measurement);
	if (err != SMR_OK) {
		smr_tre_close_flight(tre); /* whatever runs now, it is not known to be what asked */
		return err;
	}
	if (!smr_equal_ct(measurement, tre->measurement, sizeof(measurement))) {
		smr_tre_close_flight(tre);
		memcpy(tre->measurement, measurement, sizeof(measurement));
	}
	return SMR_OK;
}

enum smr_err smr_tre_ready_enrolled(struct smr_tre *tre)
{
	SMR_TRY(smr_tre_ready(tre));
	return tre->now.enrolled ? smr_tre_heed_tamper(tre) : SMR_E_STATE;
}

enum smr_err smr_tre_contact_state(const struct smr_tre *tre, uint8_t out[SMR_HASH_LEN])
{
	uint8_t term[SMR_TRE_TERM_LEN];
	const struct smr_bytes parts[] = {SMR_ARRAY(tre->measurement), SMR_ARRAY(term)};

	if (tre->port->term == NULL) {
		memcpy(out, tre->measurement, SMR_HASH_LEN);
		return SMR_OK;
	}
	SMR_TRY(tre->port->term(tre->port->context, term));
	return smr_sha256(parts, SMR_COUNT(parts), out);
}

static void show_mcims(const struct smr_tre_durable *now, struct smr_tre_state *out)
{
	for (size_t i = 0; i < SMR_TRE_MCIMS_MAX; i++) {
		const struct smr_tre_mcim *mcim = &now->mcims[i];
		size_t n = out->mcim_count;

		if (!mcim->used)
			continue;
		out->mcims[n].iccid = mcim->iccid;
		out->mcims[n].imsi = mcim->content.imsi;
		out->mcims[n].serial = mcim->serial;
		out->mcims[n].alg = mcim->content.aka.alg;
		out->mcims[n].state = mcim->state;
		out->mcims[n].interval_s = mcim->content.checkin_interval_s;
		out->mcim_count++;
	}
}

void smr_tre_state(const struct smr_tre *tre, struct smr_tre_state *out)
{
	const struct smr_tre_durable *now = &tre->now;

	memset(out, 0, sizeof(*out));
	out->health = tre->health;
	memcpy(out->measurement, tre->measurement, sizeof(out->measurement));
	if (tre->health != SMR_OK)
		return;
	out->enrolled = now->enrolled;
	out->eid = now->eid;
	out->ctr = now->ctr;
	out->has_ticket = now->contact.ticket_len > 0 || now->spare.ticket_len > 0;
	out->flight_open = tre->flight_open;
	out->checkin_open = now->pending.c1_len > 0;
	out->flight_key = now->epoch.number ? now->epoch.number : now->shelf.number;
	out->receipts = (uint32_t)now->receipt_count;
	out->tamper = now->tamper;
	show_mcims(now, out);
}
