/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two walks over one open file that must see the same octets. The first walk keeps the SHA-256 of every chunk, the
 * second one checks each chunk before anything of it is used: who changes the file in between is found out before the
 * change is read. The name is opened once, so replacing the file has no effect. Memory: one chunk and 32 octets per
 * chunk (128 KiB per GiB).
 */
#ifndef SMR_FILE_STREAM_H
#define SMR_FILE_STREAM_H

#include "crypto/crypto.h"

/* More than the longest item: header, record or end. */
#define SMR_STREAM_LOOK 4096u
#define SMR_STREAM_CHUNK (256u * 1024u)

struct smr_stream {
	int fd;
	bool second;	 /* walk */
	uint64_t offset; /* of the next chunk in the file */
	bool at_end;	 /* no further chunk */
	size_t chunk;	 /* index of the next chunk */
	uint8_t *digests;
	size_t digest_count;
	size_t digest_room;
	uint8_t *buffer; /* rest of earlier chunks and one chunk */
	size_t start;
	size_t end;
};

enum smr_err smr_stream_open(const char *path, struct smr_stream *out) SMR_MUST_USE;
/* Go back to the beginning for the second walk; the first one has to have reached the end. */
void smr_stream_rewind(struct smr_stream *stream);
/* What comes next, at least SMR_STREAM_LOOK octets unless the file ends before. Valid until the next call.
 * SMR_E_TAMPERED: the file changed since the first walk. */
enum smr_err smr_stream_look(struct smr_stream *stream, struct smr_bytes *view) SMR_MUST_USE;
void smr_stream_skip(struct smr_stream *stream, size_t len);
void smr_stream_close(struct smr_stream *stream);

#endif
