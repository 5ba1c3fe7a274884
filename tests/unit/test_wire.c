/* SPDX-License-Identifier: Apache-2.0 */
/* One flight and one check-in as a second implementation makes them (tests/vectors/wire.py), read by ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/checkin.h"
#include "tests/unit/hex.h"
#include "tests/unit/wire_vectors.h"

#define ROOM 1024u

struct vector {
	uint8_t room[ROOM];
	struct smr_bytes bytes;
};

static struct smr_bytes load(struct vector *v, const char *text)
{
	v->bytes = hex(text, v->room, sizeof(v->room));
	return v->bytes;
}

static void import_private(struct smr_privkey *key, const char *text)
{
	uint8_t octets[SMR_SCALAR_LEN];

	assert_int_equal(hex(text, octets, sizeof(octets)).len, sizeof(octets));
	assert_int_equal(smr_privkey_import(key, octets), SMR_OK);
}

static void import_public(struct smr_pubkey *key, const char *text)
{
	uint8_t octets[SMR_POINT_COMPRESSED_LEN];

	assert_int_equal(smr_pubkey_import(key, hex(text, octets, sizeof(octets))), SMR_OK);
}

static void assert_evidence(const struct smr_evidence *ev)
{
	assert_hex(&ev->eid, sizeof(ev->eid), "89044045678901234567890123456717");
	assert_int_equal(ev->ctr, 0xfedcba98);
	assert_int_equal(ev->measurement[31], 0x4d);
	assert_int_equal(ev->fresh_kind, SMR_FRESH_BEACON);
	assert_int_equal(ev->beacon.number, 0x01020304);
	assert_memory_equal(ev->beacon.value, "beacon beacon be", 16);
	assert_true(ev->have);
	assert_hex(&ev->have_iccid, sizeof(ev->have_iccid), "8949000000000000018f");
	assert_int_equal(ev->have_serial, 5);
	assert_true(ev->failed);
	assert_memory_equal(&ev->failed_iccid, &ev->have_iccid, sizeof(ev->failed_iccid));
	assert_int_equal(ev->failed_serial, 6);
	assert_int_equal(ev->failed_reason, SMR_E_UNOPENED);
	assert_int_equal(ev->tamper, 0x80000000);
}

static void test_m1_of_the_second_implementation_opens_and_verifies(void **state)
{
	struct smr_privkey q = {0};
	struct smr_pubkey d = {0};
	uint8_t hash_ev[SMR_HASH_LEN];
	uint8_t scratch[SMR_M1_MAX];
	struct vector v;
	struct smr_m1 m1;

	(void)state;
	import_private(&q, WIRE_Q_SCALAR);
	import_public(&d, WIRE_D_POINT);
	assert_int_equal(smr_m1_open(&q, load(&v, WIRE_M1), (struct smr_space){scratch, sizeof(scratch)}, &m1), SMR_OK);
	assert_int_equal(smr_evidence_verify(&m1, &d), SMR_OK);
	assert_int_equal(m1.q_number, 0xc0ffee01);
	assert_evidence(&m1.evidence);
	assert_hex(m1.hash_m1, sizeof(m1.hash_m1), WIRE_HASH_M1);
	assert_hex(m1.dh_eq, sizeof(m1.dh_eq), WIRE_DH_EQ);
	assert_int_equal(smr_evidence_hash(m1.signed_ev.payload, m1.e, m1.q, hash_ev), SMR_OK);
	assert_hex(hash_ev, sizeof(hash_ev), WIRE_HASH_EV);
	smr_m1_wipe(&m1);
	smr_privkey_wipe(&q);
	smr_pubkey_wipe(&d);
}

static void flight_of_vector(struct smr_flight *flight)
{
	memset(flight, 0, sizeof(*flight));
	import_private(&flight->e, WIRE_E_SCALAR);
	hex(WIRE_DH_EQ, flight->dh_eq, sizeof(flight->dh_eq));
	hex(WIRE_HASH_M1, flight->hash_m1, sizeof(flight->hash_m1));
}

static void assert_octets(struct smr_bytes bytes, uint8_t octet, size_t len)
{
	assert_int_equal(bytes.len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes.ptr[i], octet);
}

static void test_m2_of_the_second_implementation_opens(void **state)
{
	struct smr_flight flight;
	uint8_t scratch[ROOM];
	uint8_t rk[SMR_RK_LEN];
	struct vector v;
	struct smr_m2 m2;

	(void)state;
	flight_of_vector(&flight);
	assert_int_equal(smr_m2_open(&flight, load(&v, WIRE_M2), (struct smr_space){scratch, ROOM}, &m2, rk), SMR_OK);
	assert_hex(rk, sizeof(rk), WIRE_RK_0);
	assert_true(m2.has_package);
	assert_memory_equal(&m2.package.operator_id, "operator", 8);
	assert_hex(&m2.package.iccid, SMR_ICCID_LEN, "8949000000000000018f");
	assert_int_equal(m2.package.serial, 7);
	assert_octets(m2.package.x, 0x58, 140);
	assert_octets(SMR_ARRAY(m2.package.w), 0x57, 64);
	assert_octets(m2.package.order, 0x4f, 136);
	assert_hex(m2.ticket.ptr, m2.ticket.len, WIRE_TICKET);
	assert_int_equal(m2.beacon.number, 0x01020304);
	assert_octets(m2.flight_key, 0x6b, 126);
	assert_hex(m2.spare_ticket.ptr, m2.spare_ticket.len, WIRE_TICKET);
	smr_flight_wipe(&flight);
}

static void test_m2_refusal_of_the_second_implementation_opens(void **state)
{
	struct smr_flight flight;
	uint8_t scratch[ROOM];
	uint8_t rk[SMR_RK_LEN];
	struct vector v;
	struct smr_m2 m2;

	(void)state;
	flight_of_vector(&flight);
	assert_int_equal(smr_m2_open(&flight, load(&v, WIRE_M2_REFUSED), (struct smr_space){scratch, ROOM}, &m2, rk),
			 SMR_OK);
	assert_int_equal(m2.refusal, SMR_REFUSAL_RESEAL);
	smr_flight_wipe(&flight);
}

static void open_vector_ticket(struct smr_ticket *ticket)
{
	struct smr_ticket_key tk = {.id = 0x01abcdef};
	struct vector v;

	hex(WIRE_TK, tk.key, sizeof(tk.key));
	assert_int_equal(smr_ticket_open(&tk, load(&v, WIRE_TICKET), ticket), SMR_OK);
}

static void test_ticket_of_the_second_implementation_opens(void **state)
{
	struct smr_ticket ticket;

	(void)state;
	open_vector_ticket(&ticket);
	assert_hex(&ticket.eid, SMR_EID_LEN, "89044045678901234567890123456717");
	assert_hex(ticket.rk, SMR_RK_LEN, WIRE_RK_0);
	assert_int_equal(ticket.lineage, 0xfedcba98);
	assert_int_equal(ticket.flight_epoch, 0xabcdee);
	assert_int_equal(ticket.policy_generation, 3);
	assert_memory_equal(&ticket.shipment, "SHIPMENT", 8);
	assert_int_equal(ticket.group, 4);
	assert_int_equal(ticket.state, SMR_TICKET_INSTALLED);
}

static void test_checkin_of_the_second_implementation_opens(void **state)
{
	uint8_t scratch[ROOM];
	uint8_t rk[SMR_RK_LEN];
	uint8_t spare_rk[SMR_RK_LEN];
	struct smr_ticket ticket;
	struct vector v;
	struct smr_c1 c1;
	struct smr_c2 c2;

	(void)state;
	open_vector_ticket(&ticket);
	assert_int_equal(smr_c1_open(&ticket, load(&v, WIRE_C1), &c1), SMR_OK);
	assert_int_equal(c1.ctr, 0xfedcba99);
	assert_int_equal(c1.report.receipt_count, 1);
	assert_int_equal(c1.report.receipts[0].kind, SMR_RECEIPT_INSTALL);
	assert_int_equal(c1.report.receipts[0].serial, 7);
	assert_octets(SMR_ARRAY(c1.report.receipts[0].mac), 0x4d, 16);
	assert_int_equal(c1.report.mcim_state, SMR_MCIM_ACTIVATED);
	assert_int_equal(c1.report.tamper, 9);
	assert_hex(c1.hash_c1, SMR_HASH_LEN, WIRE_HASH_C1);
	assert_int_equal(smr_c2_open(&c1.keys, load(&v, WIRE_C2), (struct smr_space){scratch, ROOM}, &c2, rk, spare_rk),
			 SMR_OK);
	assert_int_equal(c2.object_count, 1);
	assert_octets(c2.objects[0], 0x63, 120);
	assert_hex(c2.ticket.ptr, c2.ticket.len, WIRE_TICKET);
	assert_int_equal(c2.beacon.number, 0x01020304);
	assert_octets(c2.flight_key, 0x6b, 126);
	assert_hex(rk, sizeof(rk), WIRE_RK_1);
	assert_hex(spare_rk, sizeof(spare_rk), WIRE_RK_SPARE);
}

/* The other direction: with the same key, ticket and report ours makes the same C1, octet for octet. */
static void test_c1_of_ours_is_the_same_octets(void **state)
{
	struct smr_report report = {
		.receipts = {{.kind = SMR_RECEIPT_INSTALL, .serial = 7}},
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
	memset(report.receipts[0].mac, 0x4d, SMR_RECEIPT_MAC_LEN);
	hex("8949000000000000018f", report.receipts[0].iccid.octets, SMR_ICCID_LEN);
	hex(WIRE_RK_0, rk, sizeof(rk));
	assert_int_equal(smr_c1_build(rk, load(&v, WIRE_TICKET), 0xfedcba99, &report, &c1, &kept), SMR_OK);
	assert_hex(c1.ptr, c1.len, WIRE_C1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_m1_of_the_second_implementation_opens_and_verifies),
		cmocka_unit_test(test_m2_of_the_second_implementation_opens),
		cmocka_unit_test(test_m2_refusal_of_the_second_implementation_opens),
		cmocka_unit_test(test_ticket_of_the_second_implementation_opens),
		cmocka_unit_test(test_checkin_of_the_second_implementation_opens),
		cmocka_unit_test(test_c1_of_ours_is_the_same_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
