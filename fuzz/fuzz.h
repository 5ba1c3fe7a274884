/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file fuzz.h
 * What the fuzz targets share. A target is one file fuzz_<x>.c; it runs under libFuzzer (`make fuzz`) and, over
 * fuzz/corpus/<x>/, as an ordinary test (replay.c), so that it cannot rot.
 *
 * The first comments of a target say what tools/fuzz needs: «Covers:», the sources whose line coverage counts for it;
 * «Dictionary:», where another than fuzz/dict/<x>.dict serves; «Longest:», octets of an input (4096).
 *
 * A message behind encryption is tried twice: the octets as they come, and the octets as the plaintext of a message
 * that was sealed well, or nothing would ever get past the tag.
 */
#ifndef SMR_FUZZ_FUZZ_H
#define SMR_FUZZ_FUZZ_H

#include "core/cbor.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/** What must hold whatever the octets are. */
#define FUZZ_CHECK(condition)                                        \
	do {                                                         \
		if (!(condition))                                    \
			fuzz_failed(__FILE__, __LINE__, #condition); \
	} while (0)

__attribute__((noreturn)) void fuzz_failed(const char *file, int line, const char *condition);

/** Of a call that may end as it likes, as long as it ends. */
static inline void fuzz_any(enum smr_err err)
{
	(void)err;
}

/* Keys by number, the same in every run, so that the corpus stays valid. */
enum fuzz_number {
	FUZZ_Q = 1,
	FUZZ_E,
	FUZZ_D,
	FUZZ_T,
	FUZZ_SIGNER, /* whoever signs */
	FUZZ_READER, /* whom files are sealed to */
	FUZZ_KEYS
};

struct fuzz_key {
	struct smr_privkey own;
	struct smr_pubkey pub;
	uint8_t point[SMR_POINT_COMPRESSED_LEN];
};

/** Made at the first call, kept until the process ends. */
const struct fuzz_key *fuzz_key(enum fuzz_number number);
/** For a struct that holds its key itself. */
void fuzz_import(struct smr_privkey *key, enum fuzz_number number);
void fuzz_dh(enum fuzz_number own, enum fuzz_number peer, uint8_t out[SMR_DH_LEN]);

/** Name of a file in memory with this content; valid until the next call. */
const char *fuzz_file(struct smr_bytes content);

/** A directory in memory where there is one; removed when the process ends. */
const char *fuzz_dir(void);
/** A file in it, of mode 0600. Its path; valid until the next call. */
const char *fuzz_dir_file(const char *name, struct smr_bytes content);

/** A smr_put_plain: @p content is a struct smr_bytes, written as it is. */
void fuzz_put_octets(struct smr_writer *w, const void *content);

/** Throw away what is printed on stdout and stderr by the code under test (sanitizers write past them). */
void fuzz_silence(void);

#endif
