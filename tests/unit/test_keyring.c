/* SPDX-License-Identifier: Apache-2.0 */
/* The server's keys as time goes by, against a real store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/keyring.h"
#include "tests/unit/store_rig.h"

#define EPOCH_S 86400u
#define LIFETIME 30u
#define SHORTEST_EPOCH_S 21600u /* of the classes of a new store: the one for intervals up to an hour */
#define DAY 86400u
#define NOW (20000u * DAY + 3600u)

static struct smr_keyring_times times_at(uint64_t now)
{
	return (struct smr_keyring_times){.now = now, .send_next_key_s = DAY};
}

static struct smr_keyring *load(struct rig *rig, uint64_t now)
{
	struct smr_keyring_times times = times_at(now);
	struct smr_keyring *ring = NULL;

	assert_int_equal(smr_keyring_load(rig->store, &times, &ring), SMR_OK);
	assert_non_null(ring);
	return ring;
}

/* A key whose «signed» form is its number: what the ring hands out is recognised by it. */
static void add_key(struct rig *rig, enum smr_flight_key_kind kind, uint32_t number, uint64_t not_before,
		    uint64_t not_after)
{
	struct smr_store_flight_key key = {
		.key = {.kind = kind, .number = number, .not_before = not_before, .not_after = not_after}};
	struct smr_privkey q;

	assert_int_equal(smr_privkey_generate(&q), SMR_OK);
	smr_point_compress(q.point, key.key.q);
	memcpy(key.scalar, q.scalar, sizeof(key.scalar));
	memset(key.encoded, 0x5f, 100);
	smr_put_be32(key.encoded, number);
	key.encoded_len = 100;
	smr_privkey_wipe(&q);
	assert_int_equal(smr_store_add_flight_key(rig->store, &key), SMR_OK);
}

static uint32_t number_of(struct smr_bytes encoded)
{
	if (encoded.len == 0)
		return 0;
	assert_int_equal(encoded.len, 100);
	return smr_get_be32(encoded.ptr);
}

static uint32_t current_at(struct rig *rig, uint64_t now)
{
	struct smr_keyring *ring = load(rig, now);
	uint32_t number = number_of(smr_keyring_current(ring));

	smr_keyring_release(ring);
	return number;
}

static uint32_t next_at(struct rig *rig, uint64_t now, uint32_t used)
{
	struct smr_keyring *ring = load(rig, now);
	uint32_t number = number_of(smr_keyring_next(ring, used));

	smr_keyring_release(ring);
	return number;
}

static void test_flight_key_none_at_all_yields_nothing(void **state)
{
	struct smr_keyring *ring = load(*state, NOW);

	assert_int_equal(smr_keyring_current(ring).len, 0);
	assert_int_equal(smr_keyring_next(ring, 0).len, 0);
	assert_null(smr_keyring_flight_key(ring, 0));
	assert_null(smr_keyring_flight_key(ring, 1));
	smr_keyring_release(ring);
	smr_keyring_release(NULL);
}

static void test_flight_key_current_follows_time(void **state)
{
	struct rig *rig = *state;

	add_key(rig, SMR_FLIGHT_KEY_SHELF, 1, NOW - 100 * DAY, NOW + 1000 * DAY);
	assert_int_equal(current_at(rig, NOW), 1);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, NOW, NOW + 3 * DAY);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 3, NOW + 2 * DAY, NOW + 5 * DAY);
	assert_int_equal(current_at(rig, NOW - 1), 1);
	assert_int_equal(current_at(rig, NOW), 2);
	assert_int_equal(current_at(rig, NOW + 2 * DAY - 1), 2);
	assert_int_equal(current_at(rig, NOW + 2 * DAY), 3); /* both in force: the newer one */
	assert_int_equal(current_at(rig, NOW + 5 * DAY - 1), 3);
	assert_int_equal(current_at(rig, NOW + 5 * DAY), 1);	/* back to the shelf key */
	assert_int_equal(current_at(rig, NOW + 1000 * DAY), 0); /* which ends, too */
}

/* A shelf key of a higher number (a second generation) does not push an epoch key out. */
static void test_flight_key_epoch_key_goes_before_any_shelf_key(void **state)
{
	struct rig *rig = *state;

	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, NOW, NOW + 3 * DAY);
	add_key(rig, SMR_FLIGHT_KEY_SHELF, 7, NOW, NOW + 1000 * DAY);
	assert_int_equal(current_at(rig, NOW), 2);
	assert_int_equal(current_at(rig, NOW + 3 * DAY), 7);
}

static void test_flight_key_opens_from_ahead_of_time_to_its_end(void **state)
{
	struct rig *rig = *state;
	struct smr_keyring *ring;
	uint8_t point[SMR_POINT_LEN];

	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, NOW, NOW + 3 * DAY);
	ring = load(rig, NOW - DAY);
	assert_non_null(smr_keyring_flight_key(ring, 2)); /* devices are given the next one early */
	assert_null(smr_keyring_flight_key(ring, 3));
	memcpy(point, smr_keyring_flight_key(ring, 2)->point, sizeof(point));
	smr_keyring_release(ring);
	ring = load(rig, NOW + 3 * DAY - 1);
	assert_memory_equal(smr_keyring_flight_key(ring, 2)->point, point, sizeof(point));
	smr_keyring_release(ring);
	ring = load(rig, NOW + 3 * DAY);
	assert_null(smr_keyring_flight_key(ring, 2));
	smr_keyring_release(ring);
}

static void test_flight_key_ended_epoch_keys_are_erased_shelf_keys_refused(void **state)
{
	struct rig *rig = *state;
	struct smr_store_flight_key stored[SMR_KEYRING_FLIGHT_KEYS];
	uint8_t scalar[SMR_SCALAR_LEN];
	size_t count = SMR_COUNT(stored);
	struct smr_keyring *ring;

	add_key(rig, SMR_FLIGHT_KEY_SHELF, 1, 1, NOW);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, 1, NOW);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 3, 1, NOW + 1);
	assert_int_equal(smr_store_flight_keys(rig->store, stored, &count), SMR_OK);
	assert_int_equal(count, 3);
	memcpy(scalar, stored[1].scalar, sizeof(scalar));
	ring = load(rig, NOW);
	assert_null(smr_keyring_flight_key(ring, 1));
	assert_null(smr_keyring_flight_key(ring, 2));
	assert_non_null(smr_keyring_flight_key(ring, 3));
	smr_keyring_release(ring);
	count = SMR_COUNT(stored);
	assert_int_equal(smr_store_flight_keys(rig->store, stored, &count), SMR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	assert_int_equal(rig_count_pieces(rig, SMR_ARRAY(scalar), 8), 0); /* its private half is nowhere */
}

static void test_flight_key_too_many_is_an_error_not_a_crash(void **state)
{
	struct rig *rig = *state;
	struct smr_keyring_times times = times_at(NOW);
	struct smr_keyring *ring = NULL;

	for (uint32_t n = 1; n <= SMR_KEYRING_FLIGHT_KEYS; n++)
		add_key(rig, SMR_FLIGHT_KEY_EPOCH, n, NOW, NOW + n * DAY);
	smr_keyring_release(load(rig, NOW));
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 200, NOW, NOW + DAY);
	assert_int_equal(smr_keyring_load(rig->store, &times, &ring), SMR_E_NO_ROOM);
	assert_null(ring);
}

/* ---- the key that is sent along ---- */

static void test_next_key_is_sent_to_who_used_an_older_one(void **state)
{
	struct rig *rig = *state;

	add_key(rig, SMR_FLIGHT_KEY_SHELF, 1, 1, NOW + 1000 * DAY);
	assert_int_equal(next_at(rig, NOW, 1), 0);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, NOW - 10 * DAY, NOW + 10 * DAY);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 3, NOW - 5 * DAY, NOW + 15 * DAY);
	assert_int_equal(next_at(rig, NOW, 1), 3);
	assert_int_equal(next_at(rig, NOW, 2), 3);
	assert_int_equal(next_at(rig, NOW, 3), 0);
	assert_int_equal(next_at(rig, NOW, 4), 0);
}

static void test_next_key_is_sent_within_the_window_before_the_end(void **state)
{
	struct rig *rig = *state;

	add_key(rig, SMR_FLIGHT_KEY_SHELF, 1, 1, NOW + 1000 * DAY);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, NOW, NOW + 7 * DAY);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 3, NOW + 7 * DAY, NOW + 14 * DAY);
	assert_int_equal(next_at(rig, NOW + 6 * DAY - 1, 2), 0);
	assert_int_equal(next_at(rig, NOW + 6 * DAY - 1, 1), 2);
	assert_int_equal(next_at(rig, NOW + 6 * DAY, 2), 3);
	assert_int_equal(next_at(rig, NOW + 6 * DAY, 1), 3);
	assert_int_equal(next_at(rig, NOW + 6 * DAY, 3), 0);
}

/* Keys are signed months ahead. A TRE takes only higher numbers: with the last of them it would never use those between, and all
 * its flights would stay readable until that one's end. */
static void test_next_key_is_the_successor_not_the_last_of_those_in_stock(void **state)
{
	struct rig *rig = *state;

	for (uint32_t i = 0; i < 10; i++)
		add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2 + i, NOW + i * 7 * DAY, NOW + (i + 1) * 7 * DAY);
	assert_int_equal(next_at(rig, NOW + 7 * DAY - 10, 2), 3);
	assert_int_equal(next_at(rig, NOW + 14 * DAY - 10, 3), 4);
	assert_int_equal(next_at(rig, NOW + 14 * DAY - 10, 2), 4);
}

/* A shelf key of the highest number must not hide the successor. */
static void test_next_key_is_found_among_later_shelf_keys(void **state)
{
	struct rig *rig = *state;

	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, NOW, NOW + 7 * DAY);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 3, NOW + 7 * DAY, NOW + 14 * DAY);
	add_key(rig, SMR_FLIGHT_KEY_SHELF, 9, NOW, NOW + 1000 * DAY);
	assert_int_equal(next_at(rig, NOW + 7 * DAY - 10, 2), 3);
}

static void test_next_key_without_a_successor_is_the_current_one(void **state)
{
	struct rig *rig = *state;

	add_key(rig, SMR_FLIGHT_KEY_SHELF, 1, 1, NOW + 1000 * DAY);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, NOW, NOW + 7 * DAY);
	assert_int_equal(next_at(rig, NOW + 7 * DAY - 10, 2), 0);
	assert_int_equal(next_at(rig, NOW + 7 * DAY - 10, 1), 2);
}

/* ---- ticket keys ---- */

static void test_ticket_keys_live_for_the_lifetime_and_are_erased(void **state)
{
	struct rig *rig = *state;
	uint32_t epoch = NOW / EPOCH_S;
	uint8_t key[SMR_TK_LEN];
	struct smr_keyring *ring = load(rig, NOW);

	assert_int_equal(smr_keyring_epoch(ring, 0), epoch);
	assert_int_equal(smr_keyring_lifetime(ring, 0), LIFETIME);
	assert_non_null(smr_keyring_ticket_current(ring, 0));
	assert_int_equal(smr_keyring_ticket_current(ring, 0)->id, smr_tk_id(0, epoch));
	assert_null(smr_keyring_ticket_key(ring, smr_tk_id(0, epoch - 1)));
	assert_null(smr_keyring_ticket_key(ring, smr_tk_id(1, epoch)));
	assert_null(smr_keyring_ticket_key(ring, smr_tk_id(200, epoch)));
	memcpy(key, smr_keyring_ticket_current(ring, 0)->key, sizeof(key));
	smr_keyring_release(ring);
	ring = load(rig, NOW + LIFETIME * EPOCH_S);
	assert_memory_equal(smr_keyring_ticket_key(ring, smr_tk_id(0, epoch))->key, key, sizeof(key));
	assert_int_equal(smr_keyring_ticket_current(ring, 0)->id, smr_tk_id(0, epoch + LIFETIME));
	assert_memory_not_equal(smr_keyring_ticket_current(ring, 0)->key, key, sizeof(key));
	smr_keyring_release(ring);
	ring = load(rig, NOW + (LIFETIME + 1) * EPOCH_S);
	assert_null(smr_keyring_ticket_key(ring, smr_tk_id(0, epoch)));
	smr_keyring_release(ring);
	/* Days have passed without a look: nothing is erased before it is clear that the clock goes on from here. */
	assert_int_equal(rig_count_pieces(rig, SMR_ARRAY(key), 8), 2);
	smr_keyring_release(load(rig, NOW + (LIFETIME + 1) * EPOCH_S + EPOCH_S / 4));
	assert_int_equal(smr_store_checkpoint(rig->store), SMR_OK);
	assert_int_equal(rig_count_pieces(rig, SMR_ARRAY(key), 8), 0);
}

/* Another front end whose clock is a little ahead already seals under the next key: this one has to open that. */
static void test_ticket_keys_include_the_next_epochs(void **state)
{
	struct rig *rig = *state;
	uint32_t epoch = NOW / EPOCH_S;
	struct smr_keyring *slow = load(rig, NOW);
	struct smr_keyring *fast = load(rig, NOW + EPOCH_S);

	assert_memory_equal(smr_keyring_ticket_key(slow, smr_tk_id(0, epoch + 1))->key,
			    smr_keyring_ticket_current(fast, 0)->key, SMR_TK_LEN);
	smr_keyring_release(slow);
	smr_keyring_release(fast);
}

static void test_ticket_keys_early_in_time_do_not_underflow(void **state)
{
	struct smr_keyring *ring = load(*state, 3 * EPOCH_S);

	assert_int_equal(smr_keyring_epoch(ring, 0), 3);
	assert_non_null(smr_keyring_ticket_current(ring, 0));
	smr_keyring_release(ring);
}

static void test_ticket_class_suits_the_interval(void **state)
{
	struct smr_keyring *ring = load(*state, NOW);
	static const struct {
		uint32_t interval_s, class;
	} cases[] = {{0, 0}, {1, 1}, {3600, 1}, {3601, 0}, {DAY, 0}, {DAY + 1, 2}, {8 * DAY, 3}, {UINT32_MAX, 3}};

	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		uint32_t class = smr_keyring_class_for(ring, cases[i].interval_s);

		assert_int_equal(class, cases[i].class);
		assert_int_equal(smr_tk_class(smr_keyring_ticket_current(ring, class)->id), class);
	}
	assert_null(smr_keyring_ticket_current(ring, 77));
	smr_keyring_release(ring);
}

static void test_spare_tickets_are_for_classes_whose_intervals_reach_the_limit(void **state)
{
	static const struct {
		uint64_t from_s;
		bool gives[4];
	} cases[] = {{0, {true, true, true, true}},
		     {DAY + 1, {false, false, true, true}},
		     {SMR_KEYRING_NO_SPARE, {false, false, false, false}}};

	for (size_t i = 0; i < SMR_COUNT(cases); i++) {
		struct smr_keyring_times times = {.now = NOW, .spare_from_s = cases[i].from_s};
		struct smr_keyring *ring = NULL;

		assert_int_equal(smr_keyring_load(((struct rig *)*state)->store, &times, &ring), SMR_OK);
		for (uint32_t class = 0; class < 4; class ++)
			assert_int_equal(smr_keyring_gives_spare(ring, class), cases[i].gives[class]);
		smr_keyring_release(ring);
	}
}

/* Devices in the field keep their class; new flights get the one that took its place. */
static void test_ticket_class_that_was_replaced_goes_on_with_its_last_keys(void **state)
{
	struct rig *rig = *state;
	struct smr_store_ticket_class shorter = {.up_to_s = DAY, .epoch_s = DAY / 2, .lifetime = 3};
	struct smr_keyring *ring = load(rig, NOW);
	struct smr_ticket_key before = *smr_keyring_ticket_current(ring, 0);

	smr_keyring_release(ring);
	assert_int_equal(smr_store_put_ticket_class(rig->store, &shorter), SMR_OK);
	ring = load(rig, NOW + 5 * DAY);
	assert_int_equal(smr_keyring_class_for(ring, DAY), shorter.number);
	assert_memory_equal(smr_keyring_ticket_key(ring, before.id), &before, sizeof(before));
	assert_int_equal(smr_keyring_ticket_current(ring, 0)->id, before.id + 1);
	assert_int_equal(smr_keyring_epoch(ring, 0), (NOW + 5 * DAY) / DAY);
	smr_keyring_release(ring);
}

static void test_ticket_class_of_the_longest_serves_what_is_longer_still(void **state)
{
	struct rig *rig = *state;
	struct smr_keyring *ring;

	rig_sql(rig->path, "DELETE FROM ticket_class WHERE number = 3");
	ring = load(rig, NOW);
	assert_int_equal(smr_keyring_class_for(ring, 100 * DAY), 2);
	smr_keyring_release(ring);
	rig_sql(rig->path, "DELETE FROM ticket_class");
	ring = load(rig, NOW);
	assert_null(smr_keyring_ticket_current(ring, smr_keyring_class_for(ring, DAY)));
	smr_keyring_release(ring);
}

static void test_valid_until_is_the_next_beginning_or_end(void **state)
{
	struct rig *rig = *state;
	uint64_t change = (NOW / SHORTEST_EPOCH_S + 1) * SHORTEST_EPOCH_S;
	struct smr_keyring *ring = load(rig, NOW);

	assert_int_equal(smr_keyring_valid_until(ring), change);
	assert_int_equal(smr_keyring_last_end(ring), 0);
	smr_keyring_release(ring);
	add_key(rig, SMR_FLIGHT_KEY_SHELF, 1, 1, NOW + 1000 * DAY);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, NOW - 50, NOW + 500);
	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 3, NOW + 100, NOW + 600);
	ring = load(rig, NOW);
	assert_int_equal(smr_keyring_valid_until(ring), NOW + 100);
	assert_int_equal(smr_keyring_last_end(ring),
			 NOW + 600); /* the shelf key does not count: nobody goes back to it */
	smr_keyring_release(ring);
	ring = load(rig, NOW + 100);
	assert_int_equal(smr_keyring_valid_until(ring), NOW + 500);
	smr_keyring_release(ring);
	ring = load(rig, NOW + 500);
	assert_int_equal(smr_keyring_valid_until(ring), NOW + 600);
	smr_keyring_release(ring);
	ring = load(rig, change - 1);
	assert_int_equal(smr_keyring_valid_until(ring), change);
	smr_keyring_release(ring);
}

/* ---- suppliers ---- */

#define SUPPLIERS 3u

struct supplier {
	struct smr_privkey key;
	uint8_t point[SMR_POINT_COMPRESSED_LEN];
	struct smr_shipment_id shipment;
	uint8_t measurement[SMR_HASH_LEN]; /* approved by this one alone */
	enum smr_platform platform;
};

static void load_supplier(struct rig *rig, struct supplier *s, uint8_t seed, bool trusted)
{
	struct smr_store_party party = rig_party("supplier", seed);
	struct smr_store_shipment shipment = {
		.about = {.id = {{seed}}, .platform = seed & 1 ? SMR_PLATFORM_TPM : SMR_PLATFORM_SOFTWARE}};
	struct smr_reference_record reference = {.version = "1",
						 .log = {.count = 1, .events = {{8, {seed}, SMR_TEXT("tre")}}}};
	struct smr_file_info info = rig_info(SMR_FILE_SHIPMENT, seed);

	assert_int_equal(smr_privkey_generate(&s->key), SMR_OK);
	smr_point_compress(s->key.point, s->point);
	memset(s->measurement, seed, sizeof(s->measurement));
	s->shipment = shipment.about.id;
	s->platform = shipment.about.platform;
	memcpy(party.sign, s->point, sizeof(party.sign));
	party.has_kem = false;
	if (trusted)
		assert_int_equal(smr_store_trust(rig->store, &party), SMR_OK);
	memcpy(shipment.supplier, s->point, sizeof(shipment.supplier));
	memcpy(info.sender, s->point, sizeof(info.sender));
	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
	assert_int_equal(smr_store_put_shipment(rig->store, &shipment), SMR_OK);
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_OK);
	info.type = SMR_FILE_REFERENCES;
	assert_int_equal(smr_store_load_begin(rig->store, &info), SMR_OK);
	memcpy(reference.measurement, s->measurement, sizeof(reference.measurement));
	assert_int_equal(smr_store_put_reference(rig->store, s->point, &reference), SMR_OK);
	memset(reference.measurement, 0xcc, sizeof(reference.measurement)); /* approved by all */
	reference.log.count = 0;
	assert_int_equal(smr_store_put_reference(rig->store, s->point, &reference), SMR_OK);
	assert_int_equal(smr_store_load_end(rig->store, true), SMR_OK);
}

static unsigned verifications;

enum smr_err __real_smr_certificate_open(struct smr_bytes encoded, const struct smr_pubkey *supplier,
					 struct smr_certificate *out);
enum smr_err __wrap_smr_certificate_open(struct smr_bytes encoded, const struct smr_pubkey *supplier,
					 struct smr_certificate *out);
enum smr_err __wrap_smr_certificate_open(struct smr_bytes encoded, const struct smr_pubkey *supplier,
					 struct smr_certificate *out)
{
	verifications++;
	return __real_smr_certificate_open(encoded, supplier, out);
}

static struct smr_bytes certify(const struct supplier *s, uint8_t room[SMR_CERTIFICATE_MAX])
{
	struct smr_certificate certificate = {.shipment = s->shipment, .platform = s->platform};
	struct smr_writer w = smr_writer_init((struct smr_space){room, SMR_CERTIFICATE_MAX});
	struct smr_bytes out;

	assert_int_equal(smr_eid_make(SMR_TEXT("890440320000000000000000000001"), &certificate.eid), SMR_OK);
	memcpy(certificate.d, s->point, sizeof(certificate.d));
	memcpy(certificate.t, s->point, sizeof(certificate.t));
	assert_int_equal(smr_certificate_sign(&w, &s->key, &certificate), SMR_OK);
	assert_int_equal(smr_writer_done(&w, &out), SMR_OK);
	return out;
}

static void test_approvals_are_each_suppliers_own(void **state)
{
	struct rig *rig = *state;
	struct supplier suppliers[SUPPLIERS];
	struct smr_shipment_id unknown = {{0xee}};
	uint8_t common[SMR_HASH_LEN];
	uint8_t none[SMR_HASH_LEN] = {0};
	struct smr_keyring *ring = load(rig, NOW);

	assert_null(smr_keyring_shipment(ring, &unknown));
	smr_keyring_release(ring);
	for (uint8_t i = 0; i < SUPPLIERS; i++)
		load_supplier(rig, &suppliers[i], (uint8_t)(0x40 - i), true);
	memset(common, 0xcc, sizeof(common));
	ring = load(rig, NOW);
	for (size_t i = 0; i < SUPPLIERS; i++) {
		for (size_t j = 0; j < SUPPLIERS; j++)
			assert_int_equal(smr_keyring_approves(ring, suppliers[i].point, suppliers[j].measurement),
					 i == j);
		assert_true(smr_keyring_approves(ring, suppliers[i].point, common));
		assert_false(smr_keyring_approves(ring, suppliers[i].point, none));
		assert_memory_equal(smr_keyring_shipment(ring, &suppliers[i].shipment)->supplier, suppliers[i].point,
				    SMR_POINT_COMPRESSED_LEN);
		assert_int_equal(smr_keyring_shipment(ring, &suppliers[i].shipment)->platform, suppliers[i].platform);
		smr_privkey_wipe(&suppliers[i].key);
	}
	assert_null(smr_keyring_shipment(ring, &unknown));
	smr_keyring_release(ring);
}

static void test_events_are_those_of_each_suppliers_boot_logs(void **state)
{
	struct rig *rig = *state;
	struct supplier suppliers[SUPPLIERS];
	struct smr_tpm_event event = {.pcr = 8};
	struct smr_keyring *ring = load(rig, NOW);

	assert_false(smr_keyring_knows_event(ring, rig->d, &event));
	smr_keyring_release(ring);
	for (uint8_t i = 0; i < SUPPLIERS; i++)
		load_supplier(rig, &suppliers[i], (uint8_t)(0x40 - i), true);
	ring = load(rig, NOW);
	for (uint8_t i = 0; i < SUPPLIERS; i++) {
		for (uint8_t j = 0; j < SUPPLIERS; j++) {
			event.digest[0] = (uint8_t)(0x40 - j);
			assert_int_equal(smr_keyring_knows_event(ring, suppliers[i].point, &event), i == j);
		}
		event.digest[0] = (uint8_t)(0x40 - i);
		event.pcr = 9;
		assert_false(smr_keyring_knows_event(ring, suppliers[i].point, &event));
		event.pcr = 8;
		event.digest[SMR_HASH_LEN - 1] = 1;
		assert_false(smr_keyring_knows_event(ring, suppliers[i].point, &event));
		event.digest[SMR_HASH_LEN - 1] = 0;
		smr_privkey_wipe(&suppliers[i].key);
	}
	smr_keyring_release(ring);
}

static void wipe_suppliers(struct supplier *suppliers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		smr_privkey_wipe(&suppliers[i].key);
}

/* What an attacker's datagram costs does not grow with the suppliers. */
static enum smr_err open_at_the_cost_of(unsigned cost, const struct smr_keyring *ring, struct smr_bytes encoded,
					struct smr_certificate *out, const uint8_t **supplier)
{
	enum smr_err err;

	verifications = 0;
	err = smr_keyring_certificate(ring, encoded, out, supplier);
	assert_int_equal(verifications, cost);
	return err;
}

static void test_certificate_is_judged_under_its_shipments_supplier_alone(void **state)
{
	struct rig *rig = *state;
	struct supplier suppliers[SUPPLIERS];
	struct smr_keyring *ring;

	for (uint8_t i = 0; i < SUPPLIERS; i++)
		load_supplier(rig, &suppliers[i], (uint8_t)(0x40 + i), i != 2); /* the last one is not trusted */
	ring = load(rig, NOW);
	for (size_t i = 0; i < SUPPLIERS; i++) {
		uint8_t room[SMR_CERTIFICATE_MAX];
		struct smr_bytes encoded = certify(&suppliers[i], room);
		struct smr_certificate out;
		const uint8_t *supplier = NULL;
		unsigned cost = i == 2 ? 0 : 1;

		assert_int_equal(open_at_the_cost_of(cost, ring, encoded, &out, &supplier),
				 i == 2 ? SMR_E_UNTRUSTED_KEY : SMR_OK);
		if (i != 2) {
			assert_memory_equal(supplier, suppliers[i].point, SMR_POINT_COMPRESSED_LEN);
			assert_memory_equal(out.d, suppliers[i].point, sizeof(out.d));
			assert_int_equal(out.platform, suppliers[i].platform);
		}
		room[encoded.len - 1] ^= 1;
		assert_int_equal(open_at_the_cost_of(cost, ring, encoded, &out, &supplier), SMR_E_UNTRUSTED_KEY);
		assert_int_equal(smr_keyring_certificate(ring, smr_bytes_of(room, encoded.len - 1), &out, &supplier),
				 SMR_E_MALFORMED);
	}
	smr_keyring_release(ring);
	wipe_suppliers(suppliers, SUPPLIERS);
}

/* One trusted supplier certifies devices of another one's shipment. */
static void test_certificate_for_a_shipment_of_another_supplier_is_untrusted(void **state)
{
	struct rig *rig = *state;
	struct supplier suppliers[2];
	uint8_t room[SMR_CERTIFICATE_MAX];
	struct smr_certificate out;
	struct smr_keyring *ring;
	const uint8_t *supplier;

	for (uint8_t i = 0; i < 2; i++)
		load_supplier(rig, &suppliers[i], (uint8_t)(0x40 + i), true);
	ring = load(rig, NOW);
	for (size_t i = 0; i < 2; i++) {
		struct supplier liar = suppliers[i]; /* with the same key */

		liar.shipment = suppliers[1 - i].shipment;
		assert_int_equal(open_at_the_cost_of(1, ring, certify(&liar, room), &out, &supplier),
				 SMR_E_UNTRUSTED_KEY);
	}
	smr_keyring_release(ring);
	wipe_suppliers(suppliers, 2);
}

/* The shipment is not loaded: whoever has signed is found, if not at once. */
static void test_certificate_of_an_unknown_shipment_is_tried_under_a_few(void **state)
{
	enum { COUNT = 2 * SMR_KEYRING_SUPPLIERS_TRIED + 1 };
	struct rig *rig = *state;
	struct supplier suppliers[COUNT];
	uint8_t room[SMR_CERTIFICATE_MAX];
	struct smr_certificate out;
	struct smr_keyring *ring;

	for (uint8_t i = 0; i < COUNT; i++)
		load_supplier(rig, &suppliers[i], (uint8_t)(0x40 + i), true);
	ring = load(rig, NOW);
	for (size_t i = 0; i < COUNT; i++) {
		struct supplier stranger = suppliers[i]; /* with the same key */
		const uint8_t *supplier = NULL;
		struct smr_bytes encoded;
		unsigned requests = 0;
		enum smr_err err;

		stranger.shipment.octets[0] = 0xee;
		encoded = certify(&stranger, room);
		do {
			verifications = 0;
			err = smr_keyring_certificate(ring, encoded, &out, &supplier);
			assert_in_range(verifications, 1, SMR_KEYRING_SUPPLIERS_TRIED);
		} while (err == SMR_E_UNTRUSTED_KEY && ++requests < 3);
		assert_int_equal(err, SMR_OK);
		assert_memory_equal(supplier, suppliers[i].point, SMR_POINT_COMPRESSED_LEN);
		room[encoded.len - 1] ^= 1;
		assert_int_equal(open_at_the_cost_of(SMR_KEYRING_SUPPLIERS_TRIED, ring, encoded, &out, &supplier),
				 SMR_E_UNTRUSTED_KEY);
	}
	smr_keyring_release(ring);
	wipe_suppliers(suppliers, COUNT);
}

/* A party of another role does not certify devices. */
static void test_certificate_of_another_role_is_untrusted(void **state)
{
	struct rig *rig = *state;
	struct supplier s;
	struct smr_store_party party = rig_party("sho", 9);
	uint8_t room[SMR_CERTIFICATE_MAX];
	struct smr_certificate out;
	struct smr_keyring *ring;
	const uint8_t *supplier;

	load_supplier(rig, &s, 0x41, false);
	memcpy(party.sign, s.point, sizeof(party.sign));
	party.has_kem = false;
	assert_int_equal(smr_store_trust(rig->store, &party), SMR_OK);
	ring = load(rig, NOW);
	assert_int_equal(smr_keyring_certificate(ring, certify(&s, room), &out, &supplier), SMR_E_UNTRUSTED_KEY);
	smr_keyring_release(ring);
	smr_privkey_wipe(&s.key);
}

static void test_keyring_held_outlives_its_first_owner(void **state)
{
	struct rig *rig = *state;
	struct smr_keyring *ring;

	add_key(rig, SMR_FLIGHT_KEY_EPOCH, 2, NOW, NOW + 7 * DAY);
	ring = load(rig, NOW);
	assert_ptr_equal(smr_keyring_hold(ring), ring);
	smr_keyring_release(ring);
	assert_non_null(smr_keyring_flight_key(ring, 2));
	assert_int_equal(number_of(smr_keyring_current(ring)), 2);
	smr_keyring_release(ring);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flight_key_none_at_all_yields_nothing),
		TEST(test_flight_key_current_follows_time),
		TEST(test_flight_key_epoch_key_goes_before_any_shelf_key),
		TEST(test_flight_key_opens_from_ahead_of_time_to_its_end),
		TEST(test_flight_key_ended_epoch_keys_are_erased_shelf_keys_refused),
		TEST(test_flight_key_too_many_is_an_error_not_a_crash),
		TEST(test_next_key_is_sent_to_who_used_an_older_one),
		TEST(test_next_key_is_sent_within_the_window_before_the_end),
		TEST(test_next_key_is_the_successor_not_the_last_of_those_in_stock),
		TEST(test_next_key_is_found_among_later_shelf_keys),
		TEST(test_next_key_without_a_successor_is_the_current_one),
		TEST(test_ticket_class_suits_the_interval),
		TEST(test_spare_tickets_are_for_classes_whose_intervals_reach_the_limit),
		TEST(test_ticket_class_that_was_replaced_goes_on_with_its_last_keys),
		TEST(test_ticket_class_of_the_longest_serves_what_is_longer_still),
		TEST(test_ticket_keys_live_for_the_lifetime_and_are_erased),
		TEST(test_ticket_keys_include_the_next_epochs),
		TEST(test_ticket_keys_early_in_time_do_not_underflow),
		TEST(test_valid_until_is_the_next_beginning_or_end),
		TEST(test_approvals_are_each_suppliers_own),
		TEST(test_events_are_those_of_each_suppliers_boot_logs),
		TEST(test_certificate_is_judged_under_its_shipments_supplier_alone),
		TEST(test_certificate_for_a_shipment_of_another_supplier_is_untrusted),
		TEST(test_certificate_of_an_unknown_shipment_is_tried_under_a_few),
		TEST(test_certificate_of_another_role_is_untrusted),
		TEST(test_keyring_held_outlives_its_first_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
