/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fsio.h"
#include "sys/text.h"

#define PRIVATE_MAGIC "samara-private-key 1\n"
#define SECRET_MAGIC "samara-secret-key 1\n"
#define KEY_TEXT_MAX 128u

static enum smr_err open_private(const char *path, int *fd, struct smr_problem *problem)
{
	struct stat st;
	int opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	enum smr_err err = SMR_OK;

	if (opened < 0) {
		int errnum = errno;

		return smr_problem(problem, smr_fs_err(errnum), "key file %s: %s", path, strerror(errnum));
	}
	if (fstat(opened, &st) != 0)
		err = smr_problem(problem, SMR_E_IO, "key file %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err = smr_problem(problem, SMR_E_REFUSED, "key file %s is not a regular file", path);
	else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		err = smr_problem(
			problem, SMR_E_REFUSED,
			"key file %s is open to others (mode %04o): run «chmod 600 %s», and make a new key if "
			"others may have read it",
			path, (unsigned)(st.st_mode & 07777), path);
	if (err != SMR_OK) {
		(void)close(opened);
		return err;
	}
	*fd = opened;
	return SMR_OK;
}

/* The base64 line behind the magic line, without line ends; nothing else may be in the file. */
static enum smr_err cut_key_line(const struct smr_blob *text, const char *magic, struct smr_bytes *line)
{
	size_t skip = strlen(magic);
	size_t len = text->len;

	if (len < skip || memcmp(text->ptr, magic, skip) != 0)
		return SMR_E_MALFORMED;
	if (text->ptr[len - 1] == '\n' && len > skip)
		len--;
	*line = smr_bytes_of(text->ptr + skip, len - skip);
	return SMR_OK;
}

static enum smr_err decode_key(const struct smr_blob *text, const char *magic, struct smr_space out)
{
	uint8_t octets[KEY_TEXT_MAX];
	struct smr_space room = {octets, sizeof(octets)};
	struct smr_bytes line;
	enum smr_err err;

	SMR_TRY(cut_key_line(text, magic, &line));
	err = smr_base64_decode(line, &room);
	if (err == SMR_OK && room.len != out.len)
		err = SMR_E_MALFORMED;
	if (err == SMR_OK)
		memcpy(out.ptr, octets, out.len);
	SMR_WIPE(octets);
	return err == SMR_OK ? SMR_OK : SMR_E_MALFORMED;
}

static enum smr_err load_key(const char *path, const char *magic, struct smr_space out, struct smr_problem *problem)
{
	bool stdin_wanted = strcmp(path, "-") == 0;
	struct smr_blob text = {0};
	int fd = STDIN_FILENO;
	enum smr_err err;

	if (!stdin_wanted)
		SMR_TRY(open_private(path, &fd, problem));
	err = smr_fs_read_fd(fd, KEY_TEXT_MAX, &text);
	if (!stdin_wanted)
		(void)close(fd);
	if (err == SMR_E_TOO_MANY)
		err = SMR_E_MALFORMED;
	if (err == SMR_OK)
		err = decode_key(&text, magic, out);
	smr_blob_wipe(&text);
	if (err == SMR_E_MALFORMED)
		return smr_problem(problem, err,
				   "%s%s is not a file that begins with «%.*s» and holds a key of %zu octets",
				   stdin_wanted ? "" : "key file ", stdin_wanted ? "standard input" : path,
				   (int)strlen(magic) - 1, magic, out.len);
	if (err != SMR_OK)
		return smr_problem(problem, err, "key file %s: %s", path, smr_err_text(err));
	return SMR_OK;
}

static enum smr_err create_key(const char *path, const char *magic, struct smr_bytes key, struct smr_problem *problem)
{
	char text[KEY_TEXT_MAX];
	size_t len = strlen(magic);
	enum smr_err err;

	memcpy(text, magic, len);
	smr_base64_encode(key, text + len);
	len += strlen(text + len);
	text[len++] = '\n';
	err = smr_fs_write_new(path, smr_bytes_of(text, len), 0600);
	SMR_WIPE(text);
	if (err == SMR_E_EXISTS)
		return smr_problem(problem, err, "key file %s exists already; a key is never overwritten", path);
	if (err != SMR_OK)
		return smr_problem(problem, err, "key file %s: %s", path, smr_err_text(err));
	return SMR_OK;
}

enum smr_err smr_keyfile_create(const char *path, const struct smr_privkey *key, struct smr_problem *problem)
{
	return create_key(path, PRIVATE_MAGIC, SMR_ARRAY(key->scalar), problem);
}

enum smr_err smr_keyfile_load(const char *path, struct smr_privkey *key, struct smr_problem *problem)
{
	uint8_t scalar[SMR_SCALAR_LEN];
	enum smr_err err = load_key(path, PRIVATE_MAGIC, (struct smr_space){scalar, sizeof(scalar)}, problem);

	if (err == SMR_OK) {
		err = smr_privkey_import(key, scalar);
		if (err != SMR_OK)
			(void)smr_problem(problem, err, "key file %s: %s", path, smr_err_text(err));
	}
	SMR_WIPE(scalar);
	return err;
}

enum smr_err smr_secretfile_create(const char *path, struct smr_bytes secret, struct smr_problem *problem)
{
	if (secret.len != 16 && secret.len != 32)
		return smr_problem(problem, SMR_E_INVALID, "a secret key has 16 or 32 octets");
	return create_key(path, SECRET_MAGIC, secret, problem);
}

enum smr_err smr_secretfile_load(const char *path, struct smr_space out, struct smr_problem *problem)
{
	if (out.len != 16 && out.len != 32)
		return smr_problem(problem, SMR_E_INVALID, "a secret key has 16 or 32 octets");
	return load_key(path, SECRET_MAGIC, out, problem);
}
