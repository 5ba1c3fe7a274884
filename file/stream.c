/* SPDX-License-Identifier: Apache-2.0 */
#include "file/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/fsio.h"

enum smr_err smr_stream_open(const char *path, struct smr_stream *out)
{
	struct smr_stream stream = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
	struct stat st;
	enum smr_err err = SMR_OK;

	*out = (struct smr_stream){.fd = -1};
	if (stream.fd < 0)
		return smr_fs_err(errno);
	if (fstat(stream.fd, &st) != 0)
		err = smr_fs_err(errno);
	else if (!S_ISREG(st.st_mode))
		err = SMR_E_IO; /* it has to be read twice */
	if (err == SMR_OK) {
		stream.buffer = malloc(SMR_STREAM_LOOK + SMR_STREAM_CHUNK);
		if (stream.buffer == NULL)
			err = SMR_E_NO_MEMORY;
	}
	if (err != SMR_OK) {
		(void)close(stream.fd);
		return err;
	}
	*out = stream;
	return SMR_OK;
}

void smr_stream_rewind(struct smr_stream *stream)
{
	stream->second = true;
	stream->offset = 0;
	stream->chunk = 0;
	stream->at_end = false;
	stream->start = 0;
	stream->end = 0;
}

static enum smr_err read_chunk(struct smr_stream *stream, uint8_t *room, size_t *len)
{
	*len = 0;
	while (*len < SMR_STREAM_CHUNK) {
		ssize_t got = pread(stream->fd, room + *len, SMR_STREAM_CHUNK - *len, (off_t)(stream->offset + *len));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return SMR_E_IO;
		if (got == 0)
			break;
		*len += (size_t)got;
	}
	stream->offset += *len;
	stream->at_end = *len < SMR_STREAM_CHUNK;
	return SMR_OK;
}

static enum smr_err keep_digest(struct smr_stream *stream, const uint8_t digest[SMR_HASH_LEN])
{
	if (stream->digest_count == stream->digest_room) {
		size_t room = stream->digest_room == 0 ? 16 : stream->digest_room * 2;
		uint8_t *digests = reallocarray(stream->digests, room, SMR_HASH_LEN);

		if (digests == NULL)
			return SMR_E_NO_MEMORY;
		stream->digests = digests;
		stream->digest_room = room;
	}
	memcpy(stream->digests + stream->digest_count++ * SMR_HASH_LEN, digest, SMR_HASH_LEN);
	return SMR_OK;
}

/* Also the last chunk, which may be empty, has a digest: so a longer or shorter file differs in some chunk. */
static enum smr_err load_chunk(struct smr_stream *stream)
{
	uint8_t *room = stream->buffer + stream->end;
	uint8_t digest[SMR_HASH_LEN];
	struct smr_bytes part = {room, 0};

	SMR_TRY(read_chunk(stream, room, &part.len));
	SMR_TRY(smr_sha256(&part, 1, digest));
	if (!stream->second) {
		SMR_TRY(keep_digest(stream, digest));
	} else if (stream->chunk >= stream->digest_count ||
		   memcmp(digest, stream->digests + stream->chunk * SMR_HASH_LEN, SMR_HASH_LEN) != 0) {
		return SMR_E_TAMPERED;
	}
	stream->chunk++;
	stream->end += part.len;
	return SMR_OK;
}

enum smr_err smr_stream_look(struct smr_stream *stream, struct smr_bytes *view)
{
	size_t have = stream->end - stream->start;

	if (have < SMR_STREAM_LOOK && !stream->at_end) {
		/* have < SMR_STREAM_LOOK, so behind it a whole chunk fits into the buffer. */
		memmove(stream->buffer, stream->buffer + stream->start, have);
		stream->start = 0;
		stream->end = have;
		SMR_TRY(load_chunk(stream));
	}
	*view = smr_bytes_of(stream->buffer + stream->start, stream->end - stream->start);
	return SMR_OK;
}

void smr_stream_skip(struct smr_stream *stream, size_t len)
{
	stream->start += len;
}

void smr_stream_close(struct smr_stream *stream)
{
	if (stream->fd >= 0)
		(void)close(stream->fd);
	free(stream->buffer);
	free(stream->digests);
	*stream = (struct smr_stream){.fd = -1};
}
