/* SPDX-License-Identifier: Apache-2.0 */
/* What the TRE's engine has prepared for the next release, and whose releases it does not take (an approved update). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/release.h"
#include "tests/unit/tre_rig.h"

/* What the platform was asked to prepare for. */
static struct {
	unsigned calls;
	uint32_t number;
	uint32_t pcrs;
	uint8_t measurement[SMR_HASH_LEN];
	enum smr_err err;
} prepared;

static enum smr_err prepare(void *context, uint32_t number, uint32_t pcrs, const uint8_t measurement[SMR_HASH_LEN])
{
	(void)context;
	prepared.calls++;
	prepared.number = number;
	prepared.pcrs = pcrs;
	memcpy(prepared.measurement, measurement, SMR_HASH_LEN);
	return prepared.err;
}

struct update {
	struct smr_tre_update update;
	uint8_t running[SMR_RELEASE_MAX];
	uint8_t next[SMR_RELEASE_MAX];
};

/* A release of one program and a configuration; its log replays to @p measures. */
static struct smr_bytes sign_form(bool has_lengths, const struct rig_key *supplier, const char *product,
				  uint32_t number, uint8_t software, uint8_t room[SMR_RELEASE_MAX],
				  uint8_t measures[SMR_HASH_LEN])
{
	struct smr_release release = {
		.product = smr_text_of(product),
		.number = number,
		.version = SMR_TEXT("1"),
		.log = {.count = 2,
			.events = {{.pcr = SMR_BOOT_PCR_PROGRAMS, .digest = {software}, .name = SMR_TEXT("tre")},
				   {.pcr = SMR_BOOT_PCR_DATA, .digest = {1}, .name = SMR_TEXT("config")}}},
		.has_lengths = has_lengths,
		.lengths = {81920, 200},
	};
	struct smr_writer w = smr_writer_init((struct smr_space){room, SMR_RELEASE_MAX});
	struct smr_bytes encoded;
	uint32_t pcrs;

	assert_int_equal(smr_tpm_log_replay(release.log.events, release.log.count, &pcrs, measures), SMR_OK);
	assert_int_equal(smr_release_sign(&w, &supplier->own, &release), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &encoded), SMR_OK);
	return encoded;
}

static struct smr_bytes sign_release(const struct rig_key *supplier, const char *product, uint32_t number,
				     uint8_t software, uint8_t room[SMR_RELEASE_MAX], uint8_t measures[SMR_HASH_LEN])
{
	return sign_form(true, supplier, product, number, software, room, measures);
}

/* Software 1, number 7, runs; @p product, @p number of software 2 is to come. */
static void make_update(struct rig *rig, const char *product, uint32_t number, struct update *out)
{
	uint8_t next[SMR_HASH_LEN];

	memcpy(out->update.supplier, rig->supplier.point, sizeof(out->update.supplier));
	out->update.running = sign_release(&rig->supplier, "m2me-1", 7, 1, out->running, rig->platform.measurement);
	out->update.next = sign_release(&rig->supplier, product, number, 2, out->next, next);
	memset(&prepared, 0, sizeof(prepared));
	rig->port.prepare = prepare;
}

static void test_update_of_the_supplier_is_prepared(void **state)
{
	struct rig *rig = *state;
	struct update update;
	uint8_t next[SMR_HASH_LEN];

	rig_enrol(rig, false);
	make_update(rig, "m2me-1", 7, &update); /* releases of one number replace each other */
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_OK);
	assert_int_equal(prepared.calls, 1);
	assert_int_equal(prepared.number, 7);
	assert_int_equal(prepared.pcrs, 1u << SMR_BOOT_PCR_PROGRAMS | 1u << SMR_BOOT_PCR_DATA);
	(void)sign_release(&rig->supplier, "m2me-1", 7, 2, update.next, next);
	assert_memory_equal(prepared.measurement, next, sizeof(next));
	prepared.err = SMR_E_DISK_FULL;
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_DISK_FULL);
}

/* What decides nothing does not stand between a device and its next release. */
static void test_update_goes_from_either_form_of_release_to_the_other(void **state)
{
	struct rig *rig = *state;
	struct update u;
	uint8_t next[SMR_HASH_LEN];

	rig_enrol(rig, false);
	make_update(rig, "m2me-1", 8, &u);
	for (unsigned forms = 0; forms < 4; forms++) {
		u.update.running = sign_form((forms & 1) != 0, &rig->supplier, "m2me-1", 7, 1, u.running,
					     rig->platform.measurement);
		u.update.next = sign_form((forms & 2) != 0, &rig->supplier, "m2me-1", 8, 2, u.next, next);
		assert_int_equal(smr_tre_prepare(rig->tre, &u.update), SMR_OK);
		assert_int_equal(prepared.calls, forms + 1);
		assert_int_equal(prepared.number, 8);
		assert_memory_equal(prepared.measurement, next, sizeof(next));
	}
}

static void test_update_that_the_supplier_did_not_approve_is_refused(void **state)
{
	struct rig *rig = *state;
	struct update update;
	uint8_t digest[SMR_HASH_LEN];

	rig_enrol(rig, false);
	make_update(rig, "m2me-2", 8, &update);
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_NOT_ADDRESSEE);
	make_update(rig, "m2me-1", 6, &update);
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_SERIAL);
	make_update(rig, "m2me-1", 8, &update);
	update.update.next = sign_release(&rig->op, "m2me-1", 8, 2, update.next, digest);
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_SIGNATURE);
	make_update(rig, "m2me-1", 8, &update);
	update.update.running = sign_release(&rig->op, "m2me-1", 7, 1, update.running, digest);
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_SIGNATURE);
	/* All of one hand, but not of that which signed this device's certificate. */
	update.update.next = sign_release(&rig->op, "m2me-1", 8, 2, update.next, digest);
	memcpy(update.update.supplier, rig->op.point, sizeof(update.update.supplier));
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_SIGNATURE);
	memset(update.update.supplier, 0xff, sizeof(update.update.supplier));
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_BAD_POINT);
	assert_int_equal(prepared.calls, 0);
}

static void test_update_from_what_does_not_run_is_refused(void **state)
{
	struct rig *rig = *state;
	struct update update;

	rig_enrol(rig, false);
	make_update(rig, "m2me-1", 8, &update);
	rig->platform.measurement[0] ^= 1;
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_MEASUREMENT);
	rig->platform.measurement[0] ^= 1;
	update.update.running.len--;
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_MALFORMED);
	assert_int_equal(prepared.calls, 0);
}

static void test_update_before_enrolment_or_where_nothing_is_sealed_is_refused(void **state)
{
	struct rig *rig = *state;
	struct update update;

	make_update(rig, "m2me-1", 8, &update);
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_STATE);
	rig_enrol(rig, false);
	rig->port.prepare = NULL;
	assert_int_equal(smr_tre_prepare(rig->tre, &update.update), SMR_E_UNSUPPORTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_update_of_the_supplier_is_prepared),
		TEST(test_update_goes_from_either_form_of_release_to_the_other),
		TEST(test_update_that_the_supplier_did_not_approve_is_refused),
		TEST(test_update_from_what_does_not_run_is_refused),
		TEST(test_update_before_enrolment_or_where_nothing_is_sealed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
