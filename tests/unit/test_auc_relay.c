/* SPDX-License-Identifier: Apache-2.0 */
/* The relay: the AuC's end against hostile files and crashes, then both ends together, from the RO's row to the operator's verdict. */
#include "tests/unit/auc_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "auc/relay.h"
#include "auc/serve.h"
#include "server/spool.h"
#include "sys/clock.h"
#include "sys/signals.h"
#include "sys/text.h"
#include "sys/unixsock.h"
#include "tests/unit/auc_party.h"

static struct smr_auc_db *db;
static struct parties parties;
static struct smr_subscription_record sub;
static struct auc_proof proof;

/* In the place of the C library's, also for SQLite. */
static bool disk_full;
static int asks_amid_a_file =
	-1; /* hostapd's socket: it wants a vector while the first file is judged; -1: it does not */
static size_t files_at_answer;

static void ask(int fd)
{
	static const char line[] = "AKA-REQ-AUTH 001010000000001";
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "auc.sock"};

	assert_int_equal(sendto(fd, line, strlen(line), 0, (struct sockaddr *)&to, sizeof(to)), strlen(line));
}

ssize_t pwrite(int fd, const void *octets, size_t len, off_t at)
{
	int asks = asks_amid_a_file;

	asks_amid_a_file = -1;
	if (asks >= 0)
		ask(asks);
	if (disk_full) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, octets, len, at);
}

static char directory[64]; /* of our operator, in the spool */

/* The vector that was asked for: answered when so many of the files are, and then it is time to go. */
ssize_t
watched_sendto(int fd, const void *octets, size_t len, int flags, const struct sockaddr *to,
	       socklen_t to_len) __asm__("sendto"); /* whose own declaration has a union of GNU's for the address */
ssize_t watched_sendto(int fd, const void *octets, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
	if (len > 13 && memcmp(octets, "AKA-RESP-AUTH", 13) == 0) {
		files_at_answer = scratch_count(directory);
		assert_int_equal(raise(SIGTERM), 0);
	}
	return syscall(SYS_sendto, fd, octets, len, flags, to, to_len);
}

static int enter(void **state)
{
	if (scratch_enter(state) != 0)
		return 1;
	smr_log_init("test", SMR_LOG_ERROR, false);
	disk_full = false;
	db = auc_open();
	parties_make(&parties);
	sub = auc_record(1, AUC_SERIAL);
	auc_add(db, &sub);
	auc_approve(db, sub.supplier);
	auc_prove(&proof, &sub);
	return mkdir("in", 0700);
}

static int leave(void **state)
{
	smr_auc_db_close(db);
	parties_close(&parties);
	return scratch_leave(state);
}

/* ---- the AuC's end ---- */

static struct smr_file_writer *begin_evidence(const char *path, uint64_t number, const struct smr_party *from,
					      const struct smr_key_id *operator_id)
{
	uint8_t room[64];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes about;

	smr_put_relay_about(&w, operator_id, 0, false);
	assert_int_equal(smr_writer_done(&w, &about), SMR_OK);
	return file_begin(path, SMR_FILE_EVIDENCE, number, from, &parties.auc, about);
}

static void put_evidence(const char *path, uint64_t number, const struct smr_evidence_record *record)
{
	struct smr_file_writer *file = begin_evidence(path, number, &parties.ro, &parties.operator_id);

	file_evidence(file, record);
	file_end(file);
}

static void look(void)
{
	assert_int_equal(smr_auc_relay(db, &parties.auc, &parties.operator_id, "in", NULL, NULL), SMR_OK);
}

/* Nothing can be done with what is there, yet. */
static void look_and_wait(void)
{
	assert_int_equal(smr_auc_relay(db, &parties.auc, &parties.operator_id, "in", NULL, NULL), SMR_E_BUSY);
}

static enum smr_auc_state state_now(void)
{
	return auc_get(db, &sub).state;
}

/* Number of records, with the verdicts as bits from the first one on (1: rejected). */
static size_t read_ack(const char *path, uint64_t number, unsigned *rejected)
{
	struct smr_file_reader *reader;
	const struct smr_file_info *info;
	struct smr_key_id id;
	struct smr_bytes record;
	struct smr_ack_record ack;
	uint64_t of;
	size_t count = 0;

	assert_int_equal(smr_file_open(path, SMR_FILE_ACK, NULL, &reader), SMR_OK);
	info = smr_file_reader_info(reader);
	assert_memory_equal(info->sender, parties.auc.card.sign, sizeof(info->sender));
	assert_int_equal(info->number, number);
	assert_int_equal(smr_get_relay_about(smr_bytes_of(info->about, info->about_len), true, &id, &of), SMR_OK);
	assert_memory_equal(&id, &parties.operator_id, sizeof(id));
	assert_int_equal(of, number);
	*rejected = 0;
	while (smr_file_next(reader, &record) == SMR_OK) {
		assert_int_equal(smr_get_ack_record(record, &ack), SMR_OK);
		*rejected |= (unsigned)(ack.verdict == SMR_ACK_REJECTED) << count++;
	}
	smr_file_close(reader);
	return count;
}

static void test_evidence_is_judged_and_acknowledged(void **state)
{
	struct smr_evidence_record bad = proof.record;
	struct smr_file_writer *file = begin_evidence("in/evidence-00000003.smr", 3, &parties.ro, &parties.operator_id);
	unsigned rejected;

	(void)state;
	bad.receipt.mac[0] ^= 1;
	file_evidence(file, &bad);
	file_evidence(file, &proof.record);
	file_evidence(file, &bad);
	file_end(file);
	look();
	assert_int_equal(read_ack("in/ack-00000003.smr", 3, &rejected), 3);
	assert_int_equal(rejected, 5);
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
	assert_true(smr_fs_exists("in/evidence-00000003.smr")); /* the RO removes it when it has the answer */
}

static void test_acknowledged_file_is_not_judged_again(void **state)
{
	struct stat before;
	struct stat after;

	(void)state;
	put_evidence("in/evidence-00000001.smr", 1, &proof.record);
	look();
	assert_int_equal(stat("in/ack-00000001.smr", &before), 0);
	auc_sql("UPDATE subscription SET state = 0");
	look();
	assert_int_equal(stat("in/ack-00000001.smr", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
}

/* The power fails after the judgement is durable and before the acknowledgement appears. */
static void test_crash_before_the_acknowledgement_leads_to_the_same_one(void **state)
{
	struct smr_evidence_record bad = proof.record;
	struct smr_evidence_record command = auc_command_receipt(&sub, 50, SMR_MCIM_SUSPENDED, 0);
	struct smr_file_writer *file = begin_evidence("in/evidence-00000001.smr", 1, &parties.ro, &parties.operator_id);
	unsigned rejected;

	(void)state;
	assert_int_equal(smr_auc_db_suspend(db, &sub.iccid, 50, true), SMR_OK);
	bad.receipt.result = 1;
	file_evidence(file, &proof.record);
	file_evidence(file, &command);
	file_evidence(file, &bad);
	file_end(file);
	for (int i = 0; i < 3; i++) {
		look();
		assert_int_equal(read_ack("in/ack-00000001.smr", 1, &rejected), 3);
		assert_int_equal(rejected, 4);
		assert_int_equal(state_now(), SMR_AUC_ACTIVE);
		assert_int_equal(unlink("in/ack-00000001.smr"), 0);
	}
}

/* Nothing is acknowledged that is not durable. */
static void test_disk_full_acknowledges_nothing_and_is_tried_again(void **state)
{
	unsigned rejected;

	(void)state;
	put_evidence("in/evidence-00000001.smr", 1, &proof.record);
	disk_full = true;
	look_and_wait();
	disk_full = false;
	assert_int_equal(scratch_count("in"), 1);
	assert_true(smr_fs_exists("in/evidence-00000001.smr"));
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	look();
	assert_int_equal(read_ack("in/ack-00000001.smr", 1, &rejected), 1);
	assert_int_equal(rejected, 0);
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
}

/* With the wrong master key every proof would look bad; a rejection costs a subscription. */
static void test_own_database_in_trouble_acknowledges_nothing(void **state)
{
	uint8_t wrong[SMR_AUC_MASTER_LEN] = "another key 16 b";
	struct smr_problem problem;

	(void)state;
	put_evidence("in/evidence-00000001.smr", 1, &proof.record);
	smr_auc_db_close(db);
	assert_int_equal(smr_auc_db_open(AUC_DB, wrong, false, &db, &problem), SMR_OK);
	look_and_wait();
	assert_int_equal(scratch_count("in"), 1);
	smr_auc_db_close(db);
	db = auc_open();
	look();
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
}

static void assert_put_aside(void)
{
	look();
	assert_int_equal(scratch_count("in"), 1);
	assert_true(smr_fs_exists("in/evidence-00000001.smr.refused"));
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	look(); /* and is looked at no more */
	assert_int_equal(scratch_count("in"), 1);
}

/* Whose card may be trusted tomorrow. */
static void assert_waits(const struct smr_party *from)
{
	struct smr_file_writer *file = begin_evidence("in/evidence-00000001.smr", 1, from, &parties.operator_id);

	file_evidence(file, &proof.record);
	file_end(file);
	look_and_wait();
	assert_int_equal(scratch_count("in"), 1);
	assert_true(smr_fs_exists("in/evidence-00000001.smr"));
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
}

static void test_evidence_of_an_untrusted_ro_waits(void **state)
{
	(void)state;
	assert_waits(&parties.stranger);
}

/* Trusted, but as an SHO. */
static void test_evidence_of_another_role_waits(void **state)
{
	(void)state;
	assert_waits(&parties.sho);
}

static void test_evidence_of_what_is_not_loaded_waits_and_the_rest_is_judged(void **state)
{
	struct smr_subscription_record late = auc_record(2, AUC_SERIAL);
	struct smr_file_writer *file = begin_evidence("in/evidence-00000003.smr", 3, &parties.ro, &parties.operator_id);
	struct auc_proof other;
	unsigned rejected;

	(void)state;
	auc_prove(&other, &late);
	file_evidence(file, &other.record);
	file_evidence(file, &proof.record);
	file_end(file);
	look_and_wait();
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
	assert_int_equal(scratch_count("in"), 1); /* no acknowledgement */
	auc_add(db, &late);
	look();
	assert_int_equal(read_ack("in/ack-00000003.smr", 3, &rejected), 2);
	assert_int_equal(rejected, 0);
}

static void test_evidence_for_another_operator_is_put_aside(void **state)
{
	struct smr_key_id other = {{1, 2, 3}};
	struct smr_file_writer *file = begin_evidence("in/evidence-00000001.smr", 1, &parties.ro, &other);

	(void)state;
	file_evidence(file, &proof.record);
	file_end(file);
	assert_put_aside();
}

static void test_evidence_altered_is_put_aside(void **state)
{
	uint8_t content[4096];
	size_t len;

	(void)state;
	put_evidence("in/evidence-00000001.smr", 1, &proof.record);
	len = scratch_get("in/evidence-00000001.smr", content, sizeof(content));
	content[len / 2] ^= 1;
	scratch_put("in/evidence-00000001.smr", content, len);
	assert_put_aside();
}

static void test_evidence_with_a_garbled_record_activates_nothing(void **state)
{
	static const uint8_t garbage[] = {0x81, 0x01};
	struct smr_file_writer *file = begin_evidence("in/evidence-00000001.smr", 1, &parties.ro, &parties.operator_id);

	(void)state;
	file_evidence(file, &proof.record);
	assert_int_equal(smr_file_put(file, SMR_ARRAY(garbage)), SMR_OK);
	file_end(file);
	assert_put_aside();
}

static void test_other_names_are_left_alone(void **state)
{
	(void)state;
	put_evidence("in/proof-00000001.smr", 1, &proof.record);
	put_evidence("in/evidence-00000001.txt", 1, &proof.record);
	put_evidence("in/.evidence-00000001.smr", 1, &proof.record);
	look();
	assert_int_equal(scratch_count("in"), 3);
	assert_int_equal(state_now(), SMR_AUC_INACTIVE);
	assert_int_equal(smr_auc_relay(db, &parties.auc, &parties.operator_id, "nowhere", NULL, NULL), SMR_E_NOT_FOUND);
}

/* Whatever is in it, it looks as if nothing had come or gone since the year 2001. */
static void age(const char *path)
{
	const struct timespec then[2] = {{1000000000, 0}, {1000000000, 0}};

	assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static struct smr_auc_news news_now(void)
{
	struct smr_auc_news news;

	smr_auc_relay_news(db, &parties.auc, "in", &news);
	age("in");
	age("auc/trust");
	return news;
}

static void test_patience_grows_while_there_is_no_news(void **state)
{
	struct smr_auc_patience patience = {0};
	struct smr_auc_news news;
	uint64_t now = 1000;

	(void)state;
	(void)news_now();
	news = news_now();
	assert_true(smr_auc_patience_is_over(&patience, now, &news)); /* nothing waits */
	for (uint64_t wait = SMR_AUC_WAIT_MS; wait <= SMR_AUC_WAIT_MAX_MS; wait *= 2) {
		smr_auc_patience_grow(&patience, now, &news);
		assert_false(smr_auc_patience_is_over(&patience, now + wait - 1, &news));
		assert_true(smr_auc_patience_is_over(&patience, now + wait, &news));
	}
	smr_auc_patience_grow(&patience, now, &news);
	assert_true(smr_auc_patience_is_over(&patience, now + SMR_AUC_WAIT_MAX_MS, &news)); /* and no longer */
	news.data++;
	assert_true(smr_auc_patience_is_over(&patience, now, &news));
	smr_auc_patience_grow(&patience, now, &news);
	assert_true(smr_auc_patience_is_over(&patience, now + SMR_AUC_WAIT_MS, &news));
}

static void test_news_are_files_cards_and_what_others_load(void **state)
{
	struct smr_auc_patience patience = {0};
	struct smr_auc_news news;
	struct smr_problem problem;

	(void)state;
	(void)news_now();
	news = news_now();
	for (unsigned turn = 0; turn < 4; turn++) {
		smr_auc_patience_grow(&patience, 0, &news);
		if (turn == 0)
			auc_sql("UPDATE subscription SET why = 'another connection was here'");
		else if (turn == 1)
			put_evidence("in/evidence-00000001.smr", 1, &proof.record);
		else if (turn == 2)
			assert_int_equal(smr_party_trust(&parties.auc, &parties.stranger.card, &problem), SMR_OK);
		else /* a vector is no news */
			assert_int_equal(smr_auc_db_set_sqn(db, &sub.imsi, 64, auc_master), SMR_OK);
		news = news_now();
		if (smr_auc_patience_is_over(&patience, 0, &news) != (turn != 3))
			fail_msg("turn %u", turn);
		news = news_now(); /* with directories as old as before */
	}
}

/* A vector that is wanted amid a backlog waits for one file, and so does the end. */
static void test_vector_is_served_between_two_files(void **state)
{
	struct smr_auc_serve serve = {.db = db,
				      .auc = &parties.auc,
				      .socket = "auc.sock",
				      .socket_group = SMR_GID_KEEP,
				      .spool = "in",
				      .operator_id = parties.operator_id,
				      .relay_interval_ms = 600000}; /* nothing may wait for the next round */
	struct smr_problem problem;
	char hex[SMR_HEX_TEXT(SMR_KEY_ID_LEN)];
	char path[128];
	int hostapd;

	(void)state;
	smr_hex_encode(SMR_ARRAY(parties.operator_id.octets), hex);
	(void)snprintf(directory, sizeof(directory), "in/%s", hex);
	assert_int_equal(mkdir(directory, 0700), 0);
	for (unsigned n = 1; n <= 3; n++) {
		(void)snprintf(path, sizeof(path), "%s/evidence-%08u.smr", directory, n);
		put_evidence(path, n, &proof.record);
	}
	assert_int_equal(smr_unix_bind_dgram("hostapd.sock", 0600, SMR_GID_KEEP, &hostapd), SMR_OK);
	asks_amid_a_file = hostapd;
	files_at_answer = 0;
	assert_int_equal(smr_auc_serve(&serve, &problem), SMR_OK);
	smr_signals_restore();
	(void)close(hostapd);
	assert_int_equal(asks_amid_a_file, -1);
	assert_int_equal(files_at_answer, 3 + 1);
	assert_int_equal(scratch_count(directory), 3 + 2);
}

/* ---- both ends ---- */

static struct smr_store *store;
static struct smr_server_config config;
static struct smr_server server;
static char store_path[] = "ro.db";
static char spool_path[] = "spool";

static void commit(struct smr_store_change *change)
{
	struct smr_store_device device = {.eid = sub.eid, .want_commands = true};

	assert_int_equal(smr_store_lookup(store, &device, 1), SMR_OK);
	change->eid = sub.eid;
	change->revision = device.revision;
	change->grip = device.grip;
	change->ctr = device.row.ctr + 1;
	change->lineage = 1;
	assert_int_equal(smr_store_commit(store, change, 1), SMR_OK);
	assert_int_equal(change->err, SMR_OK);
}

static enum smr_row_state row_state(void)
{
	struct smr_store_device device = {.eid = sub.eid};

	assert_int_equal(smr_store_lookup(store, &device, 1), SMR_OK);
	return device.row.state;
}

/* The RO's row of our device, installed, with the evidence and the receipt of the proof. */
static void make_ro(void)
{
	static const uint8_t x[150] = {4};
	struct smr_file_info info = {.type = SMR_FILE_BATCH, .number = 1};
	struct smr_batch_record batch = {.eid = sub.eid,
					 .package = {.iccid = sub.iccid, .serial = sub.serial, .x = SMR_ARRAY(x)}};
	struct smr_store_party auc = {.role = "auc", .name = "AuC", .has_kem = true};
	struct smr_store_change change = {
		.state = SMR_ROW_OFFERED, .keep_evidence = true, .evidence = proof.record.evidence};
	char hex[SMR_HEX_TEXT(SMR_KEY_ID_LEN)];

	memcpy(auc.sign, parties.auc.card.sign, sizeof(auc.sign));
	memcpy(auc.kem, parties.auc.card.kem, sizeof(auc.kem));
	memcpy(info.sender, parties.sho.card.sign, sizeof(info.sender));
	batch.package.operator_id = parties.operator_id;
	assert_int_equal(smr_store_open(store_path, SMR_STORE_CREATE, &store), SMR_OK);
	assert_int_equal(smr_store_load_begin(store, &info), SMR_OK);
	assert_int_equal(smr_store_put_auc(store, &parties.operator_id, &auc), SMR_OK);
	assert_int_equal(smr_store_put_package(store, &batch), SMR_OK);
	assert_int_equal(smr_store_load_end(store, true), SMR_OK);
	memcpy(change.e, proof.record.e, sizeof(change.e));
	memcpy(change.q, proof.record.q, sizeof(change.q));
	commit(&change);
	change = (struct smr_store_change){.state = SMR_ROW_INSTALLED, .purge_x = true, .receipt_count = 1};
	change.receipts[0] = proof.record.receipt;
	commit(&change);
	config = (struct smr_server_config){
		.store = store_path, .spool = spool_path, .relay_interval_s = 3600, .relay_batch = 100};
	server.config = &config;
	smr_hex_encode(SMR_ARRAY(parties.operator_id.octets), hex);
	(void)snprintf(directory, sizeof(directory), "%s/%s", spool_path, hex);
}

static int enter_both(void **state)
{
	if (enter(state) != 0)
		return 1;
	make_ro();
	return 0;
}

static int leave_both(void **state)
{
	smr_store_close(store);
	return leave(state);
}

static bool go_on(void *context)
{
	(void)context;
	return true;
}

/* The first of a server that has just begun. */
static void ro_round(void)
{
	struct smr_spool spool = {.server = &server, .sign = &parties.ro.sign, .store = store, .go_on = go_on};

	smr_spool_round(&spool);
	smr_spool_wipe(&spool);
}

static void auc_round(void)
{
	assert_int_equal(smr_auc_relay(db, &parties.auc, &parties.operator_id, directory, NULL, NULL), SMR_OK);
}

static struct smr_store_counts counts(void)
{
	struct smr_store_counts c;

	assert_int_equal(smr_store_count(store, &c), SMR_OK);
	return c;
}

static bool there(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return smr_fs_exists(path);
}

static void move(const char *from, const char *to)
{
	char old[128];
	char new[128];

	(void)snprintf(old, sizeof(old), "%s/%s", directory, from);
	(void)snprintf(new, sizeof(new), "%s/%s", directory, to);
	assert_int_equal(rename(old, new), 0);
}

static void test_both_ends_accepted_record_goes_all_the_way(void **state)
{
	(void)state;
	assert_int_equal(counts().relay_waiting, 1);
	ro_round();
	assert_int_equal(scratch_count(directory), 1);
	assert_true(there("evidence-00000001.smr"));
	assert_int_equal(counts().relay_waiting, 0);
	auc_round();
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
	assert_int_equal(counts().relay_unacknowledged, 1);
	ro_round();
	assert_int_equal(scratch_count(directory), 0);
	assert_int_equal(counts().relay_unacknowledged, 0);
	assert_int_equal(row_state(), SMR_ROW_INSTALLED);
	ro_round(); /* nothing more: no file, not even for a moment left behind */
	assert_int_equal(scratch_count(directory), 0);
}

#define RECORDS 70

/* Devices come faster than any number of files an interval: these are more than one round writes, and the interval is an hour. */
static void test_both_ends_more_than_a_round_writes_does_not_wait_for_the_interval(void **state)
{
	struct smr_store_change missing = {
		.state = SMR_ROW_SEALED, .keep_evidence = true, .missing = true, .evidence = proof.record.evidence};
	struct smr_relay *relay;
	uint64_t begin;

	(void)state;
	memcpy(missing.e, proof.record.e, sizeof(missing.e));
	memcpy(missing.q, proof.record.q, sizeof(missing.q));
	while (counts().relay_waiting < RECORDS)
		commit(&missing);
	config.relay_batch = 1;
	begin = smr_clock_ms();
	assert_int_equal(smr_relay_start(&server, &parties.ro.sign, &relay), SMR_OK);
	while (counts().relay_waiting > 0 && smr_clock_ms() - begin < 20000)
		(void)usleep(10000);
	assert_int_equal(counts().relay_waiting, 0);
	smr_relay_stop(relay);
	assert_int_equal(scratch_count(directory), RECORDS);
	assert_true(there("evidence-00000001.smr"));
	assert_true(there("evidence-00000070.smr"));
}

static void test_both_ends_lost_evidence_is_written_again(void **state)
{
	char path[128];

	(void)state;
	ro_round();
	(void)snprintf(path, sizeof(path), "%s/evidence-00000001.smr", directory);
	assert_int_equal(smr_fs_remove(path), SMR_OK);
	ro_round();
	assert_true(smr_fs_exists(path));
	auc_round();
	assert_int_equal(state_now(), SMR_AUC_ACTIVE);
	ro_round();
	assert_int_equal(scratch_count(directory), 0);
	ro_round(); /* acknowledged: it does not come back */
	assert_int_equal(scratch_count(directory), 0);
}

static void test_both_ends_rejection_means_reseal(void **state)
{
	const uint8_t another[SMR_HASH_LEN] = {1};

	(void)state;
	assert_int_equal(smr_auc_db_clear_references(db, sub.supplier), SMR_OK);
	auc_approve_measurement(db, sub.supplier, another);
	ro_round();
	auc_round();
	assert_int_equal(state_now(), SMR_AUC_REJECTED);
	ro_round();
	assert_int_equal(row_state(), SMR_ROW_RESEAL);
	assert_int_equal(scratch_count(directory), 0);
}

/* The RO dies between the file and its note in the store: the same file again, answered or not. */
static void test_both_ends_survive_an_ro_that_forgot_its_file(void **state)
{
	(void)state;
	ro_round();
	auc_round();
	smr_store_close(store);
	{
		sqlite3 *sql;

		assert_int_equal(sqlite3_open(store_path, &sql), SQLITE_OK);
		assert_int_equal(
			sqlite3_exec(
				sql,
				"UPDATE operator SET relay_reserved = relay_last, relay_last = 0, relay_number = 0;"
				"DELETE FROM relay_file;",
				NULL, NULL, NULL),
			SQLITE_OK);
		assert_int_equal(sqlite3_close(sql), SQLITE_OK);
	}
	assert_int_equal(smr_store_open(store_path, SMR_STORE_WRITE, &store), SMR_OK);
	ro_round(); /* the acknowledgement is there before its file is noted: kept, and the file is written again */
	assert_true(there("ack-00000001.smr"));
	assert_true(there("evidence-00000001.smr"));
	ro_round();
	assert_int_equal(scratch_count(directory), 0);
	assert_int_equal(counts().relay_unacknowledged, 0);
	assert_int_equal(row_state(), SMR_ROW_INSTALLED);
}

static void order_command(uint64_t serial)
{
	static const uint8_t command[100] = {0x84};
	struct smr_file_info info = {.type = SMR_FILE_COMMANDS, .number = serial};
	struct smr_command_record record = {
		.eid = sub.eid, .iccid = sub.iccid, .serial = serial, .command = SMR_ARRAY(command)};

	memcpy(info.sender, parties.sho.card.sign, sizeof(info.sender));
	assert_int_equal(smr_store_load_begin(store, &info), SMR_OK);
	assert_int_equal(smr_store_put_command(store, &parties.operator_id, &record), SMR_OK);
	assert_int_equal(smr_store_load_end(store, true), SMR_OK);
}

/* An acknowledgement under the name of another must not take that one's evidence away. */
static void test_both_ends_evidence_goes_by_the_number_that_was_acknowledged(void **state)
{
	struct smr_store_change change = {.state = SMR_ROW_INSTALLED, .receipt_count = 1};

	(void)state;
	ro_round();
	auc_round();
	move("ack-00000001.smr", "hidden");
	order_command(60);
	change.receipts[0] = auc_command_receipt(&sub, 60, SMR_MCIM_SUSPENDED, 0).receipt;
	commit(&change);
	ro_round();
	assert_true(there("evidence-00000002.smr"));
	move("hidden", "ack-00000002.smr");
	ro_round();
	assert_false(there("evidence-00000001.smr"));
	assert_false(there("ack-00000002.smr"));
	assert_true(there("evidence-00000002.smr"));
	assert_int_equal(counts().relay_unacknowledged, 1);
	auc_round();
	ro_round();
	assert_int_equal(scratch_count(directory), 0);
}

static void put_ack(const struct smr_party *from, const struct smr_key_id *operator_id)
{
	uint8_t room[64];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	uint8_t record_room[128];
	struct smr_ack_record ack = {sub.eid, sub.iccid, sub.serial, SMR_RECEIPT_INSTALL, SMR_ACK_REJECTED};
	struct smr_file_writer *file;
	struct smr_bytes about;
	struct smr_bytes record;
	char path[128];

	smr_put_relay_about(&w, operator_id, 1, true);
	assert_int_equal(smr_writer_done(&w, &about), SMR_OK);
	(void)snprintf(path, sizeof(path), "%s/ack-00000001.smr", directory);
	file = file_begin(path, SMR_FILE_ACK, 1, from, NULL, about);
	w = smr_writer_init((struct smr_space){record_room, sizeof(record_room)});
	smr_put_ack_record(&w, &ack);
	assert_int_equal(smr_writer_done(&w, &record), SMR_OK);
	assert_int_equal(smr_file_put(file, record), SMR_OK);
	file_end(file);
}

static void test_both_ends_acknowledgement_of_a_stranger_is_refused(void **state)
{
	struct smr_key_id other = {{9}};

	(void)state;
	ro_round();
	put_ack(&parties.stranger, &parties.operator_id);
	ro_round();
	assert_true(there("ack-00000001.smr.refused"));
	assert_true(there("evidence-00000001.smr"));
	put_ack(&parties.auc, &other); /* ours, but for another operator's records */
	ro_round();
	assert_false(there("ack-00000001.smr"));
	assert_true(there("evidence-00000001.smr"));
	assert_int_equal(row_state(), SMR_ROW_INSTALLED);
	assert_int_equal(counts().relay_unacknowledged, 1);
	auc_round(); /* the true one still counts */
	ro_round();
	assert_int_equal(counts().relay_unacknowledged, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)
#define BOTH(name) cmocka_unit_test_setup_teardown(name, enter_both, leave_both)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_evidence_is_judged_and_acknowledged),
		TEST(test_acknowledged_file_is_not_judged_again),
		TEST(test_crash_before_the_acknowledgement_leads_to_the_same_one),
		TEST(test_disk_full_acknowledges_nothing_and_is_tried_again),
		TEST(test_own_database_in_trouble_acknowledges_nothing),
		TEST(test_evidence_of_an_untrusted_ro_waits),
		TEST(test_evidence_of_another_role_waits),
		TEST(test_evidence_of_what_is_not_loaded_waits_and_the_rest_is_judged),
		TEST(test_evidence_for_another_operator_is_put_aside),
		TEST(test_evidence_altered_is_put_aside),
		TEST(test_evidence_with_a_garbled_record_activates_nothing),
		TEST(test_other_names_are_left_alone),
		TEST(test_patience_grows_while_there_is_no_news),
		TEST(test_news_are_files_cards_and_what_others_load),
		TEST(test_vector_is_served_between_two_files),
		BOTH(test_both_ends_accepted_record_goes_all_the_way),
		BOTH(test_both_ends_more_than_a_round_writes_does_not_wait_for_the_interval),
		BOTH(test_both_ends_lost_evidence_is_written_again),
		BOTH(test_both_ends_rejection_means_reseal),
		BOTH(test_both_ends_survive_an_ro_that_forgot_its_file),
		BOTH(test_both_ends_evidence_goes_by_the_number_that_was_acknowledged),
		BOTH(test_both_ends_acknowledgement_of_a_stranger_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
