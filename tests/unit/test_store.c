/* SPDX-License-Identifier: Apache-2.0 */
/* The store's hot path: look-ups and conditional commits in batches, keys that front ends share, counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_rig.h"

#define DEVICES 40u

static int setup_filled(void **state)
{
	rig_setup(state);
	rig_fill(*state, 1, DEVICES);
	return 0;
}

static struct smr_store *second_handle(const struct rig *rig, enum smr_store_mode mode)
{
	struct smr_store *store;

	store = rig_another(rig, mode);
	return store;
}

/* ---- lookup ---- */

static void test_lookup_known_device_gives_row_key_and_package(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device device = rig_get(rig->store, 3);
	struct smr_key_id operator_id = rig_operator(0);
	struct smr_iccid iccid = rig_iccid(3);
	uint8_t x[RIG_X_LEN];

	rig_x(3, 1003, x, sizeof(x));
	assert_int_equal(device.err, SMR_OK);
	assert_int_equal(device.row.state, SMR_ROW_SEALED);
	assert_false(device.row.revoked);
	assert_int_equal(device.row.ctr, 0);
	assert_int_equal(device.row.serial, 1003);
	assert_memory_equal(&device.row.iccid, &iccid, sizeof(iccid));
	assert_true(device.known_d);
	assert_memory_equal(device.d, rig->d_point, sizeof(device.d));
	assert_memory_equal(&device.shipment, &rig->shipment, sizeof(rig->shipment));
	assert_memory_equal(&device.operator_id, &operator_id, sizeof(operator_id));
	assert_int_equal(device.x_len, sizeof(x));
	assert_memory_equal(device.x, x, sizeof(x));
	assert_int_equal(device.w[0], 3);
	assert_int_equal(device.order_len, 0);
	assert_int_equal(device.object_count, 0);
}

static void test_lookup_unwanted_package_is_left_out(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device device = {.eid = rig_eid(1), .x_len = 99, .object_count = 99};

	assert_int_equal(smr_store_lookup(rig->store, &device, 1), SMR_OK);
	assert_int_equal(device.err, SMR_OK);
	assert_int_equal(device.x_len, 0);
	assert_int_equal(device.object_count, 0);
}

static void test_lookup_batch_reports_each_device_in_one_round_trip(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device *devices = calloc(DEVICES + 1, sizeof(*devices));
	uint64_t before = smr_store_round_trips(rig->store);

	assert_non_null(devices);
	for (uint64_t i = 0; i <= DEVICES; i++)
		devices[i].eid = rig_eid(DEVICES + 1 - i); /* the first one is unknown */
	assert_int_equal(smr_store_lookup(rig->store, devices, DEVICES + 1), SMR_OK);
	assert_int_equal(smr_store_round_trips(rig->store), before + 1);
	assert_int_equal(devices[0].err, SMR_E_NOT_FOUND);
	for (uint64_t i = 1; i <= DEVICES; i++) {
		assert_int_equal(devices[i].err, SMR_OK);
		assert_int_equal(devices[i].row.serial, 1000 + DEVICES + 1 - i);
	}
	free(devices);
}

static void test_lookup_too_many_is_invalid_and_none_costs_nothing(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device *devices = calloc(SMR_STORE_BATCH_MAX + 1, sizeof(*devices));
	uint64_t before = smr_store_round_trips(rig->store);

	assert_non_null(devices);
	assert_int_equal(smr_store_lookup(rig->store, devices, SMR_STORE_BATCH_MAX + 1), SMR_E_INVALID);
	assert_int_equal(smr_store_lookup(rig->store, devices, 0), SMR_OK);
	assert_int_equal(smr_store_round_trips(rig->store), before);
	assert_int_equal(smr_store_lookup(rig->store, devices, SMR_STORE_BATCH_MAX), SMR_OK);
	free(devices);
}

/* ---- commit ---- */

static void test_commit_writes_every_field_and_a_new_revision(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change = rig_change(rig->store, 5);
	struct smr_store_device device;

	change.state = SMR_ROW_OFFERED;
	change.ctr = UINT32_MAX;
	change.lineage = UINT32_MAX - 1;
	change.tpm = (struct smr_tpm_memory){.known = true, .octets = "\1resets\0\377clock"};
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	device = rig_get(rig->store, 5);
	assert_int_equal(device.row.state, SMR_ROW_OFFERED);
	assert_int_equal(device.row.ctr, UINT32_MAX);
	assert_int_equal(device.row.lineage, UINT32_MAX - 1);
	assert_memory_equal(device.row.hash, change.hash, sizeof(change.hash));
	assert_true(device.row.tpm.known);
	assert_memory_equal(device.row.tpm.octets, change.tpm.octets, sizeof(change.tpm.octets));
	assert_false(rig_get(rig->store, 4).row.tpm.known);
	assert_int_not_equal(device.revision, change.revision);
	assert_int_equal(device.x_len, RIG_X_LEN);
	assert_int_equal(rig_get(rig->store, 4).row.ctr, 0);
	assert_int_equal(rig_get(rig->store, 6).row.ctr, 0);
}

static void test_commit_on_a_stale_revision_is_busy_and_changes_nothing(void **state)
{
	struct rig *rig = *state;
	struct smr_store *other = second_handle(rig, SMR_STORE_WRITE);
	struct smr_store_change ours = rig_change(rig->store, 7);
	struct smr_store_change theirs = rig_change(other, 7);

	ours.lineage = 111;
	theirs.lineage = 222;
	assert_int_equal(rig_commit_one(other, &theirs), SMR_OK);
	assert_int_equal(rig_commit_one(rig->store, &ours), SMR_E_BUSY);
	assert_int_equal(rig_get(rig->store, 7).row.lineage, 222);
	ours = rig_change(rig->store, 7);
	assert_int_equal(rig_commit_one(rig->store, &ours), SMR_OK);
	smr_store_close(other);
}

static void test_commit_of_an_unknown_device_is_busy(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change = {.eid = rig_eid(9999), .revision = 1};

	assert_int_equal(rig_commit_one(rig->store, &change), SMR_E_BUSY);
}

static void test_commit_batch_applies_all_but_the_one_that_lost(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change *changes = calloc(DEVICES + 1, sizeof(*changes));
	uint64_t before;

	assert_non_null(changes);
	for (uint64_t i = 0; i < DEVICES; i++)
		changes[i] = rig_change(rig->store, i + 1);
	changes[DEVICES] = changes[3]; /* a second change of one device */
	changes[DEVICES].lineage = 4242;
	changes[8].revision++;
	before = smr_store_round_trips(rig->store);
	assert_int_equal(smr_store_commit(rig->store, changes, DEVICES + 1), SMR_OK);
	assert_int_equal(smr_store_round_trips(rig->store), before + 1);
	for (uint64_t i = 0; i < DEVICES; i++) {
		assert_int_equal(changes[i].err, i == 8 ? SMR_E_BUSY : SMR_OK);
		assert_int_equal(rig_get(rig->store, i + 1).row.ctr, i == 8 ? 0 : 1);
	}
	assert_int_equal(changes[DEVICES].err, SMR_E_BUSY);
	assert_int_equal(rig_get(rig->store, 4).row.lineage, 0);
	free(changes);
}

static void test_commit_with_an_invalid_change_applies_nothing(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change changes[2];

	/* Not as initialisers: gcc 12 with -ftrivial-auto-var-init clears more than the padding of such an array. */
	changes[0] = rig_change(rig->store, 1);
	changes[1] = rig_change(rig->store, 2);
	changes[1].keep_evidence = true; /* of no octets */
	assert_int_equal(smr_store_commit(rig->store, changes, 2), SMR_E_INVALID);
	assert_int_equal(changes[0].err, SMR_E_INVALID);
	assert_int_equal(rig_get(rig->store, 1).row.ctr, 0);
	changes[1].keep_evidence = false;
	changes[1].receipt_count = SMR_RECEIPTS_MAX + 1;
	assert_int_equal(smr_store_commit(rig->store, changes, 2), SMR_E_INVALID);
	changes[1].receipt_count = 1; /* of kind 0 */
	assert_int_equal(smr_store_commit(rig->store, changes, 2), SMR_E_INVALID);
	assert_int_equal(rig_get(rig->store, 1).row.ctr, 0);
	changes[1].receipt_count = 0;
	assert_int_equal(smr_store_commit(rig->store, changes, 2), SMR_OK);
	assert_int_equal(rig_get(rig->store, 2).row.ctr, 1);
}

/* Two processes add to the same counters; each addition that was acknowledged has to be in the sum. */
static void test_commit_from_two_processes_loses_no_change(void **state)
{
	struct rig *rig = *state;
	const uint32_t rounds = 60;
	int status;
	pid_t child;

	smr_store_close(rig->store); /* a handle must not be carried over a fork */
	child = fork();
	assert_true(child >= 0);
	rig->store = NULL;
	if (smr_store_open(rig->path, SMR_STORE_WRITE, &rig->store) != SMR_OK)
		_exit(2);
	for (uint32_t done = 0; done < rounds;) {
		struct smr_store_change change = rig_change(rig->store, 1 + done % 3);

		if (smr_store_commit(rig->store, &change, 1) != SMR_OK)
			_exit(3);
		done += change.err == SMR_OK;
	}
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (uint64_t n = 1; n <= 3; n++)
		assert_int_equal(rig_get(rig->store, n).row.ctr, 2 * rounds / 3);
}

static void test_read_handle_sees_commits_and_cannot_make_them(void **state)
{
	struct rig *rig = *state;
	struct smr_store *reader = second_handle(rig, SMR_STORE_READ);
	struct smr_store_change change;

	rig_offer(rig->store, 2);
	assert_int_equal(rig_get(reader, 2).row.state, SMR_ROW_OFFERED);
	change = rig_change(reader, 2);
	assert_int_equal(smr_store_commit(reader, &change, 1), SMR_E_DISK_FULL);
	assert_int_equal(change.err, SMR_E_DISK_FULL);
	rig_offer(rig->store, 2);
	assert_int_equal(rig_get(reader, 2).row.ctr, 2);
	smr_store_close(reader);
}

static void test_install_purges_x_and_keeps_the_subscription(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device device;

	rig_offer(rig->store, 9);
	rig_install(rig->store, 9);
	device = rig_get(rig->store, 9);
	assert_int_equal(device.row.state, SMR_ROW_INSTALLED);
	assert_int_equal(device.row.serial, 1009);
	assert_int_equal(device.x_len, 0);
	assert_int_equal(rig_get(rig->store, 10).x_len, RIG_X_LEN);
}

static void test_reseal_purges_x_without_being_asked(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change = rig_change(rig->store, 9);

	change.state = SMR_ROW_RESEAL;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	assert_int_equal(rig_get(rig->store, 9).x_len, 0);
}

/* ---- keys ---- */

static struct smr_store_flight_key flight_key(enum smr_flight_key_kind kind, uint32_t number, uint64_t not_after)
{
	struct smr_store_flight_key key = {
		.key = {.kind = kind, .number = number, .not_before = 5, .not_after = not_after}, .encoded_len = 140};

	memset(key.key.q, 2, sizeof(key.key.q));
	rig_x(number, 77, key.scalar, sizeof(key.scalar));
	memset(key.encoded, (int)(number & 0xff), key.encoded_len);
	return key;
}

static void test_flight_keys_come_back_in_order(void **state)
{
	struct rig *rig = *state;
	struct smr_store_flight_key a = flight_key(SMR_FLIGHT_KEY_EPOCH, 900, UINT64_MAX);
	struct smr_store_flight_key b = flight_key(SMR_FLIGHT_KEY_SHELF, 12, 7);
	struct smr_store_flight_key keys[3];
	size_t count = 3;

	assert_int_equal(smr_store_add_flight_key(rig->store, &a), SMR_OK);
	assert_int_equal(smr_store_add_flight_key(rig->store, &b), SMR_OK);
	assert_int_equal(smr_store_add_flight_key(rig->store, &b), SMR_E_EXISTS);
	assert_int_equal(smr_store_flight_keys(rig->store, keys, &count), SMR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(keys[0].key.number, 12);
	assert_int_equal(keys[0].key.kind, SMR_FLIGHT_KEY_SHELF);
	assert_memory_equal(keys[0].scalar, b.scalar, sizeof(b.scalar));
	assert_int_equal(keys[0].encoded_len, b.encoded_len);
	assert_memory_equal(keys[0].encoded, b.encoded, b.encoded_len);
	assert_int_equal(keys[1].key.number, 900);
	assert_int_equal(keys[1].key.not_after, UINT64_MAX);
	assert_int_equal(keys[1].key.not_before, 5);
	assert_memory_equal(keys[1].key.q, a.key.q, sizeof(a.key.q));
	count = 1;
	assert_int_equal(smr_store_flight_keys(rig->store, keys, &count), SMR_E_NO_ROOM);
	a.key.number++;
	a.encoded_len = sizeof(a.encoded) + 1;
	assert_int_equal(smr_store_add_flight_key(rig->store, &a), SMR_E_INVALID);
}

static void test_flight_keys_ended_epochs_are_erased_from_the_files(void **state)
{
	struct rig *rig = *state;
	struct smr_store_flight_key key;
	struct smr_store_flight_key keys[40];
	size_t count = SMR_COUNT(keys);
	size_t erased;

	for (uint32_t n = 1; n <= 40; n++) {
		key = flight_key(n == 5 ? SMR_FLIGHT_KEY_SHELF : SMR_FLIGHT_KEY_EPOCH, n, 100 * n);
		assert_int_equal(smr_store_add_flight_key(rig->store, &key), SMR_OK);
	}
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	for (uint32_t n = 1; n <= 30; n += 3) {
		assert_int_equal(smr_store_erase_flight_keys(rig->store, 100 * n, &erased), SMR_OK);
		assert_int_equal(erased, n == 1 ? 1 : n == 7 ? 2 : 3); /* the shelf key stays */
	}
	assert_int_equal(smr_store_erase_flight_keys(rig->store, 2800, &erased), SMR_OK);
	assert_int_equal(erased, 0);
	assert_int_equal(smr_store_flight_keys(rig->store, keys, &count), SMR_OK);
	assert_int_equal(count, 13);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	RIG_NEEDS_SQLITE();
	for (uint32_t n = 1; n <= 40; n++) {
		key = flight_key(SMR_FLIGHT_KEY_EPOCH, n, 0);
		assert_int_equal(rig_count_pieces(rig, SMR_ARRAY(key.scalar), 8), n == 5 || n > 28 ? 4 : 0);
	}
}

/* ---- counts and single devices ---- */

static void test_count_follows_the_states(void **state)
{
	struct rig *rig = *state;
	struct smr_store_counts counts;

	rig_offer(rig->store, 1);
	rig_offer(rig->store, 2);
	rig_install(rig->store, 2);
	assert_int_equal(smr_store_count(rig->store, &counts), SMR_OK);
	assert_int_equal(counts.devices, DEVICES);
	assert_int_equal(counts.by_state[SMR_ROW_SEALED], DEVICES - 2);
	assert_int_equal(counts.by_state[SMR_ROW_OFFERED], 1);
	assert_int_equal(counts.by_state[SMR_ROW_INSTALLED], 1);
	assert_int_equal(counts.relay_waiting, 1);
	assert_int_equal(counts.relay_unacknowledged, 0);
	assert_int_equal(counts.shipments, 1);
	assert_int_equal(counts.operators, RIG_OPERATORS);
	assert_int_equal(counts.references, 0);
}

static void test_device_status_says_what_waits(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device_status status;
	struct smr_eid eid = rig_eid(2);

	rig_offer(rig->store, 2);
	assert_int_equal(smr_store_device_status(rig->store, &eid, &status), SMR_OK);
	assert_true(status.has_evidence);
	assert_int_equal(status.relay_waiting, 0);
	rig_install(rig->store, 2);
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	assert_int_equal(rig_put_command(rig, 2, 1), SMR_OK);
	rig_load_keep(rig);
	assert_int_equal(smr_store_device_status(rig->store, &eid, &status), SMR_OK);
	assert_false(status.has_evidence);
	assert_int_equal(status.relay_waiting, 1);
	assert_int_equal(status.commands_pending, 1);
	assert_int_equal(status.device.row.state, SMR_ROW_INSTALLED);
	eid = rig_eid(5555);
	assert_int_equal(smr_store_device_status(rig->store, &eid, &status), SMR_E_NOT_FOUND);
}

static void test_revoke_marks_the_row_and_outdates_decisions(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change = rig_change(rig->store, 6);
	struct smr_eid eid = rig_eid(6);

	assert_int_equal(smr_store_revoke(rig->store, &eid, true), SMR_OK);
	assert_true(rig_get(rig->store, 6).row.revoked);
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_E_BUSY);
	assert_int_equal(smr_store_revoke(rig->store, &eid, false), SMR_OK);
	assert_false(rig_get(rig->store, 6).row.revoked);
	eid = rig_eid(5555);
	assert_int_equal(smr_store_revoke(rig->store, &eid, true), SMR_E_NOT_FOUND);
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, setup_filled, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(test_lookup_known_device_gives_row_key_and_package),
		FILLED(test_lookup_unwanted_package_is_left_out),
		FILLED(test_lookup_batch_reports_each_device_in_one_round_trip),
		FILLED(test_lookup_too_many_is_invalid_and_none_costs_nothing),
		FILLED(test_commit_writes_every_field_and_a_new_revision),
		FILLED(test_commit_on_a_stale_revision_is_busy_and_changes_nothing),
		FILLED(test_commit_of_an_unknown_device_is_busy),
		FILLED(test_commit_batch_applies_all_but_the_one_that_lost),
		FILLED(test_commit_with_an_invalid_change_applies_nothing),
		FILLED(test_commit_from_two_processes_loses_no_change),
		FILLED(test_read_handle_sees_commits_and_cannot_make_them),
		FILLED(test_install_purges_x_and_keeps_the_subscription),
		FILLED(test_reseal_purges_x_without_being_asked),
		FILLED(test_flight_keys_come_back_in_order),
		FILLED(test_flight_keys_ended_epochs_are_erased_from_the_files),
		FILLED(test_count_follows_the_states),
		FILLED(test_device_status_says_what_waits),
		FILLED(test_revoke_marks_the_row_and_outdates_decisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
