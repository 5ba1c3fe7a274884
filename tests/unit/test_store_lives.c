/* SPDX-License-Identifier: Apache-2.0 */
/* Turns in a device's life at the RO: it does not hold its package, the operator takes it back, it is enrolled anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store_rig.h"

#define DEVICE 3u
#define SERIAL (1000u + DEVICE)
#define LATER 5u /* number of the shipment that enrols anew; the first one has 0 */

static int setup_filled(void **state)
{
	(void)rig_setup(state);
	rig_fill(*state, 1, 4);
	return 0;
}

/* ---- the device does not hold it ---- */

struct taken {
	size_t count;
	struct smr_evidence_record record;
	uint8_t first; /* octet of its evidence */
};

static void take(void *context, const struct smr_store_relay *relay)
{
	struct taken *taken = context;

	taken->record = relay->record;
	taken->first = relay->record.evidence.len > 0 ? relay->record.evidence.ptr[0] : 0;
	taken->count++;
}

static struct taken next_records(struct rig *rig)
{
	struct smr_key_id operator_id = rig_operator(0);
	struct taken taken = {0};
	uint64_t last;
	size_t count;

	assert_int_equal(smr_store_relay_next(rig->store, &operator_id, 10, take, &taken, &last, &count), SMR_OK);
	return taken;
}

static void report_missing(struct rig *rig)
{
	uint8_t room[RIG_EVIDENCE_LEN];
	struct smr_store_change change = rig_change(rig->store, DEVICE);

	change.state = SMR_ROW_RESEAL;
	change.keep_evidence = true;
	change.missing = true;
	change.evidence = rig_evidence(DEVICE, 77, room);
	memset(change.e, 0xe1, sizeof(change.e));
	memset(change.q, 0xd1, sizeof(change.q));
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
}

static void test_missing_package_is_reported_with_evidence_and_purged(void **state)
{
	struct rig *rig = *state;
	uint8_t room[RIG_EVIDENCE_LEN];
	struct taken taken;

	rig_offer(rig->store, DEVICE);
	report_missing(rig);
	taken = next_records(rig);
	assert_int_equal(taken.count, 1);
	assert_int_equal(taken.record.receipt.kind, SMR_RECEIPT_NONE);
	assert_int_equal(taken.record.serial, SERIAL);
	assert_int_equal(taken.first, rig_evidence(DEVICE, 77, room).ptr[0]);
	assert_int_equal(taken.record.e[3], 0xe1);
	assert_int_equal(rig_get(rig->store, DEVICE).row.state, SMR_ROW_RESEAL);
	assert_int_equal(rig_get(rig->store, DEVICE).x_len, 0);
}

static void test_missing_package_of_an_installed_row_is_reported_too(void **state)
{
	struct rig *rig = *state;

	rig_offer(rig->store, DEVICE);
	rig_install(rig->store, DEVICE);
	report_missing(rig);
	assert_int_equal(next_records(rig).count, 2);
	assert_int_equal(rig_get(rig->store, DEVICE).row.state, SMR_ROW_RESEAL);
}

/* ---- withdrawal ---- */

static enum smr_err withdraw(struct rig *rig, unsigned operator_index, uint64_t n, uint64_t serial)
{
	struct smr_key_id operator_id = rig_operator(operator_index);
	struct smr_command_record record = {.eid = rig_eid(n), .iccid = rig_iccid(n), .serial = serial};
	enum smr_err err;

	rig_load_begin(rig, SMR_FILE_COMMANDS);
	err = smr_store_withdraw(rig->store, &operator_id, &record);
	assert_int_equal(smr_store_load_end(rig->store, err == SMR_OK), SMR_OK);
	return err;
}

static void test_withdrawal_purges_in_every_state_and_keeps_the_serial(void **state)
{
	struct rig *rig = *state;

	rig_offer(rig->store, 2);
	rig_offer(rig->store, 3);
	rig_install(rig->store, 3);
	for (uint64_t n = 1; n <= 3; n++) {
		assert_int_equal(withdraw(rig, 0, n, 1000 + n), SMR_OK);
		assert_int_equal(rig_get(rig->store, n).row.state, SMR_ROW_RESEAL);
		assert_int_equal(rig_get(rig->store, n).x_len, 0);
		rig_load_begin(rig, SMR_FILE_BATCH);
		assert_int_equal(rig_put_package(rig, 0, n, 1000 + n, RIG_X_LEN, SMR_NONE), SMR_E_SERIAL);
		assert_int_equal(smr_store_load_end(rig->store, false), SMR_OK);
		rig_reseal(rig, n, 2000 + n, RIG_X_LEN);
		assert_int_equal(rig_get(rig->store, n).row.state, SMR_ROW_SEALED);
	}
}

static void test_withdrawal_of_another_operator_or_of_what_is_not_here_is_refused(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(withdraw(rig, 1, DEVICE, SERIAL), SMR_E_NOT_FOUND);
	assert_int_equal(withdraw(rig, 0, 99, SERIAL), SMR_E_NOT_FOUND);
	assert_int_equal(withdraw(rig, 0, DEVICE, SERIAL + 1), SMR_E_NOT_FOUND); /* its batch is still to come */
	assert_int_equal(rig_get(rig->store, DEVICE).row.state, SMR_ROW_SEALED);
}

static void test_withdrawal_after_a_newer_package_changes_nothing(void **state)
{
	struct rig *rig = *state;

	rig_reseal(rig, DEVICE, 3000, RIG_X_LEN);
	assert_int_equal(withdraw(rig, 0, DEVICE, SERIAL), SMR_OK);
	assert_int_equal(rig_get(rig->store, DEVICE).row.state, SMR_ROW_SEALED);
	assert_int_equal(rig_get(rig->store, DEVICE).x_len, RIG_X_LEN);
}

/* A change that was decided before the withdrawal came does not undo it. */
static void test_withdrawal_between_look_up_and_commit_wins(void **state)
{
	struct rig *rig = *state;
	struct smr_store_change change;

	rig_offer(rig->store, DEVICE);
	change = rig_change(rig->store, DEVICE);
	change.state = SMR_ROW_INSTALLED;
	assert_int_equal(withdraw(rig, 0, DEVICE, SERIAL), SMR_OK);
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_E_BUSY);
	assert_int_equal(rig_get(rig->store, DEVICE).row.state, SMR_ROW_RESEAL);
}

/* ---- enrolled anew ---- */

static struct smr_shipment_id shipment_id(uint64_t number)
{
	struct smr_shipment_id id;

	memset(&id, 0x60 + (int)number, sizeof(id));
	return id;
}

/* A shipment with this number that names one device with a key of its own. */
static enum smr_err ship(struct rig *rig, uint64_t n, uint64_t number, uint8_t supplier, uint8_t d[SMR_POINT_LEN])
{
	struct smr_store_shipment shipment = {.about = {.id = shipment_id(number)}, .number = number};
	struct smr_shipment_record record = {.eid = rig_eid(n)};
	struct smr_privkey key;
	enum smr_err err;

	memset(shipment.supplier, supplier, sizeof(shipment.supplier));
	assert_int_equal(smr_privkey_generate(&key), SMR_OK);
	memcpy(d, key.point, SMR_POINT_LEN);
	smr_point_compress(key.point, record.d);
	smr_privkey_wipe(&key);
	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(smr_store_put_shipment(rig->store, &shipment), SMR_OK);
	err = smr_store_put_device(rig->store, &shipment.about.id, &record);
	assert_int_equal(smr_store_load_end(rig->store, err == SMR_OK), SMR_OK);
	return err;
}

#define SUPPLIER 7u /* of rig_fill */

/* A package of operator @p which whose operator names the shipment that it sealed for. */
static enum smr_err seal_for(struct rig *rig, unsigned which, uint64_t n, uint64_t serial, uint64_t number)
{
	uint8_t x[RIG_X_LEN];
	struct smr_batch_record record = {.eid = rig_eid(n), .has_shipment = true, .shipment = shipment_id(number)};
	enum smr_err err;

	rig_x(n, serial, x, sizeof(x));
	record.package.operator_id = rig_operator(which);
	record.package.iccid = rig_iccid(n);
	record.package.serial = serial;
	record.package.x = SMR_ARRAY(x);
	rig_load_begin(rig, SMR_FILE_BATCH);
	err = smr_store_put_package(rig->store, &record);
	assert_int_equal(smr_store_load_end(rig->store, err == SMR_OK), SMR_OK);
	return err;
}

static bool waits(struct rig *rig, uint64_t n)
{
	struct smr_store_device_status status;
	struct smr_eid eid = rig_eid(n);

	assert_int_equal(smr_store_device_status(rig->store, &eid, &status), SMR_OK);
	return status.enrolled_anew;
}

static void assert_keys(struct rig *rig, uint64_t n, const uint8_t d[SMR_POINT_LEN])
{
	struct smr_store_device device = rig_get(rig->store, n);

	assert_true(device.known_d);
	assert_memory_equal(device.d, d, SMR_POINT_LEN);
}

static void test_new_keys_wait_for_the_operator_and_then_begin_anew(void **state)
{
	struct rig *rig = *state;
	struct smr_store_device device;
	struct smr_store_change change;
	struct smr_shipment_id id = shipment_id(LATER);
	uint8_t d[SMR_POINT_LEN];

	rig_offer(rig->store, DEVICE);
	change = rig_change(rig->store, DEVICE);
	change.tpm.known = true;
	assert_int_equal(rig_commit_one(rig->store, &change), SMR_OK);
	rig_install(rig->store, DEVICE);
	assert_int_equal(ship(rig, DEVICE, LATER, SUPPLIER, d), SMR_OK);
	assert_int_equal(smr_store_load_renewed(rig->store), 1);
	assert_true(waits(rig, DEVICE));
	assert_keys(rig, DEVICE, rig->d_point);
	assert_int_equal(rig_get(rig->store, DEVICE).row.state, SMR_ROW_INSTALLED);
	assert_true(rig_get(rig->store, DEVICE).row.tpm.known);

	assert_int_equal(seal_for(rig, 0, DEVICE, 5000, LATER), SMR_OK);
	assert_false(waits(rig, DEVICE));
	assert_keys(rig, DEVICE, d);
	device = rig_get(rig->store, DEVICE);
	assert_int_equal(device.row.state, SMR_ROW_SEALED);
	assert_int_equal(device.row.ctr, 0);
	assert_int_equal(device.row.lineage, 0);
	assert_false(device.row.tpm.known); /* and so does its TPM, if it is another one, or was cleared */
	assert_memory_equal(&device.row.shipment, &id, sizeof(id));
}

static void test_new_keys_without_the_operators_word_stay_out(void **state)
{
	struct rig *rig = *state;
	uint8_t d[SMR_POINT_LEN];

	assert_int_equal(ship(rig, DEVICE, LATER, SUPPLIER, d), SMR_OK);
	rig_reseal(rig, DEVICE, 5000, RIG_X_LEN);				      /* names no shipment */
	assert_int_equal(seal_for(rig, 0, DEVICE, 5001, LATER + 1), SMR_E_NOT_FOUND); /* one that nobody loaded */
	assert_int_equal(seal_for(rig, 1, DEVICE, 5002, LATER), SMR_E_STATE);	      /* not this operator's device */
	assert_int_equal(seal_for(rig, 0, DEVICE, 5000, LATER), SMR_E_SERIAL);	      /* an old package */
	assert_keys(rig, DEVICE, rig->d_point);
	assert_true(waits(rig, DEVICE));
}

static void test_old_shipment_never_brings_old_keys_back(void **state)
{
	struct rig *rig = *state;
	uint8_t older[SMR_POINT_LEN];
	uint8_t newer[SMR_POINT_LEN];
	uint8_t middle[SMR_POINT_LEN];

	assert_int_equal(ship(rig, DEVICE, LATER, SUPPLIER, newer), SMR_OK);
	assert_int_equal(ship(rig, DEVICE, LATER - 1, SUPPLIER, middle), SMR_OK); /* while the newer one waits */
	assert_int_equal(seal_for(rig, 0, DEVICE, 5000, LATER - 1), SMR_E_NOT_FOUND);
	assert_int_equal(seal_for(rig, 0, DEVICE, 5000, LATER), SMR_OK);
	assert_int_equal(ship(rig, DEVICE, LATER - 2, SUPPLIER, older), SMR_OK); /* its other devices are welcome */
	assert_false(waits(rig, DEVICE));
	assert_int_equal(seal_for(rig, 0, DEVICE, 5001, LATER - 2), SMR_E_NOT_FOUND);
	assert_keys(rig, DEVICE, newer);
}

static void test_another_suppliers_shipment_changes_no_keys(void **state)
{
	struct rig *rig = *state;
	uint8_t d[SMR_POINT_LEN];

	assert_int_equal(ship(rig, DEVICE, LATER, SUPPLIER + 1, d), SMR_E_DUPLICATE);
	assert_keys(rig, DEVICE, rig->d_point);
	assert_false(waits(rig, DEVICE));
}

static void test_device_without_operator_gets_its_new_keys_at_once(void **state)
{
	struct rig *rig = *state;
	uint8_t d[SMR_POINT_LEN];

	rig_load_begin(rig, SMR_FILE_SHIPMENT);
	assert_int_equal(rig_put_device(rig, 50), SMR_OK);
	rig_load_keep(rig);
	assert_int_equal(ship(rig, 50, LATER, SUPPLIER, d), SMR_OK);
	assert_keys(rig, 50, d);
	assert_false(waits(rig, 50));
}

/* A batch came before any shipment and named one: another shipment does not decide which keys were meant. */
static void test_device_of_a_batch_takes_the_keys_of_the_shipment_that_it_names(void **state)
{
	struct rig *rig = *state;
	uint8_t old[SMR_POINT_LEN];
	uint8_t d[SMR_POINT_LEN];

	assert_int_equal(seal_for(rig, 0, 60, 7000, LATER), SMR_OK);
	assert_true(rig_get(rig->store, 60).has_shipment);
	assert_int_equal(ship(rig, 60, LATER - 1, SUPPLIER, old), SMR_OK);
	assert_false(rig_get(rig->store, 60).known_d);
	assert_int_equal(ship(rig, 60, LATER, SUPPLIER, d), SMR_OK);
	assert_keys(rig, 60, d);
}

/* It shows certificates: from the operator's word on, those of the shipment that it sealed for. */
static void test_device_by_certificate_begins_anew_with_the_shipment_that_is_named(void **state)
{
	struct rig *rig = *state;
	struct smr_shipment_id id = shipment_id(LATER);
	struct smr_store_device device;

	assert_int_equal(seal_for(rig, 0, 60, 7000, LATER - 1), SMR_OK);
	rig_offer(rig->store, 60);
	assert_int_not_equal(rig_get(rig->store, 60).row.ctr, 0);
	assert_int_equal(seal_for(rig, 0, 60, 7001, LATER), SMR_OK);
	device = rig_get(rig->store, 60);
	assert_int_equal(device.row.ctr, 0);
	assert_false(device.known_d);
	assert_memory_equal(&device.shipment, &id, sizeof(id));
}

#define FILLED(test) cmocka_unit_test_setup_teardown(test, setup_filled, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILLED(test_missing_package_is_reported_with_evidence_and_purged),
		FILLED(test_missing_package_of_an_installed_row_is_reported_too),
		FILLED(test_withdrawal_purges_in_every_state_and_keeps_the_serial),
		FILLED(test_withdrawal_of_another_operator_or_of_what_is_not_here_is_refused),
		FILLED(test_withdrawal_after_a_newer_package_changes_nothing),
		FILLED(test_withdrawal_between_look_up_and_commit_wins),
		FILLED(test_new_keys_wait_for_the_operator_and_then_begin_anew),
		FILLED(test_new_keys_without_the_operators_word_stay_out),
		FILLED(test_old_shipment_never_brings_old_keys_back),
		FILLED(test_another_suppliers_shipment_changes_no_keys),
		FILLED(test_device_without_operator_gets_its_new_keys_at_once),
		FILLED(test_device_of_a_batch_takes_the_keys_of_the_shipment_that_it_names),
		FILLED(test_device_by_certificate_begins_anew_with_the_shipment_that_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
