/* SPDX-License-Identifier: Apache-2.0 */
/* The TRE's durable state as octets: all of it comes back, and at its largest it fits the room that every platform provides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tre/state.h"

#define SEALED 40u /* stamp, salt and tag around the encoded state */

static void fill_contact(struct smr_tre_contact *contact)
{
	memset(contact, 0xc1, sizeof(*contact));
	contact->ticket_len = sizeof(contact->ticket);
}

static void fill_mcim(struct smr_tre_mcim *mcim)
{
	memset(mcim, 0, sizeof(*mcim));
	mcim->used = true;
	memset(mcim->operator_key, 2, sizeof(mcim->operator_key));
	memset(mcim->iccid.octets, 0x98, sizeof(mcim->iccid.octets));
	mcim->serial = UINT64_MAX;
	mcim->state = SMR_MCIM_SUSPENDED;
	memset(mcim->content.imsi.octets, 0x11, sizeof(mcim->content.imsi.octets));
	mcim->content.aka =
		(struct smr_aka_params){.alg = SMR_AKA_TUAK, .k_len = 32, .res_len = 16, .keccak_iterations = 255};
	mcim->content.checkin_interval_s = UINT32_MAX;
	mcim->content.profile = UINT32_MAX;
	mcim->content.sqn_delta = mcim->sqn.delta = ((uint64_t)1 << 43) - 1;
	mcim->content.sqn_age_limit = mcim->sqn.age_limit = ((uint64_t)1 << 43) - 1;
	mcim->sqn.highest = ((uint64_t)1 << 43) - 1;
	for (size_t i = 0; i < SMR_COUNT(mcim->sqn.seq); i++)
		mcim->sqn.seq[i] = mcim->sqn.highest;
	memset(mcim->hash_x, 3, sizeof(mcim->hash_x));
	memset(mcim->hash_ev, 4, sizeof(mcim->hash_ev));
}

static void fill_queue(struct smr_tre_durable *s)
{
	for (size_t i = 0; i < SMR_TRE_ANCHORS_MAX; i++) {
		memset(s->anchors[i], 2, sizeof(s->anchors[i]));
		memset(s->operators[i].key, 3, sizeof(s->operators[i].key));
		s->operators[i].mcim_serial = s->operators[i].command_serial = UINT64_MAX;
	}
	s->anchor_count = s->operator_count = SMR_TRE_ANCHORS_MAX;
	for (size_t i = 0; i < SMR_TRE_RECEIPTS_MAX; i++) {
		s->receipts[i].kind = SMR_RECEIPT_COMMAND;
		memset(s->receipts[i].iccid.octets, 0x98, sizeof(s->receipts[i].iccid.octets));
		s->receipts[i].serial = UINT64_MAX;
		s->receipts[i].result = UINT16_MAX; /* an smr_err */
		memset(s->receipts[i].mac, 5, sizeof(s->receipts[i].mac));
	}
	s->receipt_count = SMR_TRE_RECEIPTS_MAX;
	for (size_t i = 0; i < SMR_TRE_MCIMS_MAX; i++)
		fill_mcim(&s->mcims[i]);
}

/** Every member at its limit, and padding zero so that two of them can be compared. */
static struct smr_tre_durable *full(void)
{
	struct smr_tre_durable *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->has_keys = s->enrolled = s->owner_bound = s->has_gate = s->failed = true;
	memset(s->eid.octets, 0x89, sizeof(s->eid.octets));
	memset(s->d, 1, sizeof(s->d));
	memset(s->t, 2, sizeof(s->t));
	memset(s->certificate, 0xce, sizeof(s->certificate));
	s->certificate_len = sizeof(s->certificate);
	s->shelf.number = s->epoch.number = s->ctr = s->lineage_count = s->beacon.number = UINT32_MAX;
	s->order_serial = s->failed_serial = UINT64_MAX;
	s->failed_reason = s->tamper = UINT32_MAX;
	memset(s->failed_iccid.octets, 0x98, sizeof(s->failed_iccid.octets));
	fill_contact(&s->contact);
	fill_contact(&s->spare);
	memset(s->pending.c1, 6, sizeof(s->pending.c1));
	s->pending.c1_len = sizeof(s->pending.c1);
	s->pending.resends = s->pending.receipts = UINT32_MAX;
	fill_queue(s);
	return s;
}

/** The same of a device whose keys are in its TPM: they leave room for what it has to remember besides. */
static struct smr_tre_durable *full_with_tpm(void)
{
	struct smr_tre_durable *s = full();

	memset(s->d, 0, sizeof(s->d));
	memset(s->t, 0, sizeof(s->t));
	s->keys_in_platform = true;
	s->lineage = UINT32_MAX;
	return s;
}

static struct smr_bytes encode(const struct smr_tre_durable *s, uint8_t room[SMR_TRE_RECORD_MAX])
{
	struct smr_bytes out = SMR_NONE;

	assert_int_equal(smr_tre_record_encode(s, (struct smr_space){room, SMR_TRE_RECORD_MAX - SEALED}, &out), SMR_OK);
	return out;
}

static void test_record_of_a_full_state_fits_and_comes_back(void **state)
{
	struct smr_tre_durable *s = full();
	struct smr_tre_durable *back = calloc(1, sizeof(*back));
	uint8_t room[SMR_TRE_RECORD_MAX];
	struct smr_bytes record = encode(s, room);

	(void)state;
	assert_non_null(back);
	assert_int_equal(smr_tre_record_decode(record, back), SMR_OK);
	assert_memory_equal(s, back, sizeof(*s));
	/* Room that no state can use is RAM taken from a small device. */
	assert_true(record.len + SEALED <= SMR_TRE_RECORD_MAX);
	assert_in_range(SMR_TRE_RECORD_MAX - SEALED - record.len, 0, 64);
	free(s);
	free(back);
}

static void test_record_of_a_device_with_a_tpm_comes_back_with_its_lineage(void **state)
{
	struct smr_tre_durable *s = full_with_tpm();
	struct smr_tre_durable *back = calloc(1, sizeof(*back));
	uint8_t room[SMR_TRE_RECORD_MAX];
	struct smr_bytes record = encode(s, room);

	(void)state;
	assert_non_null(back);
	assert_int_equal(smr_tre_record_decode(record, back), SMR_OK);
	assert_memory_equal(s, back, sizeof(*s));
	s->lineage = 0; /* as it was before there was this member */
	record = encode(s, room);
	assert_int_equal(smr_tre_record_decode(record, back), SMR_OK);
	assert_memory_equal(s, back, sizeof(*s));
	free(s);
	free(back);
}

static void test_record_that_writes_out_a_lineage_of_nothing_is_malformed(void **state)
{
	struct smr_tre_durable *s = full_with_tpm();
	struct smr_tre_durable *back = calloc(1, sizeof(*back));
	uint8_t room[SMR_TRE_RECORD_MAX];
	struct smr_bytes record;
	uint8_t *lineage = NULL;

	(void)state;
	assert_non_null(back);
	s->lineage = 0x5a5a5a5a;
	record = encode(s, room);
	for (size_t i = 0; i + 4 <= record.len; i++)
		if (memcmp(room + i, "\x5a\x5a\x5a\x5a", 4) == 0)
			lineage = room + i;
	assert_non_null(lineage);
	memmove(lineage, lineage + 4, record.len - (size_t)(lineage + 4 - room));
	lineage[-1] = 0; /* in the place of the head and four octets */
	assert_int_equal(smr_tre_record_decode(smr_bytes_of(room, record.len - 4), back), SMR_E_MALFORMED);
	lineage[-1] = 1;
	assert_int_equal(smr_tre_record_decode(smr_bytes_of(room, record.len - 4), back), SMR_OK);
	assert_int_equal(back->lineage, 1);
	free(s);
	free(back);
}

/* A record as version 1 had it: two keys of 32 octets in the place of those of 16. */
static struct smr_bytes as_version_1(const struct smr_tre_durable *s, uint8_t *out)
{
	uint8_t room[SMR_TRE_RECORD_MAX];
	const struct smr_bytes record = encode(s, room);
	const size_t keys = sizeof(s->pending.kept);
	uint8_t *at = memmem(room, record.len, s->pending.kept.response_key, SMR_AEAD_KEY_LEN);
	size_t before;
	size_t after;

	assert_non_null(at);
	before = (size_t)(at - 1 - room); /* up to the first head */
	after = before + 2 + keys;
	memcpy(out, room, before);
	out[1] = 1;
	for (size_t i = 0; i < 2; i++) {
		out[before] = 0x58;
		out[before + 1] = 32;
		memset(out + before + 2, 0x77, 32);
		before += 34;
	}
	memcpy(out + before, room + after, record.len - after);
	return smr_bytes_of(out, before + record.len - after);
}

static void test_record_of_version_1_is_read_but_for_its_contact(void **state)
{
	struct smr_tre_durable *states[] = {full(), full_with_tpm()};
	struct smr_tre_durable *back = calloc(1, sizeof(*back));
	uint8_t room[SMR_TRE_RECORD_MAX + 34];

	(void)state;
	assert_non_null(back);
	for (size_t i = 0; i < SMR_COUNT(states); i++) {
		struct smr_bytes record;

		memset(states[i]->pending.kept.response_key, 0xa7, SMR_AEAD_KEY_LEN);
		memset(states[i]->pending.kept.next, 0xb8, SMR_RK_LEN);
		record = as_version_1(states[i], room);
		assert_int_equal(smr_tre_record_decode(record, back), SMR_OK);
		smr_tre_drop_contact(states[i]);
		assert_memory_equal(states[i], back, sizeof(*back));
		for (size_t len = record.len - 1; len > record.len - 60; len--)
			assert_int_not_equal(smr_tre_record_decode(smr_bytes_of(room, len), back), SMR_OK);
		room[1] = 2; /* what it says it is, it has to be */
		assert_int_equal(smr_tre_record_decode(record, back), SMR_E_MALFORMED);
		free(states[i]);
	}
	free(back);
}

static void test_record_cut_at_any_length_is_refused_and_leaves_nothing(void **state)
{
	const struct smr_tre_durable none = {0};
	struct smr_tre_durable *s = full();
	uint8_t room[SMR_TRE_RECORD_MAX];
	struct smr_bytes record = encode(s, room);

	(void)state;
	for (size_t len = 0; len < record.len; len++) {
		assert_int_not_equal(smr_tre_record_decode(smr_bytes_of(record.ptr, len), s), SMR_OK);
		assert_memory_equal(s, &none, sizeof(none));
	}
	free(s);
}

static void test_record_with_fewer_mcims_is_read(void **state)
{
	struct smr_tre_durable *s = full();
	uint8_t room[SMR_TRE_RECORD_MAX];
	struct smr_bytes record;
	size_t at;

	(void)state;
	for (size_t i = 1; i < SMR_TRE_MCIMS_MAX; i++)
		memset(&s->mcims[i], 0, sizeof(s->mcims[i]));
	record = encode(s, room);
	/* as a platform whose limit is 1 writes it: an array of one, without the nulls behind */
	for (at = record.len - 1; room[at] == 0xf6; at--)
		;
	record.len = at + 1;
	for (at = record.len; room[at] != (0x80 | SMR_TRE_MCIMS_MAX) || room[at + 1] != 0x90; at--)
		assert_true(at > 0);
	room[at] = 0x81;
	assert_int_equal(smr_tre_record_decode(record, s), SMR_OK);
	assert_true(s->mcims[0].used);
	assert_false(s->mcims[SMR_TRE_MCIMS_MAX - 1].used);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_of_a_full_state_fits_and_comes_back),
		cmocka_unit_test(test_record_of_a_device_with_a_tpm_comes_back_with_its_lineage),
		cmocka_unit_test(test_record_that_writes_out_a_lineage_of_nothing_is_malformed),
		cmocka_unit_test(test_record_of_version_1_is_read_but_for_its_contact),
		cmocka_unit_test(test_record_cut_at_any_length_is_refused_and_leaves_nothing),
		cmocka_unit_test(test_record_with_fewer_mcims_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
