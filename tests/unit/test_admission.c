/* SPDX-License-Identifier: Apache-2.0 */
/* First contacts at a server that demands proof, or is loaded: who is opened, who gets an Echo, who is sent away, and that none of it costs a
 * public-key operation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/admission.h"
#include "server/gates.h"
#include "tests/unit/server_rig.h"

#define NOW_US UINT64_C(1000000000)

static struct scene *scene;
static struct device device;
static struct smr_server_config config;

static int setup(void **state)
{
	return scene_setup(state);
}

static struct world *begin(void **state, unsigned content, enum smr_demand demand, enum smr_gate_use gate)
{
	struct world *w;

	scene = *state;
	scene->evidence.ctr = 7;
	memset(scene->evidence.measurement, 0x4d, sizeof(scene->evidence.measurement));
	memset(&device, 0, sizeof(device));
	w = world_make(scene, content);
	config = (struct smr_server_config){.demand = demand,
					    .gate = gate,
					    .target_ms = 100,
					    .hold_s = 10,
					    .prefix_rate = 500,
					    .gate_keys = 64,
					    .answers = 64,
					    .later_min_s = 10,
					    .later_max_s = 900};
	assert_int_equal(smr_admission_new(&config, &w->metrics, &w->admission), SMR_OK);
	smr_admission_note(w->admission, NOW_US, 0);
	w->steps.admission = w->admission;
	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	return w;
}

static void end(struct world *w)
{
	smr_flight_wipe(&device.flight);
	smr_admission_free(w->admission);
	world_free(w);
}

/** The queue is so many targets old, and stays so. */
static void load(struct world *w, uint64_t targets)
{
	for (uint64_t i = 0; i < 3; i++)
		smr_admission_note(w->admission, NOW_US + i * 60000, targets * 100000);
}

/** An Echo for where the item comes from. */
static void get_echo(struct world *w, uint8_t echo[SMR_ECHO_LEN])
{
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	world_echo(w, echo);
	world_assert_wiped(w);
}

/** The device's M1 with the MAC of a gate key behind it. */
static struct smr_bytes with_mac(const uint8_t gate[SMR_GATE_KEY_LEN])
{
	static uint8_t octets[SMR_FLIGHT_REQUEST_MAX];
	struct smr_space request = {octets, sizeof(octets)};
	uint8_t mac[SMR_GATE_MAC_LEN];
	struct smr_gate_key key;

	assert_int_equal(smr_gate_key_derive(gate, &key), SMR_OK);
	assert_int_equal(smr_gate_mac(&key, device.flight.hash_m1, mac), SMR_OK);
	assert_int_equal(smr_gate_append(view(device.m1), mac, &request), SMR_OK);
	return smr_bytes_of(octets, request.len);
}

static uint8_t code_of(struct world *w, struct smr_bytes payload, const uint8_t *echo)
{
	world_post_with(w, 'f', payload, echo);
	assert_true(world_drive(w));
	world_assert_wiped(w);
	assert_true(w->item.proved || w->item.out_len <= SMR_AMPLIFICATION_MAX * w->item.in_len);
	return w->item.out[1];
}

/** Sent away, with a time to come back: RFC 7252 5.10.5, shortest form. */
static void assert_later(struct world *w, struct smr_bytes payload, const uint8_t *echo)
{
	assert_int_equal(code_of(w, payload, echo), SMR_COAP_UNAVAILABLE);
	assert_int_equal(w->item.out_len, 9);
	assert_memory_equal(w->item.out + 6, "\xd1\x01", 2);
	assert_in_range(w->item.out[8], 10, 21);
}

static void test_calm_server_demands_nothing(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_AUTO, SMR_GATE_REQUIRE);

	assert_int_equal(code_of(w, view(device.m1), NULL), SMR_COAP_CHANGED);
	assert_int_equal(code_of(w, with_mac(world_gate), NULL),
			 SMR_COAP_CHANGED); /* ignored, and not hashed with M1 */
	assert_int_equal(w->metrics.resends_answered, 1);
	assert_int_equal(w->metrics.echo_demanded + w->metrics.gate_accepted, 0);
	end(w);
}

static void test_demand_is_met_by_echo_and_gate_mac_with_the_same_m1(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_REQUIRE);
	uint8_t echo[SMR_ECHO_LEN];

	get_echo(w, echo);
	assert_int_equal(w->metrics.flights_opened, 0);
	assert_int_equal(code_of(w, with_mac(world_gate), echo), SMR_COAP_CHANGED);
	assert_true(device_m2(&device, world_payload(w, SMR_COAP_CHANGED))->has_package);
	assert_int_equal(w->metrics.flights_opened, 1);
	assert_int_equal(w->metrics.gate_accepted, 1);
	end(w);
}

static void test_gate_mac_that_is_wrong_or_missing_gets_no_work_where_it_is_required(void **state)
{
	static const uint8_t other_gate[SMR_GATE_KEY_LEN] = {1};
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_REQUIRE);
	uint8_t echo[SMR_ECHO_LEN];
	uint8_t changed[SMR_FLIGHT_REQUEST_MAX];
	struct smr_bytes request;

	get_echo(w, echo);
	assert_later(w, view(device.m1), echo);
	assert_later(w, with_mac(other_gate), echo);
	request = with_mac(world_gate);
	memcpy(changed, request.ptr, request.len);
	for (size_t at = 44; at < request.len; at += 7) { /* within the sealed part and the MAC: it stays a request */
		changed[at] ^= 1;
		if (at != device.m1.len)
			assert_later(w, smr_bytes_of(changed, request.len), echo);
		changed[at] ^= 1;
	}
	assert_int_equal(w->metrics.flights_opened, 0);
	assert_int_equal(w->metrics.gate_accepted, 0);
	end(w);
}

static void test_shipment_without_gate_key_is_served_by_its_echo_where_the_mac_is_preferred(void **state)
{
	struct world *w = begin(state, WORLD_ALL, SMR_DEMAND_ALWAYS, SMR_GATE_PREFER);
	uint8_t echo[SMR_ECHO_LEN];

	get_echo(w, echo);
	assert_int_equal(code_of(w, view(device.m1), echo), SMR_COAP_CHANGED);
	load(w, 2); /* but last */
	scene->evidence.ctr++;
	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	assert_later(w, view(device.m1), echo);
	end(w);
}

static void test_echo_of_another_address_is_no_proof(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_REQUIRE);
	struct sockaddr_in *from = (struct sockaddr_in *)&w->item.from;
	uint8_t stolen[SMR_ECHO_LEN];
	uint8_t own[SMR_ECHO_LEN];

	get_echo(w, stolen);
	from->sin_family = AF_INET;
	from->sin_addr.s_addr = htonl(0x7f000001);
	assert_int_equal(code_of(w, with_mac(world_gate), stolen), SMR_COAP_UNAUTHORIZED);
	world_echo(w, own);
	assert_memory_not_equal(own, stolen, sizeof(own));
	assert_int_equal(w->metrics.echo_refused, 1);
	assert_int_equal(w->metrics.flights_opened, 0);
	assert_int_equal(code_of(w, with_mac(world_gate), own), SMR_COAP_CHANGED);
	end(w);
}

static void test_lost_answer_is_repeated_from_memory(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_REQUIRE);
	uint8_t echo[SMR_ECHO_LEN];
	uint8_t first[SMR_DATAGRAM_MAX];
	size_t first_len;

	get_echo(w, echo);
	assert_int_equal(code_of(w, with_mac(world_gate), echo), SMR_COAP_CHANGED);
	first_len = w->item.out_len;
	memcpy(first, w->item.out, first_len);
	assert_int_equal(code_of(w, with_mac(world_gate), echo), SMR_COAP_CHANGED);
	assert_int_equal(w->item.out_len, first_len);
	assert_memory_equal(w->item.out, first, first_len);
	assert_int_equal(w->metrics.answers_repeated, 1);
	assert_int_equal(w->metrics.flights_opened, 1);
	end(w);
}

static void test_loaded_server_demands_first_and_sends_away_later(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_AUTO, SMR_GATE_PREFER);
	uint8_t echo[SMR_ECHO_LEN];

	load(w, 1);
	get_echo(w, echo);
	load(w, 2);
	assert_later(w, view(device.m1), echo);
	assert_int_equal(code_of(w, with_mac(world_gate), echo), SMR_COAP_CHANGED);
	load(w, 4);
	scene->evidence.ctr++;
	device_m1(&device, scene, SCENE_Q_NUMBER, &scene->d.own, SMR_NONE);
	assert_later(w, with_mac(world_gate), echo);
	assert_later(w, view(device.m1), NULL);
	smr_admission_note(w->admission, 2 * NOW_US, 0); /* over */
	assert_int_equal(code_of(w, view(device.m1), NULL), SMR_COAP_CHANGED);
	assert_true(w->metrics.batches_loaded > 0);
	end(w);
}

static void test_loaded_server_turns_no_check_in_away(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_AUTO, SMR_GATE_REQUIRE);
	struct smr_report report = {.mcim_state = SMR_MCIM_ACTIVATED, .receipt_count = 1};

	report.receipts[0] = scene->install_receipt;
	world_post(w, 'f', view(device.m1));
	assert_true(world_drive(w));
	device_m2(&device, world_payload(w, SMR_COAP_CHANGED));
	load(w, 50);
	world_check_in(w, &device, 8, &report);
	assert_true(w->committed);
	report.receipt_count = 0;
	world_check_in(w, &device, 9, &report);
	assert_int_equal(w->metrics.checkins_answered, 2);
	end(w);
}

static void test_prefix_beyond_its_budget_is_sent_away_first(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_AUTO, SMR_GATE_PREFER);
	struct sockaddr_in *from = (struct sockaddr_in *)&w->item.from;
	uint8_t hog[SMR_ECHO_LEN];
	uint8_t other[SMR_ECHO_LEN];

	config.prefix_rate = 1;
	smr_admission_free(w->admission);
	assert_int_equal(smr_admission_new(&config, &w->metrics, &w->admission), SMR_OK);
	w->steps.admission = w->admission;
	load(w, 2);
	get_echo(w, hog);
	from->sin_family = AF_INET;
	get_echo(w, other);
	from->sin_family = AF_UNSPEC;
	/* Forged MACs, from an address that is real: they use up its budget. */
	for (unsigned i = 0; i < 2; i++)
		assert_later(w, with_mac((const uint8_t[SMR_GATE_KEY_LEN]){(uint8_t)i}), hog);
	assert_later(w, with_mac(world_gate), hog);
	assert_int_equal(w->metrics.over_budget, 1);
	from->sin_family = AF_INET;
	assert_int_equal(code_of(w, with_mac(world_gate), other), SMR_COAP_CHANGED);
	end(w);
}

static void test_unknown_flight_key_is_hinted_whatever_is_demanded(void **state)
{
	struct world *w = begin(state, WORLD_ALL, SMR_DEMAND_ALWAYS, SMR_GATE_REQUIRE);

	load(w, 10);
	device_m1(&device, scene, SCENE_Q_NUMBER + 5, &scene->d.own, SMR_NONE);
	assert_int_equal(code_of(w, view(device.m1), NULL), SMR_COAP_NOT_FOUND);
	assert_int_equal(w->metrics.flights_opened, 0);
	end(w);
}

static void test_something_else_behind_m1_is_silence(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_AUTO, SMR_GATE_PREFER);
	struct smr_bytes request = with_mac(world_gate);

	world_post(w, 'f', smr_bytes_of(request.ptr, request.len - 1));
	assert_false(world_drive(w));
	assert_int_equal(w->metrics.dropped_malformed, 1);
	end(w);
}

/* ---- the Echo's key ---- */

static void test_echo_key_is_every_front_ends_and_outlives_its_epoch_by_one(void **state)
{
	struct world *w = begin(state, WORLD_ALL, SMR_DEMAND_AUTO, SMR_GATE_PREFER);
	struct smr_keyring *first = smr_keyring_hold(w->ring);

	world_reload(w, WORLD_NOW + 100); /* another front end, from the same store */
	assert_memory_equal(smr_keyring_echo_key(w->ring, 0), smr_keyring_echo_key(first, 0), SMR_ECHO_KEY_LEN);
	world_reload(w, WORLD_NOW + WORLD_EPOCH_S);
	assert_memory_equal(smr_keyring_echo_key(w->ring, 1), smr_keyring_echo_key(first, 0), SMR_ECHO_KEY_LEN);
	assert_memory_not_equal(smr_keyring_echo_key(w->ring, 0), smr_keyring_echo_key(first, 0), SMR_ECHO_KEY_LEN);
	smr_keyring_release(first);
	end(w);
}

/* ---- the search for the key ---- */

#define SLOW_US UINT64_C(1800000000)

static struct smr_shipment_id shipment_of(uint64_t n)
{
	return (struct smr_shipment_id){{0, (uint8_t)n}};
}

static void load_shipment(struct world *w, uint64_t n)
{
	struct smr_store_shipment shipment = {
		.about = {.id = shipment_of(n), .has_gate = true, .gate = {1, (uint8_t)n}}};
	struct smr_file_info info = rig_info(SMR_FILE_SHIPMENT, 2 + n);

	world_sender(w, &info);
	memcpy(shipment.supplier, info.sender, sizeof(shipment.supplier));
	assert_int_equal(smr_store_load_begin(w->store->store, &info), SMR_OK);
	assert_int_equal(smr_store_put_shipment(w->store->store, &shipment), SMR_OK);
	assert_int_equal(smr_store_load_end(w->store->store, true), SMR_OK);
}

/** Shipments besides the one that is there: this many are known then. */
static void load_shipments(struct world *w, uint64_t count)
{
	for (uint64_t n = 1; n < count; n++)
		load_shipment(w, n);
	world_reload(w, WORLD_NOW);
	assert_int_equal(smr_keyring_gate_count(w->ring), count);
}

static const uint8_t any_hash[SMR_HASH_LEN] = {5};

/** A device of this shipment asks. */
static bool passes(struct smr_gates *gates, const struct world *w, uint64_t now_us, size_t shipment)
{
	uint8_t mac[SMR_GATE_MAC_LEN];

	assert_int_equal(smr_gate_mac(&smr_keyring_gate_at(w->ring, shipment)->key, any_hash, mac), SMR_OK);
	return smr_gates_pass(gates, w->ring, now_us, any_hash, mac);
}

static void assert_no_more_tries_than_allowed(const struct world *w, const struct smr_gates *gates, uint64_t now_us)
{
	size_t passed = 0;

	for (size_t i = 0; i < smr_keyring_gate_count(w->ring); i++) {
		struct smr_gates as_it_is = *gates;

		passed += passes(&as_it_is, w, now_us, i);
	}
	assert_in_range(passed, 1, gates->max);
}

static void test_gates_are_all_tried_while_there_are_no_more_than_allowed(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_PREFER);
	struct smr_gates gates = {.max = 8, .slow_us = SLOW_US};

	load_shipments(w, 8);
	for (size_t i = 0; i < 8; i++)
		assert_true(passes(&gates, w, 0, i));
	smr_gates_wipe(&gates);
	end(w);
}

static void test_gates_try_no_more_keys_than_allowed_and_those_seen_last(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_PREFER);
	struct smr_gates gates = {.max = 8, .slow_us = SLOW_US};

	load_shipments(w, 20);
	/* Six that were seen last; at time 0 it is the first one's turn, in both rounds. */
	for (size_t i = 10; i < 16; i++)
		smr_gates_seen(&gates, w->ring, &smr_keyring_gate_at(w->ring, i)->shipment);
	smr_gates_seen(&gates, w->ring, &(struct smr_shipment_id){"UNKNOWN"});
	assert_no_more_tries_than_allowed(w, &gates, 0);
	for (size_t i = 10; i < 16; i++)
		assert_true(passes(&gates, w, 0, i));
	assert_false(passes(&gates, w, 0, 16));
	smr_gates_seen(&gates, w->ring, &smr_keyring_gate_at(w->ring, 16)->shipment);
	assert_true(passes(&gates, w, 0, 16));
	assert_false(passes(&gates, w, 0, 10)); /* was not seen for longest */
	smr_gates_wipe(&gates);
	end(w);
}

/* The shipment has one device only, which comes again at any time that it may be told; a flood with MACs that are no one's goes on, and others
 * keep the places of those seen last. */
static void test_gates_of_every_shipment_get_their_turn(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_PREFER);
	struct smr_gates before = {.max = 8, .slow_us = SLOW_US};
	uint64_t later_us = SLOW_US / 2;

	load_shipments(w, 20);
	for (size_t i = 0; i < 6; i++)
		smr_gates_seen(&before, w->ring, &smr_keyring_gate_at(w->ring, i)->shipment);
	for (size_t i = 6; i < 20; i++) {
		struct smr_gates gates = before;
		uint64_t now_us = NOW_US;

		/* as far as the quick round is concerned always at the wrong time */
		while (now_us / SMR_GATES_QUICK_US % 20 == i)
			now_us += SMR_GATES_QUICK_US;
		while (now_us < NOW_US + 20 * SLOW_US && !passes(&gates, w, now_us, i)) {
			assert_no_more_tries_than_allowed(w, &gates, now_us);
			now_us += later_us;
		}
		assert_true(now_us < NOW_US + 20 * SLOW_US);
		assert_true(passes(&gates, w, now_us + SLOW_US, i)); /* it was seen */
		smr_gates_wipe(&gates);
	}
	smr_gates_wipe(&before);
	end(w);
}

/* Many devices wait: one of them is there in the tenth of a second that is theirs. */
static void test_gates_of_a_shipment_with_many_devices_get_their_turn_within_seconds(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_PREFER);

	load_shipments(w, 20);
	for (size_t i = 0; i < 20; i++) {
		struct smr_gates gates = {.max = 8, .slow_us = SLOW_US};
		uint64_t now_us = NOW_US;

		while (now_us < NOW_US + 20 * SMR_GATES_QUICK_US && !passes(&gates, w, now_us, i))
			now_us += SMR_GATES_QUICK_US / 2;
		assert_true(now_us < NOW_US + 20 * SMR_GATES_QUICK_US);
		smr_gates_wipe(&gates);
	}
	end(w);
}

/* The keyring that was there before is gone, and the new one may well stand where it stood. */
static void test_gates_of_a_new_keyring_are_tried_wherever_it_stands(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_PREFER);
	struct smr_gates gates = {.max = 8, .slow_us = SLOW_US};
	struct smr_shipment_id added = shipment_of(1);
	uint8_t mac[SMR_GATE_MAC_LEN] = {0};
	uint64_t generation = smr_keyring_generation(w->ring);

	assert_false(smr_gates_pass(&gates, w->ring, 0, any_hash, mac));
	load_shipments(w, 2);
	assert_true(smr_keyring_generation(w->ring) > generation);
	assert_int_equal(smr_gate_mac(&smr_keyring_gate_of(w->ring, &added)->key, any_hash, mac), SMR_OK);
	assert_true(smr_gates_pass(&gates, w->ring, 0, any_hash, mac));
	smr_gates_wipe(&gates);
	end(w);
}

/* The words of decision 12 where the MAC is required: served later, not never. */
static void test_shipment_beyond_the_keys_that_are_tried_is_served_in_its_turn_where_the_mac_is_required(void **state)
{
	struct world *w = begin(state, WORLD_ALL | WORLD_GATE, SMR_DEMAND_ALWAYS, SMR_GATE_REQUIRE);
	uint8_t echo[SMR_ECHO_LEN];
	uint8_t code = SMR_COAP_UNAVAILABLE;
	unsigned asked = 0;

	smr_admission_free(w->admission);
	config.gate_keys = 8;
	assert_int_equal(smr_admission_new(&config, &w->metrics, &w->admission), SMR_OK);
	w->steps.admission = w->admission;
	load_shipments(w, 20); /* the scene's is the last one of them */
	get_echo(w, echo);
	for (; code == SMR_COAP_UNAVAILABLE && asked < 40; asked++) {
		smr_admission_note(w->admission, NOW_US + asked * SMR_GATES_QUICK_US, 0);
		code = code_of(w, with_mac(world_gate), echo);
	}
	assert_int_equal(code, SMR_COAP_CHANGED);
	assert_in_range(asked, 2, 20);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calm_server_demands_nothing),
		cmocka_unit_test(test_demand_is_met_by_echo_and_gate_mac_with_the_same_m1),
		cmocka_unit_test(test_gate_mac_that_is_wrong_or_missing_gets_no_work_where_it_is_required),
		cmocka_unit_test(test_shipment_without_gate_key_is_served_by_its_echo_where_the_mac_is_preferred),
		cmocka_unit_test(test_echo_of_another_address_is_no_proof),
		cmocka_unit_test(test_lost_answer_is_repeated_from_memory),
		cmocka_unit_test(test_loaded_server_demands_first_and_sends_away_later),
		cmocka_unit_test(test_loaded_server_turns_no_check_in_away),
		cmocka_unit_test(test_prefix_beyond_its_budget_is_sent_away_first),
		cmocka_unit_test(test_unknown_flight_key_is_hinted_whatever_is_demanded),
		cmocka_unit_test(test_something_else_behind_m1_is_silence),
		cmocka_unit_test(test_echo_key_is_every_front_ends_and_outlives_its_epoch_by_one),
		cmocka_unit_test(test_gates_are_all_tried_while_there_are_no_more_than_allowed),
		cmocka_unit_test(test_gates_try_no_more_keys_than_allowed_and_those_seen_last),
		cmocka_unit_test(test_gates_of_every_shipment_get_their_turn),
		cmocka_unit_test(test_gates_of_a_shipment_with_many_devices_get_their_turn_within_seconds),
		cmocka_unit_test(test_gates_of_a_new_keyring_are_tried_wherever_it_stands),
		cmocka_unit_test(
			test_shipment_beyond_the_keys_that_are_tried_is_served_in_its_turn_where_the_mac_is_required),
	};

	return cmocka_run_group_tests(tests, setup, scene_teardown);
}
