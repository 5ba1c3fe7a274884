/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment at the supplier: keys are made inside, possession of both is proved, trust anchors come in. */
#include "core/hpke.h"
#include "tre/state.h"

/** New keys in the draft and as those in use; until they are kept, what is stored has the earlier ones or none. */
static enum smr_err make_keys(struct smr_tre *tre, struct smr_tre_durable *draft)
{
	smr_privkey_wipe(&tre->d);
	smr_privkey_wipe(&tre->t);
	draft->has_keys = true;
	if (tre->port->keys != NULL) {
		draft->keys_in_platform = true;
		return tre->port->keys->create(tre->port->context, tre->d.point, tre->t.point);
	}
	SMR_TRY(smr_privkey_generate(&tre->d));
	SMR_TRY(smr_privkey_generate(&tre->t));
	memcpy(draft->d, tre->d.scalar, sizeof(draft->d));
	memcpy(draft->t, tre->t.scalar, sizeof(draft->t));
	return SMR_OK;
}

/** What d signs to prove itself, and certifies t over: the challenge, and who says that it has these keys. */
static enum smr_err hash_of(const struct smr_tre *tre, const struct smr_eid *eid, const uint8_t *challenge,
			    uint8_t hash[SMR_HASH_LEN])
{
	uint8_t room[160];
	uint8_t d[SMR_POINT_COMPRESSED_LEN];
	uint8_t t[SMR_POINT_COMPRESSED_LEN];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes payload;

	smr_point_compress(tre->d.point, d);
	smr_point_compress(tre->t.point, t);
	smr_put_array(&w, 3);
	smr_put_bytes(&w, smr_eid_bytes(eid));
	smr_put_bytes(&w, SMR_ARRAY(d));
	smr_put_bytes(&w, SMR_ARRAY(t));
	SMR_TRY(smr_writer_done(&w, &payload));
	return smr_cose_hash(SMR_LABEL_ENROL, smr_bytes_of(challenge, SMR_HASH_LEN), payload, hash);
}

static enum smr_err prove(const struct smr_tre *tre, const struct smr_eid *eid, const uint8_t *challenge,
			  struct smr_tre_identity *out)
{
	const struct smr_attester d = smr_tre_attester(tre);
	uint8_t hash[SMR_HASH_LEN];

	smr_point_compress(tre->d.point, out->d);
	smr_point_compress(tre->t.point, out->t);
	memcpy(out->measurement, tre->measurement, sizeof(out->measurement));
	SMR_TRY(hash_of(tre, eid, challenge, hash));
	return smr_attest(&d, hash, &out->proof);
}

enum smr_err smr_tre_enrol_begin(struct smr_tre *tre, const struct smr_eid *eid, const uint8_t challenge[SMR_HASH_LEN],
				 struct smr_tre_identity *out)
{
	struct smr_tre_durable *draft;
	enum smr_err err;

	SMR_TRY(smr_tre_ready(tre));
	if (tre->now.enrolled)
		return SMR_E_STATE;
	SMR_TRY(smr_eid_check(eid));
	draft = smr_tre_draft(tre);
	draft->eid = *eid;
	err = make_keys(tre, draft);
	if (err == SMR_OK)
		err = prove(tre, eid, challenge, out);
	if (err != SMR_OK) {
		smr_tre_discard(tre);
		return err;
	}
	return smr_tre_keep(tre);
}

/** Keys are made, and not enrolled yet: whoever has the socket later opens nothing with them here. */
static enum smr_err ready_to_show(struct smr_tre *tre)
{
	SMR_TRY(smr_tre_ready(tre));
	if (tre->now.enrolled || !tre->now.has_keys)
		return SMR_E_STATE;
	return tre->now.keys_in_platform ? SMR_OK : SMR_E_UNSUPPORTED;
}

enum smr_err smr_tre_enrol_endorse(struct smr_tre *tre, const uint8_t challenge[SMR_HASH_LEN], struct smr_space room,
				   struct smr_tre_endorsement *out)
{
	uint8_t hash[SMR_HASH_LEN];

	SMR_TRY(ready_to_show(tre));
	SMR_TRY(hash_of(tre, &tre->now.eid, challenge, hash));
	SMR_TRY(tre->port->keys->endorse(tre->port->context, hash, &room, &out->certification));
	out->certificate = smr_bytes_of(room.ptr, room.len);
	return SMR_OK;
}

enum smr_err smr_tre_enrol_activate(struct smr_tre *tre, struct smr_bytes credential,
				    uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	SMR_TRY(ready_to_show(tre));
	return tre->port->keys->activate(tre->port->context, SMR_OWN_D, credential, secret);
}

/** The certificate is the supplier's, and about this device and its keys. */
static enum smr_err check_certificate(struct smr_tre *tre, const struct smr_tre_enrolment *e,
				      struct smr_certificate *certificate)
{
	struct smr_pubkey supplier = {0};
	uint8_t d[SMR_POINT_COMPRESSED_LEN];
	uint8_t t[SMR_POINT_COMPRESSED_LEN];
	enum smr_err err;

	if (e->certificate.len > SMR_TRE_CERTIFICATE_MAX)
		return SMR_E_NO_ROOM;
	err = smr_pubkey_import(&supplier, SMR_ARRAY(e->supplier));
	if (err == SMR_OK)
		err = smr_certificate_open(e->certificate, &supplier, certificate);
	smr_pubkey_wipe(&supplier);
	if (err != SMR_OK)
		return err;
	smr_point_compress(tre->d.point, d);
	smr_point_compress(tre->t.point, t);
	if (memcmp(&certificate->eid, &tre->now.eid, sizeof(certificate->eid)) != 0 ||
	    memcmp(certificate->d, d, sizeof(d)) != 0 || memcmp(certificate->t, t, sizeof(t)) != 0)
		return SMR_E_NOT_ADDRESSEE;
	return SMR_OK;
}

static enum smr_err check_shelf_key(const struct smr_tre_enrolment *e, struct smr_flight_key *shelf)
{
	struct smr_pubkey root = {0};
	enum smr_err err = smr_pubkey_import(&root, SMR_ARRAY(e->ro_root));

	if (err == SMR_OK)
		err = smr_flight_key_open(e->shelf_key, &root, shelf);
	smr_pubkey_wipe(&root);
	if (err == SMR_OK && shelf->kind != SMR_FLIGHT_KEY_SHELF)
		err = SMR_E_INVALID;
	return err;
}

/** All points that will be trusted must be points; an owner-bound device needs no anchors, an unbound one at least one. */
static enum smr_err check_anchors(const struct smr_tre_enrolment *e)
{
	struct smr_pubkey key = {0};

	if (e->anchor_count > SMR_TRE_ANCHORS_MAX || (!e->owner_bound && e->anchor_count == 0))
		return SMR_E_INVALID;
	for (size_t i = 0; i < e->anchor_count; i++) {
		SMR_TRY(smr_pubkey_import(&key, SMR_ARRAY(e->anchors[i])));
		smr_pubkey_wipe(&key);
	}
	if (e->owner_bound) {
		SMR_TRY(smr_pubkey_import(&key, SMR_ARRAY(e->owner)));
		smr_pubkey_wipe(&key);
	}
	return SMR_OK;
}

static enum smr_err answer_challenge(struct smr_tre *tre, struct smr_bytes sealed, uint8_t answer[SMR_HASH_LEN])
{
	uint8_t challenge[SMR_HASH_LEN + 1];
	struct smr_space room = {challenge, sizeof(challenge)};
	const struct smr_agreer t = smr_tre_agreer(tre);
	enum smr_err err;

	if (sealed.len != SMR_HASH_LEN + SMR_HPKE_OVERHEAD)
		return SMR_E_MALFORMED;
	err = smr_hpke_open(&t, SMR_TEXT(SMR_LABEL_ENROL), smr_eid_bytes(&tre->now.eid), sealed, &room);
	if (err == SMR_OK) {
		struct smr_bytes parts[] = {SMR_TEXT("samara1 enrol t"), {room.ptr, room.len}};
		err = smr_sha256(parts, SMR_COUNT(parts), answer);
	}
	SMR_WIPE(challenge);
	return err;
}

static void take_enrolment(struct smr_tre_durable *draft, const struct smr_tre_enrolment *e,
			   const struct smr_certificate *certificate, const struct smr_flight_key *shelf)
{
	draft->enrolled = true;
	memcpy(draft->certificate, e->certificate.ptr, e->certificate.len);
	draft->certificate_len = e->certificate.len;
	draft->shipment = certificate->shipment;
	memcpy(draft->ro_root, e->ro_root, sizeof(draft->ro_root));
	draft->shelf.number = shelf->number;
	memcpy(draft->shelf.point, shelf->q, sizeof(draft->shelf.point));
	draft->owner_bound = e->owner_bound;
	memcpy(draft->owner, e->owner, sizeof(draft->owner));
	memcpy(draft->anchors, e->anchors, sizeof(draft->anchors));
	draft->anchor_count = e->anchor_count;
	draft->has_gate = e->has_gate;
	memcpy(draft->gate, e->gate, sizeof(draft->gate));
}

enum smr_err smr_tre_enrol_finish(struct smr_tre *tre, const struct smr_tre_enrolment *enrolment,
				  uint8_t answer[SMR_HASH_LEN])
{
	struct smr_certificate certificate;
	struct smr_flight_key shelf;
	uint8_t proof[SMR_HASH_LEN];

	SMR_TRY(smr_tre_ready(tre));
	if (tre->now.enrolled || !tre->now.has_keys)
		return SMR_E_STATE;
	SMR_TRY(check_certificate(tre, enrolment, &certificate));
	SMR_TRY(check_shelf_key(enrolment, &shelf));
	SMR_TRY(check_anchors(enrolment));
	SMR_TRY(answer_challenge(tre, enrolment->sealed_challenge, proof));
	take_enrolment(smr_tre_draft(tre), enrolment, &certificate, &shelf);
	SMR_TRY(smr_tre_keep(tre));
	memcpy(answer, proof, sizeof(proof));
	return SMR_OK;
}
