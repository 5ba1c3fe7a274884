/* SPDX-License-Identifier: Apache-2.0 */
#include "server/spool.h"

#include <stdio.h>
#include <stdlib.h>

#include "file/formats.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/text.h"

#define ACKS_MAX 4096u
#define PATH_ROOM 512u
#define NAME_ROOM 32u

/* Where the last round stopped at one operator; they stand in the order of the operators. Any values are good: the next turn begins anew. */
struct smr_spool_turn {
	bool begun;	 /* what a dead server left is removed */
	long place;	 /* in his directory */
	uint64_t number; /* of the file that was looked for last; 0: begin with the first */
};

static enum smr_err directory_of(const struct smr_spool *spool, const struct smr_key_id *id, char path[PATH_ROOM])
{
	char hex[2 * SMR_KEY_ID_LEN + 1];

	smr_hex_encode(smr_bytes_of(id->octets, sizeof(id->octets)), hex);
	if ((size_t)snprintf(path, PATH_ROOM, "%s/%s", spool->server->config->spool, hex) >= PATH_ROOM - NAME_ROOM)
		return SMR_E_NO_ROOM;
	/* Group-writable with the set-gid bit of the spool: the operator's AuC answers here. */
	if (!smr_fs_exists(path))
		SMR_TRY(smr_fs_mkdir(path, 02770));
	return SMR_OK;
}

/* ---- out ---- */

/* The file is begun with its first record: most rounds have none. */
struct writing {
	struct smr_spool *spool;
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
	err = smr_file_create(path, SMR_FILE_EVIDENCE, writing->number, writing->spool->sign, about, &to,
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

static enum smr_err write_evidence(struct smr_spool *spool, const struct smr_store_operator *op, const char *directory,
				   uint64_t number, uint64_t *last, size_t *count)
{
	struct writing writing = {spool, op, directory, number, NULL, SMR_OK};
	enum smr_err err = smr_store_relay_next(spool->store, &op->operator_id, spool->server->config->relay_batch,
						write_record, &writing, last, count);

	if (err == SMR_OK)
		err = writing.err;
	if (err == SMR_OK && writing.file != NULL)
		return smr_file_commit(writing.file);
	smr_file_abort(writing.file);
	return err;
}

/** Write a file again that is neither acknowledged nor there: the operator never got it. */
static enum smr_err write_again(struct smr_spool *spool, const struct smr_store_operator *op, const char *directory,
				uint64_t number)
{
	struct writing writing = {spool, op, directory, number, NULL, SMR_OK};
	size_t count = 0;
	enum smr_err err =
		smr_store_relay_again(spool->store, &op->operator_id, number, write_record, &writing, &count);

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

/* Those that were looked for last are not the first to be looked for again: a lost one is found however many wait before it. */
static enum smr_err replace_lost(struct smr_spool *spool, const struct smr_store_operator *op, const char *directory,
				 struct smr_spool_turn *turn)
{
	uint64_t numbers[SMR_SPOOL_OPEN];
	size_t count = SMR_SPOOL_OPEN;

	SMR_TRY(smr_store_relay_open_files(spool->store, &op->operator_id, turn->number, numbers, &count));
	for (size_t i = 0; i < count; i++) {
		if (!is_there(directory, "evidence", numbers[i]) && !is_there(directory, "ack", numbers[i])) {
			if (!spool->go_on(spool->context))
				return SMR_OK;
			SMR_TRY(write_again(spool, op, directory, numbers[i]));
		}
		turn->number = numbers[i];
	}
	if (count < SMR_SPOOL_OPEN)
		turn->number = 0;
	return SMR_OK;
}

/** Put what waits for one operator into the next file, as much as one holds. The store learns of it after the file is durable; after a
 * crash in between the same number is written again. */
static enum smr_err spool_one(struct smr_spool *spool, const struct smr_store_operator *op, const char *directory,
			      size_t *count)
{
	uint64_t number;
	uint64_t last = 0;

	SMR_TRY(smr_store_relay_number(spool->store, &op->operator_id, &number));
	SMR_TRY(write_evidence(spool, op, directory, number + 1, &last, count));
	if (*count == 0)
		return SMR_OK;
	SMR_TRY(smr_store_relay_spooled(spool->store, &op->operator_id, last, number + 1));
	smr_log(SMR_LOG_INFO, "relay.spooled", "number=%llu records=%zu", (unsigned long long)(number + 1), *count);
	return SMR_OK;
}

/** A full file may have left some behind: so many for each interval would be slower than devices come, however many they were. What is left when
 * the server stops is for the next one. */
static enum smr_err write_new(struct smr_spool *spool, const struct smr_store_operator *op, const char *directory)
{
	const size_t full = (size_t)spool->server->config->relay_batch;
	size_t count = full;

	for (unsigned files = 0; count == full && files < SMR_SPOOL_NEW && spool->go_on(spool->context); files++)
		SMR_TRY(spool_one(spool, op, directory, &count));
	spool->more |= count == full;
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

static enum smr_err take_ack(struct smr_spool *spool, const struct smr_store_operator *op, const char *path,
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
		err = smr_store_acknowledge(spool->store, &op->operator_id, *of, acks, count);
	smr_file_close(reader);
	if (err == SMR_OK)
		SMR_COUNT_UP(&spool->server->metrics[0], purges, count_rejected(acks, count));
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

/* True: it counts, and is gone. */
static bool finish_ack(struct smr_spool *spool, const struct smr_store_operator *op, const char *directory,
		       const char *name)
{
	char path[PATH_ROOM + NAME_ROOM];
	uint64_t of = 0;
	enum smr_err err;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	err = take_ack(spool, op, path, &of);
	if (err == SMR_OK)
		remove_pair(directory, of, name);
	else
		refuse_ack(directory, name, err);
	return err == SMR_OK;
}

/* The evidence that waits for an AuC which is away lies in the same directory and may be any number of files: they are not all read in each
 * round only to find that it has not answered. */
static enum smr_err take_acks(struct smr_spool *spool, const struct smr_store_operator *op, const char *directory,
			      struct smr_spool_turn *turn)
{
	struct smr_fs_list list;
	bool any = false;

	SMR_TRY(smr_fs_list_part(directory, "ack-", ".smr", SMR_SPOOL_LOOK, &turn->place, &list));
	for (size_t i = 0; i < list.count && spool->go_on(spool->context); i++)
		if (strlen(list.names[i]) < NAME_ROOM)
			any |= finish_ack(spool, op, directory, list.names[i]);
	smr_fs_list_wipe(&list);
	spool->more |= any && turn->place != 0; /* it is back */
	return SMR_OK;
}

/* ---- all operators ---- */

static enum smr_err serve(struct smr_spool *spool, const struct smr_store_operator *op, struct smr_spool_turn *turn)
{
	char directory[PATH_ROOM];

	SMR_TRY(directory_of(spool, &op->operator_id, directory));
	if (!turn->begun) /* of a server that died amid a file; it was the only one */
		smr_fs_remove_leftovers(directory, "evidence-");
	turn->begun = true;
	SMR_TRY(take_acks(spool, op, directory, turn));
	SMR_TRY(replace_lost(spool, op, directory, turn));
	return write_new(spool, op, directory);
}

/* NULL: memory is out. */
static struct smr_spool_turn *turn_of(struct smr_spool *spool, size_t index)
{
	struct smr_spool_turn *turns;

	if (index < spool->turn_count)
		return &spool->turns[index];
	turns = reallocarray(spool->turns, index + 1, sizeof(*turns));
	if (turns == NULL)
		return NULL;
	memset(&turns[spool->turn_count], 0, (index + 1 - spool->turn_count) * sizeof(*turns));
	spool->turns = turns;
	spool->turn_count = index + 1;
	return &turns[index];
}

static void log_failure(const struct smr_spool *spool, enum smr_err err)
{
	smr_log_error(SMR_LOG_WARN, "relay.failed", err, smr_store_problem(spool->store));
}

static void serve_page(struct smr_spool *spool, size_t first, size_t count)
{
	for (size_t i = 0; i < count && spool->go_on(spool->context); i++) {
		struct smr_spool_turn *turn = turn_of(spool, first + i);
		enum smr_err err = turn == NULL ? SMR_E_NO_MEMORY : serve(spool, &spool->page[i], turn);

		if (err != SMR_OK)
			log_failure(spool, err);
	}
}

bool smr_spool_round(struct smr_spool *spool)
{
	size_t index = 0;
	uint64_t after = 0;
	size_t count;

	spool->more = false;
	do {
		enum smr_err err;

		count = SMR_SPOOL_OPERATORS;
		err = smr_store_operators(spool->store, after, spool->page, &count);
		if (err != SMR_OK)
			log_failure(spool, err);
		if (err != SMR_OK || count == 0)
			break;
		serve_page(spool, index, count);
		index += count;
		after = spool->page[count - 1].number;
	} while (count == SMR_SPOOL_OPERATORS && spool->go_on(spool->context));
	return spool->more;
}

void smr_spool_wipe(struct smr_spool *spool)
{
	free(spool->turns);
	spool->turns = NULL;
	spool->turn_count = 0;
}
