/* SPDX-License-Identifier: Apache-2.0 */
#include "players.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/cose.h"
#include "file/file.h"
#include "file/frame.h"

enum { SENDER = 1, RECIPIENT = 2, STRANGER = 3 };

static struct smr_privkey sender;
static struct smr_privkey recipient;
static struct smr_pubkey recipient_public;

static int make_keys(void **state)
{
	(void)state;
	player_key(&sender, SENDER);
	player_key(&recipient, RECIPIENT);
	player_public(&recipient_public, RECIPIENT);
	return 0;
}

static int wipe_keys(void **state)
{
	(void)state;
	smr_privkey_wipe(&sender);
	smr_privkey_wipe(&recipient);
	smr_pubkey_wipe(&recipient_public);
	return 0;
}

/* Record @p i of a test file: its length and every octet depend on i. */
static const size_t record_lens[] = {1, 23, 24, 255, 256, 700, SMR_FILE_RECORD_MAX};

static struct smr_bytes make_record(uint64_t i, uint8_t room[SMR_FILE_RECORD_MAX])
{
	size_t len = record_lens[i % SMR_COUNT(record_lens)];

	for (size_t at = 0; at < len; at++)
		room[at] = (uint8_t)(i * 13 + i / 256 + at * 7 + 1);
	return smr_bytes_of(room, len);
}

static enum smr_err write_records(const char *path, enum smr_file_type type, uint64_t count,
				  const struct smr_pubkey *to)
{
	struct smr_file_writer *writer;
	uint8_t room[SMR_FILE_RECORD_MAX];

	SMR_TRY(smr_file_create(path, type, 77, &sender, SMR_TEXT("\x81\x01"), to, &writer));
	for (uint64_t i = 0; i < count; i++) {
		enum smr_err err = smr_file_put(writer, make_record(i, room));

		if (err != SMR_OK) {
			assert_int_equal(smr_file_commit(writer), err);
			return err;
		}
	}
	return smr_file_commit(writer);
}

/* Read to the end; every record handed out has to be the one that was written. */
static enum smr_err read_records(struct smr_file_reader *reader, uint64_t *count)
{
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_bytes record;
	enum smr_err err;

	*count = 0;
	while ((err = smr_file_next(reader, &record)) == SMR_OK) {
		assert_true(smr_bytes_equal(record, make_record(*count, room)));
		++*count;
		assert_true(smr_file_position(reader) == *count);
	}
	assert_int_equal(record.len, 0);
	assert_int_equal(smr_file_next(reader, &record), err);
	return err;
}

static enum smr_err open_only(const char *path, enum smr_file_type type, const struct smr_privkey *own)
{
	struct smr_file_reader *reader;
	enum smr_err err = smr_file_open(path, type, own, &reader);

	assert_true((err == SMR_OK) == (reader != NULL));
	smr_file_close(reader);
	return err;
}

static void assert_round_trip(enum smr_file_type type, uint64_t count, bool sealed)
{
	struct smr_file_reader *reader;
	const struct smr_file_info *info;
	uint64_t read;

	assert_int_equal(write_records("f", type, count, sealed ? &recipient_public : NULL), SMR_OK);
	assert_int_equal(smr_file_open("f", type, sealed ? &recipient : NULL, &reader), SMR_OK);
	info = smr_file_reader_info(reader);
	assert_int_equal(info->type, type);
	assert_true(info->number == 77);
	assert_true(info->count == count);
	assert_true(info->sealed == sealed);
	assert_int_equal(info->about_len, 2);
	assert_memory_equal(info->about, "\x81\x01", 2);
	{
		uint8_t point[SMR_POINT_COMPRESSED_LEN];

		player_point(point, SENDER);
		assert_memory_equal(info->sender, point, sizeof(point));
	}
	assert_int_equal(read_records(reader, &read), SMR_E_NOTHING);
	assert_true(read == count);
	smr_file_close(reader);
	assert_int_equal(scratch_count("."), 1);
}

static void test_file_of_every_type_comes_back(void **state)
{
	static const uint64_t counts[] = {0, 1, 20};

	(void)state;
	for (int type = SMR_FILE_SHIPMENT; type <= SMR_FILE_FLIGHT_KEYS; type++) {
		assert_string_not_equal(smr_file_type_name((enum smr_file_type)type), "unknown");
		for (size_t i = 0; i < SMR_COUNT(counts); i++) {
			assert_round_trip((enum smr_file_type)type, counts[i], true);
			if (!smr_file_type_sealed((enum smr_file_type)type))
				assert_round_trip((enum smr_file_type)type, counts[i], false);
		}
	}
}

static void test_file_larger_than_its_buffers_comes_back(void **state)
{
	(void)state;
	assert_round_trip(SMR_FILE_COMMANDS, 3000, false);
	assert_round_trip(SMR_FILE_BATCH, 3000, true);
}

/* Chunks of the reader end everywhere inside an item as the header's length moves them. */
static void test_file_items_across_chunk_ends_come_back(void **state)
{
	static const uint8_t about[64] = {1};

	(void)state;
	for (size_t shift = 1; shift < sizeof(about); shift += 3) {
		struct smr_file_writer *writer;
		struct smr_file_reader *reader;
		uint8_t room[SMR_FILE_RECORD_MAX];
		uint64_t read;

		assert_int_equal(
			smr_file_create("f", SMR_FILE_ORDERS, 1, &sender, smr_bytes_of(about, shift), NULL, &writer),
			SMR_OK);
		for (uint64_t i = 0; i < 600; i++)
			assert_int_equal(smr_file_put(writer, make_record(i, room)), SMR_OK);
		assert_int_equal(smr_file_commit(writer), SMR_OK);
		assert_int_equal(smr_file_open("f", SMR_FILE_ORDERS, NULL, &reader), SMR_OK);
		assert_int_equal(read_records(reader, &read), SMR_E_NOTHING);
		assert_true(read == 600);
		smr_file_close(reader);
	}
}

/* ---- altered files ---- */

static uint8_t whole[4096];

static size_t write_small(bool sealed)
{
	struct smr_file_writer *writer;

	assert_int_equal(smr_file_create("small", SMR_FILE_SHIPMENT, 5, &sender, SMR_TEXT("\x80"),
					 sealed ? &recipient_public : NULL, &writer),
			 SMR_OK);
	assert_int_equal(smr_file_put(writer, SMR_TEXT("first")), SMR_OK);
	assert_int_equal(smr_file_put(writer, SMR_TEXT("second one, which is longer than a head")), SMR_OK);
	assert_int_equal(smr_file_commit(writer), SMR_OK);
	return scratch_get("small", whole, sizeof(whole));
}

static enum smr_err open_altered(size_t len, bool sealed)
{
	scratch_put("altered", whole, len);
	return open_only("altered", SMR_FILE_SHIPMENT, sealed ? &recipient : NULL);
}

static void test_file_with_any_bit_flipped_is_refused(void **state)
{
	(void)state;
	for (unsigned sealed = 0; sealed < 2; sealed++) {
		size_t len = write_small(sealed == 1);

		for (size_t bit = 0; bit < 8 * len; bit++) {
			whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_not_equal(open_altered(len, sealed == 1), SMR_OK);
			whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		assert_int_equal(open_altered(len, sealed == 1), SMR_OK);
	}
}

static void test_file_truncated_anywhere_is_refused(void **state)
{
	(void)state;
	for (unsigned sealed = 0; sealed < 2; sealed++) {
		size_t size = write_small(sealed == 1);

		for (size_t len = 0; len < size; len++) {
			enum smr_err err = open_altered(len, sealed == 1);

			assert_true(err == SMR_E_TRUNCATED || err == SMR_E_MALFORMED);
		}
		/* Behind the header, where a cut is the likely cause, it is called by its name. */
		assert_int_equal(open_altered(size - 1, sealed == 1), SMR_E_TRUNCATED);
		assert_int_equal(open_altered(size - 4 - SMR_SIG_LEN, sealed == 1), SMR_E_TRUNCATED);
		assert_int_equal(open_altered(size - 30 - SMR_SIG_LEN, sealed == 1), SMR_E_TRUNCATED);
	}
}

static void test_file_with_something_behind_the_end_is_refused(void **state)
{
	size_t len = write_small(false);

	(void)state;
	whole[len] = 0x41;
	assert_int_equal(open_altered(len + 1, false), SMR_E_MALFORMED);
	memset(whole + len, 0, sizeof(whole) - len);
	assert_int_equal(open_altered(sizeof(whole), false), SMR_E_MALFORMED);
	/* A second whole file behind the first. */
	memcpy(whole + len, whole, len);
	assert_int_equal(open_altered(2 * len, false), SMR_E_MALFORMED);
}

static void test_file_naming_another_sender_is_refused(void **state)
{
	size_t len = write_small(false);
	uint8_t point[SMR_POINT_COMPRESSED_LEN];
	uint8_t *at;

	(void)state;
	player_point(point, SENDER);
	at = memmem(whole, len, point, sizeof(point));
	assert_non_null(at);
	player_point(at, STRANGER);
	assert_int_equal(open_altered(len, false), SMR_E_SIGNATURE);
	memset(at + 1, 0xff, sizeof(point) - 1);
	assert_int_equal(open_altered(len, false), SMR_E_MALFORMED);
}

static void test_file_for_somebody_else_stays_closed(void **state)
{
	struct smr_privkey stranger = {0};

	(void)state;
	player_key(&stranger, STRANGER);
	assert_int_equal(write_records("f", SMR_FILE_BATCH, 1, &recipient_public), SMR_OK);
	assert_int_equal(open_only("f", SMR_FILE_BATCH, &stranger), SMR_E_UNOPENED);
	assert_int_equal(open_only("f", SMR_FILE_BATCH, NULL), SMR_E_INVALID);
	smr_privkey_wipe(&stranger);
}

static void test_file_of_another_type_is_unsupported(void **state)
{
	(void)state;
	assert_int_equal(write_records("f", SMR_FILE_SHIPMENT, 1, NULL), SMR_OK);
	for (int type = SMR_FILE_REFERENCES; type <= SMR_FILE_FLIGHT_KEYS; type++)
		assert_int_equal(open_only("f", (enum smr_file_type)type, &recipient), SMR_E_UNSUPPORTED);
}

static void test_file_sealed_shows_nothing_of_its_records(void **state)
{
	size_t len = write_small(true);

	(void)state;
	assert_null(memmem(whole, len, "first", 5));
	assert_null(memmem(whole, len, "second", 6));
	len = write_small(false);
	assert_non_null(memmem(whole, len, "second", 6));
}

/* ---- files that no writer of ours makes, with good signatures ---- */

struct raw {
	enum smr_file_type type;
	uint64_t version;
	uint64_t count;	     /* stated at the end */
	const char *records; /* encoded */
	size_t records_len;
	uint64_t signed_number;
};

static enum smr_err open_raw(const struct raw *raw)
{
	struct smr_file_info info = {.type = raw->type, .number = 5};
	struct smr_writer w = smr_writer_init((struct smr_space){whole, sizeof(whole)});
	uint8_t hash[SMR_HASH_LEN];
	uint8_t sig[SMR_SIG_LEN];
	uint8_t room[SMR_FILE_END_MAX];
	struct smr_bytes part;

	player_point(info.sender, SENDER);
	smr_put_array(&w, 7);
	smr_put_header_members(&w, &info);
	assert_int_equal(whole[8], 1);
	whole[8] = (uint8_t)raw->version;
	smr_put_null(&w);
	smr_put_raw(&w, smr_bytes_of(raw->records, raw->records_len));
	part = smr_bytes_of(whole, w.len);
	assert_int_equal(smr_sha256(&part, 1, hash), SMR_OK);
	info.count = raw->count;
	info.number = raw->signed_number;
	assert_int_equal(smr_file_end_payload(&info, hash, (struct smr_space){room, sizeof(room)}, &part), SMR_OK);
	assert_int_equal(smr_cose_sign_detached(&sender, SMR_LABEL_FILE, SMR_NONE, part, sig), SMR_OK);
	smr_put_array(&w, 2);
	smr_put_uint(&w, raw->count);
	smr_put_bytes(&w, SMR_ARRAY(sig));
	assert_int_equal(smr_writer_done(&w, &part), SMR_OK);
	scratch_put("raw", whole, part.len);
	return open_only("raw", raw->type, &recipient);
}

static void test_file_signed_but_wrong_is_refused(void **state)
{
	const struct raw good = {SMR_FILE_SHIPMENT,
				 1,
				 2,
				 "\x41"
				 "a"
				 "\x42"
				 "bc",
				 5,
				 5};
	struct raw raw = good;

	(void)state;
	assert_int_equal(open_raw(&raw), SMR_OK);
	raw.count = 1;
	assert_int_equal(open_raw(&raw), SMR_E_MALFORMED);
	raw.count = 3;
	assert_int_equal(open_raw(&raw), SMR_E_MALFORMED);
	raw = good;
	raw.version = 2;
	assert_int_equal(open_raw(&raw), SMR_E_UNSUPPORTED);
	raw = good;
	raw.type = SMR_FILE_BATCH; /* in clear */
	assert_int_equal(open_raw(&raw), SMR_E_MALFORMED);
	raw = good;
	raw.signed_number = 6;
	assert_int_equal(open_raw(&raw), SMR_E_SIGNATURE);
	raw = good;
	raw.records = "\x58\x01"
		      "a"
		      "\x42"
		      "bc"; /* length not in its shortest form */
	raw.records_len = 6;
	assert_int_equal(open_raw(&raw), SMR_E_MALFORMED);
	raw.records = "\x61"
		      "a"
		      "\x42"
		      "bc"; /* a text string */
	raw.records_len = 5;
	assert_int_equal(open_raw(&raw), SMR_E_MALFORMED);
	raw.records = "\x40\x42"
		      "bc"; /* an empty record */
	raw.records_len = 4;
	assert_int_equal(open_raw(&raw), SMR_E_MALFORMED);
}

/* ---- files changed while they are read ---- */

#define MANY 1000u /* about 460 kB: two chunks */

static void change_at(off_t at)
{
	int fd = open("f", O_RDWR | O_CLOEXEC);
	uint8_t octet;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &octet, 1, at), 1);
	octet ^= 1;
	assert_int_equal(pwrite(fd, &octet, 1, at), 1);
	(void)close(fd);
}

static void test_file_changed_after_open_hands_out_no_changed_record(void **state)
{
	struct smr_file_reader *reader;
	struct stat st;
	uint64_t read;

	(void)state;
	assert_int_equal(write_records("f", SMR_FILE_COMMANDS, MANY, NULL), SMR_OK);
	assert_int_equal(stat("f", &st), 0);
	assert_true(st.st_size > 300 * 1024 && st.st_size < 500 * 1024);
	assert_int_equal(smr_file_open("f", SMR_FILE_COMMANDS, NULL, &reader), SMR_OK);
	change_at(st.st_size - 1000);
	assert_int_equal(read_records(reader, &read), SMR_E_TAMPERED);
	assert_true(read > 0 && read < MANY);
	smr_file_close(reader);
}

static void test_file_cut_or_grown_after_open_is_found_out(void **state)
{
	struct smr_file_reader *reader;
	struct stat st;
	uint64_t read;

	(void)state;
	assert_int_equal(write_records("f", SMR_FILE_COMMANDS, MANY, NULL), SMR_OK);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(smr_file_open("f", SMR_FILE_COMMANDS, NULL, &reader), SMR_OK);
	assert_int_equal(truncate("f", st.st_size - 1), 0);
	assert_int_equal(read_records(reader, &read), SMR_E_TAMPERED);
	smr_file_close(reader);
	assert_int_equal(write_records("f", SMR_FILE_COMMANDS, MANY, NULL), SMR_OK);
	assert_int_equal(smr_file_open("f", SMR_FILE_COMMANDS, NULL, &reader), SMR_OK);
	assert_int_equal(truncate("f", st.st_size + 1), 0);
	assert_int_equal(read_records(reader, &read), SMR_E_TAMPERED);
	smr_file_close(reader);
}

static void test_file_replaced_after_open_has_no_effect(void **state)
{
	struct smr_file_reader *reader;
	uint64_t read;

	(void)state;
	assert_int_equal(write_records("f", SMR_FILE_COMMANDS, MANY, NULL), SMR_OK);
	assert_int_equal(smr_file_open("f", SMR_FILE_COMMANDS, NULL, &reader), SMR_OK);
	scratch_text("other", "something else");
	assert_int_equal(rename("other", "f"), 0);
	assert_int_equal(read_records(reader, &read), SMR_E_NOTHING);
	assert_true(read == MANY);
	smr_file_close(reader);
}

static void test_file_missing_or_not_regular_is_told(void **state)
{
	(void)state;
	assert_int_equal(open_only("none", SMR_FILE_BATCH, NULL), SMR_E_NOT_FOUND);
	assert_int_equal(open_only(".", SMR_FILE_BATCH, NULL), SMR_E_IO);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(open_only("fifo", SMR_FILE_BATCH, NULL), SMR_E_IO);
}

/* ---- writing ---- */

static void test_writer_wrong_use_is_invalid(void **state)
{
	static const uint8_t octets[SMR_FILE_RECORD_MAX + 1] = {1};
	struct smr_file_writer *writer;

	(void)state;
	assert_int_equal(write_records("f", SMR_FILE_BATCH, 0, NULL), SMR_E_INVALID);
	assert_int_equal(write_records("f", SMR_FILE_SUBSCRIPTIONS, 0, NULL), SMR_E_INVALID);
	assert_int_equal(write_records("f", SMR_FILE_EVIDENCE, 0, NULL), SMR_E_INVALID);
	assert_int_equal(smr_file_create("f", SMR_FILE_ORDERS, 1, &sender, smr_bytes_of(octets, SMR_FILE_ABOUT_MAX + 1),
					 NULL, &writer),
			 SMR_E_INVALID);
	assert_null(writer);
	assert_int_equal(smr_file_create("none/f", SMR_FILE_ORDERS, 1, &sender, SMR_NONE, NULL, &writer),
			 SMR_E_NOT_FOUND);
	assert_int_equal(scratch_count("."), 0);
	/* A record that is refused does not spoil the file. */
	assert_int_equal(smr_file_create("f", SMR_FILE_ORDERS, 1, &sender, smr_bytes_of(octets, SMR_FILE_ABOUT_MAX),
					 NULL, &writer),
			 SMR_OK);
	assert_int_equal(smr_file_put(writer, smr_bytes_of(octets, sizeof(octets))), SMR_E_INVALID);
	assert_int_equal(smr_file_put(writer, SMR_NONE), SMR_E_INVALID);
	assert_int_equal(smr_file_put(writer, smr_bytes_of(octets, SMR_FILE_RECORD_MAX)), SMR_OK);
	assert_int_equal(smr_file_commit(writer), SMR_OK);
	assert_int_equal(open_only("f", SMR_FILE_ORDERS, NULL), SMR_OK);
}

/* Prepared in another order than they are put, as threads would. */
static void test_writer_records_prepared_before_come_back(void **state)
{
	enum { COUNT = 14 };
	static uint8_t items[COUNT][SMR_FILE_PREPARED_MAX];
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_file_reader *reader;
	struct smr_file_writer *writer;
	struct smr_space item[COUNT];
	uint64_t read;

	(void)state;
	assert_int_equal(smr_file_create("f", SMR_FILE_BATCH, 77, &sender, SMR_NONE, &recipient_public, &writer),
			 SMR_OK);
	for (uint64_t i = COUNT; i-- > 0;) {
		item[i] = (struct smr_space){items[i], sizeof(items[i])};
		assert_int_equal(smr_file_prepare(writer, i + 1, make_record(i, room), &item[i]), SMR_OK);
	}
	for (uint64_t i = 0; i < COUNT; i++) {
		struct smr_bytes prepared = smr_bytes_of(item[i].ptr, item[i].len);

		assert_int_equal(smr_file_put_prepared(writer, i + 2, prepared), SMR_E_INVALID);
		assert_int_equal(smr_file_put_prepared(writer, i + 1, prepared), SMR_OK);
		assert_int_equal(smr_file_put_prepared(writer, i + 1, prepared), SMR_E_INVALID);
	}
	assert_int_equal(smr_file_prepare(writer, 1, SMR_NONE, &item[0]), SMR_E_INVALID);
	item[0].len = 20;
	assert_int_equal(smr_file_prepare(writer, 1, make_record(5, room), &item[0]), SMR_E_NO_ROOM);
	assert_int_equal(smr_file_commit(writer), SMR_OK);
	assert_int_equal(smr_file_open("f", SMR_FILE_BATCH, &recipient, &reader), SMR_OK);
	assert_int_equal(read_records(reader, &read), SMR_E_NOTHING);
	assert_true(read == COUNT);
	smr_file_close(reader);
}

static void test_writer_file_has_its_mode(void **state)
{
	struct stat st;

	(void)state;
	(void)umask(0);
	assert_int_equal(write_records("f", SMR_FILE_ORDERS, 1, NULL), SMR_OK);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void test_writer_abort_keeps_the_old_file(void **state)
{
	struct smr_file_writer *writer;
	uint8_t room[SMR_FILE_RECORD_MAX];

	(void)state;
	assert_int_equal(write_records("f", SMR_FILE_ORDERS, 3, NULL), SMR_OK);
	assert_int_equal(smr_file_create("f", SMR_FILE_ORDERS, 78, &sender, SMR_NONE, NULL, &writer), SMR_OK);
	for (uint64_t i = 0; i < 200; i++)
		assert_int_equal(smr_file_put(writer, make_record(i, room)), SMR_OK);
	smr_file_abort(writer);
	smr_file_abort(NULL);
	assert_int_equal(scratch_count("."), 1);
	assert_int_equal(open_only("f", SMR_FILE_ORDERS, NULL), SMR_OK);
}

static void limit_file_size(rlim_t octets)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = octets;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Wherever the disk ends: in a record, in the end, in the header. */
static void test_writer_on_a_full_disk_leaves_nothing_visible(void **state)
{
	static const rlim_t ends[] = {0, 1, 50, 30000, 65536, 150000};
	struct stat st;

	(void)state;
	assert_int_equal(write_records("f", SMR_FILE_ORDERS, 400, NULL), SMR_OK);
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(unlink("f"), 0);
	for (size_t i = 0; i <= SMR_COUNT(ends); i++) {
		enum smr_err err;

		limit_file_size(i < SMR_COUNT(ends) ? ends[i] : (rlim_t)st.st_size - 1);
		err = write_records("f", SMR_FILE_ORDERS, 400, NULL);
		limit_file_size(RLIM_INFINITY);
		assert_int_equal(err, SMR_E_DISK_FULL);
		assert_int_equal(scratch_count("."), 0);
	}
}

static void test_writer_killed_before_commit_leaves_nothing_visible(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct smr_file_writer *writer;
		uint8_t room[SMR_FILE_RECORD_MAX];

		if (smr_file_create("f", SMR_FILE_ORDERS, 1, &sender, SMR_NONE, NULL, &writer) != SMR_OK)
			_exit(1);
		for (uint64_t i = 0; i < 300; i++)
			if (smr_file_put(writer, make_record(i, room)) != SMR_OK)
				_exit(1);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(open_only("f", SMR_FILE_ORDERS, NULL), SMR_E_NOT_FOUND);
	/* What it left is hidden, and no hindrance. */
	assert_int_equal(scratch_count("."), 1);
	assert_int_equal(write_records("f", SMR_FILE_ORDERS, 3, NULL), SMR_OK);
	assert_int_equal(open_only("f", SMR_FILE_ORDERS, NULL), SMR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_file_of_every_type_comes_back),
		scratch_test(test_file_larger_than_its_buffers_comes_back),
		scratch_test(test_file_items_across_chunk_ends_come_back),
		scratch_test(test_file_with_any_bit_flipped_is_refused),
		scratch_test(test_file_truncated_anywhere_is_refused),
		scratch_test(test_file_with_something_behind_the_end_is_refused),
		scratch_test(test_file_naming_another_sender_is_refused),
		scratch_test(test_file_for_somebody_else_stays_closed),
		scratch_test(test_file_of_another_type_is_unsupported),
		scratch_test(test_file_sealed_shows_nothing_of_its_records),
		scratch_test(test_file_signed_but_wrong_is_refused),
		scratch_test(test_file_changed_after_open_hands_out_no_changed_record),
		scratch_test(test_file_cut_or_grown_after_open_is_found_out),
		scratch_test(test_file_replaced_after_open_has_no_effect),
		scratch_test(test_file_missing_or_not_regular_is_told),
		scratch_test(test_writer_wrong_use_is_invalid),
		scratch_test(test_writer_records_prepared_before_come_back),
		scratch_test(test_writer_file_has_its_mode),
		scratch_test(test_writer_abort_keeps_the_old_file),
		scratch_test(test_writer_on_a_full_disk_leaves_nothing_visible),
		scratch_test(test_writer_killed_before_commit_leaves_nothing_visible),
	};

	return cmocka_run_group_tests(tests, make_keys, wipe_keys);
}
