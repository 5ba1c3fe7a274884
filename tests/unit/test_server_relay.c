/* SPDX-License-Identifier: Apache-2.0 */
/* The RO's end of the relay over a real store: many operators, many files that wait, and an end amid a round. (What goes through it and
 * comes back: test_auc_relay.c.) */
#include "players.h"

#include <semaphore.h>

#include "file/formats.h"
#include "server/spool.h"
#include "store_rig.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/text.h"

#define BATCH 1u /* records in a file */

static struct rig *rig;
static struct smr_privkey key; /* of the RO, and of all AuCs */
static struct smr_server_config config;
static struct smr_server server;
static struct smr_spool spool;

/* ---- in the place of the C library's ---- */

static size_t names_read;
static size_t files_until_end; /* files that get their name before the relay waits for its end; 0: it never does */
static sem_t is_amid;
static sem_t is_ending;

extern struct dirent *__real_readdir64(DIR *dir);
extern struct dirent *__wrap_readdir64(DIR *dir);
extern int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
extern int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
extern int __real_pthread_join(pthread_t thread, void **result);
extern int __wrap_pthread_join(pthread_t thread, void **result);
extern int __wrap_fsync(int fd);

struct dirent *__wrap_readdir64(DIR *dir)
{
	names_read++;
	return __real_readdir64(dir);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	if (files_until_end > 0 && --files_until_end == 0) {
		(void)sem_post(&is_amid);
		(void)sem_wait(&is_ending);
	}
	return __real_renameat(from_dir, from, to_dir, to);
}

/* Of smr_relay_stop, when the thread has been told. */
int __wrap_pthread_join(pthread_t thread, void **result)
{
	(void)sem_post(&is_ending);
	return __real_pthread_join(thread, result);
}

/* No power is cut here. */
int __wrap_fsync(int fd)
{
	(void)fd;
	return 0;
}

/* ---- the RO ---- */

static size_t files_of(unsigned which);

static size_t files_granted; /* of the first two operators: when there are so many the round is to end */

static bool go_on(void *context)
{
	(void)context;
	return files_granted == SIZE_MAX || files_of(0) + files_of(1) < files_granted;
}

static void begin(void)
{
	spool = (struct smr_spool){.server = &server, .sign = &key, .store = rig->store, .go_on = go_on};
	files_granted = SIZE_MAX;
}

static int enter(void **state)
{
	smr_log_init("test", SMR_LOG_ERROR, false);
	if (scratch_enter(state) != 0 || rig_setup(state) != 0)
		return 1;
	rig = *state;
	config = (struct smr_server_config){
		.store = rig->path, .spool = scratch_dir, .relay_interval_s = 3600, .relay_batch = BATCH};
	server.config = &config;
	files_until_end = 0;
	begin();
	return smr_privkey_generate(&key) != SMR_OK || sem_init(&is_amid, 0, 0) != 0 || sem_init(&is_ending, 0, 0) != 0;
}

static int leave(void **state)
{
	smr_spool_wipe(&spool);
	smr_privkey_wipe(&key);
	(void)sem_destroy(&is_amid);
	(void)sem_destroy(&is_ending);
	return rig_teardown(state) != 0 || scratch_leave(state) != 0;
}

/* The next process. */
static void restart(void)
{
	smr_spool_wipe(&spool);
	begin();
}

static struct smr_key_id id_of(unsigned which)
{
	struct smr_key_id id = {{0}};

	smr_put_be32(id.octets, which + 1);
	return id;
}

/* Operators 0 … count-1, whose numbers in the store are one more. */
static void make_operators(unsigned count)
{
	struct smr_store_party auc = {.role = "auc", .name = "AuC", .has_kem = true};

	smr_point_compress(key.point, auc.sign);
	smr_point_compress(key.point, auc.kem);
	rig_load_begin(rig, SMR_FILE_BATCH);
	for (unsigned i = 0; i < count; i++) {
		struct smr_key_id id = id_of(i);

		assert_int_equal(smr_store_put_auc(rig->store, &id, &auc), SMR_OK);
	}
	rig_load_keep(rig);
}

/* Receipts that wait for an operator: of one device, with serials from 1 on. */
static void put_records(unsigned which, unsigned count)
{
	struct smr_eid eid;
	struct smr_iccid iccid;
	char hex[2][64];
	char script[512];

	player_eid(&eid);
	player_iccid(&iccid);
	smr_hex_encode(SMR_ARRAY(eid.octets), hex[0]);
	smr_hex_encode(SMR_ARRAY(iccid.octets), hex[1]);
	snprintf(script, sizeof(script),
		 "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u) "
		 "INSERT INTO relay (operator, eid, iccid, serial, kind, result, mac) "
		 "SELECT %u, x'%s', x'%s', i, %d, 0, zeroblob(16) FROM n",
		 count, which + 1, hex[0], hex[1], SMR_RECEIPT_COMMAND);
	rig_sql(rig->path, script);
}

static struct smr_store_counts counts(void)
{
	struct smr_store_counts c;

	assert_int_equal(smr_store_count(rig->store, &c), SMR_OK);
	return c;
}

/* ---- its spool ---- */

static char *path_of(unsigned which, const char *kind, unsigned number)
{
	static char path[sizeof(scratch_dir) + 64];
	struct smr_key_id id = id_of(which);
	char hex[SMR_HEX_TEXT(SMR_KEY_ID_LEN)];

	smr_hex_encode(SMR_ARRAY(id.octets), hex);
	snprintf(path, sizeof(path), "%s/%s/%s-%08u.smr", scratch_dir, hex, kind, number);
	return path;
}

static bool there(unsigned which, unsigned number)
{
	return smr_fs_exists(path_of(which, "evidence", number));
}

static void lose(unsigned which, unsigned number)
{
	assert_int_equal(remove(path_of(which, "evidence", number)), 0);
}

static const char *directory_of(unsigned which)
{
	char *path = path_of(which, "evidence", 0);

	*strrchr(path, '/') = 0;
	return path;
}

static size_t files_of(unsigned which)
{
	return smr_fs_exists(directory_of(which)) ? scratch_count(directory_of(which)) : 0;
}

static void acknowledge(unsigned which, unsigned number)
{
	struct smr_key_id id = id_of(which);
	struct smr_ack_record ack = {.serial = number, .kind = SMR_RECEIPT_COMMAND, .verdict = SMR_ACK_ACCEPTED};
	uint8_t room[2][128];
	struct smr_writer about = smr_writer_init((struct smr_space){room[0], sizeof(room[0])});
	struct smr_writer record = smr_writer_init((struct smr_space){room[1], sizeof(room[1])});
	struct smr_file_writer *file;
	struct smr_bytes written[2];

	player_eid(&ack.eid);
	player_iccid(&ack.iccid);
	smr_put_relay_about(&about, &id, number, true);
	smr_put_ack_record(&record, &ack);
	assert_int_equal(smr_writer_done(&about, &written[0]), SMR_OK);
	assert_int_equal(smr_writer_done(&record, &written[1]), SMR_OK);
	assert_int_equal(
		smr_file_create(path_of(which, "ack", number), SMR_FILE_ACK, number, &key, written[0], NULL, &file),
		SMR_OK);
	assert_int_equal(smr_file_put(file, written[1]), SMR_OK);
	assert_int_equal(smr_file_commit(file), SMR_OK);
}

/* ---- tests ---- */

/* The last one is far behind any table of fixed size that there might be. */
static void test_operators_of_any_number_are_all_served(void **state)
{
	enum { MANY = 270 };

	(void)state;
	make_operators(MANY);
	put_records(0, 1);
	put_records(MANY / 2, 1);
	put_records(MANY - 1, 2);
	assert_false(smr_spool_round(&spool));
	assert_true(there(0, 1) && there(MANY / 2, 1) && there(MANY - 1, 1) && there(MANY - 1, 2));
	assert_int_equal(counts().relay_waiting, 0);
	assert_int_equal(counts().relay_unacknowledged, 4);
}

static void test_operator_with_many_new_files_lets_the_next_one_have_his_turn(void **state)
{
	(void)state;
	make_operators(2);
	put_records(0, SMR_SPOOL_NEW + 6);
	put_records(1, 1);
	assert_true(smr_spool_round(&spool));
	assert_int_equal(files_of(0), SMR_SPOOL_NEW);
	assert_true(there(1, 1));
	assert_false(smr_spool_round(&spool));
	assert_int_equal(files_of(0), SMR_SPOOL_NEW + 6);
	assert_int_equal(files_of(1), 1);
}

/* The AuC is away, so nothing that was written first is ever acknowledged. */
static void test_lost_files_behind_many_that_wait_are_written_again(void **state)
{
	enum { FILES = 2 * SMR_SPOOL_OPEN + 10 };

	(void)state;
	make_operators(1);
	put_records(0, FILES);
	while (smr_spool_round(&spool))
		continue;
	assert_int_equal(files_of(0), FILES);
	restart();
	lose(0, 3);
	lose(0, SMR_SPOOL_OPEN + 30);
	lose(0, FILES);
	assert_false(smr_spool_round(&spool));
	assert_true(there(0, 3));
	assert_int_equal(files_of(0), FILES - 2); /* a round's work is bounded */
	assert_false(smr_spool_round(&spool));
	assert_true(there(0, SMR_SPOOL_OPEN + 30));
	assert_false(smr_spool_round(&spool));
	assert_true(there(0, FILES));
	lose(0, 1);
	assert_false(smr_spool_round(&spool)); /* and from the beginning again */
	assert_int_equal(files_of(0), FILES);
}

/* Names that a relay has to pass over, as they are there when an AuC is away for weeks; all of one file, which is quicker. */
static void fill_directory(unsigned which, unsigned count)
{
	char first[sizeof(scratch_dir) + 64];

	snprintf(first, sizeof(first), "%s", path_of(which, "evidence", 1));
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(link(first, path_of(which, "evidence", 1000 + i)), 0);
}

/* Once there is one, the others are not left until the interval is over. */
static void test_acknowledgements_are_found_among_more_names_than_a_round_reads(void **state)
{
	enum { ROUNDS = 3, ACKS = 6, OTHERS = (ROUNDS - 1) * SMR_SPOOL_LOOK + 100 };
	uint64_t left = ACKS;

	(void)state;
	make_operators(1);
	put_records(0, ACKS);
	assert_false(smr_spool_round(&spool));
	fill_directory(0, OTHERS);
	for (unsigned i = 1; i <= ACKS; i++)
		acknowledge(0, i);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		uint64_t before = left;
		bool more;

		names_read = 0;
		more = smr_spool_round(&spool);
		assert_in_range(names_read, 1, SMR_SPOOL_LOOK);
		left = counts().relay_unacknowledged;
		assert_int_equal(more, left < before && i < ROUNDS);
	}
	assert_int_equal(left, 0);
	assert_int_equal(files_of(0), OTHERS);
	for (unsigned i = 1; i <= ROUNDS; i++)
		assert_false(smr_spool_round(&spool)); /* nothing comes: the rest of the names can wait */
}

/* What it wrote is noted, and what it did not write is there for the next round, or the next server. */
static void test_end_amid_new_files_comes_after_the_one_under_way(void **state)
{
	enum { FILES = 5 };

	(void)state;
	make_operators(2);
	put_records(0, FILES);
	put_records(1, FILES);
	for (size_t granted = 0; granted <= 2 * FILES; granted++) {
		restart();
		files_granted = granted;
		smr_spool_round(&spool);
		assert_int_equal(files_of(0), granted < FILES ? granted : FILES);
		assert_int_equal(files_of(0) + files_of(1), granted);
		assert_int_equal(smr_fs_exists(directory_of(1)), granted > FILES); /* or it had no turn at all */
		assert_int_equal(counts().relay_unacknowledged, granted);
	}
	assert_int_equal(counts().relay_waiting, 0);
}

static void test_end_amid_lost_files_comes_after_the_one_under_way(void **state)
{
	enum { FILES = 5 };

	(void)state;
	make_operators(1);
	put_records(0, FILES);
	assert_false(smr_spool_round(&spool));
	lose(0, 2);
	lose(0, 4);
	put_records(0, 1);
	files_granted = FILES - 1;
	smr_spool_round(&spool);
	assert_true(there(0, 2) && !there(0, 4));
	assert_int_equal(counts().relay_waiting, 1);
	files_granted = SIZE_MAX;
	smr_spool_round(&spool);
	assert_int_equal(files_of(0), FILES + 1);
}

/* The thread itself is told while a file of it has its octets, but no name yet. */
static void test_stop_of_the_thread_amid_a_round_loses_and_repeats_nothing(void **state)
{
	enum { FILES = 9, WRITTEN = 4 };
	struct smr_relay *relay;

	(void)state;
	make_operators(2);
	put_records(0, FILES);
	put_records(1, 1);
	files_until_end = WRITTEN;
	assert_int_equal(smr_relay_start(&server, &key, &relay), SMR_OK);
	assert_int_equal(sem_wait(&is_amid), 0);
	smr_relay_stop(relay);
	assert_int_equal(files_until_end, 0);
	assert_int_equal(files_of(0), WRITTEN);
	assert_int_equal(files_of(1), 0);
	assert_int_equal(counts().relay_unacknowledged, WRITTEN);
	while (smr_spool_round(&spool))
		continue;
	assert_int_equal(files_of(0), FILES);
	assert_int_equal(files_of(1), 1);
	assert_int_equal(counts().relay_unacknowledged, FILES + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_operators_of_any_number_are_all_served),
		TEST(test_operator_with_many_new_files_lets_the_next_one_have_his_turn),
		TEST(test_lost_files_behind_many_that_wait_are_written_again),
		TEST(test_acknowledgements_are_found_among_more_names_than_a_round_reads),
		TEST(test_end_amid_new_files_comes_after_the_one_under_way),
		TEST(test_end_amid_lost_files_comes_after_the_one_under_way),
		TEST(test_stop_of_the_thread_amid_a_round_loses_and_repeats_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
