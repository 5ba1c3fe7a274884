/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the corpus: small, good inputs of every target, made by the encoders that the programs use. Messages, files between players, the
 * TRE's packets; what a program keeps for itself is in seeds_local.c. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/answer.h"
#include "core/checkin.h"
#include "core/hpke.h"
#include "core/kdf.h"
#include "core/release.h"
#include "core/sealed.h"
#include "file/card.h"
#include "file/formats.h"
#include "file/frame.h"
#include "fuzz/fuzz.h"
#include "fuzz/seeds.h"
#include "tre/ipc.h"

#define ROOM 4096u

struct room {
	uint8_t octets[ROOM];
	struct smr_writer w;
};

static const char *root;
static struct smr_eid eid;
static struct smr_iccid iccid;
static struct smr_imsi imsi;
static struct smr_shipment_id shipment = {"SHIPMENT"};
static uint8_t x_room[SMR_X_MAX];
static struct smr_package package;
static const uint8_t ticket[SMR_TICKET_OVERHEAD + 40] = {1};

/* ---- output ---- */

void seed_save(const char *target, const char *name, struct smr_bytes octets)
{
	char path[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", root, target);
	FUZZ_CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
	(void)snprintf(path, sizeof(path), "%s/%s/%s", root, target, name);
	file = fopen(path, "wbe");
	FUZZ_CHECK(file != NULL);
	FUZZ_CHECK(fwrite(octets.ptr, 1, octets.len, file) == octets.len);
	FUZZ_CHECK(fclose(file) == 0);
}

static struct smr_writer *start(struct room *room)
{
	room->w = smr_writer_init((struct smr_space){room->octets, sizeof(room->octets)});
	return &room->w;
}

static struct smr_bytes written(const struct room *room)
{
	struct smr_bytes out = SMR_NONE;

	FUZZ_CHECK(smr_writer_done(&room->w, &out) == SMR_OK);
	return out;
}

static void save_room(const char *target, const char *name, const struct room *room)
{
	seed_save(target, name, written(room));
}

/* With the octet that chooses in front. */
void seed_choice(const char *target, const char *name, uint8_t choice, struct smr_bytes octets)
{
	struct room room;
	const struct smr_bytes head = smr_bytes_of(&choice, 1);

	smr_put_raw(start(&room), head);
	smr_put_raw(&room.w, octets);
	save_room(target, name, &room);
}

void seed_text(const char *target, const char *name, const char *text)
{
	seed_save(target, name, smr_bytes_of(text, strlen(text)));
}

/* ---- objects ---- */

static struct smr_bytes sign_certificate(struct room *room)
{
	struct smr_certificate c = {.eid = eid, .shipment = shipment};

	memcpy(c.d, fuzz_key(FUZZ_D)->point, sizeof(c.d));
	memcpy(c.t, fuzz_key(FUZZ_T)->point, sizeof(c.t));
	FUZZ_CHECK(smr_certificate_sign(start(room), &fuzz_key(FUZZ_SIGNER)->own, &c) == SMR_OK);
	return written(room);
}

static struct smr_bytes sign_flight_key(struct room *room)
{
	struct smr_flight_key k = {SMR_FLIGHT_KEY_EPOCH, 7, {0}, 1800000000, 1900000000};

	memcpy(k.q, fuzz_key(FUZZ_Q)->point, sizeof(k.q));
	FUZZ_CHECK(smr_flight_key_sign(start(room), &fuzz_key(FUZZ_SIGNER)->own, &k) == SMR_OK);
	return written(room);
}

static struct smr_bytes sign_order(struct room *room, bool whole)
{
	struct smr_order o = {.serial = 3, .whole_shipment = whole};

	if (whole)
		o.shipment = shipment;
	else
		o.eid = eid;
	memcpy(o.operator_key, fuzz_key(FUZZ_SIGNER)->point, sizeof(o.operator_key));
	FUZZ_CHECK(smr_order_sign(start(room), &fuzz_key(FUZZ_SIGNER)->own, &o) == SMR_OK);
	return written(room);
}

static struct smr_bytes sign_command(struct room *room)
{
	struct smr_command c = {.eid = eid, .iccid = iccid, .serial = 9, .state = SMR_MCIM_SUSPENDED};

	FUZZ_CHECK(smr_command_sign(start(room), &fuzz_key(FUZZ_SIGNER)->own, &c) == SMR_OK);
	return written(room);
}

static struct smr_bytes sign_release(struct room *room, bool has_lengths)
{
	struct smr_release r = {.product = SMR_TEXT("m2me-1"), .number = 7, .version = SMR_TEXT("1.4.2")};

	r.log.count = 2;
	r.log.events[0] = (struct smr_tpm_event){.pcr = SMR_BOOT_PCR_PROGRAMS, .name = SMR_TEXT(SMR_STAGE_NAME_TRE)};
	r.log.events[1] = (struct smr_tpm_event){.pcr = SMR_BOOT_PCR_DATA, .name = SMR_TEXT(SMR_STAGE_NAME_CONFIG)};
	r.has_lengths = has_lengths;
	r.lengths[0] = 81920;
	r.lengths[1] = 200;
	FUZZ_CHECK(smr_release_sign(start(room), &fuzz_key(FUZZ_SIGNER)->own, &r) == SMR_OK);
	return written(room);
}

static void save_object(const char *name, uint8_t kind, struct smr_bytes encoded)
{
	struct smr_reader r = smr_reader_init(encoded);
	char payload[64];

	seed_choice("object", name, kind, encoded);
	seed_save("cbor", name, encoded);
	seed_save("cose", name, encoded);
	(void)snprintf(payload, sizeof(payload), "%s-payload", name);
	seed_choice("object", payload, kind, smr_get_signed(&r).payload);
}

static void objects(void)
{
	struct room room;

	save_object("certificate", 0, sign_certificate(&room));
	save_object("flight-key", 1, sign_flight_key(&room));
	save_object("order-device", 2, sign_order(&room, false));
	save_object("order-shipment", 2, sign_order(&room, true));
	save_object("command", 3, sign_command(&room));
	save_object("release", 4, sign_release(&room, true));
	save_object("release-plain", 4, sign_release(&room, false));
}

/* ---- MCIM, package, ev ---- */

static struct smr_mcim make_mcim(bool tuak)
{
	struct smr_mcim mcim = {
		.imsi = imsi,
		.aka = {.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1},
		.sqn_delta = 1u << 28,
		.checkin_interval_s = 86400,
	};

	if (tuak)
		mcim.aka = (struct smr_aka_params){
			.alg = SMR_AKA_TUAK, .k_len = 32, .res_len = 16, .keccak_iterations = 2};
	return mcim;
}

/* What is inside X: opened as the TRE does. */
static void save_mcim(const char *name, bool tuak)
{
	static const struct smr_mcim_binding binding = {.serial = 1};
	const struct smr_mcim mcim = make_mcim(tuak);
	uint8_t ad_room[96];
	uint8_t sealed[SMR_X_MAX];
	uint8_t plain[SMR_X_MAX];
	struct smr_space x = {sealed, sizeof(sealed)};
	struct smr_space out = {plain, sizeof(plain)};
	struct smr_writer w = smr_writer_init((struct smr_space){ad_room, sizeof(ad_room)});

	smr_put_array(&w, 4);
	smr_put_bytes(&w, SMR_ARRAY(binding.operator_key));
	smr_put_bytes(&w, smr_eid_bytes(&binding.eid));
	smr_put_bytes(&w, smr_iccid_bytes(&binding.iccid));
	smr_put_uint(&w, binding.serial);
	FUZZ_CHECK(smr_mcim_seal(&fuzz_key(FUZZ_T)->pub, &binding, &mcim, &x) == SMR_OK);
	FUZZ_CHECK(smr_hpke_open(&(struct smr_agreer){.key = &fuzz_key(FUZZ_T)->own}, SMR_TEXT("samara1 mcim"),
				 smr_bytes_of(w.out, w.len), smr_bytes_of(x.ptr, x.len), &out) == SMR_OK);
	seed_save("mcim", name, smr_bytes_of(out.ptr, out.len));
}

static void make_package(void)
{
	struct smr_mcim_binding binding = {.eid = eid, .iccid = iccid, .serial = 9};
	const struct smr_mcim mcim = make_mcim(false);
	struct smr_space x = {x_room, sizeof(x_room)};

	FUZZ_CHECK(smr_mcim_seal(&fuzz_key(FUZZ_T)->pub, &binding, &mcim, &x) == SMR_OK);
	package.iccid = iccid;
	package.serial = 9;
	package.x = smr_bytes_of(x.ptr, x.len);
	FUZZ_CHECK(smr_w_sign(&fuzz_key(FUZZ_SIGNER)->own, &binding, package.x, SMR_NONE, package.w) == SMR_OK);
}

static struct smr_evidence make_evidence(bool full)
{
	struct smr_evidence ev = {.eid = eid, .ctr = 5};

	if (!full)
		return ev;
	ev.fresh_kind = SMR_FRESH_BEACON;
	ev.beacon.number = 77;
	ev.have = true;
	ev.have_iccid = iccid;
	ev.have_serial = 8;
	ev.failed = true;
	ev.failed_iccid = iccid;
	ev.failed_serial = 9;
	ev.failed_reason = SMR_E_SIGNATURE;
	ev.tamper = 1;
	return ev;
}

static void packages(void)
{
	struct room order;
	struct room room;
	struct smr_package with_order = package;
	struct smr_evidence small = make_evidence(false);
	struct smr_evidence full = make_evidence(true);

	with_order.order = sign_order(&order, false);
	smr_put_package(start(&room), &package);
	save_room("package", "plain", &room);
	smr_put_package(start(&room), &with_order);
	save_room("package", "order", &room);
	smr_put_ev(start(&room), &small);
	save_room("package", "ev", &room);
	save_room("evidence", "ev", &room);
	smr_put_ev(start(&room), &full);
	save_room("m1", "ev-full", &room);
	save_room("package", "ev-full", &room);
	save_room("evidence", "ev-full", &room);
	save_mcim("milenage", false);
	save_mcim("tuak", true);
	seed_save("mcim", "sealed", package.x);
}

/* ---- messages ---- */

static void m1_plain(const char *name, bool full)
{
	struct smr_evidence ev = make_evidence(full);
	struct room payload;
	struct room certificate;
	struct room room;

	smr_put_ev(start(&payload), &ev);
	smr_put_array(start(&room), full ? 2 : 1);
	FUZZ_CHECK(smr_cose_sign(&room.w, &fuzz_key(FUZZ_D)->own, SMR_LABEL_EVIDENCE, SMR_NONE, written(&payload)) ==
		   SMR_OK);
	if (full)
		smr_put_raw(&room.w, sign_certificate(&certificate));
	save_room("m1", name, &room);
}

static void shown(const struct smr_attestation *attestation, const struct room *payload)
{
	const struct smr_boot_log log = {.count = 2,
					 .events = {{8, {1}, SMR_TEXT("tre")}, {9, {2}, SMR_TEXT("config")}}};
	struct room room;

	smr_put_array(start(&room), 3);
	smr_put_attested(&room.w, written(payload), attestation);
	smr_put_null(&room.w);
	smr_put_shown_log(&room.w, &log, SMR_BOOT_NAME_MAX);
	save_room("m1", "shown-log", &room);
}

static void quoted(void)
{
	struct smr_evidence ev = make_evidence(true);
	struct smr_attestation attestation = {
		.quoted = true,
		.quote = {.clock_ms = 1000, .resets = 1, .safe = true, .firmware = 7, .pcrs = 0x300},
	};
	struct room payload;
	struct room room;

	smr_put_ev(start(&payload), &ev);
	smr_put_attested(start(&room), written(&payload), &attestation);
	save_room("evidence", "quoted", &room);
	shown(&attestation, &payload);
}

static void m1_datagram(void)
{
	uint8_t octets[SMR_M1_MAX];
	struct smr_space m1 = {octets, sizeof(octets)};
	uint8_t with_mac[SMR_FLIGHT_REQUEST_MAX];
	struct smr_space request = {with_mac, sizeof(with_mac)};
	struct smr_evidence ev = make_evidence(true);
	struct smr_flight flight;

	FUZZ_CHECK(smr_m1_build(&fuzz_key(FUZZ_Q)->pub, 1, &(struct smr_attester){.key = &fuzz_key(FUZZ_D)->own}, &ev,
				SMR_NONE, NULL, &m1, &flight) == SMR_OK);
	seed_save("m1", "datagram", smr_bytes_of(m1.ptr, m1.len));
	FUZZ_CHECK(smr_gate_append(smr_bytes_of(m1.ptr, m1.len), (const uint8_t[SMR_GATE_MAC_LEN]){1}, &request) ==
		   SMR_OK);
	seed_save("m1", "gate-mac", smr_bytes_of(request.ptr, request.len));
	smr_flight_wipe(&flight);
}

static void put_own_package(struct smr_writer *w, const void *content)
{
	smr_put_package(w, content);
}

static void put_own_object(struct smr_writer *w, const void *content)
{
	const struct smr_bytes *object = content;

	smr_put_array(w, 1);
	smr_put_bytes(w, *object);
}

/* Answers have the same frame in M2 and C2; the own member differs. */
static void answers(const char *target, smr_put_own *own, const void *content)
{
	struct room key;
	struct room room;
	struct smr_answer all = {.ticket = SMR_ARRAY(ticket), .spare_ticket = SMR_ARRAY(ticket), .beacon = {3, {1}}};
	const struct smr_answer refusal = {.refusal = SMR_REFUSAL_RESEAL};
	const struct smr_answer small = {.ticket = SMR_ARRAY(ticket)};

	all.flight_key = sign_flight_key(&key);
	smr_put_answer(start(&room), &all, own, content);
	save_room(target, "all", &room);
	smr_put_answer(start(&room), &small, own, content);
	save_room(target, "own", &room);
	smr_put_answer(start(&room), &small, NULL, NULL);
	save_room(target, "ticket", &room);
	smr_put_answer(start(&room), &refusal, NULL, NULL);
	save_room(target, "refusal", &room);
}

/* The plaintext of a sealed part; the key's label and context as in docs/protocol.md, «Keys». */
static void save_opened(const char *target, const char *name, struct smr_bytes secret, const char *label,
			struct smr_bytes context, const uint8_t *nonce, struct smr_bytes ad, struct smr_bytes sealed)
{
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint8_t scratch[ROOM];
	struct smr_bytes plain;

	FUZZ_CHECK(smr_kdf(secret, label, &context, 1, (struct smr_space){key, sizeof(key)}) == SMR_OK);
	FUZZ_CHECK(smr_open_sealed(key, nonce, ad, sealed, (struct smr_space){scratch, sizeof(scratch)}, &plain) ==
		   SMR_OK);
	seed_save(target, name, plain);
}

static void c1(void)
{
	static const uint8_t rk[SMR_RK_LEN] = {0x72};
	static const uint8_t nonce[SMR_AEAD_NONCE_LEN] = {[SMR_AEAD_NONCE_LEN - 1] = 5}; /* ctr */
	struct smr_report report = {.receipt_count = 2, .mcim_state = SMR_MCIM_ACTIVATED, .tamper = 1};
	uint8_t octets[SMR_C1_MAX];
	struct smr_space message = {octets, sizeof(octets)};
	struct smr_checkin kept;
	struct smr_reader r;
	struct smr_bytes ad;

	report.receipts[0] = (struct smr_receipt){SMR_RECEIPT_INSTALL, iccid, 9, 0, {1}};
	report.receipts[1] = (struct smr_receipt){SMR_RECEIPT_COMMAND, iccid, 10, SMR_E_SERIAL, {2}};
	FUZZ_CHECK(smr_c1_build(rk, SMR_ARRAY(ticket), 5, &report, &message, &kept) == SMR_OK);
	seed_save("c1", "datagram", smr_bytes_of(message.ptr, message.len));
	r = smr_reader_init(smr_bytes_of(message.ptr, message.len));
	(void)smr_get_array(&r, 3, 3);
	(void)smr_get_bytes(&r, 1, SMR_TICKET_MAX);
	(void)smr_get_bytes(&r, 4, 4);
	ad = smr_reader_consumed(&r);
	save_opened("c1", "report", SMR_ARRAY(rk), "c1", SMR_NONE, nonce, ad, smr_get_bytes(&r, 1, SMR_C1_MAX));
}

static void ticket_plain(void)
{
	static const struct smr_ticket_key tk = {.id = 0x01000005, .key = {0x71}};
	const struct smr_ticket content = {.eid = eid, .lineage = 5, .flight_epoch = 5, .shipment = shipment};
	uint8_t octets[SMR_TICKET_MAX];
	struct smr_space sealed = {octets, sizeof(octets)};
	static struct smr_ticket_lanes lanes;
	const size_t clear = SMR_TICKET_OVERHEAD - SMR_AEAD_TAG_LEN;

	FUZZ_CHECK(smr_ticket_seal(&tk, &lanes, &content, &sealed) == SMR_OK);
	seed_save("ticket", "sealed", smr_bytes_of(octets, sealed.len));
	save_opened("ticket", "plain", SMR_ARRAY(tk.key), "ticket", smr_bytes_of(octets, 5), octets + 5, SMR_NONE,
		    smr_bytes_of(octets + clear, sealed.len - clear));
}

static void messages(void)
{
	struct room room;
	const struct smr_bytes command = sign_command(&room);

	m1_plain("by-reference", false);
	m1_plain("certificate", true);
	quoted();
	m1_datagram();
	answers("m2", put_own_package, &package);
	answers("c2", put_own_object, &command);
	c1();
	ticket_plain();
}

static void coap(void)
{
	static const uint8_t small[] = {0x40, 0x02, 0x12, 0x34, 0xb1, 'f', 0xff, 0x84};
	static const uint8_t echo[] = {0x54, 0x02, 0x12, 0x34, 1, 2, 3, 4,    0xb1,
				       'c',  0xd4, 228,	 9,    9, 9, 9, 0xff, 0x83};

	seed_save("coap", "flight", SMR_ARRAY(small));
	seed_save("coap", "checkin-echo", SMR_ARRAY(echo));
}

/* ---- files ---- */

static void save_format(const char *name, uint8_t choice, const struct room *room)
{
	seed_choice("formats", name, choice, written(room));
}

static struct smr_bytes card(struct smr_card *out)
{
	memset(out, 0, sizeof(*out));
	(void)snprintf(out->role, sizeof(out->role), "auc");
	(void)snprintf(out->name, sizeof(out->name), "Betreiber Süd");
	out->has_kem = true;
	memcpy(out->kem, fuzz_key(FUZZ_READER)->point, sizeof(out->kem));
	FUZZ_CHECK(smr_card_make(out, &fuzz_key(FUZZ_SIGNER)->own) == SMR_OK);
	return smr_bytes_of(out->encoded, out->encoded_len);
}

static void cards(void)
{
	struct smr_card c;
	struct smr_bytes encoded = card(&c);
	struct smr_reader r = smr_reader_init(encoded);
	char path[4096];

	seed_save("card", "encoded", encoded);
	seed_save("card", "payload", smr_get_signed(&r).payload);
	(void)snprintf(path, sizeof(path), "%s/card/text", root);
	FUZZ_CHECK(smr_card_write(path, &c) == SMR_OK);
}

static struct smr_shipment_record shipment_record(void)
{
	struct smr_shipment_record record = {.eid = eid};

	memcpy(record.d, fuzz_key(FUZZ_D)->point, sizeof(record.d));
	memcpy(record.t, fuzz_key(FUZZ_T)->point, sizeof(record.t));
	return record;
}

static void formats_of_shipments(void)
{
	struct smr_shipment_about about = {.id = shipment, .owner_bound = true, .has_gate = true, .gate = {7}};
	struct smr_shipment_record record = shipment_record();
	struct smr_reference_record reference = {.measurement = {1}, .version = "1.0"};
	struct smr_reference_record release = {
		.log = {.count = 2, .events = {{8, {1}, SMR_TEXT("tre")}, {9, {2}, SMR_TEXT("firmware")}}},
		.version = "1.1"};
	struct smr_batch_record batch = {.eid = eid, .package = package};
	struct smr_card auc;
	struct room room;

	memcpy(about.owner, fuzz_key(FUZZ_SIGNER)->point, sizeof(about.owner));
	smr_put_shipment_about(start(&room), &about);
	save_format("shipment-about", 0, &room);
	smr_put_shipment_record(start(&room), &record);
	save_format("shipment", 1, &room);
	record.has_imei = true;
	FUZZ_CHECK(smr_imei_parse(SMR_TEXT("490154203237518"), &record.imei) == SMR_OK);
	smr_put_shipment_record(start(&room), &record);
	save_format("shipment-imei", 1, &room);
	record.endorsement_len = 2;
	record.endorsement[0] = 0x30;
	smr_put_shipment_record(start(&room), &record);
	save_format("shipment-endorsement", 1, &room);
	smr_put_reference_record(start(&room), &reference);
	save_format("reference", 2, &room);
	smr_put_reference_record(start(&room), &release);
	save_format("reference-log", 2, &room);
	smr_put_batch_record(start(&room), &batch);
	save_format("batch", 3, &room);
	batch.has_shipment = true;
	batch.shipment = shipment;
	smr_put_batch_record(start(&room), &batch);
	save_format("batch-shipment", 3, &room);
	smr_put_batch_about(start(&room), card(&auc));
	save_format("batch-about", 9, &room);
}

static void formats_of_operators(void)
{
	struct smr_subscription_record s = {
		.action = SMR_SUBSCRIPTION_ADD,
		.eid = eid,
		.iccid = iccid,
		.serial = 9,
		.imsi = imsi,
		.aka = {.alg = SMR_AKA_MILENAGE, .k_len = 16, .res_len = 8, .keccak_iterations = 1},
		.amf = {0x80, 0},
		.sqn = 32,
	};
	struct room command;
	struct smr_command_record c = {eid, iccid, 9, sign_command(&command)};
	struct room room;

	memcpy(s.d, fuzz_key(FUZZ_D)->point, sizeof(s.d));
	memcpy(s.supplier, fuzz_key(FUZZ_SIGNER)->point, sizeof(s.supplier));
	smr_put_subscription_record(start(&room), &s);
	save_format("subscription", 4, &room);
	s = (struct smr_subscription_record){
		.action = SMR_SUBSCRIPTION_SUSPEND, .eid = eid, .iccid = iccid, .serial = 9};
	smr_put_subscription_record(start(&room), &s);
	save_format("subscription-suspend", 4, &room);
	s.action = SMR_SUBSCRIPTION_WITHDRAW;
	smr_put_subscription_record(start(&room), &s);
	save_format("subscription-withdraw", 4, &room);
	smr_put_command_record(start(&room), &c);
	save_format("command", 5, &room);
	c.command = SMR_NONE;
	smr_put_command_record(start(&room), &c);
	save_format("command-withdraw", 5, &room);
	smr_put_flight_keys_about(start(&room), fuzz_key(FUZZ_SIGNER)->point);
	save_format("flight-keys-about", 12, &room);
}

static void formats_of_relay(void)
{
	static const struct smr_key_id id = {{1}};
	struct smr_evidence ev = make_evidence(true);
	struct smr_evidence_record e = {
		.eid = eid,
		.iccid = iccid,
		.serial = 9,
		.receipt = {SMR_RECEIPT_INSTALL, iccid, 9, 0, {1}},
	};
	const struct smr_ack_record ack = {eid, iccid, 9, SMR_RECEIPT_INSTALL, SMR_ACK_ACCEPTED};
	struct room payload;
	struct room evidence;
	struct room room;

	smr_put_ev(start(&payload), &ev);
	FUZZ_CHECK(smr_cose_sign(start(&evidence), &fuzz_key(FUZZ_D)->own, SMR_LABEL_EVIDENCE, SMR_NONE,
				 written(&payload)) == SMR_OK);
	e.evidence = written(&evidence);
	memcpy(e.e, fuzz_key(FUZZ_E)->point, sizeof(e.e));
	memcpy(e.q, fuzz_key(FUZZ_Q)->point, sizeof(e.q));
	smr_put_evidence_record(start(&room), &e);
	save_format("evidence", 6, &room);
	e.receipt = (struct smr_receipt){.kind = SMR_RECEIPT_NONE};
	smr_put_evidence_record(start(&room), &e);
	save_format("evidence-missing", 6, &room);
	smr_put_ack_record(start(&room), &ack);
	save_format("ack", 7, &room);
	smr_put_empty_about(start(&room));
	save_format("empty-about", 8, &room);
	smr_put_relay_about(start(&room), &id, 0, false);
	save_format("evidence-about", 10, &room);
	smr_put_relay_about(start(&room), &id, 4, true);
	save_format("ack-about", 11, &room);
}

/* Header and records of a file without its end, as fuzz_file puts a signature behind them: the end is 82, a count below
 * 24 and a byte string of 64 octets. */
static void save_body(const char *path, const char *name, uint8_t count)
{
	uint8_t octets[8192];
	FILE *file = fopen(path, "rbe");
	size_t len;

	FUZZ_CHECK(file != NULL);
	len = fread(octets, 1, sizeof(octets), file);
	(void)fclose(file);
	FUZZ_CHECK(len > 2 + 2 + SMR_SIG_LEN && len < 4000);
	seed_choice("file", name, count, smr_bytes_of(octets, len - (2 + 2 + SMR_SIG_LEN)));
}

static void write_file(const char *name, enum smr_file_type type, struct smr_bytes about, struct smr_bytes record,
		       const struct smr_pubkey *to)
{
	struct smr_file_writer *writer;
	char path[4096];
	char body[64];

	(void)snprintf(path, sizeof(path), "%s/file/%s", root, name);
	FUZZ_CHECK(smr_file_create(path, type, 1, &fuzz_key(FUZZ_SIGNER)->own, about, to, &writer) == SMR_OK);
	FUZZ_CHECK(smr_file_put(writer, record) == SMR_OK && smr_file_put(writer, record) == SMR_OK);
	FUZZ_CHECK(smr_file_commit(writer) == SMR_OK);
	(void)snprintf(body, sizeof(body), "%s-body", name);
	save_body(path, body, 2);
}

/* A file in clear of a type that is only read sealed: fuzz_file seals the records itself. */
static void clear_body(const char *name, enum smr_file_type type, struct smr_bytes about, struct smr_bytes record)
{
	struct smr_file_info info = {.type = type, .number = 1};
	struct room room;

	memcpy(info.sender, fuzz_key(FUZZ_SIGNER)->point, sizeof(info.sender));
	memcpy(info.about, about.ptr, about.len);
	info.about_len = about.len;
	smr_put_array(start(&room), 7);
	smr_put_header_members(&room.w, &info);
	smr_put_null(&room.w);
	smr_put_bytes(&room.w, record);
	seed_choice("file", name, 1, written(&room));
}

static void files(void)
{
	const struct smr_shipment_about about = {.id = shipment};
	const struct smr_shipment_record record = shipment_record();
	const struct smr_batch_record batch = {.eid = eid, .package = package};
	struct smr_card auc;
	struct room first;
	struct room second;

	seed_save("file", "empty", SMR_NONE);
	smr_put_shipment_about(start(&first), &about);
	smr_put_shipment_record(start(&second), &record);
	write_file("shipment", SMR_FILE_SHIPMENT, written(&first), written(&second), NULL);
	smr_put_batch_about(start(&first), card(&auc));
	smr_put_batch_record(start(&second), &batch);
	write_file("batch", SMR_FILE_BATCH, written(&first), written(&second), &fuzz_key(FUZZ_READER)->pub);
	clear_body("batch-clear", SMR_FILE_BATCH, written(&first), written(&second));
	smr_put_empty_about(start(&first));
	clear_body("order-clear", SMR_FILE_ORDERS, written(&first), sign_order(&second, false));
}

/* ---- TRE ---- */

static struct smr_bytes packet(struct room *room, const struct smr_tre_request *request)
{
	struct smr_bytes out = SMR_NONE;

	FUZZ_CHECK(smr_tre_request_encode(request, (struct smr_space){room->octets, sizeof(room->octets)}, &out) ==
		   SMR_OK);
	return out;
}

static void put_step(struct smr_writer *w, uint8_t kind, struct smr_bytes octets)
{
	uint8_t head[3] = {kind};

	smr_put_be16(head + 1, (uint16_t)octets.len);
	smr_put_raw(w, SMR_ARRAY(head));
	smr_put_raw(w, octets);
}

static void tre_requests(void)
{
	static const char *const names[] = {"state",	       "enrol-begin", "enrol-finish",  "flight-start",
					    "flight-complete", "flight-key",  "checkin-start", "checkin-complete",
					    "authenticate",    "flight-gate", "enrol-endorse", "enrol-activate",
					    "prepare"};
	struct room room;
	struct room steps;

	(void)start(&steps);
	for (unsigned i = 0; i < SMR_COUNT(names); i++) {
		struct smr_tre_request request = {.op = (enum smr_tre_op)(i + 1)};

		if (request.op == SMR_TRE_FLIGHT_COMPLETE || request.op == SMR_TRE_FLIGHT_KEY ||
		    request.op == SMR_TRE_CHECKIN_COMPLETE || request.op == SMR_TRE_ENROL_ACTIVATE)
			request.u.message = SMR_ARRAY(ticket);
		if (request.op == SMR_TRE_ENROL_FINISH) {
			request.u.enrolment.certificate = SMR_ARRAY(ticket);
			request.u.enrolment.shelf_key = SMR_ARRAY(ticket);
			request.u.enrolment.sealed_challenge = smr_bytes_of(x_room, 97);
			request.u.enrolment.anchor_count = 1;
		}
		if (request.op == SMR_TRE_PREPARE)
			request.u.update.running = request.u.update.next = SMR_ARRAY(ticket);
		seed_save("tre_ipc", names[i], packet(&room, &request));
		put_step(&steps.w, 0, packet(&room, &request));
	}
	save_room("tre", "each", &steps);
}

static void tre_answer(const char *name, enum smr_tre_op op, const struct smr_tre_answer *answer)
{
	struct room room;
	struct smr_bytes out = SMR_NONE;

	FUZZ_CHECK(smr_tre_answer_encode(op, answer, (struct smr_space){room.octets, sizeof(room.octets)}, &out) ==
		   SMR_OK);
	seed_save("tre_ipc", name, out);
}

static void tre_answers(void)
{
	struct smr_tre_answer state = {.u.state = {.enrolled = true, .eid = eid, .mcim_count = 1}};
	const struct smr_tre_answer message = {.u.message = SMR_ARRAY(ticket)};
	const struct smr_tre_answer outcome = {.u.outcome = {.package = SMR_E_NOTHING, .interval_s = 60}};
	const struct smr_tre_answer aka = {.u.aka = {.res_len = 8}};
	const struct smr_tre_answer endorsement = {.u.endorsement.certificate = SMR_ARRAY(ticket)};
	const struct smr_tre_answer refused = {.err = SMR_E_STATE};
	const struct smr_tre_answer out_of_step = {.err = SMR_E_SQN, .u.aka = {.auts = {1}}};

	state.u.state.mcims[0].iccid = iccid;
	state.u.state.mcims[0].imsi = imsi;
	state.u.state.mcims[0].state = SMR_MCIM_ACTIVATED;
	state.u.state.mcims[0].alg = SMR_AKA_MILENAGE;
	tre_answer("answer-state", SMR_TRE_STATE, &state);
	tre_answer("answer-message", SMR_TRE_FLIGHT_START, &message);
	tre_answer("answer-outcome", SMR_TRE_FLIGHT_COMPLETE, &outcome);
	tre_answer("answer-aka", SMR_TRE_AUTHENTICATE, &aka);
	tre_answer("answer-auts", SMR_TRE_AUTHENTICATE, &out_of_step);
	tre_answer("answer-endorsement", SMR_TRE_ENROL_ENDORSE, &endorsement);
	tre_answer("answer-refused", SMR_TRE_STATE, &refused);
}

/* A flight, a check-in, an authentication; the RO's answers as plaintexts. */
static void tre_session(void)
{
	const struct smr_tre_request flight = {.op = SMR_TRE_FLIGHT_START};
	const struct smr_tre_request checkin = {.op = SMR_TRE_CHECKIN_START};
	const struct smr_tre_request authenticate = {.op = SMR_TRE_AUTHENTICATE};
	const struct smr_answer small = {.ticket = SMR_ARRAY(ticket)};
	static const uint8_t sqn[] = {0, 0, 0, 0, 0, 64, 0x80, 0};
	struct room command;
	const struct smr_bytes object = sign_command(&command);
	struct room answer;
	struct room room;
	struct room steps;

	put_step(start(&steps), 0, packet(&room, &flight));
	smr_put_answer(start(&answer), &small, put_own_package, &package);
	put_step(&steps.w, 1, written(&answer));
	put_step(&steps.w, 0, packet(&room, &checkin));
	smr_put_answer(start(&answer), &small, put_own_object, &object);
	put_step(&steps.w, 2, written(&answer));
	put_step(&steps.w, 0, packet(&room, &checkin));
	put_step(&steps.w, 0, packet(&room, &authenticate));
	save_room("tre", "session", &steps);
	put_step(start(&steps), 0, packet(&room, &flight));
	put_step(&steps.w, 3, SMR_NONE);
	put_step(&steps.w, 5, SMR_ARRAY(sqn));
	put_step(&steps.w, 5, SMR_ARRAY(sqn));
	put_step(&steps.w, 0, packet(&room, &checkin));
	put_step(&steps.w, 4, SMR_NONE);
	put_step(&steps.w, 0, packet(&room, &authenticate));
	put_step(&steps.w, 0, packet(&room, &checkin));
	put_step(&steps.w, 0, packet(&room, &flight));
	put_step(&steps.w, 3, SMR_NONE);
	save_room("tre", "installed", &steps);
}

/* ---- text ---- */

static void texts(void)
{
	static const char words[] = "one\0two\0--dir\0d\0-nx\0--many=a\0-m\0b\0--number\0"
				    "3\0--once\0-of\0--json\0--\0file";
	static const char help[] = "one\0two\0--help";
	static const char usage[] = "one\0--name\0x\0--unknown";

	seed_save("args", "all", SMR_TEXT(words));
	seed_save("args", "help", SMR_TEXT(help));
	seed_save("args", "unknown", SMR_TEXT(usage));
	seed_text("csv", "plain", "eid,imei\n89049032123451234512345678901235,490154203237518\n");
	seed_text("csv", "quoted", "\xef\xbb\xbfimei,eid,a\r\n\"1\"\"2\",\"a,\nb\",\r\n\r\n,x,y\r\n");
	seed_text("vendor", "milenage",
		  "* cards\n*HEADER\nCustomer: Example\nQuantity: 2\nTransport_Key: 1\nTransport Key Check: 35e5bb\n"
		  "*OUTPUT VARIABLES\nVAR_OUT: IMSI/ICCID/PIN1/EKI/OPC\n"
		  "001010000000001 8988211000000000011 1234 00112233445566778899aabbccddeeff "
		  "0123456789abcdef0123456789abcdef\n"
		  "001010000000002 8988211000000000029 0000 00112233445566778899aabbccddeeff "
		  "0123456789abcdef0123456789abcdef\n");
	seed_text("vendor", "tuak",
		  "Quantity:1\r\nTransportKeyIndex:1\r\nTransportAlgorithm: AES\r\nAlgorithm: TUAK\r\n"
		  "var_out:iccid,imsi,k4_ind,eKI,eTOPc\r\n"
		  "8988211000000000011\t001010000000001 2 00112233445566778899aabbccddeeff "
		  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n");
	seed_text("vendor", "clear", "Quantity: 1\nTransportKey: 0\nVAR_OUT: IMSI/ICCID/KI/OPC\n");
	seed_text("ini", "types",
		  "; c\n[a]\ntext = abc # x\nnumber=9\n[b]\nduration = 90s\nflag = yes\nchoice = two\n"
		  "list = p\nlist = q\n");
	seed_text("ini", "device",
		  "[launch]\ntre-user = 1\ntre-group = 1\nagent-user = 2\nagent-group = 2\n"
		  "tre-dir = d/tre\ntre-socket = r/s\n[server]\naddress = coap://192.0.2.1:5683\n"
		  "[agent]\nstate = d/agent\ninterval = 2h\n[sim]\ncontrol = /run/x\n");
	seed_text("sim_db", "request", "AKA-REQ-AUTH 262019999999999");
	seed_text("sim_db", "auts",
		  "AKA-AUTS 262019999999999 000102030405060708090a0b0c0d "
		  "000102030405060708090a0b0c0d0e0f");
	seed_text("sim_db", "triplets", "SIM-REQ-AUTH 262019999999999 3");
	seed_text("sim_line", "challenge",
		  "<3>CTRL-REQ-SIM-0:UMTS-AUTH:000102030405060708090a0b0c0d0e0f:"
		  "000102030405060708090a0b0c0d0e0f needed for SSID x");
	seed_text("sim_line", "triplet", "<3>CTRL-REQ-SIM-1:GSM-AUTH:00:01 needed for SSID x");
	seed_text("sim_line", "success", "<3>CTRL-EVENT-EAP-SUCCESS EAP authentication completed");
	seed_text("sim_line", "ok", "OK\n");
}

static void numbers(void)
{
	char text[SMR_EID_TEXT];

	smr_eid_text(&eid, text);
	seed_text("text", "eid", text);
	smr_iccid_text(&iccid, text);
	seed_text("text", "iccid", text);
	seed_save("text", "eid-packed", smr_eid_bytes(&eid));
	seed_text("text", "imei", "490154203237518");
	seed_text("text", "duration", "24h");
	seed_text("text", "hex", "00ffA5");
	seed_text("text", "base64", "AAECAw==");
	seed_text("text", "flag", "yes");
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: fuzz_seeds DIRECTORY\n");
		return 2;
	}
	root = argv[1];
	FUZZ_CHECK(smr_eid_parse(SMR_TEXT("89049032123451234512345678901235"), &eid) == SMR_OK);
	FUZZ_CHECK(smr_iccid_parse(SMR_TEXT("8949000000000000018"), &iccid) == SMR_OK);
	FUZZ_CHECK(smr_imsi_parse(SMR_TEXT("262019999999999"), &imsi) == SMR_OK);
	make_package();
	objects();
	packages();
	messages();
	coap();
	formats_of_shipments();
	formats_of_operators();
	formats_of_relay();
	cards();
	files();
	tre_requests();
	tre_answers();
	tre_session();
	texts();
	numbers();
	seeds_local();
	return 0;
}
