/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte counts of docs/protocol.md, section 6: UDP payload with CoAP. Each is asserted exactly, so that a change is
 * noticed, and against its bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

/* Header 4, token 2, payload marker 1; up also Uri-Path «f» or «c» (1 + 1). */
#define COAP_UP 9u
#define COAP_DOWN 7u
/* Option 252 takes 1 + 1 octets before its value of 8. */
#define ECHO 10u
/* A byte string of 12. */
#define GATE_MAC 13u

static size_t m1_size_with(const struct scene *s, const struct smr_attester *d, const struct smr_evidence *evidence,
			   struct smr_bytes certificate, const struct smr_boot_log *log)
{
	uint8_t room[SMR_M1_MAX];
	struct smr_space m1 = {room, sizeof(room)};
	struct smr_flight flight;

	assert_int_equal(smr_m1_build(&s->q.pub, SCENE_Q_NUMBER, d, evidence, certificate, log, &m1, &flight), SMR_OK);
	smr_flight_wipe(&flight);
	return COAP_UP + m1.len;
}

static size_t m1_size_of(const struct scene *s, const struct smr_attester *d, const struct smr_evidence *evidence,
			 struct smr_bytes certificate)
{
	return m1_size_with(s, d, evidence, certificate, NULL);
}

static size_t m1_size(const struct scene *s, const struct smr_evidence *evidence, struct smr_bytes certificate)
{
	return m1_size_of(s, &(struct smr_attester){.key = &s->d.own}, evidence, certificate);
}

static size_t m2_size(const struct smr_m2 *m2)
{
	const struct smr_m2_keys keys = {.f = {4}};
	uint8_t room[SMR_M2_MAX];
	struct smr_space out = {room, sizeof(room)};

	assert_int_equal(smr_m2_seal(&keys, m2, &out), SMR_OK);
	return COAP_DOWN + out.len;
}

static size_t c1_size(const struct scene *s, const struct smr_report *report)
{
	uint8_t room[SMR_C1_MAX];
	struct smr_space c1 = {room, sizeof(room)};
	struct smr_checkin kept;

	assert_int_equal(smr_c1_build(s->ticket.rk, s->sealed_ticket, 0xffffffffu, report, &c1, &kept), SMR_OK);
	return COAP_UP + c1.len;
}

static size_t c2_size(const struct smr_c2 *c2)
{
	static const uint8_t r[SMR_AEAD_NONCE_LEN];
	const struct smr_checkin keys = {.next = {0}};
	uint8_t room[SMR_C2_MAX];
	struct smr_space out = {room, sizeof(room)};

	assert_int_equal(smr_c2_seal(&keys, r, c2, &out), SMR_OK);
	return COAP_DOWN + out.len;
}

static void check(const char *what, size_t got, size_t exact, size_t bound)
{
	if (got != exact)
		fail_msg("%s: %zu octets, not %zu as documented", what, got, exact);
	if (got > bound)
		fail_msg("%s: %zu octets, bound %zu", what, got, bound);
}

static struct smr_evidence evidence_with_have(const struct scene *s)
{
	struct smr_evidence ev = s->evidence;

	ev.have = true;
	ev.have_iccid = s->package.iccid;
	ev.have_serial = s->package.serial;
	return ev;
}

static void test_m1_stays_within_bounds(void **state)
{
	const struct scene *s = *state;
	struct smr_evidence ev = s->evidence;
	struct smr_evidence again = evidence_with_have(s);
	struct smr_evidence troubled = again;
	size_t more;

	check("M1, first contact", m1_size(s, &ev, SMR_NONE), 237, 256);
	check("M1, by reference", m1_size(s, &again, SMR_NONE), 253, 256);
	check("M1, first contact with certificate", m1_size(s, &ev, s->certificate), 409, 448);
	check("M1, with certificate", m1_size(s, &again, s->certificate), 425, 448);
	troubled.failed = true;
	troubled.failed_iccid = s->package.iccid;
	troubled.failed_serial = s->package.serial;
	troubled.failed_reason = SMR_E_UNOPENED;
	troubled.tamper = UINT32_MAX;
	more = m1_size(s, &troubled, SMR_NONE) - m1_size(s, &again, SMR_NONE);
	check("failure, tamper, Echo, gate MAC", more + ECHO + GATE_MAC, 51, 64);
}

static void test_m1_with_a_quote_stays_within_bounds(void **state)
{
	struct scene *s = *state;
	const struct smr_attester tpm = scene_tpm(s);
	struct smr_evidence again = evidence_with_have(s);

	again.lineage = UINT32_MAX;
	check("M1 with quote, first contact", m1_size_of(s, &tpm, &s->evidence, SMR_NONE), 265, 512);
	check("M1 with quote, by reference", m1_size_of(s, &tpm, &again, SMR_NONE), 288, 512);
	check("M1 with quote, first contact with certificate", m1_size_of(s, &tpm, &s->evidence, s->certificate), 437,
	      640);
	check("M1 with quote and certificate", m1_size_of(s, &tpm, &again, s->certificate), 460, 640);
}

static void test_m1_with_a_boot_log_stays_within_bounds(void **state)
{
	struct scene *s = *state;
	const struct smr_attester tpm = scene_tpm(s);
	struct smr_evidence again = evidence_with_have(s);
	struct smr_boot_log log = {.count = 4,
				   .events = {{8, {1}, SMR_TEXT("launch")},
					      {8, {2}, SMR_TEXT("tre")},
					      {8, {3}, SMR_TEXT("agent")},
					      {9, {4}, SMR_TEXT("config")}}};

	again.lineage = UINT32_MAX;
	check("M1 with boot log, first contact", m1_size_with(s, &tpm, &s->evidence, SMR_NONE, &log), 436, 512);
	check("M1 with boot log, by reference", m1_size_with(s, &tpm, &again, SMR_NONE, &log), 459, 512);
	check("M1 with boot log, first contact with certificate",
	      m1_size_with(s, &tpm, &s->evidence, s->certificate, &log), 606, 640);
	check("M1 with boot log and certificate", m1_size_with(s, &tpm, &again, s->certificate, &log), 629, 640);
	/* A firmware slot with a long name, six events: names are cut, and what does not fit even so is left out, as here, where
	 * all counters and numbers have 32 bits. */
	log.events[4] = (struct smr_tpm_event){9, {5}, SMR_TEXT("a-firmware-slot-with-a-long-name")};
	log.count = 5;
	check("M1 with a long log, by reference", m1_size_with(s, &tpm, &again, SMR_NONE, &log), 512, 512);
	check("M1 with a long log and certificate", m1_size_with(s, &tpm, &again, s->certificate, &log), 460, 640);
	log.events[5] = (struct smr_tpm_event){9, {6}, SMR_TEXT("x")};
	log.count = 6;
	check("M1 with six events, by reference", m1_size_with(s, &tpm, &again, SMR_NONE, &log), 288, 512);
	check("M1 with six events and certificate", m1_size_with(s, &tpm, &again, s->certificate, &log), 460, 640);
	again.failed = true;
	again.failed_iccid = s->package.iccid;
	again.failed_serial = s->package.serial;
	again.failed_reason = SMR_E_UNOPENED;
	again.tamper = UINT32_MAX;
	log.count = 4;
	check("M1 with boot log and failure, by reference", m1_size_with(s, &tpm, &again, SMR_NONE, &log), 486, 512);
	check("M1 with boot log, failure and certificate", m1_size_with(s, &tpm, &again, s->certificate, &log), 640,
	      640);
	/* A key in software quotes nothing that a log could explain. */
	check("M1 without quote",
	      m1_size_with(s, &(struct smr_attester){.key = &s->d.own}, &s->evidence, SMR_NONE, &log), 237, 256);
}

static void test_m2_stays_within_bounds(void **state)
{
	const struct scene *s = *state;
	struct smr_m2 m2 = {
		.has_package = true,
		.package = s->package,
		.ticket = s->sealed_ticket,
		.beacon = s->beacon,
	};
	size_t milenage = m2_size(&m2);
	size_t size;

	check("M2, MILENAGE", milenage, 456, 480);
	/* sqn-delta and sqn-age of the operator's own: 9 octets each instead of 1. */
	m2.package.x.len += 16;
	check("M2, MILENAGE, SQN policy", m2_size(&m2), 472, 480);
	m2.package.x.len -= 16;
	m2.package.x.len += SMR_X_FOR_TPM_HEAD - SMR_POINT_LEN;
	check("for a TPM alone", m2_size(&m2) - milenage, 34, 48);
	m2.package.x.len -= SMR_X_FOR_TPM_HEAD - SMR_POINT_LEN;
	m2.package.order = s->order;
	check("owner's order", m2_size(&m2) - milenage, 133, 160);
	m2.package = s->package_tuak;
	m2.package.order = SMR_NONE;
	check("TUAK", m2_size(&m2) - milenage, 34, 48);
	size = m2_size(&m2);
	m2.flight_key = s->flight_key;
	check("flight key", m2_size(&m2) - size, 129, 160);
	size = m2_size(&m2);
	m2.spare_ticket = s->sealed_ticket;
	check("spare ticket", m2_size(&m2) - size, 101, 110);
	m2 = (struct smr_m2){.ticket = s->sealed_ticket, .beacon = s->beacon};
	check("M2, ticket alone", m2_size(&m2), 219, 480);
	m2 = (struct smr_m2){.refusal = SMR_REFUSAL_TAMPER};
	check("M2, refusal", m2_size(&m2), 95, 480);
}

static void test_c1_stays_within_bounds(void **state)
{
	const struct scene *s = *state;
	struct smr_report report = s->idle_report;
	size_t idle = c1_size(s, &report);

	check("C1, nothing to report", idle, 135, 200);
	report.receipts[0] = s->install_receipt;
	report.receipt_count = 1;
	check("install receipt", c1_size(s, &report) - idle, 39, 60);
	report.receipts[0] = s->command_receipt;
	check("command receipt", c1_size(s, &report) - idle, 41, 60);
}

static void test_c2_stays_within_bounds(void **state)
{
	const struct scene *s = *state;
	struct smr_c2 c2 = {.ticket = s->sealed_ticket, .beacon = s->beacon};
	size_t idle = c2_size(&c2);

	check("C2, nothing pending", idle, 165, 240);
	c2.spare_ticket = s->sealed_ticket;
	check("spare ticket", c2_size(&c2) - idle, 101, 110);
	c2.spare_ticket = SMR_NONE;
	c2.flight_key = s->flight_key;
	check("flight key", c2_size(&c2) - idle, 130, 160);
	c2.flight_key = SMR_NONE;
	c2.objects[0] = s->command;
	c2.object_count = 1;
	check("command", c2_size(&c2) - idle, 123, 160);
}

static void test_flight_key_as_a_hint_is_small(void **state)
{
	const struct scene *s = *state;

	check("4.04 with the flight key", COAP_DOWN + s->flight_key.len, 133, 167);
}

/* Every member at the limit that the decoders set. */
static void test_rooms_named_always_enough_are_enough(void **state)
{
	static const uint8_t long_part[512];
	const struct scene *s = *state;
	struct smr_m2 m2 = {
		.has_package = true,
		.package = s->package_tuak,
		.ticket = smr_bytes_of(long_part, SMR_TICKET_MAX),
		.beacon = s->beacon,
		.flight_key = smr_bytes_of(long_part, SMR_FLIGHT_KEY_MAX),
		.spare_ticket = smr_bytes_of(long_part, SMR_TICKET_MAX),
	};
	struct smr_c2 c2 = {
		.object_count = SMR_OBJECTS_MAX,
		.ticket = m2.ticket,
		.beacon = m2.beacon,
		.flight_key = m2.flight_key,
		.spare_ticket = m2.spare_ticket,
	};
	struct smr_report report = {.receipt_count = SMR_RECEIPTS_MAX, .mcim_state = SMR_MCIM_ACTIVATED, .tamper = ~0u};
	struct smr_evidence ev = evidence_with_have(s);
	struct scene long_ticket = *s;

	m2.package.x = smr_bytes_of(long_part, SMR_X_MAX);
	m2.package.order = smr_bytes_of(long_part, SMR_ORDER_MAX);
	m2.package.serial = UINT64_MAX;
	assert_true(m2_size(&m2) > SMR_M2_MAX * 9 / 10);
	for (size_t i = 0; i < SMR_OBJECTS_MAX; i++)
		c2.objects[i] = smr_bytes_of(long_part, SMR_OBJECT_MAX);
	assert_true(c2_size(&c2) > SMR_C2_MAX * 9 / 10);
	for (size_t i = 0; i < SMR_RECEIPTS_MAX; i++) {
		report.receipts[i] = s->command_receipt;
		report.receipts[i].serial = UINT64_MAX;
		report.receipts[i].result = UINT32_MAX;
	}
	long_ticket.sealed_ticket = m2.ticket;
	assert_true(c1_size(&long_ticket, &report) > SMR_C1_MAX * 9 / 10);
	ev.have_serial = UINT64_MAX;
	ev.failed = true;
	ev.failed_serial = UINT64_MAX;
	ev.failed_reason = UINT32_MAX;
	ev.tamper = UINT32_MAX;
	assert_true(m1_size(s, &ev, s->certificate) <= SMR_M1_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_m1_stays_within_bounds),
		cmocka_unit_test(test_m1_with_a_quote_stays_within_bounds),
		cmocka_unit_test(test_m1_with_a_boot_log_stays_within_bounds),
		cmocka_unit_test(test_m2_stays_within_bounds),
		cmocka_unit_test(test_c1_stays_within_bounds),
		cmocka_unit_test(test_c2_stays_within_bounds),
		cmocka_unit_test(test_flight_key_as_a_hint_is_small),
		cmocka_unit_test(test_rooms_named_always_enough_are_enough),
	};

	return cmocka_run_group_tests(tests, scene_setup, scene_teardown);
}
