/* SPDX-License-Identifier: Apache-2.0 */
#include "auc/relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "auc/judge.h"
#include "sys/fsio.h"
#include "sys/log.h"

#define PATH_ROOM 600u
#define NAME_ROOM 64u
#define EVIDENCE "evidence-"
#define EVIDENCE_LEN (sizeof(EVIDENCE) - 1)

struct batch {
	struct smr_auc_db *db;
	const struct smr_party *auc;
	const struct smr_key_id *operator_id;
	struct smr_file_reader *in;
	struct smr_file_writer *out;
	size_t waiting; /* records that cannot be judged yet */
};

static enum smr_err check_about(const struct batch *b)
{
	const struct smr_file_info *info = smr_file_reader_info(b->in);
	struct smr_key_id id;

	SMR_TRY(smr_get_relay_about(smr_bytes_of(info->about, info->about_len), false, &id, NULL));
	return memcmp(&id, b->operator_id, sizeof(id)) == 0 ? SMR_OK : SMR_E_NOT_ADDRESSEE;
}

static enum smr_err open_ack(struct batch *b, const char *path)
{
	const struct smr_file_info *info = smr_file_reader_info(b->in);
	uint8_t room[64];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_bytes about;

	smr_put_relay_about(&w, b->operator_id, info->number, true);
	SMR_TRY(smr_writer_done(&w, &about));
	/* The acknowledgement carries the number of the file it answers: answered again, it is the same file again. */
	return smr_file_create(path, SMR_FILE_ACK, info->number, &b->auc->sign, about, NULL, &b->out);
}

static enum smr_err judge_record(struct batch *b, struct smr_bytes encoded)
{
	uint8_t room[128];
	struct smr_writer w = smr_writer_init((struct smr_space){room, sizeof(room)});
	struct smr_evidence_record record;
	struct smr_ack_record ack;
	struct smr_bytes answer;
	enum smr_err err;

	SMR_TRY(smr_get_evidence_record(encoded, &record));
	ack = (struct smr_ack_record){record.eid, record.iccid, record.serial, record.receipt.kind, SMR_ACK_REJECTED};
	err = smr_auc_judge(b->db, &record, &ack.verdict);
	if (err == SMR_E_NOT_FOUND || err == SMR_E_IO) {
		b->waiting++; /* not loaded yet, or our row does not open: the others are judged all the same */
		return SMR_OK;
	}
	SMR_TRY(err);
	smr_put_ack_record(&w, &ack);
	SMR_TRY(smr_writer_done(&w, &answer));
	return smr_file_put(b->out, answer);
}

static enum smr_err judge_all(struct batch *b)
{
	struct smr_bytes record;
	enum smr_err err;

	while ((err = smr_file_next(b->in, &record)) == SMR_OK)
		SMR_TRY(judge_record(b, record));
	return err == SMR_E_NOTHING ? SMR_OK : err;
}

/** Judge inside one transaction; activation is durable before the acknowledgement that reports it appears. */
static enum smr_err judge_and_keep(struct batch *b)
{
	enum smr_err err = smr_auc_db_begin(b->db);

	if (err != SMR_OK)
		return err;
	err = judge_all(b);
	if (err == SMR_OK)
		return smr_auc_db_end(b->db, true);
	if (smr_auc_db_end(b->db, false) != SMR_OK)
		smr_log_event(SMR_LOG_ERROR, "relay.rollback_failed");
	return err;
}

static enum smr_err take(struct batch *b, const char *path, const char *ack_path)
{
	struct smr_problem problem = {{0}};
	enum smr_err err = smr_party_open_file(b->auc, path, SMR_FILE_EVIDENCE, "ro", &b->in, NULL, &problem);

	if (err == SMR_OK)
		err = check_about(b);
	if (err == SMR_OK)
		err = open_ack(b, ack_path);
	b->waiting = 0;
	if (err == SMR_OK)
		err = judge_and_keep(b);
	if (err == SMR_OK && b->waiting > 0) {
		/* What could be judged is kept; the file is acknowledged when all of it can be. */
		smr_log(SMR_LOG_WARN, "relay.waiting", "records=%zu hint=%s", b->waiting,
			SMR_QUOTED("load the SHO's subscriptions and the supplier's references"));
		err = SMR_E_BUSY;
	} else if (err == SMR_OK) {
		err = smr_file_commit(b->out);
		b->out = NULL;
	}
	smr_file_abort(b->out);
	smr_file_close(b->in);
	b->in = NULL;
	b->out = NULL;
	if (err != SMR_OK && err != SMR_E_BUSY)
		smr_log_error(SMR_LOG_WARN, "relay.file_refused", err, smr_problem_text(&problem, err));
	return err;
}

/** May the same file be acceptable later? A sender may yet be trusted, a subscription loaded, a disk emptied. */
static bool may_come_right(enum smr_err err)
{
	return smr_err_class(err) == SMR_CLASS_LIMIT || smr_err_class(err) == SMR_CLASS_LATER ||
	       err == SMR_E_UNTRUSTED_KEY;
}

/** A file that no retry can make acceptable is put aside, so that the log does not repeat it for ever. */
static void put_aside(const char *path)
{
	char to[PATH_ROOM + NAME_ROOM + 16];

	snprintf(to, sizeof(to), "%s.refused", path);
	if (rename(path, to) != 0)
		smr_log(SMR_LOG_WARN, "relay.not_renamed", "file=%s", SMR_QUOTED(path));
}

/** Take one file, if it is evidence that has no acknowledgement. SMR_E_BUSY: it waits for something. */
static enum smr_err look_at(struct batch *b, const char *directory, const char *name)
{
	char path[PATH_ROOM + NAME_ROOM];
	char ack_path[PATH_ROOM + NAME_ROOM];
	enum smr_err err;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	snprintf(ack_path, sizeof(ack_path), "%s/ack-%s", directory, name + EVIDENCE_LEN);
	if (smr_fs_exists(ack_path))
		return SMR_OK;
	err = take(b, path, ack_path);
	if (may_come_right(err))
		return SMR_E_BUSY;
	if (err != SMR_OK)
		put_aside(path);
	return SMR_OK;
}

enum smr_err smr_auc_relay(struct smr_auc_db *db, const struct smr_party *auc, const struct smr_key_id *operator_id,
			   const char *directory, bool (*between)(void *context), void *context)
{
	struct batch b = {.db = db, .auc = auc, .operator_id = operator_id};
	enum smr_err result = SMR_OK;
	struct smr_fs_list list;

	if (strlen(directory) >= PATH_ROOM)
		return SMR_E_NO_ROOM;
	SMR_TRY(smr_fs_list(directory, ".smr", &list));
	for (size_t i = 0; i < list.count; i++) {
		const char *name = list.names[i];

		if (strncmp(name, EVIDENCE, EVIDENCE_LEN) != 0 || strlen(name) >= NAME_ROOM)
			continue;
		if (between != NULL && !between(context))
			break;
		if (look_at(&b, directory, name) != SMR_OK)
			result = SMR_E_BUSY;
	}
	smr_fs_list_wipe(&list);
	return result;
}

/* ---- what waits ---- */

/* Zeros: it cannot be said. */
static struct timespec changed(const char *path)
{
	struct stat st;

	return path != NULL && stat(path, &st) == 0 ? st.st_mtim : (struct timespec){0};
}

void smr_auc_relay_news(struct smr_auc_db *db, const struct smr_party *auc, const char *directory,
			struct smr_auc_news *out)
{
	char *trust = smr_fs_join(auc->dir, "trust");

	*out = (struct smr_auc_news){changed(directory), changed(trust), smr_auc_db_changes(db)};
	free(trust);
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_new(const struct smr_auc_news *news, const struct smr_auc_news *seen)
{
	return news->data != seen->data || !is_same_time(&news->directory, &seen->directory) ||
	       !is_same_time(&news->trust, &seen->trust);
}

void smr_auc_patience_grow(struct smr_auc_patience *patience, uint64_t now_ms, const struct smr_auc_news *seen)
{
	bool again = patience->wait_ms != 0 && !is_new(seen, &patience->seen);

	if (!again)
		patience->wait_ms = SMR_AUC_WAIT_MS;
	else if (patience->wait_ms < SMR_AUC_WAIT_MAX_MS)
		patience->wait_ms *= 2;
	patience->until_ms = now_ms + patience->wait_ms;
	patience->seen = *seen;
}

bool smr_auc_patience_is_over(const struct smr_auc_patience *patience, uint64_t now_ms, const struct smr_auc_news *news)
{
	return patience->wait_ms == 0 || now_ms >= patience->until_ms || is_new(news, &patience->seen);
}
