/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The annotated examples (docs/protocol-examples.md): every message as the second implementation makes it, opened by
 * ours with the keys given there, down to the same intermediate values.
 */
#include "scratch.h"

#include "core/checkin.h"
#include "core/gate.h"
#include "core/mcim.h"
#include "core/object.h"
#include "core/release.h"
#include "file/card.h"
#include "file/formats.h"
#include "tests/unit/credential.h"
#include "tests/unit/hex_key.h"
#include "tests/unit/wire_vectors.h"

#define ROOM 1024u
#define FLIGHT_NUMBER 0xc0ffee01
#define NEXT_NUMBER 0xc0ffee02

struct vector {
	uint8_t room[ROOM];
	struct smr_bytes bytes;
};

static struct smr_bytes load(struct vector *v, const char *text)
{
	v->bytes = hex(text, v->room, sizeof(v->room));
	return v->bytes;
}

static void import_public(struct smr_pubkey *key, const char *text)
{
	uint8_t octets[SMR_POINT_COMPRESSED_LEN];

	assert_int_equal(smr_pubkey_import(key, hex(text, octets, sizeof(octets))), SMR_OK);
}

static void assert_point(const uint8_t point[SMR_POINT_COMPRESSED_LEN], const char *text)
{
	assert_hex(point, SMR_POINT_COMPRESSED_LEN, text);
}

static void assert_key_id(const struct smr_key_id *id, const char *point)
{
	uint8_t octets[SMR_POINT_COMPRESSED_LEN];
	uint8_t hash[SMR_HASH_LEN];
	struct smr_bytes part = hex(point, octets, sizeof(octets));

	assert_int_equal(smr_sha256(&part, 1, hash), SMR_OK);
	assert_memory_equal(id, hash, sizeof(*id));
}

/* ---- objects ---- */

static void test_certificate_opens(void **state)
{
	struct smr_certificate certificate;
	struct smr_pubkey supplier;
	struct vector v;

	(void)state;
	import_public(&supplier, WIRE_SUPPLIER_POINT);
	assert_int_equal(smr_certificate_open(load(&v, WIRE_CERTIFICATE), &supplier, &certificate), SMR_OK);
	assert_hex(&certificate.eid, SMR_EID_LEN, WIRE_EID);
	assert_point(certificate.d, WIRE_D_POINT);
	assert_point(certificate.t, WIRE_T_POINT);
	assert_hex(&certificate.shipment, sizeof(certificate.shipment), WIRE_SHIPMENT);
	smr_pubkey_wipe(&supplier);
}

static void test_release_opens(void **state)
{
	struct smr_release release;
	struct smr_pubkey supplier;
	struct vector v;

	(void)state;
	import_public(&supplier, WIRE_SUPPLIER_POINT);
	assert_int_equal(smr_release_open(load(&v, WIRE_RELEASE), &supplier, &release), SMR_OK);
	assert_true(smr_bytes_equal(release.product, SMR_TEXT("m2me-1")));
	assert_int_equal(release.number, 7);
	assert_true(smr_bytes_equal(release.version, SMR_TEXT("1.4.2")));
	assert_int_equal(release.log.count, 5);
	assert_int_equal(release.log.events[4].pcr, SMR_BOOT_PCR_DATA);
	assert_true(smr_bytes_equal(release.log.events[4].name, SMR_TEXT("slot.img")));
	assert_true(release.has_lengths);
	for (size_t i = 0; i < release.log.count; i++) /* what the examples hash is the name */
		assert_int_equal(release.lengths[i], release.log.events[i].name.len);
	smr_pubkey_wipe(&supplier);
}

static void test_flight_key_opens(void **state)
{
	struct smr_flight_key key;
	struct smr_pubkey root;
	struct vector v;

	(void)state;
	import_public(&root, WIRE_ROOT_POINT);
	assert_int_equal(smr_flight_key_open(load(&v, WIRE_FLIGHT_KEY), &root, &key), SMR_OK);
	assert_int_equal(key.kind, SMR_FLIGHT_KEY_EPOCH);
	assert_int_equal(key.number, NEXT_NUMBER);
	assert_point(key.q, WIRE_NEXT_Q_POINT);
	assert_int_equal(key.not_before, 1767225600);
	assert_int_equal(key.not_after, 1775001600);
	smr_pubkey_wipe(&root);
}

static void test_gate_mac_is_made(void **state)
{
	uint8_t octets[SMR_HASH_LEN];
	uint8_t mac[SMR_GATE_MAC_LEN];
	struct smr_gate_key key;

	(void)state;
	assert_int_equal(smr_gate_key_derive(hex(WIRE_GATE, octets, sizeof(octets)).ptr, &key), SMR_OK);
	assert_int_equal(smr_gate_mac(&key, hex(WIRE_HASH_M1, octets, sizeof(octets)).ptr, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), WIRE_GATE_MAC);
}

static void test_order_opens(void **state)
{
	uint8_t hash[SMR_HASH_LEN];
	struct smr_pubkey owner;
	struct smr_order order;
	struct vector v;

	(void)state;
	import_public(&owner, WIRE_OWNER_POINT);
	assert_int_equal(smr_order_open(load(&v, WIRE_ORDER), &owner, &order), SMR_OK);
	assert_int_equal(order.serial, 3);
	assert_point(order.operator_key, WIRE_OPERATOR_POINT);
	assert_false(order.whole_shipment);
	assert_hex(&order.eid, SMR_EID_LEN, WIRE_EID);
	assert_int_equal(smr_order_hash(v.bytes, hash), SMR_OK);
	assert_hex(hash, sizeof(hash), WIRE_HASH_ORDER);
	smr_pubkey_wipe(&owner);
}

static void assert_command(struct smr_bytes encoded)
{
	struct smr_command command;
	struct smr_pubkey operator_key;

	import_public(&operator_key, WIRE_OPERATOR_POINT);
	assert_int_equal(smr_command_open(encoded, &operator_key, &command), SMR_OK);
	assert_key_id(&command.operator_id, WIRE_OPERATOR_POINT);
	assert_hex(&command.eid, SMR_EID_LEN, WIRE_EID);
	assert_hex(&command.iccid, SMR_ICCID_LEN, WIRE_ICCID);
	assert_int_equal(command.serial, 1);
	assert_int_equal(command.state, SMR_MCIM_SUSPENDED);
	smr_pubkey_wipe(&operator_key);
}

static void test_command_opens(void **state)
{
	struct vector v;

	(void)state;
	assert_command(load(&v, WIRE_COMMAND));
}

static void test_receipt_macs_are_the_same(void **state)
{
	uint8_t hash_ev[SMR_HASH_LEN];
	uint8_t hash_x[SMR_HASH_LEN];
	uint8_t mac[SMR_RECEIPT_MAC_LEN];
	uint8_t k[16];
	struct smr_bytes key = hex(WIRE_K, k, sizeof(k));
	struct smr_iccid iccid;
	struct smr_eid eid;
	struct vector v;

	(void)state;
	hex(WIRE_EID, (uint8_t *)&eid, sizeof(eid));
	hex(WIRE_ICCID, (uint8_t *)&iccid, sizeof(iccid));
	hex(WIRE_HASH_EV, hash_ev, sizeof(hash_ev));
	load(&v, WIRE_X);
	assert_int_equal(smr_sha256(&v.bytes, 1, hash_x), SMR_OK);
	assert_int_equal(smr_receipt_install_mac(key, &eid, &iccid, 5, hash_x, hash_ev, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), WIRE_INSTALL_MAC);
	assert_int_equal(smr_receipt_command_mac(key, &eid, &iccid, 1, SMR_MCIM_SUSPENDED, 0, mac), SMR_OK);
	assert_hex(mac, sizeof(mac), WIRE_COMMAND_MAC);
}

static void test_card_opens(void **state)
{
	struct smr_card card;
	struct vector v;

	(void)state;
	assert_int_equal(smr_card_open(load(&v, WIRE_CARD), &card), SMR_OK);
	assert_string_equal(card.role, "auc");
	assert_string_equal(card.name, "Example Networks");
	assert_point(card.sign, WIRE_AUC_POINT);
	assert_true(card.has_kem);
	assert_point(card.kem, WIRE_AUC_KEM_POINT);
}

/* ---- the sealed subscription ---- */

static void open_package(const struct smr_package *package, struct smr_mcim *mcim)
{
	struct smr_mcim_binding binding = {.iccid = package->iccid, .serial = package->serial};
	struct smr_pubkey operator_key;
	struct smr_privkey t = {0};

	hex(WIRE_OPERATOR_POINT, binding.operator_key, sizeof(binding.operator_key));
	hex(WIRE_EID, (uint8_t *)&binding.eid, sizeof(binding.eid));
	import_public(&operator_key, WIRE_OPERATOR_POINT);
	hex_private(&t, WIRE_T_SCALAR);
	assert_key_id(&package->operator_id, WIRE_OPERATOR_POINT);
	assert_int_equal(smr_w_verify(&operator_key, &binding, package->x, package->order, package->w), SMR_OK);
	assert_int_equal(smr_mcim_open(&(struct smr_agreer){.key = &t}, &binding, package->x, mcim), SMR_OK);
	smr_privkey_wipe(&t);
	smr_pubkey_wipe(&operator_key);
}

static void assert_milenage_package(const struct smr_package *package)
{
	struct smr_mcim mcim;

	assert_hex(&package->iccid, SMR_ICCID_LEN, WIRE_ICCID);
	assert_int_equal(package->serial, 5);
	assert_hex(package->x.ptr, package->x.len, WIRE_X);
	assert_hex(package->w, sizeof(package->w), WIRE_W);
	assert_hex(package->order.ptr, package->order.len, WIRE_ORDER);
	open_package(package, &mcim);
	assert_hex(&mcim.imsi, sizeof(mcim.imsi), WIRE_IMSI);
	assert_int_equal(mcim.aka.alg, SMR_AKA_MILENAGE);
	assert_hex(mcim.aka.k, mcim.aka.k_len, WIRE_K);
	assert_hex(mcim.aka.opc, 16, WIRE_OPC);
	assert_int_equal(mcim.aka.res_len, 8);
	assert_int_equal(mcim.sqn_delta, 1u << 28);
	assert_int_equal(mcim.sqn_age_limit, 0);
	assert_int_equal(mcim.checkin_interval_s, 86400);
	assert_int_equal(mcim.profile, 7);
	smr_mcim_wipe(&mcim);
}

static void assert_tuak_package(const struct smr_package *package)
{
	struct smr_mcim mcim;

	assert_hex(&package->iccid, SMR_ICCID_LEN, WIRE_ICCID_2);
	assert_int_equal(package->serial, 6);
	assert_hex(package->x.ptr, package->x.len, WIRE_X_2);
	assert_int_equal(package->order.len, 0);
	open_package(package, &mcim);
	assert_int_equal(mcim.aka.alg, SMR_AKA_TUAK);
	assert_hex(mcim.aka.k, mcim.aka.k_len, WIRE_K_2);
	assert_hex(mcim.aka.opc, sizeof(mcim.aka.opc), WIRE_TOPC);
	assert_int_equal(mcim.aka.keccak_iterations, 1);
	assert_int_equal(mcim.sqn_delta, 1u << 27);
	assert_int_equal(mcim.sqn_age_limit, 1u << 20);
	smr_mcim_wipe(&mcim);
}

/* The credential comes out octet by octet, and X opens with what the other end makes of it. */
static enum smr_err activate(void *context, enum smr_own_key key, struct smr_bytes credential,
			     uint8_t secret[SMR_TPM_CREDENTIAL_SECRET_LEN])
{
	struct credential_tpm *tpm = context;
	struct smr_privkey ephemeral = {0};
	struct smr_pubkey ek = {0};
	uint8_t made[SMR_TPM_PROTECTED_LEN];

	assert_int_equal(key, SMR_OWN_T);
	hex(WIRE_PSK, secret, SMR_TPM_CREDENTIAL_SECRET_LEN);
	hex_private(&ephemeral, WIRE_X3_SCALAR);
	assert_int_equal(smr_pubkey_import(&ek, SMR_ARRAY(tpm->ek.point)), SMR_OK);
	assert_int_equal(smr_tpm_credential_protect(&ephemeral, &ek, tpm->name, secret, made), SMR_OK);
	assert_memory_equal(made, credential.ptr + 4, sizeof(made));
	smr_privkey_wipe(&ephemeral);
	smr_pubkey_wipe(&ek);
	return credential_activate(tpm, credential, secret);
}

static void test_subscription_for_a_tpm_alone_opens(void **state)
{
	struct smr_mcim_binding binding = {.serial = 5};
	struct credential_tpm tpm = {.asked = 0};
	struct smr_privkey t = {0};
	const struct smr_agreer own = {.key = &t, .context = &tpm, .activate = activate};
	struct smr_mcim mcim;
	struct vector v;

	(void)state;
	hex_private(&t, WIRE_T_SCALAR);
	hex_private(&tpm.ek, WIRE_EK_SCALAR);
	assert_int_equal(smr_tpm_name_t(t.point, tpm.name), SMR_OK);
	hex(WIRE_OPERATOR_POINT, binding.operator_key, sizeof(binding.operator_key));
	hex(WIRE_EID, binding.eid.octets, sizeof(binding.eid.octets));
	hex(WIRE_ICCID, binding.iccid.octets, sizeof(binding.iccid.octets));
	assert_int_equal(smr_mcim_open(&own, &binding, load(&v, WIRE_X_TPM), &mcim), SMR_OK);
	assert_int_equal(tpm.asked, 1);
	assert_hex(mcim.aka.k, mcim.aka.k_len, WIRE_K);
	smr_mcim_wipe(&mcim);
	smr_privkey_wipe(&t);
	smr_privkey_wipe(&tpm.ek);
}

/* ---- flight ---- */

/* An M1 opened with q; @p d_holds: the evidence verifies. */
static void open_m1_of(const char *text, enum smr_platform platform, struct vector *v, struct smr_space scratch,
		       struct smr_m1 *m1)
{
	struct smr_privkey q = {0};
	struct smr_pubkey d;

	hex_private(&q, WIRE_Q_SCALAR);
	import_public(&d, WIRE_D_POINT);
	assert_int_equal(smr_m1_open(&q, load(v, text), scratch, m1), SMR_OK);
	assert_int_equal(smr_evidence_verify(m1, &d, platform), SMR_OK);
	assert_int_equal(m1->q_number, FLIGHT_NUMBER);
	assert_hex(&m1->evidence.eid, SMR_EID_LEN, WIRE_EID);
	smr_privkey_wipe(&q);
	smr_pubkey_wipe(&d);
}

static void open_m1(const char *text, struct vector *v, struct smr_space scratch, struct smr_m1 *m1)
{
	open_m1_of(text, SMR_PLATFORM_SOFTWARE, v, scratch, m1);
	assert_hex(m1->evidence.measurement, SMR_HASH_LEN, WIRE_MEASUREMENT);
}

static void test_m1_by_reference_opens_and_verifies(void **state)
{
	uint8_t hash_ev[SMR_HASH_LEN];
	uint8_t scratch[SMR_M1_MAX];
	struct vector v;
	struct smr_m1 m1;

	(void)state;
	open_m1(WIRE_M1, &v, (struct smr_space){scratch, sizeof(scratch)}, &m1);
	assert_int_equal(m1.evidence.ctr, 1);
	assert_int_equal(m1.evidence.fresh_kind, SMR_FRESH_NONE);
	assert_false(m1.evidence.have);
	assert_false(m1.evidence.failed);
	assert_int_equal(m1.evidence.tamper, 0);
	assert_int_equal(m1.certificate.len, 0);
	assert_hex(m1.hash_m1, sizeof(m1.hash_m1), WIRE_HASH_M1);
	assert_hex(m1.dh_eq, sizeof(m1.dh_eq), WIRE_DH_EQ);
	assert_int_equal(smr_evidence_hash(m1.attested.ev, m1.e, m1.q, hash_ev), SMR_OK);
	assert_hex(hash_ev, sizeof(hash_ev), WIRE_HASH_EV);
	smr_m1_wipe(&m1);
}

static void assert_full_evidence(const struct smr_evidence *ev)
{
	assert_int_equal(ev->ctr, 0xfedcba98);
	assert_int_equal(ev->fresh_kind, SMR_FRESH_BEACON);
	assert_int_equal(ev->beacon.number, 0x01020304);
	assert_hex(ev->beacon.value, sizeof(ev->beacon.value), WIRE_BEACON);
	assert_true(ev->have);
	assert_hex(&ev->have_iccid, SMR_ICCID_LEN, WIRE_ICCID);
	assert_int_equal(ev->have_serial, 5);
	assert_true(ev->failed);
	assert_hex(&ev->failed_iccid, SMR_ICCID_LEN, WIRE_ICCID_2);
	assert_int_equal(ev->failed_serial, 6);
	assert_int_equal(ev->failed_reason, SMR_E_UNOPENED);
	assert_int_equal(ev->tamper, 0x80000000);
}

static void test_m1_with_certificate_opens_and_verifies(void **state)
{
	uint8_t scratch[SMR_M1_MAX];
	struct vector v;
	struct smr_m1 m1;

	(void)state;
	open_m1(WIRE_M1_CERTIFICATE, &v, (struct smr_space){scratch, sizeof(scratch)}, &m1);
	assert_full_evidence(&m1.evidence);
	assert_hex(m1.certificate.ptr, m1.certificate.len, WIRE_CERTIFICATE);
	assert_hex(m1.hash_m1, sizeof(m1.hash_m1), WIRE_HASH_M1_CERTIFICATE);
	assert_hex(m1.dh_eq, sizeof(m1.dh_eq), WIRE_DH_EQ_2);
	smr_m1_wipe(&m1);
}

static void test_m1_with_a_quote_opens_and_verifies(void **state)
{
	uint8_t hash_ev[SMR_HASH_LEN];
	uint8_t scratch[SMR_M1_MAX];
	struct vector v;
	struct smr_m1 m1;

	(void)state;
	open_m1_of(WIRE_M1_TPM, SMR_PLATFORM_TPM, &v, (struct smr_space){scratch, sizeof(scratch)}, &m1);
	assert_hex(m1.evidence.measurement, SMR_HASH_LEN, WIRE_PCR_DIGEST);
	assert_int_equal(m1.attested.attestation.quote.clock_ms, 1000);
	assert_int_equal(m1.attested.attestation.quote.pcrs, 1u << 8 | 1u << 9);
	assert_int_equal(smr_evidence_hash(m1.attested.ev, m1.e, m1.q, hash_ev), SMR_OK);
	assert_hex(hash_ev, sizeof(hash_ev), WIRE_HASH_EV_TPM);
	smr_m1_wipe(&m1);
}

static void test_m1_with_a_boot_log_shows_it(void **state)
{
	uint8_t scratch[SMR_M1_MAX], digest[SMR_HASH_LEN];
	struct smr_boot_log log;
	struct smr_reader r;
	struct vector v;
	struct smr_m1 m1;
	uint32_t pcrs;

	(void)state;
	open_m1_of(WIRE_M1_LOG, SMR_PLATFORM_TPM, &v, (struct smr_space){scratch, sizeof(scratch)}, &m1);
	assert_int_equal(m1.certificate.len, 0);
	r = smr_reader_init(m1.boot_log);
	smr_get_shown_log(&r, &log);
	assert_int_equal(smr_reader_done(&r), SMR_OK);
	assert_int_equal(smr_tpm_log_replay(log.events, log.count, &pcrs, digest), SMR_OK);
	assert_int_equal(pcrs, m1.attested.attestation.quote.pcrs);
	assert_memory_equal(digest, m1.evidence.measurement, sizeof(digest));
	smr_m1_wipe(&m1);
}

/* What a device keeps after its M1. */
struct kept {
	const char *e;
	const char *dh_eq;
	const char *hash_m1;
};
static const struct kept first = {WIRE_E_SCALAR, WIRE_DH_EQ, WIRE_HASH_M1};
static const struct kept second = {WIRE_E2_SCALAR, WIRE_DH_EQ_2, WIRE_HASH_M1_CERTIFICATE};

static void open_m2(const struct kept *kept, struct smr_bytes message, uint8_t scratch[ROOM], struct smr_m2 *m2,
		    uint8_t rk[SMR_RK_LEN])
{
	struct smr_flight flight = {0};

	hex_private(&flight.e, kept->e);
	hex(kept->dh_eq, flight.dh_eq, sizeof(flight.dh_eq));
	hex(kept->hash_m1, flight.hash_m1, sizeof(flight.hash_m1));
	assert_int_equal(smr_m2_open(&flight, message, (struct smr_space){scratch, ROOM}, m2, rk), SMR_OK);
	smr_flight_wipe(&flight);
}

static void test_m2_opens_and_its_subscription_too(void **state)
{
	uint8_t scratch[ROOM];
	uint8_t rk[SMR_RK_LEN];
	struct vector v;
	struct smr_m2 m2;

	(void)state;
	open_m2(&first, load(&v, WIRE_M2), scratch, &m2, rk);
	assert_hex(rk, sizeof(rk), WIRE_RK_0);
	assert_true(m2.has_package);
	assert_milenage_package(&m2.package);
	assert_hex(m2.ticket.ptr, m2.ticket.len, WIRE_TICKET);
	assert_int_equal(m2.beacon.number, 0x01020304);
	assert_hex(m2.beacon.value, sizeof(m2.beacon.value), WIRE_BEACON);
	assert_hex(m2.flight_key.ptr, m2.flight_key.len, WIRE_FLIGHT_KEY);
	assert_int_equal(m2.spare_ticket.len, 0);
}

static void test_m2_with_tuak_opens_and_its_subscription_too(void **state)
{
	uint8_t scratch[ROOM];
	uint8_t rk[SMR_RK_LEN];
	struct vector v;
	struct smr_m2 m2;

	(void)state;
	open_m2(&second, load(&v, WIRE_M2_TUAK), scratch, &m2, rk);
	assert_hex(rk, sizeof(rk), WIRE_RK_TUAK);
	assert_true(m2.has_package);
	assert_tuak_package(&m2.package);
	assert_int_equal(m2.beacon.number, 0);
	assert_int_equal(m2.flight_key.len, 0);
}

static void test_m2_refusal_opens(void **state)
{
	uint8_t scratch[ROOM];
	uint8_t rk[SMR_RK_LEN];
	struct vector v;
	struct smr_m2 m2;

	(void)state;
	open_m2(&first, load(&v, WIRE_M2_REFUSED), scratch, &m2, rk);
	assert_int_equal(m2.refusal, SMR_REFUSAL_RESEAL);
}

/* ---- check-in ---- */

static void open_ticket(const char *text, struct smr_ticket *ticket)
{
	struct smr_ticket_key tk = {.id = 0x01abcdef};
	static struct smr_ticket_lanes lanes;
	struct vector v;

	hex(WIRE_TK, tk.key, sizeof(tk.key));
	assert_int_equal(smr_ticket_open(&tk, &lanes, load(&v, text), ticket), SMR_OK);
	smr_ticket_lanes_wipe(&lanes);
}

static void test_tickets_open(void **state)
{
	struct smr_ticket ticket;

	(void)state;
	open_ticket(WIRE_TICKET, &ticket);
	assert_hex(&ticket.eid, SMR_EID_LEN, WIRE_EID);
	assert_hex(ticket.rk, SMR_RK_LEN, WIRE_RK_0);
	assert_int_equal(ticket.lineage, 1);
	assert_int_equal(ticket.flight_epoch, 0xabcdee);
	assert_int_equal(ticket.policy_generation, 3);
	assert_hex(&ticket.shipment, sizeof(ticket.shipment), WIRE_SHIPMENT);
	assert_int_equal(ticket.group, 4);
	assert_int_equal(ticket.state, 0);
	open_ticket(WIRE_TICKET_SPARE, &ticket);
	assert_hex(ticket.rk, SMR_RK_LEN, WIRE_RK_SPARE);
	assert_int_equal(ticket.state, SMR_TICKET_INSTALLED);
}

static void assert_c2(const struct smr_c2 *c2)
{
	assert_int_equal(c2->object_count, 1);
	assert_command(c2->objects[0]);
	assert_hex(c2->ticket.ptr, c2->ticket.len, WIRE_TICKET_1);
	assert_int_equal(c2->beacon.number, 0x01020304);
	assert_hex(c2->flight_key.ptr, c2->flight_key.len, WIRE_FLIGHT_KEY);
	assert_hex(c2->spare_ticket.ptr, c2->spare_ticket.len, WIRE_TICKET_SPARE);
}

static void test_check_in_opens(void **state)
{
	uint8_t scratch[ROOM];
	uint8_t rk[SMR_RK_LEN];
	uint8_t spare_rk[SMR_RK_LEN];
	struct smr_ticket ticket;
	struct vector v;
	struct smr_c1 c1;
	struct smr_c2 c2;

	(void)state;
	open_ticket(WIRE_TICKET, &ticket);
	assert_int_equal(smr_c1_open(&ticket, load(&v, WIRE_C1), &c1), SMR_OK);
	assert_int_equal(c1.ctr, 2);
	assert_int_equal(c1.report.receipt_count, 1);
	assert_int_equal(c1.report.receipts[0].kind, SMR_RECEIPT_INSTALL);
	assert_int_equal(c1.report.receipts[0].serial, 5);
	assert_hex(c1.report.receipts[0].mac, SMR_RECEIPT_MAC_LEN, WIRE_INSTALL_MAC);
	assert_int_equal(c1.report.mcim_state, SMR_MCIM_ACTIVATED);
	assert_int_equal(c1.report.tamper, 9);
	assert_hex(c1.hash_c1, SMR_HASH_LEN, WIRE_HASH_C1);
	assert_int_equal(smr_c2_open(&c1.keys, load(&v, WIRE_C2), (struct smr_space){scratch, ROOM}, &c2, rk, spare_rk),
			 SMR_OK);
	assert_c2(&c2);
	assert_hex(rk, sizeof(rk), WIRE_RK_1);
	assert_hex(spare_rk, sizeof(spare_rk), WIRE_RK_SPARE);
}

static void test_check_in_that_is_refused_opens(void **state)
{
	uint8_t scratch[ROOM];
	uint8_t rk[SMR_RK_LEN];
	uint8_t spare_rk[SMR_RK_LEN];
	struct smr_ticket ticket;
	struct vector v;
	struct smr_c1 c1;
	struct smr_c2 c2;

	(void)state;
	open_ticket(WIRE_TICKET_1, &ticket);
	assert_int_equal(smr_c1_open(&ticket, load(&v, WIRE_C1_NEXT), &c1), SMR_OK);
	assert_int_equal(c1.ctr, 3);
	assert_int_equal(c1.report.receipts[0].kind, SMR_RECEIPT_COMMAND);
	assert_hex(c1.report.receipts[0].mac, SMR_RECEIPT_MAC_LEN, WIRE_COMMAND_MAC);
	assert_int_equal(c1.report.mcim_state, SMR_MCIM_SUSPENDED);
	assert_int_equal(
		smr_c2_open(&c1.keys, load(&v, WIRE_C2_REFUSED), (struct smr_space){scratch, ROOM}, &c2, rk, spare_rk),
		SMR_OK);
	assert_int_equal(c2.refusal, SMR_REFUSAL_LINEAGE);
}

/* The other direction: with the same key, ticket and report ours makes the same C1, octet for octet. */
static void test_c1_of_ours_is_the_same_octets(void **state)
{
	struct smr_report report = {
		.receipts = {{.kind = SMR_RECEIPT_INSTALL, .serial = 5}},
		.receipt_count = 1,
		.mcim_state = SMR_MCIM_ACTIVATED,
		.tamper = 9,
	};
	uint8_t room[SMR_C1_MAX];
	uint8_t rk[SMR_RK_LEN];
	struct smr_space c1 = {room, sizeof(room)};
	struct smr_checkin kept;
	struct vector v;

	(void)state;
	hex(WIRE_INSTALL_MAC, report.receipts[0].mac, SMR_RECEIPT_MAC_LEN);
	hex(WIRE_ICCID, report.receipts[0].iccid.octets, SMR_ICCID_LEN);
	hex(WIRE_RK_0, rk, sizeof(rk));
	assert_int_equal(smr_c1_build(rk, load(&v, WIRE_TICKET), 2, &report, &c1, &kept), SMR_OK);
	assert_hex(c1.ptr, c1.len, WIRE_C1);
}

/* ---- files ---- */

static struct smr_file_reader *open_file(const char *text, enum smr_file_type type, const struct smr_privkey *own)
{
	struct smr_file_reader *reader;
	struct vector v;

	load(&v, text);
	scratch_put("example.smr", v.bytes.ptr, v.bytes.len);
	assert_int_equal(smr_file_open("example.smr", type, own, &reader), SMR_OK);
	return reader;
}

static void assert_last(struct smr_file_reader *reader)
{
	struct smr_bytes record;

	assert_int_equal(smr_file_next(reader, &record), SMR_E_NOTHING);
	smr_file_close(reader);
}

static void test_shipment_file_opens(void **state)
{
	struct smr_file_reader *reader = open_file(WIRE_SHIPMENT_FILE, SMR_FILE_SHIPMENT, NULL);
	const struct smr_file_info *info = smr_file_reader_info(reader);
	struct smr_shipment_about about;
	struct smr_shipment_record device;
	struct smr_bytes record;

	(void)state;
	assert_point(info->sender, WIRE_SUPPLIER_POINT);
	assert_int_equal(info->number, 1);
	assert_int_equal(smr_get_shipment_about(smr_bytes_of(info->about, info->about_len), &about), SMR_OK);
	assert_hex(&about.id, sizeof(about.id), WIRE_SHIPMENT);
	assert_true(about.owner_bound);
	assert_point(about.owner, WIRE_OWNER_POINT);
	assert_int_equal(smr_file_next(reader, &record), SMR_OK);
	assert_int_equal(smr_get_shipment_record(record, &device), SMR_OK);
	assert_hex(&device.eid, SMR_EID_LEN, WIRE_EID);
	assert_point(device.d, WIRE_D_POINT);
	assert_point(device.t, WIRE_T_POINT);
	assert_last(reader);
}

static void test_sealed_batch_file_opens(void **state)
{
	struct smr_batch_record batch;
	struct smr_file_reader *reader;
	struct smr_privkey own = {0};
	struct smr_bytes auc_card;
	struct smr_bytes record;

	(void)state;
	hex_private(&own, WIRE_RO_KEM_SCALAR);
	reader = open_file(WIRE_BATCH_FILE, SMR_FILE_BATCH, &own);
	assert_int_equal(smr_get_batch_about(smr_bytes_of(smr_file_reader_info(reader)->about,
							  smr_file_reader_info(reader)->about_len),
					     &auc_card),
			 SMR_OK);
	assert_hex(auc_card.ptr, auc_card.len, WIRE_CARD);
	assert_int_equal(smr_file_next(reader, &record), SMR_OK);
	assert_int_equal(smr_get_batch_record(record, &batch), SMR_OK);
	assert_hex(&batch.eid, SMR_EID_LEN, WIRE_EID);
	assert_milenage_package(&batch.package);
	assert_last(reader);
	smr_privkey_wipe(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificate_opens),
		cmocka_unit_test(test_release_opens),
		cmocka_unit_test(test_flight_key_opens),
		cmocka_unit_test(test_gate_mac_is_made),
		cmocka_unit_test(test_order_opens),
		cmocka_unit_test(test_command_opens),
		cmocka_unit_test(test_receipt_macs_are_the_same),
		cmocka_unit_test(test_card_opens),
		cmocka_unit_test(test_m1_by_reference_opens_and_verifies),
		cmocka_unit_test(test_m1_with_certificate_opens_and_verifies),
		cmocka_unit_test(test_m1_with_a_quote_opens_and_verifies),
		cmocka_unit_test(test_m1_with_a_boot_log_shows_it),
		cmocka_unit_test(test_m2_opens_and_its_subscription_too),
		cmocka_unit_test(test_m2_with_tuak_opens_and_its_subscription_too),
		cmocka_unit_test(test_m2_refusal_opens),
		cmocka_unit_test(test_subscription_for_a_tpm_alone_opens),
		cmocka_unit_test(test_tickets_open),
		cmocka_unit_test(test_check_in_opens),
		cmocka_unit_test(test_check_in_that_is_refused_opens),
		cmocka_unit_test(test_c1_of_ours_is_the_same_octets),
		cmocka_unit_test_setup_teardown(test_shipment_file_opens, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_sealed_batch_file_opens, scratch_enter, scratch_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
