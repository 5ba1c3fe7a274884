/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: entries of «be16 length | nonce | sealed». The first one is the run, the others are devices in the order of
 * their serials. Nonces count up from a random 96-bit number that every opening draws: the stretches of two openings do not meet.
 */
#include "cli/sho_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fsio.h"
#include "sys/keyfile.h"

#define NAME "seal.journal"
#define KEY_NAME "keys/seal.key"
#define BUFFER_LEN 65536u
#define RUN_LEN (SMR_HASH_LEN + 4u * 8u)
#define ENTRY_MIN (8u + SMR_HASH_LEN + SMR_SIG_LEN)
#define PLAIN_MAX (ENTRY_MIN + SMR_X_MAX)
#define FRAME (SMR_AEAD_NONCE_LEN + SMR_AEAD_TAG_LEN)

struct smr_seal_journal {
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint8_t nonce[SMR_AEAD_NONCE_LEN]; /* of the next entry */
	FILE *file;
	bool adding;	   /* all that can be read was read */
	uint64_t read_end; /* where the entry read last ends */
	char buffer[BUFFER_LEN];
};

/* ---- entries ---- */

static void count_up(uint8_t nonce[SMR_AEAD_NONCE_LEN])
{
	for (size_t i = SMR_AEAD_NONCE_LEN; i-- > 0 && ++nonce[i] == 0;) {
	}
}

static enum smr_err put(struct smr_seal_journal *j, struct smr_bytes plain)
{
	uint8_t out[2 + FRAME + PLAIN_MAX];
	uint8_t *nonce = out + 2;

	smr_put_be16(out, (uint16_t)(plain.len + FRAME));
	memcpy(nonce, j->nonce, sizeof(j->nonce));
	count_up(j->nonce);
	SMR_TRY(smr_aead_seal(j->key, nonce, SMR_NONE, plain, nonce + SMR_AEAD_NONCE_LEN));
	if (fwrite(out, 1, 2 + FRAME + plain.len, j->file) != 2 + FRAME + plain.len)
		return smr_fs_err(errno);
	return SMR_OK;
}

/* SMR_E_NOTHING: the end, or something that a kill or a power cut left half written. */
static enum smr_err get(struct smr_seal_journal *j, uint8_t plain[PLAIN_MAX], size_t *len)
{
	uint8_t in[FRAME + PLAIN_MAX];
	uint8_t head[2];
	size_t size;

	if (fread(head, 1, sizeof(head), j->file) != sizeof(head))
		return SMR_E_NOTHING;
	size = smr_get_be16(head);
	if (size < FRAME || size > sizeof(in) || fread(in, 1, size, j->file) != size)
		return SMR_E_NOTHING;
	if (smr_aead_open(j->key, in, SMR_NONE, smr_bytes_of(in + SMR_AEAD_NONCE_LEN, size - SMR_AEAD_NONCE_LEN),
			  plain) != SMR_OK)
		return SMR_E_NOTHING;
	*len = size - FRAME;
	j->read_end += sizeof(head) + size;
	return SMR_OK;
}

static void encode_run(const struct smr_seal_run *run, uint8_t out[RUN_LEN])
{
	memcpy(out, run->digest, sizeof(run->digest));
	smr_put_be64(out + SMR_HASH_LEN, run->first_serial);
	smr_put_be64(out + SMR_HASH_LEN + 8, run->reserved);
	smr_put_be64(out + SMR_HASH_LEN + 16, run->batch);
	smr_put_be64(out + SMR_HASH_LEN + 24, run->subscriptions);
}

static enum smr_err read_run(struct smr_seal_journal *j, struct smr_seal_run *run)
{
	uint8_t plain[PLAIN_MAX];
	size_t len;

	if (get(j, plain, &len) != SMR_OK || len != RUN_LEN)
		return SMR_E_NOT_FOUND;
	memcpy(run->digest, plain, sizeof(run->digest));
	run->first_serial = smr_get_be64(plain + SMR_HASH_LEN);
	run->reserved = smr_get_be64(plain + SMR_HASH_LEN + 8);
	run->batch = smr_get_be64(plain + SMR_HASH_LEN + 16);
	run->subscriptions = smr_get_be64(plain + SMR_HASH_LEN + 24);
	return SMR_OK;
}

static enum smr_err read_entry(struct smr_seal_journal *j, struct smr_seal_entry *out)
{
	uint8_t plain[PLAIN_MAX];
	const uint8_t *at = plain + 8;
	size_t len;

	SMR_TRY(get(j, plain, &len));
	if (len <= ENTRY_MIN || len > PLAIN_MAX)
		return SMR_E_NOTHING;
	out->serial = smr_get_be64(plain);
	memcpy(out->input, at, sizeof(out->input));
	memcpy(out->w, at + sizeof(out->input), sizeof(out->w));
	out->x_len = len - ENTRY_MIN;
	memcpy(out->x, plain + ENTRY_MIN, out->x_len);
	return SMR_OK;
}

/* What was read stays, what follows goes. A stream changes direction only at a position that was set. */
static enum smr_err begin_adding(struct smr_seal_journal *j, uint64_t end)
{
	j->adding = true;
	if (fseeko(j->file, (off_t)end, SEEK_SET) != 0 || ftruncate(fileno(j->file), (off_t)end) != 0)
		return smr_fs_err(errno);
	return SMR_OK;
}

enum smr_err smr_seal_journal_next(struct smr_seal_journal *journal, struct smr_seal_entry *entry)
{
	uint64_t end = journal->read_end;
	struct smr_seal_entry found;

	if (journal->adding)
		return SMR_E_NOTHING;
	if (read_entry(journal, &found) == SMR_OK && found.serial == entry->serial &&
	    memcmp(found.input, entry->input, sizeof(found.input)) == 0) {
		*entry = found;
		return SMR_OK;
	}
	SMR_TRY(begin_adding(journal, end));
	return SMR_E_NOTHING;
}

enum smr_err smr_seal_journal_add(struct smr_seal_journal *journal, const struct smr_seal_entry *entry)
{
	uint8_t plain[PLAIN_MAX];

	smr_put_be64(plain, entry->serial);
	memcpy(plain + 8, entry->input, sizeof(entry->input));
	memcpy(plain + 8 + sizeof(entry->input), entry->w, sizeof(entry->w));
	memcpy(plain + ENTRY_MIN, entry->x, entry->x_len);
	return put(journal, smr_bytes_of(plain, ENTRY_MIN + entry->x_len));
}

/* ---- the files ---- */

static enum smr_err open_file(const char *dir, const char *mode, struct smr_seal_journal *j)
{
	char *path = smr_fs_join(dir, NAME);
	int fd;

	if (path == NULL)
		return SMR_E_NO_MEMORY;
	fd = open(path, O_RDWR | O_CLOEXEC | (*mode == 'w' ? O_CREAT | O_EXCL : 0), 0600);
	free(path);
	if (fd < 0)
		return smr_fs_err(errno);
	j->file = fdopen(fd, mode);
	if (j->file == NULL) {
		(void)close(fd);
		return SMR_E_NO_MEMORY;
	}
	(void)setvbuf(j->file, j->buffer, _IOFBF, sizeof(j->buffer));
	return SMR_OK;
}

enum smr_err smr_seal_journal_open(const char *dir, struct smr_seal_journal **out, struct smr_seal_run *run)
{
	struct smr_seal_journal *j = calloc(1, sizeof(*j));
	char *key_path = smr_fs_join(dir, KEY_NAME);
	enum smr_err err = j == NULL || key_path == NULL ? SMR_E_NO_MEMORY : SMR_OK;

	*out = NULL;
	if (err == SMR_OK && smr_secretfile_load(key_path, (struct smr_space){j->key, sizeof(j->key)}, NULL) != SMR_OK)
		err = SMR_E_NOT_FOUND;
	if (err == SMR_OK)
		err = smr_random(j->nonce, sizeof(j->nonce));
	if (err == SMR_OK)
		err = open_file(dir, "r+", j);
	if (err == SMR_OK)
		err = read_run(j, run);
	free(key_path);
	if (err != SMR_OK)
		smr_seal_journal_close(j);
	else
		*out = j;
	return err;
}

static enum smr_err make(const char *dir, const struct smr_seal_run *run, struct smr_seal_journal *j,
			 struct smr_problem *problem)
{
	uint8_t encoded[RUN_LEN];
	char *key_path = smr_fs_join(dir, KEY_NAME);
	enum smr_err err = key_path == NULL ? SMR_E_NO_MEMORY : smr_random(j->key, sizeof(j->key));

	if (err == SMR_OK)
		err = smr_random(j->nonce, sizeof(j->nonce));
	if (err == SMR_OK)
		err = smr_secretfile_create(key_path, SMR_ARRAY(j->key), problem);
	free(key_path);
	if (err == SMR_OK)
		err = open_file(dir, "w+", j);
	if (err == SMR_OK) {
		encode_run(run, encoded);
		err = put(j, SMR_ARRAY(encoded));
	}
	/* At once: serials and numbers are spent from here on, and a run that was killed early finds them again. */
	if (err == SMR_OK && (fflush(j->file) != 0 || fsync(fileno(j->file)) != 0))
		err = smr_fs_err(errno);
	return err;
}

enum smr_err smr_seal_journal_create(const char *dir, const struct smr_seal_run *run, struct smr_seal_journal **out,
				     struct smr_problem *problem)
{
	struct smr_seal_journal *j = calloc(1, sizeof(*j));
	enum smr_err err = j == NULL ? SMR_E_NO_MEMORY : smr_seal_journal_discard(dir);

	*out = NULL;
	if (err == SMR_OK)
		err = make(dir, run, j, problem);
	if (err == SMR_OK) {
		j->adding = true;
		*out = j;
		return SMR_OK;
	}
	smr_seal_journal_close(j);
	return smr_problem(problem, err, "%s/" NAME ": %s", dir, smr_err_text(err));
}

void smr_seal_journal_close(struct smr_seal_journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->file != NULL)
		(void)fclose(journal->file);
	smr_wipe(journal, sizeof(*journal));
	free(journal);
}

enum smr_err smr_seal_journal_discard(const char *dir)
{
	char *key_path = smr_fs_join(dir, KEY_NAME);
	char *path = smr_fs_join(dir, NAME);
	enum smr_err err = key_path == NULL || path == NULL ? SMR_E_NO_MEMORY : smr_fs_erase(key_path);

	if (err == SMR_OK)
		err = smr_fs_remove(path);
	free(key_path);
	free(path);
	return err;
}
