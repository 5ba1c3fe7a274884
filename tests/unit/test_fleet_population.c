/* SPDX-License-Identifier: Apache-2.0 */
/* The people of samara-fleet, their file, and the TRE over a slot of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "fleet/device.h"
#include "tests/unit/scratch.h"

static const uint8_t seed[SMR_POPULATION_SEED_LEN] = {1};
static const uint8_t other_seed[SMR_POPULATION_SEED_LEN] = {2};
static struct smr_population population;
static struct smr_population other;

static int make(void **state)
{
	return smr_population_init(&population, seed) != SMR_OK || smr_population_init(&other, other_seed) != SMR_OK ||
	       scratch_enter(state) != 0;
}

static int drop(void **state)
{
	smr_population_wipe(&population);
	smr_population_wipe(&other);
	return scratch_leave(state);
}

/* ---- people ---- */

static void test_population_same_seed_same_keys(void **state)
{
	struct smr_population again;
	struct smr_population_device one;
	struct smr_population_device two;
	struct smr_population_device stranger;

	(void)state;
	assert_int_equal(smr_population_init(&again, seed), SMR_OK);
	assert_memory_equal(again.supplier_point, population.supplier_point, sizeof(again.supplier_point));
	assert_memory_equal(again.auc_kem, population.auc_kem, sizeof(again.auc_kem));
	assert_int_equal(smr_population_device(&population, 77, &one), SMR_OK);
	assert_int_equal(smr_population_device(&again, 77, &two), SMR_OK);
	assert_int_equal(smr_population_device(&other, 77, &stranger), SMR_OK);
	assert_memory_equal(one.d.scalar, two.d.scalar, sizeof(one.d.scalar));
	assert_memory_equal(one.t.scalar, two.t.scalar, sizeof(one.t.scalar));
	assert_memory_equal(one.mcim.aka.k, two.mcim.aka.k, sizeof(one.mcim.aka.k));
	assert_memory_equal(&one.eid, &two.eid, sizeof(one.eid));
	assert_memory_not_equal(one.d.scalar, one.t.scalar, sizeof(one.d.scalar));
	assert_memory_not_equal(one.d.scalar, stranger.d.scalar, sizeof(one.d.scalar));
	assert_memory_not_equal(&one.eid, &stranger.eid, sizeof(one.eid));
	smr_population_device_wipe(&one);
	smr_population_device_wipe(&two);
	smr_population_device_wipe(&stranger);
	smr_population_wipe(&again);
}

static void test_population_names_are_valid_and_in_order(void **state)
{
	static const uint64_t rows[] = {0, 1, 9, 10, 99999, 1000000, 9999999, SMR_POPULATION_ROWS_MAX - 1};
	struct smr_eid before = {{0}};
	struct smr_iccid iccid;
	struct smr_eid eid;

	(void)state;
	for (size_t i = 0; i < SMR_COUNT(rows); i++) {
		assert_int_equal(smr_population_eid(&population, rows[i], &eid), SMR_OK);
		assert_int_equal(smr_eid_check(&eid), SMR_OK);
		assert_true(memcmp(&before, &eid, sizeof(eid)) < 0);
		before = eid;
		assert_int_equal(smr_population_iccid(rows[i], &iccid), SMR_OK);
		assert_int_equal(smr_iccid_check(&iccid), SMR_OK);
	}
	assert_int_equal(smr_population_eid(&population, SMR_POPULATION_ROWS_MAX, &eid), SMR_E_INVALID);
	assert_int_equal(smr_population_iccid(SMR_POPULATION_ROWS_MAX, &iccid), SMR_E_INVALID);
}

static void test_population_subscription_opens_and_verifies(void **state)
{
	struct smr_population_device device;
	struct smr_mcim_binding binding = {.serial = smr_population_serial(5)};
	struct smr_pubkey operator_key = {0};
	struct smr_mcim opened;
	uint8_t octets[SMR_X_MAX];
	uint8_t w[SMR_SIG_LEN];
	struct smr_space x = {octets, sizeof(octets)};

	(void)state;
	assert_int_equal(smr_population_device(&population, 5, &device), SMR_OK);
	assert_int_equal(smr_population_seal(&population, &device, &x, w), SMR_OK);
	memcpy(binding.operator_key, population.operator_point, sizeof(binding.operator_key));
	binding.eid = device.eid;
	binding.iccid = device.iccid;
	assert_int_equal(
		smr_mcim_open(&(struct smr_agreer){.key = &device.t}, &binding, smr_bytes_of(x.ptr, x.len), &opened),
		SMR_OK);
	assert_memory_equal(opened.aka.k, device.mcim.aka.k, 16);
	assert_int_equal(smr_pubkey_import(&operator_key, SMR_ARRAY(population.operator_point)), SMR_OK);
	assert_int_equal(smr_w_verify(&operator_key, &binding, smr_bytes_of(x.ptr, x.len), SMR_NONE, w), SMR_OK);
	smr_pubkey_wipe(&operator_key);
	smr_mcim_wipe(&opened);
	smr_population_device_wipe(&device);
}

/* ---- the file ---- */

static struct smr_roster_head new_head(void)
{
	struct smr_roster_head head = {.shelf_number = 1};

	memcpy(head.seed, seed, sizeof(head.seed));
	memcpy(head.root, population.supplier_point, sizeof(head.root)); /* some point */
	memcpy(head.shelf, population.nobody, sizeof(head.shelf));
	return head;
}

static void make_roster(const char *path, struct smr_roster *roster, uint64_t live)
{
	const struct smr_roster_head head = new_head();
	struct smr_problem problem = {{0}};

	assert_int_equal(smr_roster_create(path, &head, roster, &problem), SMR_OK);
	assert_int_equal(smr_roster_grow(roster, live, &problem), SMR_OK);
	roster->head->live = live;
}

static void test_roster_keeps_what_was_written_and_grows(void **state)
{
	struct smr_problem problem = {{0}};
	struct smr_roster roster;

	(void)state;
	make_roster("kept", &roster, 3);
	roster.slots[2].row = 42;
	smr_roster_close(&roster);
	assert_int_equal(smr_roster_open("kept", &roster, &problem), SMR_OK);
	assert_int_equal(roster.slots[2].row, 42);
	assert_int_equal(smr_roster_grow(&roster, 1000, &problem), SMR_OK);
	assert_int_equal(roster.slots[2].row, 42);
	assert_int_equal(roster.slots[999].record_len, 0);
	assert_int_equal(roster.head->live, 3);
	smr_roster_close(&roster);
}

static void test_roster_serves_one_process_at_a_time(void **state)
{
	struct smr_problem problem = {{0}};
	struct smr_roster roster;
	struct smr_roster second;

	(void)state;
	make_roster("locked", &roster, 1);
	assert_int_equal(smr_roster_open("locked", &second, &problem), SMR_E_BUSY);
	assert_non_null(strstr(problem.text, "locked"));
	smr_roster_close(&roster);
	assert_int_equal(smr_roster_open("locked", &second, &problem), SMR_OK);
	smr_roster_close(&second);
}

static void test_roster_refuses_what_is_cut_off_or_something_else(void **state)
{
	struct smr_problem problem = {{0}};
	struct smr_roster roster;
	FILE *file;

	(void)state;
	make_roster("cut", &roster, 2);
	smr_roster_close(&roster);
	assert_int_equal(truncate("cut", SMR_ROSTER_HEAD_LEN + 2 * SMR_SLOT_LEN - 1), 0);
	assert_int_equal(smr_roster_open("cut", &roster, &problem), SMR_E_TRUNCATED);
	assert_non_null(strstr(problem.text, "cut off"));
	assert_int_equal(truncate("cut", 10), 0);
	assert_int_not_equal(smr_roster_open("cut", &roster, &problem), SMR_OK);
	assert_int_equal(truncate("cut", 0), 0);
	assert_int_equal(smr_roster_open("cut", &roster, &problem), SMR_E_MALFORMED);
	file = fopen("text", "w");
	assert_non_null(file);
	(void)fputs("this is no fleet at all\n", file);
	(void)fclose(file);
	assert_int_equal(smr_roster_open("text", &roster, &problem), SMR_E_MALFORMED);
	assert_int_equal(smr_roster_open("nowhere", &roster, &problem), SMR_E_NOT_FOUND);
	assert_non_null(strstr(problem.text, "stock"));
}

/* ---- a TRE over a slot ---- */

static void test_device_is_nothing_but_its_slot(void **state)
{
	const struct smr_roster_head head = new_head();
	struct smr_population_device device;
	struct smr_engine *engine = NULL;
	struct smr_parked *parked = NULL;
	struct smr_slot slot = {.row = 9};
	struct smr_slot copy;
	struct smr_tre_outcome outcome;
	struct smr_tre_state tre;
	uint8_t octets[SMR_FLIGHT_REQUEST_MAX];
	struct smr_space room = {octets, sizeof(octets)};
	struct smr_bytes m1;
	struct smr_bytes mac;
	size_t proof = 0;

	(void)state;
	assert_int_equal(smr_engine_new(&population, &engine), SMR_OK);
	assert_int_equal(smr_population_device(&population, 9, &device), SMR_OK);
	assert_int_equal(smr_device_enrol(engine, &head, &slot, &device), SMR_OK);
	assert_int_equal(smr_device_state(engine, &slot, &tre), SMR_OK);
	assert_true(tre.enrolled);
	assert_memory_equal(&tre.eid, &device.eid, sizeof(tre.eid));
	assert_int_equal(smr_device_check_in(engine, &slot, &room), SMR_E_NOTHING);
	copy = slot;
	room.len = sizeof(octets);
	assert_int_equal(smr_device_fly(engine, &slot, false, &room, &proof, &parked), SMR_OK);
	assert_int_equal(smr_gate_split(smr_bytes_of(octets, room.len + proof), &m1, &mac), SMR_OK);
	assert_int_equal(m1.len, room.len);
	assert_int_equal(mac.len, SMR_GATE_MAC_LEN);
	assert_int_equal(slot.counter, copy.counter + 1);
	assert_non_null(parked);
	/* A stranger's answer costs the flight nothing. */
	assert_int_equal(smr_err_class(smr_device_land(engine, &slot, SMR_TEXT("no answer"), &parked, &outcome)),
			 SMR_CLASS_PEER);
	assert_non_null(parked);
	smr_parked_free(parked);
	/* An older record is refused, as on a real device. */
	copy.counter = slot.counter;
	assert_int_equal(smr_device_state(engine, &copy, &tre), SMR_E_ROLLBACK);
	copy = slot;
	copy.record[copy.record_len / 2] ^= 1;
	assert_int_equal(smr_device_state(engine, &copy, &tre), SMR_E_TAMPERED);
	smr_population_device_wipe(&device);
	smr_engine_free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_population_same_seed_same_keys),
		cmocka_unit_test(test_population_names_are_valid_and_in_order),
		cmocka_unit_test(test_population_subscription_opens_and_verifies),
		cmocka_unit_test(test_roster_keeps_what_was_written_and_grows),
		cmocka_unit_test(test_roster_serves_one_process_at_a_time),
		cmocka_unit_test(test_roster_refuses_what_is_cut_off_or_something_else),
		cmocka_unit_test(test_device_is_nothing_but_its_slot),
	};

	return cmocka_run_group_tests(tests, make, drop);
}
