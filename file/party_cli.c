/* SPDX-License-Identifier: Apache-2.0 */
#include "file/party_cli.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "sys/fsio.h"

const struct smr_option smr_party_trust_options[SMR_PARTY_TRUST_OPTIONS] = {
	{"fingerprint", 'f', "HEX", SMR_OPT_REPEAT, "fingerprint that the card must have, as its owner told you"},
	{"yes", 'y', NULL, 0, "accept without comparing (you have done it already)"},
};

/* ---- showing ---- */

/* A name has no control characters, but it may have quotes. */
static void print_json_text(const char *text, FILE *out)
{
	(void)fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
	(void)fputc('"', out);
}

static void print_json(const struct smr_card *card, const char *path, const char *fingerprint, FILE *out)
{
	(void)fputs("{\"card\": ", out);
	print_json_text(path, out);
	(void)fputs(", \"role\": ", out);
	print_json_text(card->role, out);
	(void)fputs(", \"name\": ", out);
	print_json_text(card->name, out);
	(void)fprintf(out, ", \"fingerprint\": \"%s\"}\n", fingerprint);
}

enum smr_err smr_party_show(const struct smr_party *party, bool json, FILE *out)
{
	char fingerprint[SMR_FINGERPRINT_TEXT];
	char name[32];
	char *path;

	(void)snprintf(name, sizeof(name), "%s.card", party->card.role);
	SMR_TRY(smr_card_fingerprint(&party->card, fingerprint));
	path = smr_fs_join(party->dir, name);
	if (path == NULL)
		return SMR_E_NO_MEMORY;
	if (json)
		print_json(&party->card, path, fingerprint, out);
	else
		(void)fprintf(out, "%s: %s «%s»\nfingerprint %s\n", path, party->card.role, party->card.name,
			      fingerprint);
	free(path);
	return fflush(out) == 0 ? SMR_OK : SMR_E_IO;
}

/* ---- trust ---- */

static bool matches(const struct smr_args *args, const char *fingerprint)
{
	const char *wanted;

	for (size_t i = 0; (wanted = smr_arg_at(args, "fingerprint", i)) != NULL; i++)
		if (strcasecmp(wanted, fingerprint) == 0)
			return true;
	return false;
}

static bool said_yes(const struct smr_card *card, const char *fingerprint)
{
	char answer[16];

	(void)fprintf(stderr, "%s «%s» with the fingerprint\n  %s\nIs this what its owner told you? [y/N] ", card->role,
		      card->name, fingerprint);
	(void)fflush(stderr);
	return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Is this card accepted? */
static enum smr_err compare(const struct smr_args *args, const char *path, const struct smr_card *card,
			    struct smr_problem *problem)
{
	char fingerprint[SMR_FINGERPRINT_TEXT];
	enum smr_err err = smr_card_fingerprint(card, fingerprint);

	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: %s", path, smr_err_text(err));
	if (smr_arg_given(args, "fingerprint"))
		return matches(args, fingerprint)
			       ? SMR_OK
			       : smr_problem(
					 problem, SMR_E_UNTRUSTED_KEY,
					 "%s has the fingerprint %s, which is not the one given; nothing was trusted",
					 path, fingerprint);
	if (smr_arg_given(args, "yes"))
		return SMR_OK;
	if (isatty(STDIN_FILENO) != 1)
		return smr_problem(
			problem, SMR_E_INVALID,
			"nobody can be asked whether the fingerprint of %s is right: give --fingerprint HEX or --yes",
			path);
	return said_yes(card, fingerprint)
		       ? SMR_OK
		       : smr_problem(problem, SMR_E_UNTRUSTED_KEY, "%s was not accepted; nothing was trusted", path);
}

static enum smr_err read_all(const struct smr_args *args, struct smr_card *cards, struct smr_problem *problem)
{
	for (size_t i = 0; i < args->positional_count; i++) {
		enum smr_err err = smr_card_read(args->positional[i], NULL, &cards[i]);

		if (err != SMR_OK)
			return smr_problem(problem, err, "%s: %s%s", args->positional[i], smr_err_text(err),
					   smr_err_class(err) == SMR_CLASS_PEER ? " (it is not a card)" : "");
		SMR_TRY(compare(args, args->positional[i], &cards[i], problem));
	}
	return SMR_OK;
}

static enum smr_err accept_card(const struct smr_args *args, const struct smr_party *party, const struct smr_card *card,
				struct smr_problem *problem)
{
	char fingerprint[SMR_FINGERPRINT_TEXT];
	enum smr_err err = smr_party_trust(party, card, problem);

	if (err == SMR_OK)
		err = smr_card_fingerprint(card, fingerprint);
	if (err == SMR_OK && !args->quiet)
		(void)printf("trusted: %s «%s» %s\n", card->role, card->name, fingerprint);
	return err;
}

enum smr_err smr_party_trust_cards(const struct smr_args *args, const struct smr_party *party,
				   enum smr_err (*also)(void *context, const struct smr_card *card), void *context,
				   struct smr_problem *problem)
{
	struct smr_card *cards = calloc(args->positional_count + 1, sizeof(*cards));
	enum smr_err err;

	if (cards == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	err = read_all(args, cards, problem);
	for (size_t i = 0; err == SMR_OK && i < args->positional_count; i++) {
		if (also != NULL)
			err = also(context, &cards[i]);
		if (err == SMR_OK)
			err = accept_card(args, party, &cards[i], problem);
	}
	free(cards);
	return err;
}

int smr_party_trust_command(const struct smr_args *args, const char *role)
{
	struct smr_problem problem = {{0}};
	struct smr_party party = {0};
	enum smr_err err = smr_party_open(args->dir, role, 0, &party, &problem);

	if (err == SMR_OK) {
		err = smr_party_trust_cards(args, &party, NULL, NULL, &problem);
		smr_party_close(&party);
	}
	if (err == SMR_E_INVALID)
		return smr_args_usage(args, "%s", smr_problem_text(&problem, err));
	if (err != SMR_OK)
		(void)fprintf(stderr, "%s: %s\n", args->program->name, smr_problem_text(&problem, err));
	return smr_exit_code(err);
}
