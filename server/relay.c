/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay (design section 3): evidence and receipts go to each operator in numbered files, signed by the RO and sealed to the
 * operator's AuC; signed acknowledgements come back. SPOOL/<operator key id>/evidence-NNNNNNNN.smr and ack-NNNNNNNN.smr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "file/formats.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/text.h"

#define OPERATORS_MAX 256u
#define ACKS_MAX 4096u
#define OPEN_FILES_MAX 64u /* looked at per round */
#define NEW_FILES_MAX 64u  /* for one operator per round: then the next one has his turn */
#define PATH_ROOM 512u
#define NAME_ROOM 32u

struct smr_relay {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping;
	bool more; /* something is known to wait: the next round begins at once */
	struct smr_server *server;
	const struct smr_privkey *sign;
	struct smr_store *store;
	struct smr_store_operator operators[OPERATORS_MAX];
	size_t operator_count;
};

static void add_operator(void *context, const struct smr_store_operator *op)
{
	struct smr_relay *relay = context;

	if (relay->operator_count < OPERATORS_MAX)
		relay->operators[relay->operator_count++] = *op;
	else
		smr_log(SMR_LOG_WARN, "relay.operators", "limit=%u", OPERATORS_MAX);
}

static enum smr_err directory_of(const struct smr_relay *relay, const struct smr_key_id *id, char path[PATH_ROOM])
{
	char hex[2 * SMR_KEY_ID_LEN + 1];

	smr_hex_encode(smr_bytes_of(id->octets, sizeof(id->octets)), hex);
	if ((size_t)snprintf(path, PATH_ROOM, "%s/%s", relay->server->config->spool, hex) >= PATH_ROOM - NAME_ROOM)
		return SMR_E_NO_ROOM;
	/* Group-writable with the set-gid bit of the spool: the operator's AuC answers here. */
	if (!smr_fs_exists(path))
		SMR_TRY(smr_fs_mkdir(path, 02770));
	return SMR_OK;
}

/* ---- out ---- */

/* The file is begun with its first record: most rounds have none. */
struct writing {
	struct smr_relay *relay;
	const struct smr_store_operator *op;
	const char *directory;
	uint64_t number;
	struct smr_file_writer *file;
	enum smr_err err;
};

static enum smr_err open_evidence(struct writing *writing)
{
	char path[PATH_ROOM + NAME_ROOM];
	uint8_t about_room[64];
	struct smr_writer w = smr_writer_init((struct smr_space){about_room, sizeof(about_room)});
	struct smr_bytes about;
	struct smr_pubkey to = {0};
	enum smr_err err;

	snprintf(path, sizeof(path), "%s/evidence-%08llu.smr", writing->directory, (unsigned long long)writing->number);
	smr_put_relay_about(&w, &writing->op->operator_id, 0, false);
	SMR_TRY(smr_writer_done(&w, &about));
	SMR_TRY(smr_pubkey_import(&to, SMR_ARRAY(writing->op->auc.kem)));
	err = smr_file_create(path, SMR_FILE_EVIDENCE, writing->number, writing->relay->sign, about, &to,
			      &writing->file);
	smr_pubkey_wipe(&to);
	return err;
}

static void write_record(void *context, const struct smr_store_relay *relay)
{
	struct writing *writing = context;
	uint8_t room[SMR_FILE_RECORD_MAX];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes record;

	if (writing->err == SMR_OK && writing->file == NULL)
		writing->err = open_evidence(writing);
	if (writing->err != SMR_OK)
		return;
	smr_put_evidence_record(&w, &relay->record);
	writing->err = smr_writer_done(&w, &record);
	if (writing->err == SMR_OK)
		writing->err = smr_file_put(writing->file, record);
}

static enum smr_err write_evidence(struct smr_relay *relay, const struct smr_store_operator *op, const char *directory,
				   uint64_t number, uint64_t *last, size_t *count)
{
	struct writing writing = {relay, op, directory, number, NULL, SMR_OK};
	enum smr_err err = smr_store_relay_next(relay->store, &op->operator_id, relay->server->config->relay_batch,
						write_record, &writing, last, count);

	if (err == SMR_OK)
		err = writing.err;
	if (err == SMR_OK && writing.file != NULL)
		return smr_file_commit(writing.file);
	smr_file_abort(writing.file);
	return err;
}

/** Write a file again that is neither acknowledged nor there: the operator never got it. */
static enum smr_err write_again(struct smr_relay *relay, const struct smr_store_operator *op, const char *directory,
				uint64_t number)
{
	struct writing writing = {relay, op, directory, number, NULL, SMR_OK};
	size_t count = 0;
	enum smr_err err =
		smr_store_relay_again(relay->store, &op->operator_id, number, write_record, &writing, &count);

	if (err == SMR_OK)
		err = writing.err;
	if (err == SMR_OK && writing.file != NULL) {
		smr_log(SMR_LOG_WARN, "relay.written_again", "number=%llu records=%zu", (unsigned long long)number,
			count);
		return smr_file_commit(writing.file);
	}
	smr_file_abort(writing.file);
	return err;
}

static bool is_there(const char *directory, const char *kind, uint64_t number)
{
	char path[PATH_ROOM + NAME_ROOM];

	snprintf(path, sizeof(path), "%s/%s-%08llu.smr", directory, kind, (unsigned long long)number);
	return smr_fs_exists(path);
}

static enum smr_err replace_lost(struct smr_relay *relay, const struct smr_store_operator *op, const char *directory)
{
	uint64_t numbers[OPEN_FILES_MAX];
	size_t count = OPEN_FILES_MAX;

	SMR_TRY(smr_store_relay_open_files(relay->store, &op->operator_id, numbers, &count));
	for (size_t i = 0; i < count; i++) {
		if (!is_there(directory, "evidence", numbers[i]) && !is_there(directory, "ack", numbers[i]))
			SMR_TRY(write_again(relay, op, directory, numbers[i]));
	}
	return SMR_OK;
}

/** Put what waits for one operator into the next file, as much as one holds. The store learns of it after the file is durable; after a
 * crash in between the same number is written again. */
static enum smr_err spool_one(struct smr_relay *relay, const struct smr_store_operator *op, const char *directory,
			      size_t *count)
{
	uint64_t number;
	uint64_t last = 0;

	SMR_TRY(smr_store_relay_number(relay->store, &op->operator_id, &number));
	SMR_TRY(write_evidence(relay, op, directory, number + 1, &last, count));
	if (*count == 0)
		return SMR_OK;
	SMR_TRY(smr_store_relay_spooled(relay->store, &op->operator_id, last, number + 1));
	smr_log(SMR_LOG_INFO, "relay.spooled", "number=%llu records=%zu", (unsigned long long)(number + 1), *count);
	return SMR_OK;
}

static bool is_stopping(struct smr_relay *relay)
{
	bool stopping;

	pthread_mutex_lock(&relay->lock);
	stopping = relay->stopping;
	pthread_mutex_unlock(&relay->lock);
	return stopping;
}

/** A full file may have left some behind: so many for each interval would be slower than devices come, however many they were. What is left when
 * the server stops is for the next one. */
static enum smr_err spool(struct smr_relay *relay, const struct smr_store_operator *op, const char *directory)
{
	const size_t full = (size_t)relay->server->config->relay_batch;
	unsigned files = 0;
	size_t count;

	do {
		count = 0;
		SMR_TRY(spool_one(relay, op, directory, &count));
	} while (count == full && ++files < NEW_FILES_MAX && !is_stopping(relay));
	relay->more |= count == full;
	return SMR_OK;
}

/* ---- back ---- */

static enum smr_err read_acks(struct smr_file_reader *reader, struct smr_ack_record *acks, size_t *count)
{
	struct smr_bytes record;
	enum smr_err err;

	*count = 0;
	while ((err = smr_file_next(reader, &record)) == SMR_OK) {
		if (*count == ACKS_MAX)
			return SMR_E_TOO_MANY;
		SMR_TRY(smr_get_ack_record(record, &acks[(*count)++]));
	}
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

/** Only the AuC that the operator's own batch named may acknowledge. */
static enum smr_err check_sender(const struct smr_file_info *info, const struct smr_store_operator *op, uint64_t *of)
{
	struct smr_key_id id;

	if (memcmp(info->sender, op->auc.sign, sizeof(info->sender)) != 0)
		return SMR_E_UNTRUSTED_KEY;
	SMR_TRY(smr_get_relay_about(smr_bytes_of(info->about, info->about_len), true, &id, of));
	return memcmp(&id, &op->operator_id, sizeof(id)) == 0 ? SMR_OK : SMR_E_NOT_ADDRESSEE;
}

/* A rejected install receipt makes its row RESEAL, and its X is overwritten. */
static size_t count_rejected(const struct smr_ack_record *acks, size_t count)
{
	size_t rejected = 0;

	for (size_t i = 0; i < count; i++)
		rejected += acks[i].verdict == SMR_ACK_REJECTED;
	return rejected;
}

static enum smr_err take_ack(struct smr_relay *relay, const struct smr_store_operator *op, const char *path,
			     uint64_t *of)
{
	struct smr_ack_record *acks = calloc(ACKS_MAX, sizeof(*acks));
	struct smr_file_reader *reader = NULL;
	size_t count = 0;
	enum smr_err err = acks ? smr_file_open(path, SMR_FILE_ACK, NULL, &reader) : SMR_E_NO_MEMORY;

	if (err == SMR_OK)
		err = check_sender(smr_file_reader_info(reader), op, of);
	if (err == SMR_OK)
		err = read_acks(reader, acks, &count);
	if (err == SMR_OK)
		err = smr_store_acknowledge(relay->store, &op->operator_id, *of, acks, count);
	smr_file_close(reader);
	if (err == SMR_OK)
		SMR_COUNT_UP(&relay->server->metrics[0], purges, count_rejected(acks, count));
	free(acks);
	if (err == SMR_OK)
		smr_log(SMR_LOG_INFO, "relay.acknowledged", "of=%llu records=%zu", (unsigned long long)*of, count);
	return err;
}

/** An acknowledged evidence file and its acknowledgement have done their work. The evidence goes by the number that was acknowledged:
 * the name of the acknowledgement proves nothing. */
static void remove_pair(const char *directory, uint64_t of, const char *ack_name)
{
	char path[PATH_ROOM + NAME_ROOM];

	snprintf(path, sizeof(path), "%s/evidence-%08llu.smr", directory, (unsigned long long)of);
	if (smr_fs_remove(path) != SMR_OK)
		smr_log(SMR_LOG_DEBUG, "relay.not_removed", "file=%s", SMR_QUOTED(path));
	snprintf(path, sizeof(path), "%s/%s", directory, ack_name);
	if (smr_fs_remove(path) != SMR_OK)
		smr_log(SMR_LOG_DEBUG, "relay.not_removed", "file=%s", SMR_QUOTED(path));
}

static void refuse_ack(const char *directory, const char *name, enum smr_err err)
{
	char from[PATH_ROOM + NAME_ROOM];
	char to[PATH_ROOM + NAME_ROOM + 16];

	smr_log_error(SMR_LOG_WARN, "relay.ack_refused", err, name);
	if (smr_err_class(err) == SMR_CLASS_LIMIT || smr_err_class(err) == SMR_CLASS_LATER)
		return; /* our own trouble: it is read again */
	snprintf(from, sizeof(from), "%s/%s", directory, name);
	snprintf(to, sizeof(to), "%s.refused", from);
	if (rename(from, to) != 0)
		smr_log(SMR_LOG_WARN, "relay.not_renamed", "file=%s", SMR_QUOTED(from));
}

static enum smr_err take_acks(struct smr_relay *relay, const struct smr_store_operator *op, const char *directory)
{
	struct smr_fs_list list;
	char path[PATH_ROOM + NAME_ROOM];

	SMR_TRY(smr_fs_list(directory, ".smr", &list));
	for (size_t i = 0; i < list.count; i++) {
		uint64_t of = 0;
		enum smr_err err;

		if (strncmp(list.names[i], "ack-", 4) != 0 || strlen(list.names[i]) >= NAME_ROOM)
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, list.names[i]);
		err = take_ack(relay, op, path, &of);
		if (err == SMR_OK)
			remove_pair(directory, of, list.names[i]);
		else
			refuse_ack(directory, list.names[i], err);
	}
	smr_fs_list_wipe(&list);
	return SMR_OK;
}

/* ---- the thread ---- */

static void serve(struct smr_relay *relay, const struct smr_store_operator *op)
{
	char directory[PATH_ROOM];
	enum smr_err err = directory_of(relay, &op->operator_id, directory);

	if (err == SMR_OK)
		err = take_acks(relay, op, directory);
	if (err == SMR_OK)
		err = replace_lost(relay, op, directory);
	if (err == SMR_OK)
		err = spool(relay, op, directory);
	if (err != SMR_OK)
		smr_log_error(SMR_LOG_WARN, "relay.failed", err, smr_store_problem(relay->store));
}

/* Of a server that died amid a file; it was the only one. */
static void remove_leftovers(struct smr_relay *relay)
{
	char directory[PATH_ROOM];

	relay->operator_count = 0;
	if (smr_store_operators(relay->store, add_operator, relay) != SMR_OK)
		return;
	for (size_t i = 0; i < relay->operator_count; i++)
		if (directory_of(relay, &relay->operators[i].operator_id, directory) == SMR_OK)
			smr_fs_remove_leftovers(directory, "evidence-");
}

static bool wait_interval(struct smr_relay *relay)
{
	struct timespec until = smr_clock_after_ms(relay->server->config->relay_interval_s * 1000u);

	pthread_mutex_lock(&relay->lock);
	if (!relay->stopping)
		pthread_cond_timedwait(&relay->wake, &relay->lock, &until);
	pthread_mutex_unlock(&relay->lock);
	return !is_stopping(relay);
}

static void *run(void *context)
{
	struct smr_relay *relay = context;
	bool go_on = true;

	remove_leftovers(relay);
	relay->more = true; /* while there was no server */
	while (go_on) {
		/* When stopping, one last round takes out what has arrived. */
		go_on = relay->more ? !is_stopping(relay) : wait_interval(relay);
		relay->more = false;
		relay->operator_count = 0;
		if (smr_store_operators(relay->store, add_operator, relay) != SMR_OK)
			continue;
		for (size_t i = 0; i < relay->operator_count; i++)
			serve(relay, &relay->operators[i]);
	}
	return NULL;
}

enum smr_err smr_relay_start(struct smr_server *server, const struct smr_privkey *sign, struct smr_relay **out)
{
	struct smr_relay *relay = calloc(1, sizeof(*relay));
	enum smr_err err;

	if (relay == NULL)
		return SMR_E_NO_MEMORY;
	relay->server = server;
	relay->sign = sign;
	pthread_mutex_init(&relay->lock, NULL);
	smr_clock_cond_init(&relay->wake);
	err = smr_fs_exists(server->config->spool) ? SMR_OK : smr_fs_mkdir(server->config->spool, 02770);
	if (err == SMR_OK)
		err = smr_store_open(server->config->store, SMR_STORE_WRITE, &relay->store);
	if (err == SMR_OK && pthread_create(&relay->thread, NULL, run, relay) != 0)
		err = SMR_E_NO_MEMORY;
	if (err != SMR_OK) {
		if (relay->store != NULL)
			smr_store_close(relay->store);
		free(relay);
		return err;
	}
	*out = relay;
	return SMR_OK;
}

void smr_relay_stop(struct smr_relay *relay)
{
	if (relay == NULL)
		return;
	pthread_mutex_lock(&relay->lock);
	relay->stopping = true;
	pthread_cond_signal(&relay->wake);
	pthread_mutex_unlock(&relay->lock);
	pthread_join(relay->thread, NULL);
	smr_store_close(relay->store);
	pthread_mutex_destroy(&relay->lock);
	pthread_cond_destroy(&relay->wake);
	free(relay);
}
