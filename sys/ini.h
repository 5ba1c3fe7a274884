/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file ini.h
 * Configuration files. One table says which keys there are, what they may hold, what they default to and what they
 * mean; loading, checking and `--help-config` all come from it.
 *
 *     struct config { char *address; uint64_t port; uint64_t epoch; struct smr_ini_list measure; };
 *     static const struct smr_ini_key keys[] = {
 *         {"listen", "address", SMR_INI_TEXT, offsetof(struct config, address), "0.0.0.0", 1, 255, "address to bind"},
 *         {"listen", "port", SMR_INI_UINT, offsetof(struct config, port), "5683", 0, 65535, "UDP port; 0: any"},
 *         {"tickets", "epoch", SMR_INI_DURATION, offsetof(struct config, epoch), "24h", 60, 31536000, "…"},
 *         {"launch", "measure", SMR_INI_LIST, offsetof(struct config, measure), "", 0, 64, "further files"},
 *     };
 */
#ifndef SMR_INI_H
#define SMR_INI_H

#include <stdio.h>

#include "sys/problem.h"

enum smr_ini_type {
	SMR_INI_TEXT,	  /* char *, on the heap; min and max bound its length */
	SMR_INI_UINT,	  /* uint64_t */
	SMR_INI_DURATION, /* uint64_t, seconds; written «90s», «24h» */
	SMR_INI_BOOL,	  /* bool */
	SMR_INI_CHOICE,	  /* unsigned: index in the «a|b|c» of .choices */
	SMR_INI_LIST	  /* struct smr_ini_list; the key may be repeated; min and max bound the number of values */
};

struct smr_ini_list {
	char **items;
	size_t count;
};

struct smr_ini_key {
	const char *section;
	const char *key;
	enum smr_ini_type type;
	size_t offset;	      /* of the member in the caller's struct */
	const char *fallback; /* default as text; NULL: the key must be given. A LIST: "" is the empty list */
	uint64_t min;
	uint64_t max;
	const char *help;
	const char *choices; /* CHOICE only */
};

/**
 * Load @p path into @p config according to the table. @p config need not be initialised; release with smr_ini_wipe
 * after SMR_OK (after an error nothing is held).
 * @param path  NULL: defaults only.
 * @return SMR_E_NOT_FOUND, SMR_E_NO_FILE, SMR_E_IO; SMR_E_MALFORMED: unknown section or key, repeated key, bad value, missing key;
 *         the problem names file, line and key.
 */
enum smr_err smr_ini_load(const char *path, const struct smr_ini_key *keys, size_t count, void *config,
			  struct smr_problem *problem) SMR_MUST_USE;
/** The same for a few keys of another program's configuration: sections and keys that are not in the table are passed over. */
enum smr_err smr_ini_load_some(const char *path, const struct smr_ini_key *keys, size_t count, void *config,
			       struct smr_problem *problem) SMR_MUST_USE;
void smr_ini_wipe(const struct smr_ini_key *keys, size_t count, void *config);
/** Print the table as a commented configuration file with the defaults. */
void smr_ini_help(FILE *out, const struct smr_ini_key *keys, size_t count);

#endif
