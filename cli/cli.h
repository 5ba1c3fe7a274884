/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cli.h
 * What the subcommands of samara share. One file per subcommand; each ends in a `smr_cmd_…` that main.c's table names.
 */
#ifndef SMR_CLI_H
#define SMR_CLI_H

#include <jansson.h>

#include "file/formats.h"
#include "file/party_cli.h"
#include "sys/args.h"

/** A subcommand's work. SMR_E_INVALID is wrong usage (exit code 2), with a hint at --help. */
typedef enum smr_err smr_cli_action(const struct smr_args *args, struct smr_problem *problem);
/** Run it, print its problem, return the exit code. */
int smr_cli_run(const struct smr_args *args, smr_cli_action *action);

/** Print the object on one line of standard output and release it. SMR_E_NO_MEMORY when @p object is NULL. */
enum smr_err smr_cli_json(json_t *object) SMR_MUST_USE;

/** Number and duration (seconds) from options; SMR_E_INVALID with words. */
enum smr_err smr_cli_uint(const struct smr_args *args, const char *name, uint64_t min, uint64_t max, uint64_t fallback,
			  uint64_t *out, struct smr_problem *problem) SMR_MUST_USE;
enum smr_err smr_cli_duration(const struct smr_args *args, const char *name, uint64_t min, uint64_t max,
			      uint64_t fallback, uint64_t *out, struct smr_problem *problem) SMR_MUST_USE;
/** An EID from a word of the command line; SMR_E_INVALID. */
enum smr_err smr_cli_eid(const char *text, struct smr_eid *out, struct smr_problem *problem) SMR_MUST_USE;
enum smr_err smr_cli_iccid(const char *text, struct smr_iccid *out, struct smr_problem *problem) SMR_MUST_USE;

/**
 * Read a card file of @p role that this party has to trust already: keys in it will be sealed to or signed over.
 * @return SMR_E_UNTRUSTED_KEY: the problem says how to accept it.
 */
enum smr_err smr_cli_card(const struct smr_party *party, const char *path, const char *role, struct smr_card *out,
			  struct smr_problem *problem) SMR_MUST_USE;
/** The same, and it must have a KEM key, which @p kem becomes (release with smr_pubkey_wipe). */
enum smr_err smr_cli_kem_card(const struct smr_party *party, const char *path, const char *role, struct smr_card *out,
			      struct smr_pubkey *kem, struct smr_problem *problem) SMR_MUST_USE;

/** Refuse to write where something is: it may be a file that was not carried yet. SMR_E_EXISTS. */
enum smr_err smr_cli_free_name(const char *path, struct smr_problem *problem) SMR_MUST_USE;
/** The path with its directory resolved: the same file has the same name from everywhere. On the heap; NULL: no such
 * directory. */
char *smr_cli_full_path(const char *path) SMR_MUST_USE;
/** «PATH: text of err»; returns @p err. */
enum smr_err smr_cli_fail(const char *path, enum smr_err err, struct smr_problem *problem);
/** «PATH: record N: [field: ]text of err»; returns @p err. */
enum smr_err smr_cli_record(const char *path, const struct smr_file_reader *reader, const char *field, enum smr_err err,
			    struct smr_problem *problem);

/** Put what a writer holds into a file as one record. */
enum smr_err smr_cli_put(struct smr_file_writer *file, const struct smr_writer *record) SMR_MUST_USE;

/** Key id of a compressed point. */
enum smr_err smr_cli_key_id(const uint8_t point[SMR_POINT_COMPRESSED_LEN], struct smr_key_id *out) SMR_MUST_USE;

/** «2026-11-23T21:10:07Z». @p out has 24 octets. */
void smr_cli_time(uint64_t unix_s, char out[24]);

/** Release without a word if it was never set: for scoped clean-up. */
static inline void smr_cli_close_party(struct smr_party *party)
{
	if (party->dir != NULL)
		smr_party_close(party);
}
#define SMR_CLI_PARTY __attribute__((cleanup(smr_cli_close_party))) struct smr_party

#endif
