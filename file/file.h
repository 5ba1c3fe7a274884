/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file file.h
 * Signed, optionally sealed files of records, as parties exchange them (docs/protocol.md section 5).
 *
 * A reader verifies the whole file before it hands out the first record: one walk over the file for the signature, one
 * for the records. The file is opened once, and the first walk keeps a hash of each piece of 256 KiB that the second
 * one checks before it uses the piece: a file replaced or changed in between cannot get a record past the signature.
 * Memory is one piece and 128 KiB per GiB of file. A writer streams, and its file becomes visible under its name only
 * when it is complete and durable.
 */
#ifndef SMR_FILE_H
#define SMR_FILE_H

#include "core/object.h"

enum smr_file_type {
	SMR_FILE_SHIPMENT = 1,
	SMR_FILE_REFERENCES = 2,
	SMR_FILE_BATCH = 3,
	SMR_FILE_SUBSCRIPTIONS = 4,
	SMR_FILE_COMMANDS = 5,
	SMR_FILE_EVIDENCE = 6,
	SMR_FILE_ACK = 7,
	SMR_FILE_ORDERS = 8,
	SMR_FILE_FLIGHT_KEYS = 9
};
const char *smr_file_type_name(enum smr_file_type type);

#define SMR_FILE_ABOUT_MAX 512u
#define SMR_FILE_RECORD_MAX 2048u
#define SMR_FILE_PREPARED_MAX (SMR_FILE_RECORD_MAX + SMR_AEAD_TAG_LEN + 3u)

/** What stands before the records. */
struct smr_file_info {
	enum smr_file_type type;
	uint64_t number;
	uint8_t sender[SMR_POINT_COMPRESSED_LEN];
	uint8_t about[SMR_FILE_ABOUT_MAX];
	size_t about_len;
	bool sealed;
	uint64_t count; /* records; known to a reader, filled by a writer at the end */
};

/** Where a failure is: for the message to the person who called. */
struct smr_file_where {
	uint64_t record;   /* 1-based; 0: header or end */
	const char *field; /* static text, or NULL */
};

struct smr_file_writer;
/**
 * Begin a file beside @p path (hidden temporary, mode 0640).
 * @param to  recipient's KEM key, or NULL: not sealed. Batches, subscriptions and evidence exist only sealed.
 * @return SMR_E_INVALID: about is too long, or the type must be sealed; SMR_E_NOT_FOUND: no such directory;
 * SMR_E_DISK_FULL, SMR_E_IO, SMR_E_CRYPTO, SMR_E_NO_MEMORY.
 */
enum smr_err smr_file_create(const char *path, enum smr_file_type type, uint64_t number,
			     const struct smr_privkey *sender, struct smr_bytes about, const struct smr_pubkey *to,
			     struct smr_file_writer **out) SMR_MUST_USE;
/** Name of the hidden temporary, in the directory of the file. Valid as long as @p writer. */
const char *smr_file_hidden_name(const struct smr_file_writer *writer);
/** SMR_E_INVALID: 0 or more than SMR_FILE_RECORD_MAX octets. Any other error sticks: commit will return it too. */
enum smr_err smr_file_put(struct smr_file_writer *writer, struct smr_bytes record) SMR_MUST_USE;
/**
 * The same in two steps, so that several threads can encrypt records of one file: prepare gives record @p number (from 1) the form it
 * has in the file, put takes it when the file has come to that number.
 * @param out  [in,out] room of SMR_FILE_PREPARED_MAX.
 */
enum smr_err smr_file_prepare(const struct smr_file_writer *writer, uint64_t number, struct smr_bytes record,
			      struct smr_space *out) SMR_MUST_USE;
/** SMR_E_INVALID: the file is not at this number. Errors stick as those of smr_file_put. */
enum smr_err smr_file_put_prepared(struct smr_file_writer *writer, uint64_t number,
				   struct smr_bytes prepared) SMR_MUST_USE;
/** Sign, fsync, rename to the final name (replacing a file of that name), fsync the directory. Frees @p writer in every
 * case; after an error the name is as it was before. */
enum smr_err smr_file_commit(struct smr_file_writer *writer) SMR_MUST_USE;
/** Give up: removes the temporary. NULL is allowed. */
void smr_file_abort(struct smr_file_writer *writer);

struct smr_file_reader;
/**
 * Open, check form, signature by info.sender and count. Whether the sender is trusted is the caller's question: it
 * must compare smr_file_reader_info()->sender with a key it trusts before it uses any record.
 *
 * @param own    recipient's KEM key for sealed files; NULL when the type is never sealed.
 * @return SMR_E_NOT_FOUND, SMR_E_IO (also: not a regular file), SMR_E_MALFORMED, SMR_E_TRUNCATED, SMR_E_UNSUPPORTED
 * (other type or version), SMR_E_SIGNATURE, SMR_E_UNOPENED (sealed to somebody else), SMR_E_INVALID (sealed, but own is
 *         NULL), SMR_E_TAMPERED (changed while it was read).
 */
enum smr_err smr_file_open(const char *path, enum smr_file_type type, const struct smr_privkey *own,
			   struct smr_file_reader **out) SMR_MUST_USE;
const struct smr_file_info *smr_file_reader_info(const struct smr_file_reader *reader);
/**
 * The next record; the view is valid until the next call.
 * @return SMR_E_NOTHING after the last one; SMR_E_TAMPERED: the file was changed since it was opened; SMR_E_UNOPENED:
 * the sender sealed this record wrongly; SMR_E_IO. Errors stick.
 */
enum smr_err smr_file_next(struct smr_file_reader *reader, struct smr_bytes *record) SMR_MUST_USE;
/** Number of the record last handed out, from 1. */
uint64_t smr_file_position(const struct smr_file_reader *reader);
void smr_file_close(struct smr_file_reader *reader);

#endif
