/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a check-in: what needs the store, what is durable first, what is sent again, and that nothing stays in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/server_steps.h"

static struct smr_report idle(void)
{
	return (struct smr_report){.mcim_state = SMR_MCIM_ACTIVATED};
}

static struct smr_report with_install_receipt(void)
{
	struct smr_report report = idle();

	report.receipts[report.receipt_count++] = scene->install_receipt;
	return report;
}

static void test_checkin_with_nothing_pending_needs_no_store(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = idle();
	struct smr_ticket ticket;
	struct smr_ticket before;
	const struct smr_c2 *c2;

	world_fly(w, &device);
	assert_int_equal(smr_ticket_open(smr_keyring_ticket_current(w->ring, 0), &w->lanes,
					 smr_bytes_of(device.ticket, device.ticket_len), &before),
			 SMR_OK);
	c2 = world_check_in(w, &device, 8, &report);
	assert_false(w->looked_up);
	world_assert_wiped(w);
	assert_int_equal(c2->refusal, SMR_REFUSAL_NONE);
	assert_int_equal(c2->object_count, 0);
	assert_int_equal(smr_ticket_open(smr_keyring_ticket_current(w->ring, 0), &w->lanes, c2->ticket, &ticket),
			 SMR_OK);
	assert_memory_equal(ticket.rk, device.rk, sizeof(ticket.rk));
	memcpy(before.rk, ticket.rk, sizeof(before.rk));
	assert_memory_equal(&ticket, &before, sizeof(ticket)); /* all but rk is as it was */
	assert_int_equal(world_row(w).row.ctr, 7);
	assert_int_equal(w->metrics.checkins_without_store, 1);
	c2 = world_check_in(w, &device, 9, &report); /* the new ticket works */
	assert_int_equal(c2->refusal, SMR_REFUSAL_NONE);
	end(w);
}

/** The device turns to its spare ticket. */
static void use_spare(struct device *d)
{
	assert_true(d->spare_len > 0);
	device_keep_ticket(d, smr_bytes_of(d->spare, d->spare_len));
	memcpy(d->rk, d->spare_rk, sizeof(d->rk));
}

static void test_checkin_spare_ticket_is_the_ticket_with_another_key(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = idle();
	struct smr_ticket ticket;
	struct smr_ticket spare;
	const struct smr_c2 *c2;

	world_fly(w, &device);
	assert_int_equal(world_check_in(w, &device, 8, &report)->spare_ticket.len, 0);
	assert_int_equal(w->metrics.spare_tickets, 0);
	w->spare_from_s = 0;
	world_reload(w, WORLD_NOW);
	c2 = world_check_in(w, &device, 9, &report);
	assert_false(w->looked_up);
	assert_int_equal(w->metrics.spare_tickets, 1);
	assert_int_equal(smr_ticket_open(smr_keyring_ticket_current(w->ring, 0), &w->lanes, c2->ticket, &ticket),
			 SMR_OK);
	assert_int_equal(smr_ticket_open(smr_keyring_ticket_current(w->ring, 0), &w->lanes, c2->spare_ticket, &spare),
			 SMR_OK);
	assert_memory_equal(spare.rk, device.spare_rk, sizeof(spare.rk));
	assert_memory_not_equal(spare.rk, ticket.rk, sizeof(spare.rk));
	memcpy(spare.rk, ticket.rk, sizeof(spare.rk));
	assert_memory_equal(&spare, &ticket, sizeof(spare));
	end(w);
}

/* The answer to the ticket's request is lost, the spare one follows, and then that request comes late: nothing counts twice. */
static void test_checkin_ticket_and_spare_both_used_count_by_their_counters(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	struct smr_report nothing = idle();
	struct device late;

	world_fly(w, &device);
	w->spare_from_s = 0;
	world_reload(w, WORLD_NOW);
	world_check_in(w, &device, 8, &nothing);
	late = device;
	device_c1(&late, 9, &report);
	use_spare(&device);
	assert_int_equal(world_check_in(w, &device, 10, &report)->refusal, SMR_REFUSAL_NONE);
	assert_int_equal(world_row(w).row.ctr, 10);
	assert_int_equal(w->metrics.receipts, 1);
	world_post(w, 'c', view(late.c1));
	assert_true(world_drive(w));
	assert_int_equal(device_c2(&late, world_payload(w, SMR_COAP_CHANGED))->refusal, SMR_REFUSAL_COUNTER);
	assert_int_equal(world_row(w).row.ctr, 10);
	assert_int_equal(w->metrics.receipts, 1);
	assert_int_equal(world_check_in(w, &device, 11, &nothing)->refusal, SMR_REFUSAL_NONE);
	end(w);
}

static void test_checkin_install_receipt_is_durable_and_purges_x(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	struct smr_store_device_status status;
	struct smr_ticket ticket;
	const struct smr_c2 *c2;

	world_fly(w, &device);
	c2 = world_check_in(w, &device, 8, &report);
	assert_true(w->committed);
	assert_int_equal(world_row(w).row.state, SMR_ROW_INSTALLED);
	assert_int_equal(world_row(w).x_len, 0);
	assert_int_equal(smr_ticket_open(smr_keyring_ticket_current(w->ring, 0), &w->lanes, c2->ticket, &ticket),
			 SMR_OK);
	assert_int_equal(ticket.state, SMR_TICKET_INSTALLED);
	assert_int_equal(ticket.lineage, 7);
	assert_int_equal(smr_store_device_status(w->store->store, &scene->evidence.eid, &status), SMR_OK);
	assert_int_equal(status.relay_waiting, 1);
	assert_int_equal(w->metrics.receipts, 1);
	end(w);
}

static void test_checkin_receipt_of_another_package_installs_nothing(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	struct smr_ticket ticket;
	const struct smr_c2 *c2;

	world_fly(w, &device);
	report.receipts[0].serial--;
	c2 = world_check_in(w, &device, 8, &report);
	assert_true(w->committed);
	assert_int_equal(world_row(w).row.state, SMR_ROW_OFFERED);
	assert_true(world_row(w).x_len > 0);
	assert_int_equal(smr_ticket_open(smr_keyring_ticket_current(w->ring, 0), &w->lanes, c2->ticket, &ticket),
			 SMR_OK);
	assert_int_equal(ticket.state, 0);
	assert_int_equal(w->metrics.receipts, 0);
	end(w);
}

static void test_checkin_resend_is_answered_afresh_and_counts_nothing(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	struct smr_store_device_status status;
	uint64_t revision;

	world_fly(w, &device);
	world_check_in(w, &device, 8, &report);
	revision = world_row(w).revision;
	world_post(w, 'c', view(device.c1));
	assert_true(world_drive(w));
	assert_false(w->committed);
	assert_int_equal(device_c2(&device, world_payload(w, SMR_COAP_CHANGED))->refusal, SMR_REFUSAL_NONE);
	assert_int_equal(world_row(w).revision, revision);
	assert_int_equal(smr_store_device_status(w->store->store, &scene->evidence.eid, &status), SMR_OK);
	assert_int_equal(status.relay_waiting, 1);
	assert_int_equal(w->metrics.receipts, 1);
	assert_int_equal(w->metrics.resends_answered, 1);
	end(w);
}

static void test_checkin_store_failure_is_silence_and_can_be_resent(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();

	world_fly(w, &device);
	device_c1(&device, 8, &report);
	world_post(w, 'c', view(device.c1));
	assert_false(world_drive_with(w, true, NULL));
	world_assert_wiped(w);
	assert_int_equal(w->metrics.dropped_store, 1);
	assert_int_equal(w->metrics.receipts, 0);
	assert_int_equal(world_row(w).row.state, SMR_ROW_OFFERED);
	world_post(w, 'c', view(device.c1));
	assert_true(world_drive(w));
	assert_int_equal(device_c2(&device, world_payload(w, SMR_COAP_CHANGED))->refusal, SMR_REFUSAL_NONE);
	assert_int_equal(world_row(w).row.state, SMR_ROW_INSTALLED);
	end(w);
}

static void command_for(struct world *w, uint64_t serial)
{
	struct smr_command command = {.operator_id = scene->package.operator_id,
				      .eid = scene->evidence.eid,
				      .iccid = scene->package.iccid,
				      .serial = serial,
				      .state = SMR_MCIM_SUSPENDED};
	struct smr_command_record record = {.eid = command.eid, .iccid = command.iccid, .serial = serial};
	uint8_t room[SMR_COMMAND_MAX];
	struct smr_writer writer = smr_writer_init((struct smr_space){room, sizeof(room)});

	assert_int_equal(smr_command_sign(&writer, &scene->operator_key.own, &command), SMR_OK);
	assert_int_equal(smr_writer_done(&writer, &record.command), SMR_OK);
	rig_load_begin(w->store, SMR_FILE_COMMANDS);
	assert_int_equal(smr_store_put_command(w->store->store, &command.operator_id, &record), SMR_OK);
	rig_load_keep(w->store);
	world_reload(w, WORLD_NOW);
}

/* As if the request had been a little shorter. */
static void shorten(struct world *w)
{
	w->item.in_len = 120;
}

static void test_checkin_spare_ticket_is_left_out_before_a_command(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	struct smr_report nothing = idle();
	const struct smr_c2 *c2;

	world_fly(w, &device);
	world_check_in(w, &device, 8, &report);
	w->spare_from_s = 0;
	command_for(w, 50);
	c2 = world_check_in(w, &device, 9, &nothing);
	assert_int_equal(c2->object_count, 1);
	assert_true(c2->spare_ticket.len > 0); /* both fit */
	assert_true(w->item.out_len <= SMR_AMPLIFICATION_MAX * w->item.in_len);
	device_c1(&device, 10, &nothing);
	world_post(w, 'c', view(device.c1));
	assert_true(world_drive_with(w, false, shorten));
	c2 = device_c2(&device, world_payload(w, SMR_COAP_CHANGED));
	assert_int_equal(c2->object_count, 1);
	assert_int_equal(c2->spare_ticket.len, 0);
	assert_true(w->item.out_len <= SMR_AMPLIFICATION_MAX * 120);
	end(w);
}

static void test_checkin_command_is_sent_until_its_receipt_arrives(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	struct smr_command command;
	const struct smr_c2 *c2;

	world_fly(w, &device);
	world_check_in(w, &device, 8, &report);
	command_for(w, 50);
	report = idle();
	for (uint32_t ctr = 9; ctr < 12; ctr++) { /* sent is not delivered */
		c2 = world_check_in(w, &device, ctr, &report);
		assert_true(w->looked_up);
		assert_int_equal(c2->object_count, 1);
		assert_int_equal(smr_command_open(c2->objects[0], &scene->operator_key.pub, &command), SMR_OK);
		assert_int_equal(command.serial, 50);
	}
	report.receipts[0] = scene->command_receipt;
	report.receipts[0].serial = 50;
	report.receipt_count = 1;
	c2 = world_check_in(w, &device, 12, &report);
	assert_int_equal(c2->object_count, 0); /* this very report brought the receipt */
	world_reload(w, WORLD_NOW);
	assert_int_equal(smr_pending_count(w->pending), 0);
	report = idle();
	c2 = world_check_in(w, &device, 13, &report);
	assert_false(w->looked_up);
	assert_int_equal(c2->object_count, 0);
	end(w);
}

static void test_checkin_receipt_of_an_older_command_does_not_hold_the_newer_back(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	const struct smr_c2 *c2;

	world_fly(w, &device);
	world_check_in(w, &device, 8, &report);
	command_for(w, 50);
	command_for(w, 51);
	report = idle();
	report.receipts[0] = scene->command_receipt;
	report.receipts[0].serial = 50;
	report.receipt_count = 1;
	c2 = world_check_in(w, &device, 9, &report);
	assert_int_equal(c2->object_count, 1);
	end(w);
}

static unsigned objects_wanted;

static void more_objects(struct world *w)
{
	for (unsigned i = 1; i < objects_wanted; i++) {
		memcpy(w->device.objects[i], w->device.objects[0], w->device.object_len[0]);
		w->device.object_len[i] = w->device.object_len[0];
	}
	w->device.object_count = objects_wanted;
}

static void test_checkin_objects_beyond_the_limit_wait(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	size_t sent[SMR_OBJECTS_MAX + 1] = {0};

	world_fly(w, &device);
	world_check_in(w, &device, 8, &report);
	command_for(w, 50);
	report = idle();
	for (objects_wanted = 1; objects_wanted <= SMR_OBJECTS_MAX; objects_wanted++) {
		device_c1(&device, 8 + objects_wanted, &report);
		world_post(w, 'c', view(device.c1));
		assert_true(world_drive_with(w, false, more_objects));
		assert_true(w->item.out_len <= SMR_AMPLIFICATION_MAX * w->item.in_len);
		sent[objects_wanted] = device_c2(&device, world_payload(w, SMR_COAP_CHANGED))->object_count;
	}
	assert_int_equal(sent[1], 1);
	assert_int_equal(sent[2], 2);
	assert_int_equal(sent[3], 2);
	assert_int_equal(sent[4], 2);
	end(w);
}

static void test_checkin_unknown_ticket_key_is_hinted(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = idle();

	world_fly(w, &device);
	device_c1(&device, 8, &report);
	world_reload(w, WORLD_NOW + (WORLD_LIFETIME + 2) * WORLD_EPOCH_S); /* the key is gone */
	world_post(w, 'c', view(device.c1));
	assert_true(world_drive(w));
	assert_int_equal(world_payload(w, SMR_COAP_NOT_FOUND).len, 0);
	assert_int_equal(w->metrics.hints_ticket_key, 1);
	world_assert_wiped(w);
	end(w);
}

static void test_checkin_lineage_dies_after_its_lifetime_although_tickets_were_renewed(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = idle();
	uint32_t ctr = 8;

	world_fly(w, &device);
	for (uint64_t epoch = 0; epoch <= WORLD_LIFETIME; epoch += 10) {
		world_reload(w, WORLD_NOW + epoch * WORLD_EPOCH_S);
		assert_int_equal(world_check_in(w, &device, ctr++, &report)->refusal, SMR_REFUSAL_NONE);
	}
	world_reload(w, WORLD_NOW + (WORLD_LIFETIME + 1) * WORLD_EPOCH_S);
	assert_int_equal(world_check_in(w, &device, ctr, &report)->refusal, SMR_REFUSAL_TICKET_OLD);
	assert_false(w->looked_up);
	assert_int_equal(w->metrics.checkins_refused, 1);
	end(w);
}

static void test_checkin_of_an_earlier_flight_is_refused_and_commits_nothing(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	struct device old;

	world_fly(w, &device);
	old = device;
	memset(&device, 0, sizeof(device));
	scene->evidence.ctr = 20;
	world_fly(w, &device);
	assert_int_equal(world_check_in(w, &old, 21, &report)->refusal, SMR_REFUSAL_LINEAGE);
	assert_false(w->committed);
	assert_int_equal(world_row(w).row.ctr, 20);
	assert_int_equal(world_row(w).row.state, SMR_ROW_OFFERED);
	smr_flight_wipe(&old.flight);
	end(w);
}

static void test_checkin_lower_counter_is_refused(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();

	world_fly(w, &device);
	assert_int_equal(world_check_in(w, &device, 7, &report)->refusal, SMR_REFUSAL_COUNTER);
	assert_int_equal(world_row(w).row.state, SMR_ROW_OFFERED);
	end(w);
}

static void test_checkin_of_a_device_that_is_gone_is_silence(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct world *other;
	struct smr_report report = with_install_receipt();
	struct smr_ticket ticket;
	struct smr_space sealed = {device.ticket, sizeof(device.ticket)};

	world_fly(w, &device);
	assert_int_equal(smr_ticket_open(smr_keyring_ticket_current(w->ring, 0), &w->lanes,
					 smr_bytes_of(device.ticket, device.ticket_len), &ticket),
			 SMR_OK);
	other = world_make(scene, WORLD_KEY); /* keys of its own, and no such device */
	assert_int_equal(smr_ticket_seal(smr_keyring_ticket_current(other->ring, 0), &other->lanes, &ticket, &sealed),
			 SMR_OK);
	device_c1(&device, 8, &report);
	world_post(other, 'c', view(device.c1));
	assert_silence(other);
	assert_int_equal(other->metrics.dropped_unknown, 1);
	world_free(other);
	end(w);
}

static void test_checkin_truncated_or_flipped_is_silence_or_a_hint(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = with_install_receipt();
	unsigned hints = 0;

	world_fly(w, &device);
	device_c1(&device, 8, &report);
	for (size_t len = 0; len < device.c1.len; len++) {
		world_post(w, 'c', smr_bytes_of(device.c1.ptr, len));
		assert_silence(w);
	}
	for (size_t bit = 0; bit < 8 * device.c1.len; bit++) {
		device.c1.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		world_post(w, 'c', view(device.c1));
		if (world_drive(w)) {
			assert_int_equal(w->item.out[1], SMR_COAP_NOT_FOUND);
			assert_int_equal(w->item.out_len, 6);
			hints++;
		}
		world_assert_wiped(w);
		device.c1.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_in_range(hints, 1, 32); /* the ticket key's number */
	assert_int_equal(world_row(w).row.ctr, 7);
	end(w);
}

static void test_checkin_tamper_is_counted(void **state)
{
	struct world *w = begin(state, WORLD_ALL);
	struct smr_report report = idle();

	report.tamper = 4;
	world_fly(w, &device);
	world_check_in(w, &device, 8, &report);
	assert_int_equal(w->metrics.tamper_reports, 1);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checkin_with_nothing_pending_needs_no_store),
		cmocka_unit_test(test_checkin_install_receipt_is_durable_and_purges_x),
		cmocka_unit_test(test_checkin_receipt_of_another_package_installs_nothing),
		cmocka_unit_test(test_checkin_resend_is_answered_afresh_and_counts_nothing),
		cmocka_unit_test(test_checkin_store_failure_is_silence_and_can_be_resent),
		cmocka_unit_test(test_checkin_spare_ticket_is_the_ticket_with_another_key),
		cmocka_unit_test(test_checkin_ticket_and_spare_both_used_count_by_their_counters),
		cmocka_unit_test(test_checkin_spare_ticket_is_left_out_before_a_command),
		cmocka_unit_test(test_checkin_command_is_sent_until_its_receipt_arrives),
		cmocka_unit_test(test_checkin_receipt_of_an_older_command_does_not_hold_the_newer_back),
		cmocka_unit_test(test_checkin_objects_beyond_the_limit_wait),
		cmocka_unit_test(test_checkin_unknown_ticket_key_is_hinted),
		cmocka_unit_test(test_checkin_lineage_dies_after_its_lifetime_although_tickets_were_renewed),
		cmocka_unit_test(test_checkin_of_an_earlier_flight_is_refused_and_commits_nothing),
		cmocka_unit_test(test_checkin_lower_counter_is_refused),
		cmocka_unit_test(test_checkin_of_a_device_that_is_gone_is_silence),
		cmocka_unit_test(test_checkin_truncated_or_flipped_is_silence_or_a_hint),
		cmocka_unit_test(test_checkin_tamper_is_counted),
	};

	return cmocka_run_group_tests(tests, setup, scene_teardown);
}
