/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file party_cli.h
 * The two things every player does at a terminal: show its card, and accept the cards of others. Shared by samara and
 * samara-auc.
 */
#ifndef SMR_PARTY_CLI_H
#define SMR_PARTY_CLI_H

#include <stdio.h>

#include "file/party.h"
#include "sys/args.h"

/** Print the path of the party's card, its role, name and fingerprint. SMR_E_IO: @p out cannot be written. */
enum smr_err smr_party_show(const struct smr_party *party, bool json, FILE *out) SMR_MUST_USE;

/** Options of «trust»: --fingerprint HEX (repeatable) and --yes. */
#define SMR_PARTY_TRUST_OPTIONS 2u
extern const struct smr_option smr_party_trust_options[SMR_PARTY_TRUST_OPTIONS];

/**
 * Accept the cards that the positional arguments name. All are read and compared before the first is accepted. With
 * --fingerprint each card must have one of the fingerprints given; without it the user is asked on a terminal, or must
 * have said --yes. Prints what was trusted.
 *
 * @param also  called for each card before it becomes a file in DIR/trust, for a role that keeps cards elsewhere too;
 * or NULL.
 * @return SMR_E_UNTRUSTED_KEY: a fingerprint does not match, or the user said no; SMR_E_INVALID: nobody can be asked.
 */
enum smr_err smr_party_trust_cards(const struct smr_args *args, const struct smr_party *party,
				   enum smr_err (*also)(void *context, const struct smr_card *card), void *context,
				   struct smr_problem *problem) SMR_MUST_USE;

/** The whole subcommand for the party of @p role in --dir. Returns the exit code. */
int smr_party_trust_command(const struct smr_args *args, const char *role);

#endif
