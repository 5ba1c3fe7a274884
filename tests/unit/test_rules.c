/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/rules.h"

#define ROW_CTR 1000u
#define ROW_LINEAGE 990u
#define SERIAL 77u

static const uint8_t old_hash[SMR_HASH_LEN] = {0x0a};
static const uint8_t new_hash[SMR_HASH_LEN] = {0x0b};
static const struct smr_iccid iccid = {{0x89, 0x49}};
static const struct smr_iccid other_iccid = {{0x89, 0x50}};

static struct smr_row row_in(enum smr_row_state state)
{
	struct smr_row row = {
		.state = state,
		.measurement_approved = true,
		.ctr = ROW_CTR,
		.hash = {0x0a},
		.lineage = ROW_LINEAGE,
	};

	if (state != SMR_ROW_EMPTY) {
		row.iccid = iccid;
		row.serial = SERIAL;
	}
	return row;
}

static void assert_verdict(struct smr_verdict got, struct smr_verdict want, const char *what, size_t index)
{
	const struct {
		const char *name;
		unsigned got, want;
	} members[] = {
		{"refusal", got.refusal, want.refusal}, {"send_package", got.send_package, want.send_package},
		{"commit", got.commit, want.commit},	{"counted", got.counted, want.counted},
		{"state", got.state, want.state},	{"ctr", got.ctr, want.ctr},
		{"lineage", got.lineage, want.lineage}, {"keep_evidence", got.keep_evidence, want.keep_evidence},
		{"purge_x", got.purge_x, want.purge_x}, {"receipts", got.receipts, want.receipts},
		{"missing", got.missing, want.missing},
	};

	for (size_t i = 0; i < SMR_COUNT(members); i++)
		if (members[i].got != members[i].want)
			fail_msg("%s %zu: %s is %u, not %u", what, index, members[i].name, members[i].got,
				 members[i].want);
}

/* ---- flight: every state with every claim ---- */

enum claim {
	HAVE_NONE,
	HAVE_PACKAGE,
	HAVE_OTHER_ICCID,
	HAVE_OTHER_SERIAL,
	FAILED_PACKAGE,		 /* and nothing installed */
	FAILED_OTHER,		 /* an earlier package failed, nothing installed */
	FAILED_PACKAGE_HAVE_IT,	 /* contradicts itself */
	FAILED_PACKAGE_HAVE_OLD, /* the renewal failed, the MCIM of before is there */
	CLAIM_COUNT
};

static struct smr_evidence evidence_of(enum claim claim, uint32_t ctr)
{
	struct smr_evidence ev = {.ctr = ctr, .have_iccid = iccid, .have_serial = SERIAL, .failed_iccid = iccid};

	ev.have = claim == HAVE_PACKAGE || claim == HAVE_OTHER_ICCID || claim == HAVE_OTHER_SERIAL ||
		  claim == FAILED_PACKAGE_HAVE_IT || claim == FAILED_PACKAGE_HAVE_OLD;
	ev.failed = claim >= FAILED_PACKAGE;
	ev.failed_serial = claim == FAILED_OTHER ? SERIAL - 1 : SERIAL;
	ev.failed_reason = SMR_E_UNOPENED;
	if (claim == HAVE_OTHER_ICCID)
		ev.have_iccid = other_iccid;
	if (claim == HAVE_OTHER_SERIAL || claim == FAILED_PACKAGE_HAVE_OLD)
		ev.have_serial = SERIAL - 1;
	return ev;
}

enum outcome { NO_SUBSCRIPTION, PACKAGE, TICKET, RESEAL };

/* [state][claim] */
static const enum outcome outcomes[5][CLAIM_COUNT] = {
	[SMR_ROW_EMPTY] = {NO_SUBSCRIPTION, NO_SUBSCRIPTION, NO_SUBSCRIPTION, NO_SUBSCRIPTION, NO_SUBSCRIPTION,
			   NO_SUBSCRIPTION, NO_SUBSCRIPTION, NO_SUBSCRIPTION},
	[SMR_ROW_SEALED] = {PACKAGE, TICKET, PACKAGE, PACKAGE, RESEAL, PACKAGE, RESEAL, RESEAL},
	[SMR_ROW_OFFERED] = {PACKAGE, TICKET, PACKAGE, PACKAGE, RESEAL, PACKAGE, RESEAL, RESEAL},
	[SMR_ROW_INSTALLED] = {RESEAL, TICKET, RESEAL, RESEAL, RESEAL, RESEAL, TICKET, RESEAL},
	[SMR_ROW_RESEAL] = {RESEAL, RESEAL, RESEAL, RESEAL, RESEAL, RESEAL, RESEAL, RESEAL},
};

static struct smr_verdict expected(enum smr_row_state state, enum outcome outcome)
{
	struct smr_verdict v = {.state = state, .lineage = ROW_LINEAGE};

	switch (outcome) {
	case NO_SUBSCRIPTION:
		v.refusal = SMR_REFUSAL_NO_SUBSCRIPTION;
		break;
	case RESEAL:
		v.refusal = SMR_REFUSAL_RESEAL;
		v.state = SMR_ROW_RESEAL;
		v.missing = state != SMR_ROW_RESEAL; /* the operator learns it once */
		break;
	case PACKAGE:
		v.send_package = true;
		v.state = SMR_ROW_OFFERED;
		break;
	case TICKET:
		v.state = state == SMR_ROW_SEALED ? SMR_ROW_OFFERED : state;
		break;
	}
	return v;
}

static void test_flight_new_contact_follows_the_table(void **unused)
{
	(void)unused;
	for (unsigned state = 0; state < 5; state++)
		for (unsigned claim = 0; claim < CLAIM_COUNT; claim++) {
			struct smr_row row = row_in((enum smr_row_state)state);
			struct smr_evidence ev = evidence_of((enum claim)claim, ROW_CTR + 1);
			struct smr_verdict want = expected((enum smr_row_state)state, outcomes[state][claim]);

			want.commit = want.counted = true;
			want.ctr = ROW_CTR + 1;
			if (want.refusal == SMR_REFUSAL_NONE)
				want.lineage = ROW_CTR + 1;
			want.keep_evidence = want.send_package || want.missing;
			assert_verdict(smr_rules_flight(&row, &ev, NULL, new_hash), want, "state*10+claim",
				       state * 10 + claim);
		}
}

/* The same request again after its first answer: nothing is counted, and nothing written unless the row became
 * another one meanwhile. */
static void test_flight_resend_follows_the_table(void **unused)
{
	(void)unused;
	for (unsigned state = 0; state < 5; state++)
		for (unsigned claim = 0; claim < CLAIM_COUNT; claim++)
			for (unsigned answered = 0; answered < 2; answered++) {
				struct smr_row row = row_in((enum smr_row_state)state);
				struct smr_evidence ev = evidence_of((enum claim)claim, ROW_CTR);
				struct smr_verdict want = expected((enum smr_row_state)state, outcomes[state][claim]);
				bool ticket = want.refusal == SMR_REFUSAL_NONE;

				/* answered: the first time brought a ticket already, which set the lineage */
				row.lineage = answered ? ROW_CTR : ROW_LINEAGE;
				want.ctr = ROW_CTR;
				want.lineage = ticket ? ROW_CTR : row.lineage;
				want.commit = want.state != row.state || (ticket && !answered);
				want.keep_evidence = (want.send_package || want.missing) && want.commit;
				assert_verdict(smr_rules_flight(&row, &ev, NULL, old_hash), want, "state*10+claim",
					       state * 10 + claim);
			}
}

static void test_flight_counter_out_of_range_changes_nothing(void **unused)
{
	static const struct {
		uint32_t row_ctr, ctr;
		bool same_hash, accepted;
	} cases[] = {
		{ROW_CTR, ROW_CTR + 1, false, true},
		{ROW_CTR, ROW_CTR + 1, true, true},
		{ROW_CTR, ROW_CTR + SMR_CTR_JUMP_MAX, false, true},
		{ROW_CTR, ROW_CTR + SMR_CTR_JUMP_MAX + 1, false, false},
		{ROW_CTR, ROW_CTR, false, false},
		{ROW_CTR, ROW_CTR, true, true},
		{ROW_CTR, ROW_CTR - 1, false, false},
		{ROW_CTR, ROW_CTR - 1, true, false},
		{ROW_CTR, 0, true, false},
		{ROW_CTR, UINT32_MAX, false, false},
		{0, 1, false, true},
		{0, SMR_CTR_JUMP_MAX, false, true},
		{0, SMR_CTR_JUMP_MAX + 1, false, false},
		{0, 0, true, false}, /* never seen: there is nothing that could be sent again */
		{0, 0, false, false},
		{UINT32_MAX, UINT32_MAX, true, true},
		{UINT32_MAX, 1, false, false}, /* no wrap */
		{UINT32_MAX - 1, UINT32_MAX, false, true},
	};

	(void)unused;
	for (size_t i = 0; i < SMR_COUNT(cases); i++)
		for (unsigned state = 0; state < 5; state++) {
			struct smr_row row = row_in((enum smr_row_state)state);
			struct smr_evidence ev = evidence_of(HAVE_NONE, cases[i].ctr);
			struct smr_verdict v;

			row.ctr = cases[i].row_ctr;
			/* The counter is judged first: not even these reasons are told to a stale request. */
			row.revoked = !cases[i].accepted;
			row.measurement_approved = cases[i].accepted;
			ev.tamper = !cases[i].accepted;
			v = smr_rules_flight(&row, &ev, NULL, cases[i].same_hash ? old_hash : new_hash);
			if ((v.refusal != SMR_REFUSAL_COUNTER) != cases[i].accepted)
				fail_msg("case %zu: refusal %u", i, v.refusal);
			if (!cases[i].accepted)
				assert_verdict(v,
					       (struct smr_verdict){.refusal = SMR_REFUSAL_COUNTER,
								    .state = row.state,
								    .ctr = row.ctr,
								    .lineage = row.lineage},
					       "case", i);
		}
}

static void test_flight_of_an_unfit_device_is_refused_in_order(void **unused)
{
	(void)unused;
	for (unsigned state = 0; state < 5; state++)
		for (unsigned faults = 1; faults < 8; faults++)
			for (unsigned resend = 0; resend < 2; resend++) {
				struct smr_row row = row_in((enum smr_row_state)state);
				struct smr_evidence ev = evidence_of(FAILED_PACKAGE, ROW_CTR + !resend);
				struct smr_verdict want = {
					.state = row.state,
					.ctr = ROW_CTR + !resend,
					.lineage = ROW_LINEAGE,
					.commit = !resend,
					.counted = !resend,
				};

				row.revoked = faults & 1;
				ev.tamper = faults & 2 ? 1u << 31 : 0;
				row.measurement_approved = !(faults & 4);
				want.refusal = faults & 1   ? SMR_REFUSAL_REVOKED
					       : faults & 2 ? SMR_REFUSAL_TAMPER
							    : SMR_REFUSAL_MEASUREMENT;
				assert_verdict(smr_rules_flight(&row, &ev, NULL, resend ? old_hash : new_hash), want,
					       "state*10+faults", state * 10 + faults);
			}
}

static void apply(struct smr_row *row, const struct smr_verdict *v, const uint8_t hash[SMR_HASH_LEN])
{
	if (!v->commit)
		return;
	row->state = v->state;
	row->ctr = v->ctr;
	row->lineage = v->lineage;
	memcpy(row->hash, hash, SMR_HASH_LEN);
}

/* S5: whatever order requests, restarts and repetitions come in, one package is offered until the receipt. */
static void test_flight_first_reply_lost_offers_the_same_row_again(void **unused)
{
	static const uint8_t third_hash[SMR_HASH_LEN] = {0x0c};
	struct smr_row row = row_in(SMR_ROW_SEALED);
	struct smr_evidence first = evidence_of(HAVE_NONE, ROW_CTR + 1);
	struct smr_evidence restarted = evidence_of(HAVE_NONE, ROW_CTR + 2);
	struct smr_verdict v;

	(void)unused;
	v = smr_rules_flight(&row, &first, NULL, new_hash);
	apply(&row, &v, new_hash);
	v = smr_rules_flight(&row, &first, NULL, new_hash); /* the same datagram */
	assert_true(v.send_package && !v.commit && !v.counted && !v.keep_evidence);
	v = smr_rules_flight(&row, &restarted, NULL, third_hash); /* a new start */
	assert_true(v.send_package && v.commit && v.counted && v.keep_evidence);
	apply(&row, &v, third_hash);
	assert_int_equal(row.state, SMR_ROW_OFFERED);
	v = smr_rules_flight(&row, &first, NULL, new_hash); /* the first one again: replayed */
	assert_int_equal(v.refusal, SMR_REFUSAL_COUNTER);
}

/* ---- flight of a device with a TPM ---- */

static struct smr_tpm_memory memory(uint32_t resets, uint64_t clock_ms, uint32_t ctr)
{
	struct smr_tpm_memory m = {.known = true};

	smr_put_be32(m.octets, resets);
	smr_put_be64(m.octets + 4, clock_ms);
	smr_put_be32(m.octets + 12, ctr);
	return m;
}

static void assert_memory(const struct smr_tpm_memory *got, struct smr_tpm_memory want)
{
	assert_int_equal(got->known, want.known);
	assert_memory_equal(got->octets, want.octets, sizeof(want.octets));
}

#define FLIGHT_CTR (ROW_CTR - 10) /* check-ins have moved the row's counter since */

static void test_flight_of_a_tpm_that_went_back_changes_nothing(void **unused)
{
	static const struct {
		uint32_t ctr, resets;
		uint64_t clock_ms;
		enum smr_refusal refusal;
	} cases[] = {
		{ROW_CTR + 1, 5, 1001, SMR_REFUSAL_NONE},
		{ROW_CTR + 1, 5, UINT64_MAX, SMR_REFUSAL_NONE},
		{ROW_CTR + 1, 6, 0, SMR_REFUSAL_NONE}, /* lost its power, and with it some of its clock */
		{ROW_CTR + 1, UINT32_MAX, 0, SMR_REFUSAL_NONE},
		{ROW_CTR + 1, 5, 1000, SMR_REFUSAL_TPM_STATE},
		{ROW_CTR + 1, 5, 0, SMR_REFUSAL_TPM_STATE},
		{ROW_CTR + 1, 4, UINT64_MAX, SMR_REFUSAL_TPM_STATE},
		{ROW_CTR + SMR_CTR_JUMP_MAX + 1, 5, 1001, SMR_REFUSAL_COUNTER},
		{ROW_CTR + SMR_CTR_JUMP_MAX + 1, 5, 1000, SMR_REFUSAL_TPM_STATE},
		{FLIGHT_CTR + 1, 5, 1001,
		 SMR_REFUSAL_COUNTER}, /* a check-in of a stolen rk went further: it steps ahead */
		{ROW_CTR, 6, 0, SMR_REFUSAL_COUNTER},
		{FLIGHT_CTR, 5, 1001,
		 SMR_REFUSAL_TPM_STATE}, /* a flight that it knows nothing of went further: it must not */
		{FLIGHT_CTR - 1, 6, 0, SMR_REFUSAL_TPM_STATE},
		{0, 6, 0, SMR_REFUSAL_TPM_STATE},
	};

	(void)unused;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		const struct smr_tpm_quote quote = {.resets = cases[i].resets, .clock_ms = cases[i].clock_ms};
		struct smr_evidence ev = evidence_of(HAVE_PACKAGE, cases[i].ctr);
		struct smr_row row = row_in(SMR_ROW_INSTALLED);
		struct smr_verdict v;

		ev.lineage = ROW_LINEAGE;
		row.tpm = memory(5, 1000, FLIGHT_CTR);
		v = smr_rules_flight(&row, &ev, &quote, new_hash);
		if (v.refusal != cases[i].refusal)
			fail_msg("case %zu: refusal %u", i, v.refusal);
		assert_int_equal(v.commit, v.refusal == SMR_REFUSAL_NONE);
		if (v.commit)
			assert_memory(&v.tpm, memory(cases[i].resets, cases[i].clock_ms, cases[i].ctr));
		else
			assert_verdict(v,
				       (struct smr_verdict){.refusal = cases[i].refusal,
							    .state = SMR_ROW_INSTALLED,
							    .ctr = ROW_CTR,
							    .lineage = ROW_LINEAGE},
				       "case", i);
	}
}

static void test_flight_of_a_tpm_is_remembered_from_the_first_and_sent_again_taken(void **unused)
{
	const struct smr_tpm_quote quote = {.resets = 5, .clock_ms = 1000};
	struct smr_evidence ev = evidence_of(HAVE_PACKAGE, ROW_CTR + 1);
	struct smr_row row = row_in(SMR_ROW_INSTALLED);
	struct smr_verdict v;

	(void)unused;
	row.measurement_approved = false; /* a refusal counts too */
	v = smr_rules_flight(&row, &ev, &quote, new_hash);
	assert_int_equal(v.refusal, SMR_REFUSAL_MEASUREMENT);
	assert_memory(&v.tpm, memory(5, 1000, ROW_CTR + 1));
	row.tpm = v.tpm;
	row.ctr = v.ctr;
	memcpy(row.hash, new_hash, sizeof(row.hash));
	row.log_differs = true; /* as it says by a boot log, which decides nothing else */
	assert_int_equal(smr_rules_flight(&row, &ev, &quote, new_hash).refusal, SMR_REFUSAL_BOOT_LOG);
	row.measurement_approved = true; /* the list has changed: the same M1, with the same clock, is taken */
	v = smr_rules_flight(&row, &ev, &quote, new_hash);
	assert_int_equal(v.refusal, SMR_REFUSAL_NONE);
	assert_memory(&v.tpm, row.tpm);
	assert_int_equal(smr_rules_flight(&row, &ev, &quote, old_hash).refusal, SMR_REFUSAL_TPM_STATE);
}

/* Check-ins have moved the row's counter, with a ticket of its last flight that was answered. */
static void test_flight_of_a_tpm_that_does_not_know_the_rows_lineage_changes_nothing(void **unused)
{
	static const struct {
		uint32_t flight_ctr, ctr, lineage;
		enum smr_refusal refusal;
	} cases[] = {
		{FLIGHT_CTR, ROW_CTR + 1, ROW_LINEAGE, SMR_REFUSAL_NONE},
		{FLIGHT_CTR, ROW_CTR + 1, ROW_LINEAGE + 1, SMR_REFUSAL_NONE}, /* the store is an older copy */
		{FLIGHT_CTR, ROW_CTR + 1, ROW_LINEAGE - 1, SMR_REFUSAL_TPM_STATE},
		{FLIGHT_CTR, ROW_CTR + 1, 0, SMR_REFUSAL_TPM_STATE},
		{FLIGHT_CTR, ROW_CTR, ROW_LINEAGE - 1, SMR_REFUSAL_TPM_STATE}, /* and is not told to step ahead */
		{ROW_CTR, ROW_CTR + 1, ROW_LINEAGE - 1, SMR_REFUSAL_NONE},     /* no check-in: the answer may be lost */
	};

	(void)unused;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		const struct smr_tpm_quote quote = {.resets = 5, .clock_ms = 1001};
		struct smr_evidence ev = evidence_of(HAVE_PACKAGE, cases[i].ctr);
		struct smr_row row = row_in(SMR_ROW_INSTALLED);

		ev.lineage = cases[i].lineage;
		row.tpm = memory(5, 1000, cases[i].flight_ctr);
		if (smr_rules_flight(&row, &ev, &quote, new_hash).refusal != cases[i].refusal)
			fail_msg("case %zu", i);
	}
}

/* A TRE that was told says so for ever after; what its counter and clock are by then does not matter. */
static void test_flight_of_a_copy_that_was_told_is_refused_whatever_its_clock(void **unused)
{
	const struct smr_tpm_quote quote = {.resets = 6};
	struct smr_evidence ev = evidence_of(HAVE_PACKAGE, ROW_CTR + 1);
	struct smr_row row = row_in(SMR_ROW_INSTALLED);
	struct smr_verdict v;

	(void)unused;
	row.tpm = memory(5, 1000, FLIGHT_CTR);
	ev.tamper = SMR_TAMPER_TPM_STATE | 1;
	v = smr_rules_flight(&row, &ev, &quote, new_hash);
	assert_int_equal(v.refusal, SMR_REFUSAL_TPM_STATE);
	assert_false(v.commit);
	v = smr_rules_flight(&row, &ev, NULL, new_hash); /* of a device without a TPM it is an event like any other */
	assert_int_equal(v.refusal, SMR_REFUSAL_TAMPER);
	assert_true(v.commit);
}

/* ---- check-in ---- */

static struct smr_c1 c1_with(uint32_t ctr, const uint8_t hash[SMR_HASH_LEN])
{
	struct smr_c1 c1 = {.ctr = ctr};

	memcpy(c1.hash_c1, hash, SMR_HASH_LEN);
	return c1;
}

enum receipt_case { R_INSTALL, R_INSTALL_OTHER_ICCID, R_INSTALL_OTHER_SERIAL, R_INSTALL_FAILED, R_COMMAND, R_COUNT };

static void add_receipt(struct smr_c1 *c1, enum receipt_case which)
{
	struct smr_receipt receipt = {.kind = SMR_RECEIPT_INSTALL, .iccid = iccid, .serial = SERIAL};

	if (which == R_INSTALL_OTHER_ICCID)
		receipt.iccid = other_iccid;
	if (which == R_INSTALL_OTHER_SERIAL)
		receipt.serial = SERIAL - 1;
	if (which == R_INSTALL_FAILED)
		receipt.result = SMR_E_UNOPENED;
	if (which == R_COMMAND) {
		receipt.kind = SMR_RECEIPT_COMMAND;
		receipt.iccid = other_iccid; /* of whichever MCIM: the operator judges */
		receipt.serial = 1;
		receipt.result = SMR_E_SERIAL;
	}
	c1->report.receipts[c1->report.receipt_count++] = receipt;
}

static void test_checkin_each_state_with_each_receipt_follows_the_table(void **unused)
{
	/* [state][receipt]: does it go to the operator? */
	static const bool forwarded[5][R_COUNT] = {
		[SMR_ROW_EMPTY] = {false, false, false, false, true},
		[SMR_ROW_SEALED] = {false, false, false, false, false}, /* refused: a flight has to fetch the package */
		[SMR_ROW_OFFERED] = {true, false, false, false, true},
		[SMR_ROW_INSTALLED] = {true, false, false, false, true},
		[SMR_ROW_RESEAL] = {false, false, false, false, true},
	};
	const struct smr_ticket ticket = {.lineage = ROW_LINEAGE};

	(void)unused;
	for (unsigned state = 0; state < 5; state++)
		for (unsigned which = 0; which < R_COUNT; which++)
			for (unsigned resend = 0; resend < 2; resend++) {
				struct smr_row row = row_in((enum smr_row_state)state);
				struct smr_c1 c1 = c1_with(ROW_CTR + !resend, resend ? old_hash : new_hash);
				bool installs = state == SMR_ROW_OFFERED && which == R_INSTALL && !resend;
				struct smr_verdict want = {
					.state = installs ? SMR_ROW_INSTALLED : row.state,
					.ctr = ROW_CTR + !resend,
					.lineage = ROW_LINEAGE,
					.commit = !resend,
					.counted = !resend,
					.purge_x = installs,
					.receipts = !resend && forwarded[state][which],
				};

				if (state == SMR_ROW_SEALED)
					want = (struct smr_verdict){.refusal = SMR_REFUSAL_LINEAGE,
								    .state = row.state,
								    .ctr = ROW_CTR,
								    .lineage = ROW_LINEAGE};
				add_receipt(&c1, (enum receipt_case)which);
				assert_verdict(smr_rules_checkin(&row, &ticket, &c1), want, "state*10+receipt",
					       state * 10 + which);
			}
}

static void test_checkin_several_receipts_set_their_own_bits(void **unused)
{
	const struct smr_ticket ticket = {.lineage = ROW_LINEAGE};
	struct smr_row row = row_in(SMR_ROW_OFFERED);
	struct smr_c1 c1 = c1_with(ROW_CTR + 1, new_hash);
	struct smr_verdict v;

	(void)unused;
	add_receipt(&c1, R_COMMAND);
	add_receipt(&c1, R_INSTALL_OTHER_SERIAL);
	add_receipt(&c1, R_INSTALL);
	add_receipt(&c1, R_COMMAND);
	v = smr_rules_checkin(&row, &ticket, &c1);
	assert_int_equal(v.receipts, 0x0d);
	assert_int_equal(v.state, SMR_ROW_INSTALLED);
	assert_true(v.purge_x);
}

static void test_checkin_without_receipts_counts_and_changes_no_state(void **unused)
{
	const struct smr_ticket ticket = {.lineage = ROW_LINEAGE};

	(void)unused;
	for (unsigned state = 0; state < 5; state++) {
		struct smr_row row = row_in((enum smr_row_state)state);
		struct smr_c1 c1 = c1_with(ROW_CTR + 5, new_hash);

		if (state == SMR_ROW_SEALED)
			continue; /* refused: see the table above */
		assert_verdict(smr_rules_checkin(&row, &ticket, &c1),
			       (struct smr_verdict){.state = row.state,
						    .ctr = ROW_CTR + 5,
						    .lineage = ROW_LINEAGE,
						    .commit = true,
						    .counted = true},
			       "state", state);
	}
}

/* Refusals in their order; none of them may move the counter, not even of a device that is revoked. */
static void test_checkin_refused_changes_nothing(void **unused)
{
	static const struct {
		bool revoked;
		uint32_t row_lineage, lineage, ctr;
		bool same_hash;
		enum smr_refusal want;
	} cases[] = {
		{true, ROW_LINEAGE, ROW_LINEAGE, ROW_CTR + 1, false, SMR_REFUSAL_REVOKED},
		{true, ROW_LINEAGE, ROW_LINEAGE - 1, ROW_CTR, false, SMR_REFUSAL_REVOKED},
		{false, ROW_LINEAGE, ROW_LINEAGE - 1, ROW_CTR + 1, false, SMR_REFUSAL_LINEAGE},
		{false, ROW_LINEAGE, ROW_LINEAGE + 1, ROW_CTR + 1, false, SMR_REFUSAL_LINEAGE},
		{false, ROW_LINEAGE, ROW_LINEAGE - 1, ROW_CTR, false, SMR_REFUSAL_LINEAGE},
		{false, ROW_LINEAGE, ROW_LINEAGE - 1, ROW_CTR, true, SMR_REFUSAL_LINEAGE},
		{false, 0, 0, ROW_CTR + 1, false, SMR_REFUSAL_LINEAGE}, /* no flight yet: no lineage equals none */
		{false, ROW_LINEAGE, ROW_LINEAGE, ROW_CTR, false, SMR_REFUSAL_COUNTER},
		{false, ROW_LINEAGE, ROW_LINEAGE, ROW_CTR - 1, true, SMR_REFUSAL_COUNTER},
		{false, ROW_LINEAGE, ROW_LINEAGE, ROW_LINEAGE + SMR_CTR_CHECKIN_MAX + 1, false, SMR_REFUSAL_COUNTER},
		{false, ROW_LINEAGE, ROW_LINEAGE, 0, true, SMR_REFUSAL_COUNTER},
		{false, ROW_LINEAGE, ROW_LINEAGE, ROW_LINEAGE + SMR_CTR_CHECKIN_MAX, false, SMR_REFUSAL_NONE},
	};

	(void)unused;
	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_row row = row_in(SMR_ROW_OFFERED);
		struct smr_ticket ticket = {.lineage = cases[i].lineage};
		struct smr_c1 c1 = c1_with(cases[i].ctr, cases[i].same_hash ? old_hash : new_hash);
		struct smr_verdict v;

		add_receipt(&c1, R_INSTALL);
		row.revoked = cases[i].revoked;
		row.lineage = cases[i].row_lineage;
		v = smr_rules_checkin(&row, &ticket, &c1);
		if (cases[i].want == SMR_REFUSAL_NONE)
			assert_int_equal(v.refusal, SMR_REFUSAL_NONE);
		else
			assert_verdict(v,
				       (struct smr_verdict){.refusal = cases[i].want,
							    .state = row.state,
							    .ctr = row.ctr,
							    .lineage = row.lineage},
				       "case", i);
	}
}

/* S10: a report counts once, however often its request arrives and whatever comes after it. */
static void test_checkin_repeated_and_replayed_counts_once(void **unused)
{
	static const uint8_t third_hash[SMR_HASH_LEN] = {0x0c};
	const struct smr_ticket ticket = {.lineage = ROW_LINEAGE};
	struct smr_row row = row_in(SMR_ROW_OFFERED);
	struct smr_c1 c1 = c1_with(ROW_CTR + 1, new_hash);
	struct smr_c1 next = c1_with(ROW_CTR + 2, third_hash);
	struct smr_verdict v;

	(void)unused;
	add_receipt(&c1, R_INSTALL);
	v = smr_rules_checkin(&row, &ticket, &c1);
	assert_int_equal(v.receipts, 1);
	apply(&row, &v, new_hash);
	v = smr_rules_checkin(&row, &ticket, &c1);
	assert_true(v.refusal == SMR_REFUSAL_NONE && v.receipts == 0 && !v.commit && !v.purge_x);
	v = smr_rules_checkin(&row, &ticket, &next);
	apply(&row, &v, third_hash);
	assert_int_equal(smr_rules_checkin(&row, &ticket, &c1).refusal, SMR_REFUSAL_COUNTER);
}

/* A device enrolled anew counts from 1 again: a ticket of its earlier keys may name a lineage that is in use. */
static void test_checkin_with_a_ticket_of_another_shipment_is_refused(void **unused)
{
	const struct smr_ticket ticket = {.lineage = ROW_LINEAGE, .shipment = {"shipment"}};
	struct smr_row row = row_in(SMR_ROW_OFFERED);
	struct smr_c1 c1 = c1_with(ROW_CTR + 1, new_hash);
	struct smr_verdict v;

	(void)unused;
	add_receipt(&c1, R_INSTALL);
	v = smr_rules_checkin(&row, &ticket, &c1);
	assert_int_equal(v.refusal, SMR_REFUSAL_LINEAGE);
	assert_false(v.commit || v.purge_x || v.receipts != 0);
	row.shipment = ticket.shipment;
	assert_int_equal(smr_rules_checkin(&row, &ticket, &c1).state, SMR_ROW_INSTALLED);
}

/* ---- batch ---- */

static void test_load_each_state_follows_the_table(void **unused)
{
	/* [state]: same operator with a serial below, equal, above; another operator (any serial) */
	static const enum smr_err wants[5][4] = {
		[SMR_ROW_EMPTY] = {SMR_OK, SMR_OK, SMR_OK, SMR_OK},
		[SMR_ROW_SEALED] = {SMR_E_SERIAL, SMR_E_SERIAL, SMR_OK, SMR_E_STATE},
		[SMR_ROW_OFFERED] = {SMR_E_SERIAL, SMR_E_SERIAL, SMR_OK, SMR_E_STATE},
		[SMR_ROW_INSTALLED] = {SMR_E_SERIAL, SMR_E_SERIAL, SMR_OK, SMR_E_STATE},
		[SMR_ROW_RESEAL] = {SMR_E_SERIAL, SMR_E_SERIAL, SMR_OK, SMR_OK},
	};

	(void)unused;
	for (unsigned state = 0; state < 5; state++)
		for (unsigned i = 0; i < 3; i++) {
			struct smr_row row = row_in((enum smr_row_state)state);

			assert_int_equal(smr_rules_load(&row, SERIAL - 1 + i, true), wants[state][i]);
			assert_int_equal(smr_rules_load(&row, SERIAL - 1 + i, false), wants[state][3]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flight_new_contact_follows_the_table),
		cmocka_unit_test(test_flight_resend_follows_the_table),
		cmocka_unit_test(test_flight_counter_out_of_range_changes_nothing),
		cmocka_unit_test(test_flight_of_an_unfit_device_is_refused_in_order),
		cmocka_unit_test(test_flight_first_reply_lost_offers_the_same_row_again),
		cmocka_unit_test(test_flight_of_a_tpm_that_went_back_changes_nothing),
		cmocka_unit_test(test_flight_of_a_tpm_is_remembered_from_the_first_and_sent_again_taken),
		cmocka_unit_test(test_flight_of_a_tpm_that_does_not_know_the_rows_lineage_changes_nothing),
		cmocka_unit_test(test_flight_of_a_copy_that_was_told_is_refused_whatever_its_clock),
		cmocka_unit_test(test_checkin_each_state_with_each_receipt_follows_the_table),
		cmocka_unit_test(test_checkin_with_a_ticket_of_another_shipment_is_refused),
		cmocka_unit_test(test_checkin_several_receipts_set_their_own_bits),
		cmocka_unit_test(test_checkin_without_receipts_counts_and_changes_no_state),
		cmocka_unit_test(test_checkin_refused_changes_nothing),
		cmocka_unit_test(test_checkin_repeated_and_replayed_counts_once),
		cmocka_unit_test(test_load_each_state_follows_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
