/* SPDX-License-Identifier: Apache-2.0 */
/* Loading files into the store: whole or not at all, once, and by the rules; commands; trust. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "store_rig.h"

static int setup_filled(void **state)
{
	rig_setup(state);
	rig_fill(*state, 1, 10);
	return 0;
}

/* ---- begin, end ---- */

static void test_load_of_the_same_file_again_is_refused_as_existing(void **state)
{
	struct rig *rig = *state;
	struct smr_file_info info = rig_info(SMR_FILE_BATCH, 900);
	struct smr_file_info other;

	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_E_INVALID);
	rig_load_keep(rig);
	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_E_EXISTS);
	other = info;
	other.sender[5] ^= 1;
	assert_int_equal(smr_store_load_begin(rig->store, &other), SMR_OK);
	rig_load_keep(rig);
	other = info;
	other.type = SMR_FILE_COMMANDS;
	assert_int_equal(smr_store_load_begin(rig->store, &other), SMR_OK);
	rig_load_keep(rig);
	info.number = 899; /* batches add up: a lower number may come later */
	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
	rig_load_keep(rig);
}

static void test_load_given_up_leaves_nothing_and_may_be_repeated(void **state)
{
	struct rig *rig = *state;
	struct smr_store_counts before;
	struct smr_store_counts after;
	struct smr_file_info info = rig_info(SMR_FILE_SHIPMENT, 77);
	struct smr_store_position sequence;
	struct smr_store_position sequence_after;

	assert_int_equal(smr_store_count(rig->store, &before), SMR_OK);
	assert_int_equal(smr_store_position(rig->store, &sequence), SMR_OK);
	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
	for (uint64_t n = 100; n < 200; n++)
		assert_int_equal(rig_put_device(rig, n), SMR_OK);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	assert_int_equal(smr_store_count(rig->store, &after), SMR_OK);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(smr_store_position(rig->store, &sequence_after), SMR_OK);
	assert_memory_equal(&sequence_after, &sequence, sizeof(sequence));
	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
	rig_load_keep(rig);
	assert_int_equal(smr_store_position(rig->store, &sequence_after), SMR_OK);
	assert_true(sequence_after.sequence > sequence.sequence);
}

static void test_load_with_one_bad_record_cannot_be_kept(void **state)
{
	struct rig *rig = *state;
	struct smr_store_counts counts;

	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(rig_put_package(rig, 0, 50, 1, RIG_X_LEN, SMR_NONE), SMR_OK);
	assert_int_equal(rig_put_package(rig, 0, 3, 1, RIG_X_LEN, SMR_NONE), SMR_E_SERIAL);
	assert_int_equal(rig_put_package(rig, 0, 51, 1, RIG_X_LEN, SMR_NONE), SMR_E_SERIAL);
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_E_SERIAL);
	assert_int_equal(smr_store_count(rig->store, &counts), SMR_OK);
	assert_int_equal(counts.devices, 10);
	assert_int_equal(rig_get(rig->store, 50).err, SMR_E_NOT_FOUND);
}

static void test_load_calls_outside_a_load_are_invalid(void **state)
{
	struct rig *rig = *state;
	struct smr_store_shipment shipment = {.about = {.id = rig->shipment}};
	struct smr_store_change change = rig_change(rig->store, 1);

	assert_int_equal(rig_put_device(rig, 60), SMR_E_INVALID);
	assert_int_equal(rig_put_package(rig, 0, 60, 1, RIG_X_LEN, SMR_NONE), SMR_E_INVALID);
	assert_int_equal(rig_put_command(rig, 1, 1), SMR_E_INVALID);
	assert_int_equal(smr_store_put_shipment(rig->store, &shipment), SMR_E_INVALID);
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_E_INVALID);
	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(smr_store_commit(rig->store, &change, 1), SMR_E_INVALID);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_E_INVALID);
	rig_load_keep(rig);
}

static void test_load_left_open_is_rolled_back_by_closing(void **state)
{
	struct rig *rig = *state;

	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(rig_put_package(rig, 0, 50, 1, RIG_X_LEN, SMR_NONE), SMR_OK);
	smr_store_close(rig->store);
	rig->store = rig_another(rig, SMR_STORE_WRITE);
	assert_int_equal(rig_get(rig->store, 50).err, SMR_E_NOT_FOUND);
}

/* ---- shipments, devices ---- */

static void test_device_known_with_the_same_key_is_accepted_with_another_refused(void **state)
{
	struct rig *rig = *state;
	struct smr_shipment_record record = {.eid = rig_eid(1)};
	struct smr_shipment_id unknown = {{9}};
	struct smr_privkey key;

	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(rig_put_device(rig, 1), SMR_OK);
	rig_load_keep(rig);
	assert_int_equal(rig_get(rig->store, 1).row.state, SMR_ROW_SEALED);
	assert_int_equal(smr_privkey_generate(&key), SMR_OK);
	smr_point_compress(key.point, record.d);
	smr_privkey_wipe(&key);
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(smr_store_put_device(rig->store, &rig->shipment, &record), SMR_E_DUPLICATE);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(smr_store_put_device(rig->store, &unknown, &record), SMR_E_NOT_FOUND);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	memset(record.d, 0xff, sizeof(record.d));
	assert_int_equal(smr_store_put_device(rig->store, &rig->shipment, &record), SMR_E_BAD_POINT);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
}

static void test_device_of_a_batch_gets_its_key_when_the_shipment_comes(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device device;

	rig_reseal(rig, 70, 5, RIG_X_LEN);
	device = rig_get(rig->store, 70);
	assert_int_equal(device.err, SMR_OK);
	assert_false(device.known_d);
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(rig_put_device(rig, 70), SMR_OK);
	rig_load_keep(rig);
	assert_int_not_equal(rig_get(rig->store, 70).revision, device.revision);
	device = rig_get(rig->store, 70);
	assert_true(device.known_d);
	assert_memory_equal(device.d, rig->d_point, sizeof(device.d));
	assert_int_equal(device.row.state, SMR_ROW_SEALED);
}

static void keep_shipment(void *context, const struct smr_store_shipment *shipment)
{
	*(struct smr_store_shipment *)context = *shipment; /* the last one */
}

static void test_shipment_comes_back_whole_and_another_of_its_id_is_refused(void **state)
{
	struct rig *rig = *state;
	struct smr_store_shipment shipment = {.about = {.id = {{1, 2, 3}}, .owner_bound = true, .has_gate = true}};
	struct smr_store_shipment found;

	memset(shipment.about.owner, 3, sizeof(shipment.about.owner));
	memset(shipment.about.gate, 4, sizeof(shipment.about.gate));
	memset(shipment.supplier, 2, sizeof(shipment.supplier));
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(smr_store_put_shipment(rig->store, &shipment), SMR_OK);
	assert_int_equal(smr_store_put_shipment(rig->store, &shipment), SMR_OK);
	rig_load_keep(rig);
	assert_int_equal(smr_store_shipments(rig->store, keep_shipment, &found), SMR_OK);
	assert_memory_equal(&found.about.id, &shipment.about.id, sizeof(found.about.id));
	assert_true(found.about.owner_bound && found.about.has_gate);
	assert_memory_equal(found.about.owner, shipment.about.owner, sizeof(found.about.owner));
	assert_memory_equal(found.about.gate, shipment.about.gate, sizeof(found.about.gate));
	assert_memory_equal(found.supplier, shipment.supplier, sizeof(found.supplier));
	for (int i = 0; i < 3; i++) {
		struct smr_store_shipment other = shipment;

		other.supplier[9] ^= i == 0;
		other.about.owner_bound = i != 1;
		other.about.gate[9] ^= i == 2;
		rig_load_begin(rig, SMR_FILE_SHIPMENT);
		assert_int_equal(smr_store_put_shipment(rig->store, &other), SMR_E_DUPLICATE);
		assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	}
}

/* ---- references ---- */

static void count_reference(void *context, const struct smr_store_reference *reference)
{
	(void)reference;
	++*(size_t *)context;
}

static enum smr_err load_references(struct rig *rig, uint64_t number, uint8_t first, uint8_t count)
{
	struct smr_file_info info = rig_info(SMR_FILE_REFERENCES, number);

	SMR_TRY(smr_store_load_begin(rig->store, &info));
	for (uint8_t i = 0; i < count; i++) {
		struct smr_reference_record record = {.version = "1.0"};

		memset(record.measurement, first + i, sizeof(record.measurement));
		assert_int_equal(smr_store_put_reference(rig->store, info.sender, &record), SMR_OK);
	}
	return smr_store_load_end(rig->store, true);
}

static size_t reference_count(struct rig *rig)
{
	size_t count = 0;

	assert_int_equal(smr_store_references(rig->store, count_reference, &count), SMR_OK);
	return count;
}

static void test_references_newer_list_replaces_the_older(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(load_references(rig, 500, 1, 9), SMR_OK);
	assert_int_equal(reference_count(rig), 9);
	assert_int_equal(load_references(rig, 501, 5, 2), SMR_OK);
	assert_int_equal(reference_count(rig), 2);
	assert_int_equal(load_references(rig, 500, 1, 9), SMR_E_EXISTS);
	assert_int_equal(load_references(rig, 499, 1, 9), SMR_E_SERIAL);
	assert_int_equal(reference_count(rig), 2);
	assert_int_equal(load_references(rig, UINT64_MAX, 1, 0), SMR_OK); /* an empty list approves nothing */
	assert_int_equal(reference_count(rig), 0);
	assert_int_equal(load_references(rig, 502, 1, 1), SMR_E_SERIAL);
}

static void check_log(void *context, const struct smr_store_reference *reference)
{
	struct smr_reader r = smr_reader_init(reference->log);
	struct smr_boot_log log;

	smr_get_boot_log(&r, &log);
	assert_int_equal(smr_reader_done(&r), SMR_OK);
	assert_int_equal(log.count, 2);
	assert_int_equal(log.events[1].pcr, 9);
	assert_int_equal(log.events[1].digest[0], 0xd2);
	++*(size_t *)context;
}

static void test_reference_of_a_boot_log_comes_back_with_it(void **state)
{
	struct rig *rig = *state;
	struct smr_file_info info = rig_info(SMR_FILE_REFERENCES, 500);
	struct smr_reference_record record = {
		.version = "1.0",
		.measurement = {1},
		.log = {.count = 2, .events = {{8, {0xd1}, SMR_TEXT("launch")}, {9, {0xd2}, SMR_TEXT("config")}}},
	};
	size_t count = 0;

	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
	assert_int_equal(smr_store_put_reference(rig->store, info.sender, &record), SMR_OK);
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_OK);
	assert_int_equal(smr_store_references(rig->store, check_log, &count), SMR_OK);
	assert_int_equal(count, 1);
}

static void test_references_of_another_supplier_or_twice_are_refused(void **state)
{
	struct rig *rig = *state;
	struct smr_reference_record record = {.measurement = {1}, .version = "1"};
	struct smr_file_info info = rig_info(SMR_FILE_REFERENCES, 1);
	uint8_t other[SMR_POINT_COMPRESSED_LEN] = {2};

	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
	assert_int_equal(smr_store_put_reference(rig->store, other, &record), SMR_E_INVALID);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
	assert_int_equal(smr_store_put_reference(rig->store, info.sender, &record), SMR_OK);
	assert_int_equal(smr_store_put_reference(rig->store, info.sender, &record), SMR_E_DUPLICATE);
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_E_DUPLICATE);
	assert_int_equal(reference_count(rig), 0);
}

/* ---- packages ---- */

static void test_package_newer_serial_replaces_also_with_another_length(void **state)
{
	struct rig *rig = *state;
	static const size_t lengths[] = {RIG_X_LEN, 170, RIG_X_LEN, SMR_X_MAX, 1};
	uint8_t order[SMR_ORDER_MAX];
	struct smr_store_device device;
	uint8_t x[SMR_X_MAX];
	uint64_t serial = 2000;

	memset(order, 0x77, sizeof(order));
	for (size_t i = 0; i < SMR_COUNT(lengths); i++) {
		rig_load_begin(rig, SMR_FILE_BATCH);
		assert_int_equal(rig_put_package(rig, 0, 4, ++serial, lengths[i],
						 smr_bytes_of(order, i % 2 ? sizeof(order) : 0)),
				 SMR_OK);
		rig_load_keep(rig);
		device = rig_get(rig->store, 4);
		rig_x(4, serial, x, lengths[i]);
		assert_int_equal(device.row.serial, serial);
		assert_int_equal(device.x_len, lengths[i]);
		assert_memory_equal(device.x, x, lengths[i]);
		assert_int_equal(device.order_len, i % 2 ? sizeof(order) : 0);
		assert_memory_equal(device.order, order, device.order_len);
	}
}

static void test_package_the_row_keeps_its_counter_and_loses_old_evidence(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device_status status;
	struct smr_eid eid = rig_eid(4);
	struct smr_store_change change;

	rig_offer(rig->store, 4);
	change = rig_change(rig->store, 4);
	rig_reseal(rig, 4, 5000, RIG_X_LEN);
	assert_int_equal(smr_store_device_status(rig->store, &eid, &status), SMR_OK);
	assert_int_equal(status.device.row.state, SMR_ROW_SEALED);
	assert_int_equal(status.device.row.ctr, 1);
	assert_int_equal(status.device.row.lineage, 1);
	assert_false(status.has_evidence);
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_E_BUSY);
}

static enum smr_err try_package(struct rig *rig, unsigned operator_index, uint64_t n, uint64_t serial, size_t x_len)
{
	enum smr_err err;

	rig_load_begin(rig, SMR_FILE_BATCH);
	err = rig_put_package(rig, operator_index, n, serial, x_len, SMR_NONE);
	assert_int_equal(smr_store_load_end(rig->store, true), err);
	return err;
}

static void test_package_rules_hold(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change;

	assert_int_equal(try_package(rig, 0, 2, 1002, RIG_X_LEN), SMR_E_SERIAL);
	assert_int_equal(try_package(rig, 0, 2, UINT64_MAX, RIG_X_LEN), SMR_OK); /* all 64 bits count */
	assert_int_equal(try_package(rig, 0, 2, UINT64_MAX / 2, RIG_X_LEN), SMR_E_SERIAL);
	assert_int_equal(try_package(rig, 1, 3, 9000, RIG_X_LEN), SMR_E_STATE);
	assert_non_null(strstr(smr_store_problem(rig->store), "another operator's subscription is live"));
	assert_int_equal(try_package(rig, 7, 50, 1, RIG_X_LEN), SMR_E_NOT_FOUND);
	assert_int_equal(try_package(rig, 0, 50, 1, 0), SMR_E_MALFORMED);
	assert_int_equal(try_package(rig, 0, 50, 1, SMR_X_MAX + 1), SMR_E_MALFORMED);
	change = rig_change(rig->store, 3);
	change.state = SMR_ROW_RESEAL;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	assert_int_equal(try_package(rig, 1, 3, 1, RIG_X_LEN), SMR_OK);
	assert_int_equal(rig_get(rig->store, 3).row.state, SMR_ROW_SEALED);
}

static void test_package_iccid_live_elsewhere_is_a_duplicate(void **state)
{
	struct rig *rig = *state;
	uint8_t x[RIG_X_LEN] = {1};
	struct smr_batch_record record = {.eid = rig_eid(50)};

	record.package.operator_id = rig_operator(0);
	record.package.iccid = rig_iccid(1);
	record.package.serial = 1;
	record.package.x = SMR_ARRAY(x);
	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(smr_store_put_package(rig->store, &record), SMR_E_DUPLICATE);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	record.package.operator_id = rig_operator(1); /* another operator's numbers are no business of the first */
	rig_load_begin(rig, SMR_FILE_BATCH);
	assert_int_equal(smr_store_put_package(rig->store, &record), SMR_OK);
	rig_load_keep(rig);
}

/* ---- records that were looked ahead for ---- */

static void look_ahead(struct rig *rig, const uint64_t *eids, const uint64_t *iccids, size_t count)
{
	struct smr_store_ahead list[8] = {0};
	struct smr_key_id operator_id = rig_operator(0);

	for (size_t i = 0; i < count; i++) {
		list[i].eid = rig_eid(eids[i]);
		list[i].iccid = rig_iccid(iccids[i]);
	}
	assert_int_equal(smr_store_look_ahead(rig->store, list, count, &operator_id), SMR_OK);
}

static enum smr_err put_with_iccid(struct rig *rig, uint64_t n, uint64_t iccid, uint64_t serial)
{
	uint8_t x[RIG_X_LEN] = {1};
	struct smr_batch_record record = {.eid = rig_eid(n)};

	record.package.operator_id = rig_operator(0);
	record.package.iccid = rig_iccid(iccid);
	record.package.serial = serial;
	record.package.x = SMR_ARRAY(x);
	return smr_store_put_package(rig->store, &record);
}

/* What the first of them has done is seen by the second, although both were looked for before. */
static void test_ahead_of_one_device_twice_the_second_sees_the_first(void **state)
{
	static const uint64_t eids[] = {1, 1, 2};
	struct rig *rig = *state;

	rig_load_begin(rig, SMR_FILE_BATCH);
	look_ahead(rig, eids, eids, 3);
	assert_int_equal(put_with_iccid(rig, 1, 1, 5000), SMR_OK);
	assert_int_equal(put_with_iccid(rig, 1, 1, 5000), SMR_E_SERIAL);
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_E_SERIAL);
	rig_load_begin(rig, SMR_FILE_BATCH);
	look_ahead(rig, eids, eids, 3);
	assert_int_equal(put_with_iccid(rig, 1, 1, 5000), SMR_OK);
	assert_int_equal(put_with_iccid(rig, 2, 2, 5000), SMR_OK);
	assert_int_equal(put_with_iccid(rig, 1, 1, 5001), SMR_OK);
	rig_load_keep(rig);
	assert_int_equal(rig_get(rig->store, 1).row.serial, 5001);
	assert_int_equal(rig_get(rig->store, 2).row.serial, 5000);
}

static void test_ahead_of_one_iccid_for_two_devices_is_a_duplicate(void **state)
{
	static const uint64_t eids[] = {1, 2};
	static const uint64_t iccids[] = {70, 70};
	struct rig *rig = *state;

	rig_load_begin(rig, SMR_FILE_BATCH);
	look_ahead(rig, eids, iccids, 2);
	assert_int_equal(put_with_iccid(rig, 1, 70, 5000), SMR_OK);
	assert_int_equal(put_with_iccid(rig, 2, 70, 5000), SMR_E_DUPLICATE);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	assert_int_equal(rig_get(rig->store, 1).row.serial, 1001);
}

/* A hint, no more: records in another order, others than those that were said, and some that never come. */
static void test_ahead_of_others_than_come_changes_nothing(void **state)
{
	static const uint64_t eids[] = {1, 2, 3, 900};
	struct rig *rig = *state;

	rig_load_begin(rig, SMR_FILE_BATCH);
	look_ahead(rig, eids, eids, 4);
	assert_int_equal(put_with_iccid(rig, 3, 3, 5000), SMR_OK);
	assert_int_equal(put_with_iccid(rig, 4, 4, 5000), SMR_OK);
	assert_int_equal(put_with_iccid(rig, 1, 1, 5000), SMR_OK);
	assert_int_equal(put_with_iccid(rig, 900, 900, 5000), SMR_OK);
	rig_load_keep(rig);
	for (uint64_t n = 1; n <= 4; n++)
		assert_int_equal(rig_get(rig->store, n).row.serial, n == 2 ? 1002 : 5000);
	assert_int_equal(rig_get(rig->store, 900).row.state, SMR_ROW_SEALED);
	assert_int_equal(smr_store_look_ahead(rig->store, NULL, 0, NULL), SMR_E_INVALID);
}

/* ---- commands ---- */

static enum smr_err try_command(struct rig *rig, uint64_t n, uint64_t serial)
{
	enum smr_err err;

	rig_load_begin(rig, SMR_FILE_COMMANDS);
	err = rig_put_command(rig, n, serial);
	assert_int_equal(smr_store_load_end(rig->store, true), err);
	return err;
}

static enum smr_err commit_receipt(struct rig *rig, uint64_t n, uint64_t serial)
{
	struct smr_store_change change = rig_change(rig->store, n);

	change.receipts[0] = rig_receipt(SMR_RECEIPT_COMMAND, n, serial);
	change.receipt_count = 1;
	return rig_commit_one(rig->store, &change);
}

static void keep_eid(void *context, const struct smr_eid *eid, bool pending)
{
	assert_true(pending);
	*(struct smr_eid *)context = *eid;
}

static bool is_pending(struct rig *rig, uint64_t n)
{
	struct smr_eid want = rig_eid(n);
	struct smr_eid eid = {{0}};
	uint64_t journal;

	assert_int_equal(smr_store_pending(rig->store, &journal, keep_eid, &eid), SMR_OK);
	return memcmp(&eid, &want, sizeof(eid)) == 0;
}

static void test_pending_names_revoked_devices_and_waiting_packages(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change;
	struct smr_eid eid = rig_eid(3);
	struct smr_store_position before;
	struct smr_store_position after;

	assert_false(is_pending(rig, 3)); /* a package waits, but no ticket is out */
	change = rig_change(rig->store, 3);
	change.state = SMR_ROW_OFFERED;
	change.lineage = change.ctr;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	assert_false(is_pending(rig, 3));
	rig_reseal(rig, 3, 5000, RIG_X_LEN);
	assert_true(is_pending(rig, 3));
	rig_offer(rig->store, 3);
	assert_false(is_pending(rig, 3));
	assert_int_equal(smr_store_position(rig->store, &before), SMR_OK);
	assert_int_equal(smr_store_revoke(rig->store, &eid, true), SMR_OK);
	assert_int_equal(smr_store_position(rig->store, &after), SMR_OK);
	assert_true(is_pending(rig, 3) && after.journal > before.journal);
	assert_int_equal(smr_store_revoke(rig->store, &eid, false), SMR_OK);
	assert_false(is_pending(rig, 3));
}

static void test_command_higher_serial_supersedes_until_its_receipt(void **state)
{
	struct rig *rig = *state;
	struct smr_eid want = rig_eid(4);
	struct smr_eid eid = {{0}};
	uint64_t journal;
	struct smr_store_device device;

	assert_int_equal(try_command(rig, 4, 10), SMR_OK);
	assert_int_equal(try_command(rig, 4, 10), SMR_E_SERIAL);
	assert_int_equal(try_command(rig, 4, 9), SMR_E_SERIAL);
	assert_int_equal(try_command(rig, 4, 11), SMR_OK);
	device = rig_get(rig->store, 4);
	assert_int_equal(device.object_count, 1);
	assert_int_equal(device.object_len[0], 120);
	assert_int_equal(device.objects[0][0], 11);
	assert_int_equal(smr_store_pending(rig->store, &journal, keep_eid, &eid), SMR_OK);
	assert_memory_equal(&eid, &want, sizeof(eid));
	assert_int_equal(commit_receipt(rig, 4, 10), SMR_OK); /* of the superseded one */
	assert_int_equal(rig_get(rig->store, 4).object_count, 1);
	assert_int_equal(commit_receipt(rig, 4, 11), SMR_OK);
	assert_int_equal(rig_get(rig->store, 4).object_count, 0);
	memset(&eid, 0, sizeof(eid));
	assert_int_equal(smr_store_pending(rig->store, &journal, keep_eid, &eid), SMR_OK);
	assert_int_equal(eid.octets[0], 0);
	assert_int_equal(commit_receipt(rig, 4, 1000), SMR_OK); /* the device's word shuts out no command */
	assert_int_equal(try_command(rig, 4, 11), SMR_E_SERIAL);
	assert_int_equal(try_command(rig, 4, 12), SMR_OK);
	assert_int_equal(try_command(rig, 4, UINT64_MAX), SMR_OK);
	assert_int_equal(try_command(rig, 4, 12), SMR_E_SERIAL);
}

static void test_command_for_somebody_elses_subscription_is_not_found(void **state)
{
	struct rig *rig = *state;
	uint8_t octets[10] = {1};
	struct smr_command_record record = {
		.eid = rig_eid(4), .iccid = rig_iccid(5), .serial = 1, .command = SMR_ARRAY(octets)};
	struct smr_key_id operator_id = rig_operator(0);

	assert_int_equal(try_command(rig, 99, 1), SMR_E_NOT_FOUND);
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	assert_int_equal(smr_store_put_command(rig->store, &operator_id, &record), SMR_E_NOT_FOUND);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	operator_id = rig_operator(1);
	record.iccid = rig_iccid(4);
	rig_load_begin(rig, SMR_FILE_COMMANDS);
	assert_int_equal(smr_store_put_command(rig->store, &operator_id, &record), SMR_E_NOT_FOUND);
	assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
	assert_int_equal(rig_get(rig->store, 4).object_count, 0);
}

/* ---- trust ---- */

static void count_party(void *context, const struct smr_store_party *party)
{
	assert_true(party->name[0] != 0);
	++*(size_t *)context;
}

static void test_trust_is_by_role_and_key(void **state)
{
	struct rig *rig = *state;
	struct smr_store_party supplier = rig_party("supplier", 9);
	struct smr_store_party found;
	size_t count = 0;

	assert_int_equal(smr_store_party(rig->store, "supplier", supplier.sign, &found), SMR_E_UNTRUSTED_KEY);
	assert_int_equal(smr_store_trust(rig->store, &supplier), SMR_OK);
	assert_int_equal(smr_store_party(rig->store, "supplier", supplier.sign, &found), SMR_OK);
	assert_memory_equal(&found, &supplier, sizeof(found));
	assert_int_equal(smr_store_party(rig->store, "sho", supplier.sign, &found), SMR_E_UNTRUSTED_KEY);
	supplier.has_kem = false;
	memset(supplier.kem, 0, sizeof(supplier.kem));
	snprintf(supplier.name, sizeof(supplier.name), "renamed");
	assert_int_equal(smr_store_trust(rig->store, &supplier), SMR_OK);
	assert_int_equal(smr_store_party(rig->store, "supplier", supplier.sign, &found), SMR_OK);
	assert_memory_equal(&found, &supplier, sizeof(found));
	assert_int_equal(smr_store_parties(rig->store, count_party, &count), SMR_OK);
	assert_int_equal(count, 1);
}

/* Page after page of one; the last, which is not full, is empty. */
static void test_operators_are_read_in_pages(void **state)
{
	struct rig *rig = *state;
	struct smr_store_operator page[RIG_OPERATORS + 1];
	uint64_t after = 0;
	size_t count;

	for (unsigned i = 0; i <= RIG_OPERATORS; i++) {
		struct smr_store_party auc = rig_party("auc", (uint8_t)(0x30 + i));
		struct smr_key_id id = rig_operator(i);

		count = 1;
		assert_int_equal(smr_store_operators(rig->store, after, page, &count), SMR_OK);
		assert_int_equal(count, i < RIG_OPERATORS ? 1 : 0);
		if (count == 0)
			break;
		assert_memory_equal(&page[0].auc, &auc, sizeof(auc));
		assert_memory_equal(&page[0].operator_id, &id, sizeof(id));
		assert_true(page[0].number > after);
		after = page[0].number;
	}
	count = SMR_COUNT(page);
	assert_int_equal(smr_store_operators(rig->store, 0, page, &count), SMR_OK);
	assert_int_equal(count, RIG_OPERATORS);
	assert_int_equal(page[RIG_OPERATORS - 1].number, after);
}

static void test_change_sequence_grows_with_everything_a_server_must_notice(void **state)
{
	struct rig *rig = *state;
	struct smr_store_party party = rig_party("supplier", 9);
	struct smr_store_flight_key key = {.key = {.number = 3, .kind = SMR_FLIGHT_KEY_EPOCH}, .encoded_len = 9};
	struct smr_store_position last;
	struct smr_store_position now;
	size_t erased;

	assert_int_equal(smr_store_position(rig->store, &last), SMR_OK);
	for (int step = 0; step < 4; step++) {
		switch (step) {
		case 0:
			assert_int_equal(smr_store_trust(rig->store, &party), SMR_OK);
			break;
		case 1:
			assert_int_equal(smr_store_add_flight_key(rig->store, &key), SMR_OK);
			break;
		case 2:
			assert_int_equal(smr_store_erase_flight_keys(rig->store, 1, &erased), SMR_OK);
			break;
		default:
			assert_int_equal(try_command(rig, 1, 1), SMR_OK);
		}
		assert_int_equal(smr_store_position(rig->store, &now), SMR_OK);
		assert_true(now.sequence > last.sequence);
		last = now;
	}
	rig_offer(rig->store, 1);
	assert_int_equal(smr_store_position(rig->store, &now), SMR_OK);
	assert_memory_equal(&now, &last, sizeof(now)); /* a first flight is no change of what is pending */
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, setup_filled, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(test_load_of_the_same_file_again_is_refused_as_existing),
		FILLED(test_load_given_up_leaves_nothing_and_may_be_repeated),
		FILLED(test_load_with_one_bad_record_cannot_be_kept),
		FILLED(test_load_calls_outside_a_load_are_invalid),
		FILLED(test_load_left_open_is_rolled_back_by_closing),
		FILLED(test_device_known_with_the_same_key_is_accepted_with_another_refused),
		FILLED(test_device_of_a_batch_gets_its_key_when_the_shipment_comes),
		FILLED(test_shipment_comes_back_whole_and_another_of_its_id_is_refused),
		FILLED(test_references_newer_list_replaces_the_older),
		FILLED(test_reference_of_a_boot_log_comes_back_with_it),
		FILLED(test_references_of_another_supplier_or_twice_are_refused),
		FILLED(test_package_newer_serial_replaces_also_with_another_length),
		FILLED(test_package_the_row_keeps_its_counter_and_loses_old_evidence),
		FILLED(test_package_rules_hold),
		FILLED(test_package_iccid_live_elsewhere_is_a_duplicate),
		FILLED(test_ahead_of_one_device_twice_the_second_sees_the_first),
		FILLED(test_ahead_of_one_iccid_for_two_devices_is_a_duplicate),
		FILLED(test_ahead_of_others_than_come_changes_nothing),
		FILLED(test_pending_names_revoked_devices_and_waiting_packages),
		FILLED(test_command_higher_serial_supersedes_until_its_receipt),
		FILLED(test_command_for_somebody_elses_subscription_is_not_found),
		FILLED(test_trust_is_by_role_and_key),
		FILLED(test_operators_are_read_in_pages),
		FILLED(test_change_sequence_grows_with_everything_a_server_must_notice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
