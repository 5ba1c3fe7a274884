/* SPDX-License-Identifier: Apache-2.0 */
/* The relay: which records go into which numbered file, and what an acknowledgement of it does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store_rig.h"

#define DEVICES 12u

struct taken {
	size_t count;
	uint64_t sequences[64];
	struct smr_evidence_record records[64]; /* without views */
	uint8_t evidence_first[64];
	size_t evidence_len[64];
};

static int setup_filled(void **state)
{
	rig_setup(state);
	rig_fill(*state, 1, DEVICES);
	return 0;
}

static void take(void *context, const struct smr_store_relay *relay)
{
	struct taken *taken = context;
	size_t i = taken->count++;

	assert_true(i < SMR_COUNT(taken->sequences));
	taken->sequences[i] = relay->sequence;
	taken->records[i] = relay->record;
	taken->evidence_len[i] = relay->record.evidence.len;
	taken->evidence_first[i] = relay->record.evidence.len > 0 ? relay->record.evidence.ptr[0] : 0;
	taken->records[i].evidence = SMR_NONE;
}

static struct taken next(struct rig *rig, unsigned operator_index, size_t limit, uint64_t *last)
{
	struct smr_key_id id = rig_operator(operator_index);
	struct taken taken = {0};
	size_t count;

	assert_int_equal(smr_store_relay_next(rig->store, &id, limit, take, &taken, last, &count), SMR_OK);
	assert_int_equal(count, taken.count);
	return taken;
}

static enum smr_err spooled(struct rig *rig, unsigned operator_index, uint64_t last, uint64_t number)
{
	struct smr_key_id id = rig_operator(operator_index);

	return smr_store_relay_spooled(rig->store, &id, last, number);
}

/* Write the next file as samarad does. Returns how many records it got. */
static size_t spool(struct rig *rig, size_t limit)
{
	struct smr_key_id id = rig_operator(0);
	struct taken taken;
	uint64_t number;
	uint64_t last;

	assert_int_equal(smr_store_relay_number(rig->store, &id, &number), SMR_OK);
	taken = next(rig, 0, limit, &last);
	if (taken.count > 0)
		assert_int_equal(spooled(rig, 0, last, number + 1), SMR_OK);
	return taken.count;
}

static struct smr_ack_record ack_of(uint64_t n, enum smr_ack_verdict verdict)
{
	return (struct smr_ack_record){rig_eid(n), rig_iccid(n), 1000 + n, SMR_RECEIPT_INSTALL, verdict};
}

static enum smr_err acknowledge(struct rig *rig, uint64_t of, const struct smr_ack_record *acks, size_t count)
{
	struct smr_key_id id = rig_operator(0);

	return smr_store_acknowledge(rig->store, &id, of, acks, count);
}

static struct smr_store_counts counts(struct rig *rig)
{
	struct smr_store_counts out;

	assert_int_equal(smr_store_count(rig->store, &out), SMR_OK);
	return out;
}

static void provision(struct rig *rig, uint64_t first, uint64_t last)
{
	for (uint64_t n = first; n <= last; n++) {
		rig_offer(rig->store, n);
		rig_install(rig->store, n);
	}
}

/* ---- what is relayed ---- */

static void test_install_receipt_takes_the_evidence_of_its_flight(void **state)
{
	struct rig *rig = *state;
	uint8_t room[RIG_EVIDENCE_LEN];
	struct smr_receipt receipt = rig_receipt(SMR_RECEIPT_INSTALL, 3, 1003);
	struct smr_iccid iccid = rig_iccid(3);
	struct smr_eid eid = rig_eid(3);
	struct taken taken;
	uint64_t last;

	rig_offer(rig->store, 3);
	rig_offer(rig->store, 3); /* the answer got lost: a second flight, whose evidence is the one that counts */
	rig_install(rig->store, 3);
	taken = next(rig, 0, 10, &last);
	assert_int_equal(taken.count, 1);
	assert_int_equal(taken.sequences[0], last);
	assert_memory_equal(&taken.records[0].eid, &eid, sizeof(eid));
	assert_memory_equal(&taken.records[0].iccid, &iccid, sizeof(iccid));
	assert_int_equal(taken.records[0].serial, 1003);
	assert_int_equal(taken.records[0].receipt.kind, receipt.kind);
	assert_memory_equal(&taken.records[0].receipt.iccid, &receipt.iccid, sizeof(receipt.iccid));
	assert_int_equal(taken.records[0].receipt.serial, receipt.serial);
	assert_int_equal(taken.records[0].receipt.result, receipt.result);
	assert_memory_equal(taken.records[0].receipt.mac, receipt.mac, sizeof(receipt.mac));
	assert_int_equal(taken.evidence_len[0], RIG_EVIDENCE_LEN);
	assert_int_equal(taken.evidence_first[0], rig_evidence(3, 2, room).ptr[0]);
	assert_int_equal(taken.records[0].e[5], 0xe0);
	assert_int_equal(taken.records[0].q[5], 0xd0);
}

static void test_install_receipt_repeated_is_not_relayed_again(void **state)
{
	struct rig *rig = *state;

	provision(rig, 3, 3);
	rig_install(rig->store, 3);
	rig_install(rig->store, 3);
	assert_int_equal(counts(rig).relay_waiting, 1);
}

static void test_install_receipt_twice_in_one_report_is_relayed_once(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change;

	rig_offer(rig->store, 3);
	change = rig_change(rig->store, 3);
	change.state = SMR_ROW_INSTALLED;
	change.receipts[0] = rig_receipt(SMR_RECEIPT_INSTALL, 3, 1003);
	change.receipts[1] = change.receipts[0];
	change.receipt_count = 2;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	assert_int_equal(counts(rig).relay_waiting, 1);
}

/* A row that never offered its package, but whose device has it: the operator decides what that is worth. */
static void test_install_receipt_without_evidence_still_goes_to_the_operator(void **state)
{
	struct rig *rig = *state;
	struct taken taken;
	uint64_t last;

	rig_install(rig->store, 3);
	taken = next(rig, 0, 10, &last);
	assert_int_equal(taken.count, 1);
	assert_int_equal(taken.evidence_len[0], 0);
}

static void test_install_receipt_of_another_package_is_not_relayed(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change;

	rig_offer(rig->store, 3);
	change = rig_change(rig->store, 3);
	change.receipts[0] = rig_receipt(SMR_RECEIPT_INSTALL, 3, 999);
	change.receipts[1] = rig_receipt(SMR_RECEIPT_INSTALL, 4, 1003);
	change.receipt_count = 2;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	assert_int_equal(counts(rig).relay_waiting, 0);
}

static void put_command(struct rig *rig, uint64_t n, uint64_t serial)
{
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	assert_int_equal(rig_put_command(rig, n, serial), SMR_OK);
	rig_load_keep(rig);
}

static void commit_command_receipt(struct rig *rig, uint64_t n, uint64_t iccid_of, uint64_t serial, uint32_t result)
{
	struct smr_store_change change = rig_change(rig->store, n);

	change.receipts[0] = rig_receipt(SMR_RECEIPT_COMMAND, iccid_of, serial);
	change.receipts[0].result = result;
	change.receipt_count = 1;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
}

static void test_command_receipt_is_relayed_once_with_its_result(void **state)
{
	struct rig *rig = *state;
	struct taken taken;
	uint64_t last;

	put_command(rig, 2, 5);
	commit_command_receipt(rig, 2, 2, 5, SMR_E_STATE);
	commit_command_receipt(rig, 2, 2, 5, SMR_E_STATE);
	commit_command_receipt(rig, 2, 2, 4, 0);
	taken = next(rig, 0, 10, &last);
	assert_int_equal(taken.count, 1);
	assert_int_equal(taken.records[0].receipt.kind, SMR_RECEIPT_COMMAND);
	assert_int_equal(taken.records[0].receipt.result, SMR_E_STATE);
	assert_int_equal(taken.evidence_len[0], 0);
}

static void test_attack_command_receipts_without_a_pending_command_make_nothing_grow(void **state)
{
	struct rig *rig = *state;

	for (uint64_t serial = 1; serial < 20; serial++) {
		commit_command_receipt(rig, 2, 3, serial, 0);
		commit_command_receipt(rig, 2, 2, serial, 0);
	}
	assert_int_equal(counts(rig).relay_waiting, 0);
	put_command(rig, 2, 5);
	commit_command_receipt(rig, 2, 2, 6, 0);
	assert_int_equal(counts(rig).relay_waiting, 0);
	assert_int_equal(counts(rig).commands_pending, 1);
	commit_command_receipt(rig, 2, 2, 5, 0);
	assert_int_equal(counts(rig).relay_waiting, 1);
	assert_int_equal(counts(rig).commands_pending, 0);
}

static void test_command_whose_receipt_is_rejected_is_pending_again_unless_replaced(void **state)
{
	struct rig *rig = *state;
	struct smr_ack_record ack = {rig_eid(2), rig_iccid(2), 5, SMR_RECEIPT_COMMAND, SMR_ACK_REJECTED};
	struct smr_store_position before;
	struct smr_store_position after;

	put_command(rig, 2, 5);
	commit_command_receipt(rig, 2, 2, 5, 0);
	assert_int_equal(spool(rig, 10), 1);
	assert_int_equal(counts(rig).commands_pending, 0);
	assert_int_equal(smr_store_position(rig->store, &before), SMR_OK);
	assert_int_equal(acknowledge(rig, 1, &ack, 1), SMR_OK);
	assert_int_equal(counts(rig).commands_pending, 1);
	assert_int_equal(smr_store_position(rig->store, &after), SMR_OK);
	assert_int_equal(after.journal, before.journal + 1); /* servers: its check-ins need the store again */
	commit_command_receipt(rig, 2, 2, 5, 0); /* the true one goes to the operator, as the false one did */
	assert_int_equal(counts(rig).commands_pending, 0);
	assert_int_equal(spool(rig, 10), 1);
	put_command(rig, 2, 6);
	commit_command_receipt(rig, 2, 2, 6, 0);
	assert_int_equal(acknowledge(rig, 2, &ack, 1), SMR_OK);
	assert_int_equal(counts(rig).commands_pending, 0);
	assert_int_equal(spool(rig, 10), 1);
	ack.serial = 6;
	ack.verdict = SMR_ACK_ACCEPTED;
	assert_int_equal(acknowledge(rig, 3, &ack, 1), SMR_OK);
	assert_int_equal(counts(rig).commands_pending, 0);
}

/* A package with another ICCID takes the place of the one that the command was for: no MCIM obeys it any more. */
static void replace_package(struct rig *rig, uint64_t n, uint64_t iccid_of, uint64_t serial)
{
	uint8_t x[RIG_X_LEN];
	struct smr_batch_record record = {.eid = rig_eid(n),
					  .package = {.operator_id = rig_operator(0),
						      .iccid = rig_iccid(iccid_of),
						      .serial = serial,
						      .x = SMR_ARRAY(x)}};

	rig_x(n, serial, x, sizeof(x));
	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(smr_store_put_package(rig->store, &record), SMR_OK);
	rig_load_keep(rig);
}

static void test_command_whose_receipt_is_rejected_after_its_package_was_replaced_has_ended(void **state)
{
	struct rig *rig = *state;
	struct smr_ack_record ack = {rig_eid(2), rig_iccid(2), 5, SMR_RECEIPT_COMMAND, SMR_ACK_REJECTED};

	put_command(rig, 2, 5);
	commit_command_receipt(rig, 2, 2, 5, 0);
	assert_int_equal(spool(rig, 10), 1);
	replace_package(rig, 2, 200, 2000);
	assert_int_equal(acknowledge(rig, 1, &ack, 1), SMR_OK);
	assert_int_equal(counts(rig).commands_pending, 0);
	assert_int_equal(counts(rig).relay_unacknowledged, 0);
	assert_int_equal(rig_get(rig->store, 2).object_count, 0);
}

/* ---- files ---- */

static void test_files_hold_each_record_once_in_order(void **state)
{
	struct rig *rig = *state;
	uint64_t last;

	provision(rig, 1, 7);
	assert_int_equal(spool(rig, 3), 3);
	assert_int_equal(spool(rig, 3), 3);
	assert_int_equal(counts(rig).relay_waiting, 1);
	assert_int_equal(counts(rig).relay_unacknowledged, 6);
	assert_int_equal(spool(rig, 3), 1);
	assert_int_equal(spool(rig, 3), 0);
	assert_int_equal(next(rig, 1, 3, &last).count, 0); /* the other operator gets nothing of it */
	assert_int_equal(last, 0);
}

/* Between writing file 1 and noting it the server dies; meanwhile more arrives and the limit has changed. */
static void test_file_not_noted_is_written_again_with_the_same_records(void **state)
{
	struct rig *rig = *state;
	struct taken before;
	struct taken after;
	uint64_t last_before;
	uint64_t last_after;

	provision(rig, 1, 4);
	before = next(rig, 0, 3, &last_before);
	provision(rig, 5, 8);
	smr_store_close(rig->store);
	rig->store = rig_another(rig, SMR_STORE_WRITE);
	after = next(rig, 0, 100, &last_after);
	assert_int_equal(last_after, last_before);
	assert_int_equal(after.count, before.count);
	assert_memory_equal(after.records, before.records, sizeof(before.records));
	assert_int_equal(spooled(rig, 0, last_after, 1), SMR_OK);
	assert_int_equal(spool(rig, 100), 5);
}

static void test_spooled_is_idempotent_and_refuses_anything_else(void **state)
{
	struct rig *rig = *state;
	struct smr_key_id id = rig_operator(0);
	uint64_t number;
	uint64_t last;

	provision(rig, 1, 4);
	assert_int_equal(spooled(rig, 0, 1, 1), SMR_E_INVALID); /* nothing was taken */
	(void)next(rig, 0, 2, &last);
	assert_int_equal(spooled(rig, 0, last, 2), SMR_E_INVALID);
	assert_int_equal(spooled(rig, 0, last + 1, 1), SMR_E_INVALID);
	assert_int_equal(spooled(rig, 5, last, 1), SMR_E_NOT_FOUND);
	assert_int_equal(spooled(rig, 0, last, 1), SMR_OK);
	assert_int_equal(spooled(rig, 0, last, 1), SMR_OK);
	assert_int_equal(counts(rig).relay_unacknowledged, 2);
	assert_int_equal(smr_store_relay_number(rig->store, &id, &number), SMR_OK);
	assert_int_equal(number, 1);
}

/* A page is what is above a number, however many wait below; what is acknowledged is in none. */
static void test_open_files_are_read_in_pages(void **state)
{
	struct rig *rig = *state;
	struct smr_key_id id = rig_operator(0);
	struct smr_ack_record ack = ack_of(3, SMR_ACK_ACCEPTED);
	uint64_t numbers[4];
	size_t count = 2;

	provision(rig, 1, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(spool(rig, 1), 1);
	assert_int_equal(acknowledge(rig, 3, &ack, 1), SMR_OK);
	assert_int_equal(smr_store_relay_open_files(rig->store, &id, 0, numbers, &count), SMR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[1], 2);
	count = 4;
	assert_int_equal(smr_store_relay_open_files(rig->store, &id, numbers[1], numbers, &count), SMR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(numbers[0], 4);
	assert_int_equal(numbers[1], 5);
	count = 4;
	assert_int_equal(smr_store_relay_open_files(rig->store, &id, 5, numbers, &count), SMR_OK);
	assert_int_equal(count, 0);
}

/* ---- acknowledgements ---- */

static void test_acknowledge_accepted_clears_only_its_file(void **state)
{
	struct rig *rig = *state;
	struct smr_ack_record acks[6];

	provision(rig, 1, 6);
	assert_int_equal(spool(rig, 3), 3);
	for (uint64_t i = 0; i < 6; i++)
		acks[i] = ack_of(6 - i, SMR_ACK_ACCEPTED);
	assert_int_equal(acknowledge(rig, 1, acks, 6), SMR_OK); /* it speaks of 4 to 6 too, which are in no file */
	assert_int_equal(counts(rig).relay_unacknowledged, 0);
	assert_int_equal(counts(rig).relay_waiting, 3);
	assert_int_equal(rig_get(rig->store, 1).row.state, SMR_ROW_INSTALLED);
	assert_int_equal(spool(rig, 3), 3);
	assert_int_equal(acknowledge(rig, 1, acks, 6), SMR_OK); /* again: nothing of file 2 */
	assert_int_equal(counts(rig).relay_unacknowledged, 3);
	assert_int_equal(acknowledge(rig, 2, acks, 6), SMR_OK);
	assert_int_equal(counts(rig).relay_unacknowledged, 0);
}

static void test_acknowledge_in_parts_keeps_the_rest(void **state)
{
	struct rig *rig = *state;
	struct smr_ack_record ack = ack_of(2, SMR_ACK_ACCEPTED);

	provision(rig, 1, 3);
	assert_int_equal(spool(rig, 3), 3);
	assert_int_equal(acknowledge(rig, 1, &ack, 1), SMR_OK);
	assert_int_equal(acknowledge(rig, 1, &ack, 1), SMR_OK);
	assert_int_equal(acknowledge(rig, 1, NULL, 0), SMR_OK);
	assert_int_equal(counts(rig).relay_unacknowledged, 2);
}

static void test_acknowledge_before_the_file_is_noted_is_not_found(void **state)
{
	struct rig *rig = *state;
	struct smr_ack_record ack = ack_of(1, SMR_ACK_REJECTED);
	struct taken taken;
	uint64_t last;

	provision(rig, 1, 2);
	taken = next(rig, 0, 9, &last);
	assert_int_equal(taken.count, 2);
	assert_int_equal(acknowledge(rig, 1, &ack, 1), SMR_E_NOT_FOUND);
	assert_int_equal(acknowledge(rig, 0, &ack, 1), SMR_E_NOT_FOUND);
	assert_int_equal(rig_get(rig->store, 1).row.state, SMR_ROW_INSTALLED);
	assert_int_equal(spooled(rig, 0, last, 1), SMR_OK);
	assert_int_equal(acknowledge(rig, 1, &ack, 1), SMR_OK);
	assert_int_equal(rig_get(rig->store, 1).row.state, SMR_ROW_RESEAL);
}

static void test_acknowledge_rejected_install_makes_the_row_reseal(void **state)
{
	struct rig *rig = *state;
	struct smr_ack_record acks[2] = {ack_of(1, SMR_ACK_ACCEPTED), ack_of(2, SMR_ACK_REJECTED)};
	struct smr_store_change change;

	provision(rig, 1, 2);
	assert_int_equal(spool(rig, 9), 2);
	change = rig_change(rig->store, 2);
	assert_int_equal(acknowledge(rig, 1, acks, 2), SMR_OK);
	assert_int_equal(rig_get(rig->store, 1).row.state, SMR_ROW_INSTALLED);
	assert_int_equal(rig_get(rig->store, 2).row.state, SMR_ROW_RESEAL);
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_E_BUSY);
	assert_int_equal(counts(rig).relay_unacknowledged, 0);
	rig_reseal(rig, 2, 9000, RIG_X_LEN);
	assert_int_equal(acknowledge(rig, 1, acks, 2), SMR_OK);
	assert_int_equal(rig_get(rig->store, 2).row.state, SMR_ROW_SEALED);
}

static void test_acknowledge_rejection_of_an_older_package_leaves_the_newer(void **state)
{
	struct rig *rig = *state;
	struct smr_ack_record ack = ack_of(2, SMR_ACK_REJECTED);

	provision(rig, 2, 2);
	assert_int_equal(spool(rig, 9), 1);
	rig_reseal(rig, 2, 9000, RIG_X_LEN);
	assert_int_equal(acknowledge(rig, 1, &ack, 1), SMR_OK);
	assert_int_equal(rig_get(rig->store, 2).row.state, SMR_ROW_SEALED);
	assert_int_equal(rig_get(rig->store, 2).x_len, RIG_X_LEN);
	assert_int_equal(counts(rig).relay_unacknowledged, 0);
}

/* An operator that acknowledges what it never got must not be able to touch a row, least of all another's. */
static void test_acknowledge_of_records_not_in_the_file_touches_no_row(void **state)
{
	struct rig *rig = *state;
	struct smr_key_id other = rig_operator(1);
	struct smr_ack_record acks[3] = {ack_of(2, SMR_ACK_REJECTED), ack_of(1, SMR_ACK_REJECTED),
					 ack_of(1, SMR_ACK_REJECTED)};

	provision(rig, 1, 2);
	assert_int_equal(spool(rig, 1), 1); /* device 1 */
	acks[1].serial++;
	acks[2].kind = SMR_RECEIPT_COMMAND;
	assert_int_equal(acknowledge(rig, 1, acks, 3), SMR_OK);
	assert_int_equal(smr_store_acknowledge(rig->store, &other, 1, acks, 3), SMR_E_NOT_FOUND);
	assert_int_equal(rig_get(rig->store, 1).row.state, SMR_ROW_INSTALLED);
	assert_int_equal(rig_get(rig->store, 2).row.state, SMR_ROW_INSTALLED);
	assert_int_equal(counts(rig).relay_unacknowledged, 1);
}

static void test_acknowledge_contradicting_itself_counts_as_rejection(void **state)
{
	struct rig *rig = *state;

	for (uint64_t n = 1; n <= 2; n++) {
		struct smr_ack_record acks[2] = {ack_of(n, n == 1 ? SMR_ACK_ACCEPTED : SMR_ACK_REJECTED),
						 ack_of(n, n == 1 ? SMR_ACK_REJECTED : SMR_ACK_ACCEPTED)};

		provision(rig, n, n);
		assert_int_equal(spool(rig, 9), 1);
		assert_int_equal(acknowledge(rig, n, acks, 2), SMR_OK);
		assert_int_equal(rig_get(rig->store, n).row.state, SMR_ROW_RESEAL);
	}
}

static void test_sequences_are_not_reused_after_acknowledgement(void **state)
{
	struct rig *rig = *state;
	struct smr_ack_record ack = ack_of(1, SMR_ACK_ACCEPTED);
	struct taken taken;
	uint64_t first;
	uint64_t second;

	provision(rig, 1, 1);
	(void)next(rig, 0, 9, &first);
	assert_int_equal(spooled(rig, 0, first, 1), SMR_OK);
	assert_int_equal(acknowledge(rig, 1, &ack, 1), SMR_OK);
	provision(rig, 2, 2);
	taken = next(rig, 0, 9, &second);
	assert_int_equal(taken.count, 1);
	assert_true(second > first);
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, setup_filled, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(test_install_receipt_takes_the_evidence_of_its_flight),
		FILLED(test_install_receipt_repeated_is_not_relayed_again),
		FILLED(test_install_receipt_twice_in_one_report_is_relayed_once),
		FILLED(test_install_receipt_without_evidence_still_goes_to_the_operator),
		FILLED(test_install_receipt_of_another_package_is_not_relayed),
		FILLED(test_command_receipt_is_relayed_once_with_its_result),
		FILLED(test_attack_command_receipts_without_a_pending_command_make_nothing_grow),
		FILLED(test_command_whose_receipt_is_rejected_is_pending_again_unless_replaced),
		FILLED(test_command_whose_receipt_is_rejected_after_its_package_was_replaced_has_ended),
		FILLED(test_files_hold_each_record_once_in_order),
		FILLED(test_file_not_noted_is_written_again_with_the_same_records),
		FILLED(test_spooled_is_idempotent_and_refuses_anything_else),
		FILLED(test_open_files_are_read_in_pages),
		FILLED(test_acknowledge_accepted_clears_only_its_file),
		FILLED(test_acknowledge_in_parts_keeps_the_rest),
		FILLED(test_acknowledge_before_the_file_is_noted_is_not_found),
		FILLED(test_acknowledge_rejected_install_makes_the_row_reseal),
		FILLED(test_acknowledge_rejection_of_an_older_package_leaves_the_newer),
		FILLED(test_acknowledge_of_records_not_in_the_file_touches_no_row),
		FILLED(test_acknowledge_contradicting_itself_counts_as_rejection),
		FILLED(test_sequences_are_not_reused_after_acknowledgement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
