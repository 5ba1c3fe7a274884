/* SPDX-License-Identifier: Apache-2.0 */
/*
 * samara supplier enrol: one TRE on the production line. It makes its keys inside and proves that it has both, and where they are, the
 * supplier certifies them and writes in what the device will trust; only then is the device noted as enrolled.
 */
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/supplier_db.h"
#include "cli/supplier_endorse.h"
#include "core/cose.h"
#include "core/hpke.h"
#include "sys/clock.h"
#include "tpm/advice.h"
#include "tre/client.h"

struct picked_key {
	uint32_t number; /* 0: none */
	uint8_t encoded[SMR_FLIGHT_KEY_MAX];
	size_t encoded_len;
};

struct enrolling {
	const struct smr_party *party;
	struct smr_supplier_shipment shipment; /* its gate key is secret */
	const struct smr_eid *eid;
	const char *eid_text;
	bool with_epoch;
	struct smr_tpm_roots *roots; /* NULL: nobody is asked where the keys are */
	struct smr_problem *problem;
	/* What the TRE is given. */
	uint8_t root[SMR_POINT_COMPRESSED_LEN];
	struct picked_key shelf;
	struct picked_key epoch;
	uint8_t certificate[SMR_CERTIFICATE_MAX];
	uint8_t asked[SMR_HASH_LEN];	 /* the challenge for d */
	uint8_t proved[SMR_HASH_LEN];	 /* what d's proof is over */
	uint8_t challenge[SMR_HASH_LEN]; /* sealed to t: secret until the TRE has answered */
	uint8_t sealed[SMR_HASH_LEN + SMR_HPKE_OVERHEAD];
	struct smr_tre_identity identity;
	struct smr_shipment_record record; /* as it will be shipped */
	uint8_t ek[SMR_POINT_LEN];	   /* of its TPM, once a vendor vouched for it */
	struct smr_tre_enrolment enrolment;
};

static enum smr_err said(struct enrolling *e, enum smr_err err, const char *what)
{
	(void)smr_tpm_problem(e->problem, err, what);
	return smr_problem_prefix(e->problem, err, "device %s", e->eid_text);
}

/* ---- the RO's keys ---- */

/* Of each kind the newest one that is in use now. */
static enum smr_err pick(struct enrolling *e, const struct smr_flight_key *key, struct smr_bytes encoded)
{
	struct picked_key *best = key->kind == SMR_FLIGHT_KEY_SHELF ? &e->shelf : &e->epoch;
	uint64_t now = smr_clock_unix();

	if (key->number < best->number || key->not_after <= now || key->not_before > now)
		return SMR_OK;
	if (encoded.len > sizeof(best->encoded))
		return SMR_E_NO_ROOM;
	best->number = key->number;
	memcpy(best->encoded, encoded.ptr, encoded.len);
	best->encoded_len = encoded.len;
	return SMR_OK;
}

static enum smr_err pick_keys(struct enrolling *e, const char *path, struct smr_file_reader *reader,
			      const struct smr_pubkey *root)
{
	struct smr_flight_key key;
	struct smr_bytes record;
	enum smr_err err;

	while ((err = smr_file_next(reader, &record)) == SMR_OK) {
		err = smr_flight_key_open(record, root, &key);
		if (err == SMR_OK)
			err = pick(e, &key, record);
		if (err != SMR_OK)
			return smr_cli_record(path, reader, "flight key", err, e->problem);
	}
	if (err != SMR_E_NOTHING)
		return smr_cli_record(path, reader, NULL, err, e->problem);
	if (e->shelf.number == 0 || (e->with_epoch && e->epoch.number == 0))
		return smr_problem(e->problem, SMR_E_EXPIRED,
				   "%s holds no %s key that is in use now: ask the RO for its present flight-keys.smr",
				   path, e->shelf.number == 0 ? "shelf" : "epoch");
	return SMR_OK;
}

static enum smr_err read_flight_keys(struct enrolling *e, const char *path)
{
	struct smr_file_reader *reader;
	const struct smr_file_info *info;
	struct smr_pubkey root = {0};
	enum smr_err err;

	SMR_TRY(smr_party_open_file(e->party, path, SMR_FILE_FLIGHT_KEYS, "ro", &reader, NULL, e->problem));
	info = smr_file_reader_info(reader);
	err = smr_get_flight_keys_about(smr_bytes_of(info->about, info->about_len), e->root);
	if (err == SMR_OK)
		err = smr_pubkey_import(&root, SMR_ARRAY(e->root));
	if (err == SMR_OK)
		err = pick_keys(e, path, reader, &root);
	else
		(void)smr_cli_record(path, reader, "root", err, e->problem);
	smr_pubkey_wipe(&root);
	smr_file_close(reader);
	return err;
}

/* ---- the TRE's keys ---- */

static enum smr_err check_proof(struct enrolling *e)
{
	uint8_t room[160];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	const struct smr_attestation *proof = &e->identity.proof;
	struct smr_pubkey d = {0};
	struct smr_bytes payload;
	enum smr_err err;

	smr_put_array(&w, 3);
	smr_put_bytes(&w, smr_eid_bytes(e->eid));
	smr_put_bytes(&w, SMR_ARRAY(e->identity.d));
	smr_put_bytes(&w, SMR_ARRAY(e->identity.t));
	SMR_TRY(smr_writer_done(&w, &payload));
	SMR_TRY(smr_cose_hash(SMR_LABEL_ENROL, SMR_ARRAY(e->asked), payload, e->proved));
	err = smr_pubkey_import(&d, SMR_ARRAY(e->identity.d));
	if (err == SMR_OK)
		err = proof->quoted
			      ? smr_tpm_quote_verify(&d, &proof->quote, e->proved, e->identity.measurement, proof->sig)
			      : smr_ecdsa_verify(&d, e->proved, proof->sig);
	smr_pubkey_wipe(&d);
	return err;
}

static enum smr_err take_identity(struct enrolling *e, struct smr_tre_client *tre)
{
	enum smr_err err = smr_random(e->asked, sizeof(e->asked));

	if (err == SMR_OK)
		err = smr_tre_client_enrol_begin(tre, e->eid, e->asked, &e->identity);
	if (err == SMR_E_STATE)
		return smr_problem(e->problem, err,
				   "device %s: this TRE is enrolled already; a TRE that was enrolled without being "
				   "noted here has to be reset first",
				   e->eid_text);
	if (err != SMR_OK)
		return said(e, err, "the TRE did not make its keys");
	if (e->identity.proof.quoted != (e->shipment.platform == SMR_PLATFORM_TPM))
		return smr_problem(e->problem, SMR_E_UNTRUSTED_KEY,
				   "device %s: its keys are in %s, but the shipment is of devices with %s: enrol it "
				   "into one of its own kind",
				   e->eid_text, e->identity.proof.quoted ? "a TPM" : "software",
				   e->shipment.platform == SMR_PLATFORM_TPM ? "a TPM" : "keys in software");
	err = check_proof(e);
	return err == SMR_OK ? SMR_OK : said(e, err, "the TRE does not prove that it has its signature key");
}

/* Else one TPM could be enrolled under the names of many devices. Asked before the TRE is enrolled; the database insists at the end. */
static enum smr_err check_ek(struct enrolling *e, struct smr_supplier_db *db)
{
	struct smr_eid other;
	char text[SMR_EID_TEXT];
	enum smr_err err = smr_supplier_db_endorsed(db, e->ek, &other);

	if (err == SMR_E_NOT_FOUND || (err == SMR_OK && memcmp(&other, e->eid, sizeof(other)) == 0))
		return SMR_OK;
	if (err != SMR_OK)
		return smr_supplier_db_fail(db, err, e->problem);
	smr_eid_text(&other, text);
	return smr_problem(
		e->problem, SMR_E_UNTRUSTED_KEY,
		"device %s: its TPM (by its endorsement key) is that of device %s: a TPM is one device's. If that "
		"one has another TPM by now, enrol it anew first",
		e->eid_text, text);
}

/* What the shipment will say of the device, and whether that is so. */
static enum smr_err make_record(struct enrolling *e, struct smr_supplier_db *db, struct smr_tre_client *tre)
{
	enum smr_err err;

	e->record.eid = *e->eid;
	memcpy(e->record.d, e->identity.d, sizeof(e->record.d));
	memcpy(e->record.t, e->identity.t, sizeof(e->record.t));
	if (e->roots == NULL)
		return SMR_OK;
	err = smr_supplier_endorse(e->roots, tre, e->asked, e->proved, &e->record, e->ek, e->problem);
	return err == SMR_OK ? check_ek(e, db) : smr_problem_prefix(e->problem, err, "device %s", e->eid_text);
}

static enum smr_err certify(struct enrolling *e)
{
	struct smr_certificate certificate = {.eid = *e->eid, .platform = e->shipment.platform};
	struct smr_writer w = smr_writer_init((struct smr_space){e->certificate, sizeof(e->certificate)});

	memcpy(certificate.d, e->identity.d, sizeof(certificate.d));
	memcpy(certificate.t, e->identity.t, sizeof(certificate.t));
	SMR_TRY(smr_shipment_id_of(e->party->card.sign, e->shipment.number, &certificate.shipment));
	SMR_TRY(smr_certificate_sign(&w, &e->party->sign, &certificate));
	return smr_writer_done(&w, &e->enrolment.certificate);
}

static enum smr_err seal_challenge(struct enrolling *e)
{
	struct smr_space out = {e->sealed, sizeof(e->sealed)};
	struct smr_pubkey t = {0};
	enum smr_err err = smr_random(e->challenge, sizeof(e->challenge));

	if (err == SMR_OK)
		err = smr_pubkey_import(&t, SMR_ARRAY(e->identity.t));
	if (err == SMR_OK)
		err = smr_hpke_seal(&t, SMR_TEXT(SMR_LABEL_ENROL), smr_eid_bytes(e->eid), SMR_ARRAY(e->challenge),
				    &out);
	smr_pubkey_wipe(&t);
	e->enrolment.sealed_challenge = smr_bytes_of(out.ptr, out.len);
	return err;
}

static enum smr_err prepare(struct enrolling *e)
{
	struct smr_tre_enrolment *n = &e->enrolment;

	SMR_TRY(certify(e));
	SMR_TRY(seal_challenge(e));
	memcpy(n->supplier, e->party->card.sign, sizeof(n->supplier));
	memcpy(n->ro_root, e->root, sizeof(n->ro_root));
	n->shelf_key = smr_bytes_of(e->shelf.encoded, e->shelf.encoded_len);
	n->owner_bound = e->shipment.owner_bound;
	memcpy(n->owner, e->shipment.owner, sizeof(n->owner));
	memcpy(n->anchors, e->shipment.anchors, sizeof(n->anchors));
	n->anchor_count = e->shipment.anchor_count;
	n->has_gate = e->shipment.has_gate;
	memcpy(n->gate, e->shipment.gate, sizeof(n->gate));
	return SMR_OK;
}

static enum smr_err finish(struct enrolling *e, struct smr_tre_client *tre)
{
	const struct smr_bytes parts[] = {SMR_TEXT("samara1 enrol t"), SMR_ARRAY(e->challenge)};
	uint8_t expected[SMR_HASH_LEN];
	uint8_t answer[SMR_HASH_LEN];
	enum smr_err err = prepare(e);

	if (err == SMR_OK)
		err = smr_sha256(parts, SMR_COUNT(parts), expected);
	if (err == SMR_OK)
		err = smr_tre_client_enrol_finish(tre, &e->enrolment, answer);
	if (err != SMR_OK)
		return said(e, err, "the TRE did not take its enrolment");
	if (!smr_equal_ct(expected, answer, sizeof(expected)))
		return said(e, SMR_E_MAC, "the TRE does not prove that it has its KEM key");
	return SMR_OK;
}

/* ---- the command ---- */

/* A device that knows the present epoch key spares its first contact the shelf key, and with it S7's dependence on
 * that. */
static enum smr_err give_epoch_key(struct enrolling *e, struct smr_tre_client *tre)
{
	enum smr_err err;

	if (!e->with_epoch)
		return SMR_OK;
	err = smr_tre_client_flight_key(tre, smr_bytes_of(e->epoch.encoded, e->epoch.encoded_len));
	return err == SMR_OK ? SMR_OK : said(e, err, "the TRE is enrolled, but did not take the epoch key");
}

static enum smr_err note(struct smr_supplier_db *db, const struct enrolling *e)
{
	enum smr_err err = smr_supplier_db_enrol(db, e->shipment.number, &e->record, e->roots != NULL ? e->ek : NULL);

	if (err == SMR_E_DUPLICATE)
		return smr_problem(e->problem, err, "device %s shows the keys, or the TPM, of another device",
				   e->eid_text);
	return err == SMR_OK ? SMR_OK : smr_supplier_db_fail(db, err, e->problem);
}

/* Noted as soon as both proofs hold: the epoch key is an extra that must not cost the device its enrolment. */
static enum smr_err enrol(struct enrolling *e, struct smr_supplier_db *db, const struct smr_args *args)
{
	const char *socket = smr_arg(args, "tre");
	struct smr_tre_client tre;
	enum smr_err err;

	SMR_TRY(read_flight_keys(e, smr_arg(args, "flight-keys")));
	err = smr_tre_connect(&tre, socket);
	if (err != SMR_OK)
		return smr_problem(e->problem, err,
				   "no TRE answers at %s: %s (is samara-tre running, and may you use its socket?)",
				   socket, smr_err_text(err));
	err = take_identity(e, &tre);
	if (err == SMR_OK)
		err = make_record(e, db, &tre);
	if (err == SMR_OK)
		err = finish(e, &tre);
	if (err == SMR_OK)
		err = note(db, e);
	if (err == SMR_OK)
		err = give_epoch_key(e, &tre);
	smr_tre_disconnect(&tre);
	return err;
}

static enum smr_err find_device(struct smr_supplier_db *db, uint64_t number, struct enrolling *e)
{
	const struct smr_supplier_shipment *shipment = &e->shipment;
	struct smr_supplier_device device;
	enum smr_err err = smr_supplier_db_shipment(db, number, &e->shipment);

	if (err == SMR_E_NOT_FOUND)
		return smr_problem(e->problem, err,
				   "there is no shipment %llu: make it with «samara supplier shipment»",
				   (unsigned long long)number);
	if (err == SMR_OK)
		err = smr_supplier_db_device(db, number, e->eid, &device);
	if (err == SMR_E_NOT_FOUND)
		return smr_problem(e->problem, err, "device %s is not in shipment %llu", e->eid_text,
				   (unsigned long long)number);
	if (err != SMR_OK)
		return smr_supplier_db_fail(db, err, e->problem);
	if (shipment->shipped != 0)
		return smr_problem(e->problem, SMR_E_STATE,
				   "shipment %llu has been shipped: its devices' keys cannot change any more",
				   (unsigned long long)number);
	if (!shipment->owner_bound && shipment->anchor_count == 0)
		return smr_problem(e->problem, SMR_E_STATE,
				   "shipment %llu was made without --owner and --anchor: its keys came with its list",
				   (unsigned long long)number);
	return SMR_OK;
}

/* Whose word counts for where the keys are: that of the TPM's vendor, or nobody's but the supplier's own. */
static enum smr_err open_roots(struct enrolling *e, const struct smr_args *args)
{
	bool given = smr_arg_given(args, "tpm-roots");
	bool unendorsed = smr_arg_given(args, "unendorsed");

	if (e->shipment.platform != SMR_PLATFORM_TPM)
		return !given && !unendorsed ? SMR_OK
					     : smr_problem(e->problem, SMR_E_INVALID,
							   "shipment %llu is of devices with keys in software: if this "
							   "one has a TPM, enrol it into a shipment of --platform tpm; "
							   "--tpm-roots and --unendorsed are for those",
							   (unsigned long long)e->shipment.number);
	if (given == unendorsed)
		return smr_problem(
			e->problem, SMR_E_INVALID,
			"give --tpm-roots FILE (certificates of the TPM vendors whose word you take), or, to "
			"vouch yourself for it that the keys are in a TPM, --unendorsed");
	return unendorsed ? SMR_OK : smr_tpm_roots_open(smr_arg(args, "tpm-roots"), &e->roots, e->problem);
}

static enum smr_err run_on(const struct smr_args *args, struct smr_supplier_db *db, struct enrolling *e)
{
	uint64_t number;
	enum smr_err err;

	SMR_TRY(smr_cli_uint(args, "number", 1, UINT32_MAX, 0, &number, e->problem));
	err = find_device(db, number, e);
	if (err == SMR_OK)
		err = open_roots(e, args);
	if (err == SMR_OK)
		err = enrol(e, db, args);
	if (err == SMR_OK && !args->quiet)
		(void)printf("device %s: enrolled%s\n", e->eid_text,
			     e->record.endorsement_len > 0 ? ", its keys are in an endorsed TPM" : "");
	smr_tpm_roots_close(e->roots);
	SMR_WIPE(e->shipment);
	SMR_WIPE(e->challenge);
	SMR_WIPE(e->enrolment);
	return err;
}

static enum smr_err enrol_action(const struct smr_args *args, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};
	struct smr_supplier_db *db;
	struct smr_eid eid;
	struct enrolling e = {.party = &party, .eid = &eid, .eid_text = smr_arg(args, "eid"), .problem = problem};
	enum smr_err err;

	e.with_epoch = smr_arg_given(args, "epoch-key");
	SMR_TRY(smr_cli_eid(e.eid_text, &eid, problem));
	/* No lock: the stations of a production line work at the same time and meet in the database. */
	SMR_TRY(smr_party_open(args->dir, "supplier", SMR_PARTY_KEYS, &party, problem));
	SMR_TRY(smr_supplier_db_open(args->dir, &db, problem));
	err = run_on(args, db, &e);
	smr_supplier_db_close(db);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, enrol_action);
}

static const struct smr_option options[] = {
	{"number", 'n', "N", SMR_OPT_REQUIRED, "number of the shipment"},
	{"eid", 0, "EID", SMR_OPT_REQUIRED, "the device"},
	{"tre", 0, "SOCKET", SMR_OPT_REQUIRED, "socket of its samara-tre"},
	{"flight-keys", 0, "FILE", SMR_OPT_REQUIRED, "flight-keys.smr of the RO"},
	{"epoch-key", 0, NULL, 0, "give the TRE the present epoch key too"},
	{"tpm-roots", 0, "FILE", 0,
	 "certificates of TPM vendors (PEM): its keys have to be in a TPM that one of them endorses"},
	{"unendorsed", 0, NULL, 0, "do not ask for the TPM's endorsement: you vouch for it yourself"},
};

const struct smr_subcommand smr_cmd_supplier_enrol = {
	.path = "supplier enrol",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,
	.summary = "Enrol the TRE of one device of a shipment.",
	.details = "The TRE makes its keys inside and proves them; it is given its EID, its certificate,\n"
		   "the RO's root and shelf key, and the owner or the operators that it will go by.\n"
		   "Of a device with a TPM the vendor's certificate of its endorsement key (ECC P-256, index\n"
		   "0x1c0000a) is verified, the TPM has to show that it has that key and the device's keys,\n"
		   "and the certificate goes into the shipment.",
	.example = "samara supplier enrol --dir sup -n 1 --eid 8904… --tre tre.sock --flight-keys flight-keys.smr",
};
