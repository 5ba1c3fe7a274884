/* SPDX-License-Identifier: Apache-2.0 */
/* init and trust of the roles that need nothing but a player's directory with a signature key. */
#include "cli/cli.h"
#include "cli/commands.h"

static enum smr_err init_role(const struct smr_args *args, const char *role, struct smr_problem *problem)
{
	SMR_CLI_PARTY party = {0};

	SMR_TRY(smr_party_create(args->dir, role, smr_arg(args, "name"), false, &party, problem));
	return smr_party_show(&party, args->json, stdout);
}

static enum smr_err init_supplier(const struct smr_args *args, struct smr_problem *problem)
{
	return init_role(args, "supplier", problem);
}

static enum smr_err init_subscriber(const struct smr_args *args, struct smr_problem *problem)
{
	return init_role(args, "subscriber", problem);
}

static enum smr_err init_sho(const struct smr_args *args, struct smr_problem *problem)
{
	return init_role(args, "sho", problem);
}

static int run_init_supplier(const struct smr_args *args)
{
	return smr_cli_run(args, init_supplier);
}

static int run_init_subscriber(const struct smr_args *args)
{
	return smr_cli_run(args, init_subscriber);
}

static int run_init_sho(const struct smr_args *args)
{
	return smr_cli_run(args, init_sho);
}

static int run_trust_supplier(const struct smr_args *args)
{
	return smr_party_trust_command(args, "supplier");
}

static int run_trust_subscriber(const struct smr_args *args)
{
	return smr_party_trust_command(args, "subscriber");
}

static int run_trust_sho(const struct smr_args *args)
{
	return smr_party_trust_command(args, "sho");
}

static const struct smr_option init_options[] = {{"name", 'n', "NAME", SMR_OPT_REQUIRED, "name on the card"}};

#define INIT(role, what)                                                                                         \
	const struct smr_subcommand smr_cmd_##role##_init = {                                                    \
		.path = #role " init",                                                                           \
		.run = run_init_##role,                                                                          \
		.options = init_options,                                                                         \
		.option_count = SMR_COUNT(init_options),                                                         \
		.common = SMR_ARGS_DIR | SMR_ARGS_JSON,                                                          \
		.summary = "Make " what ": a directory, a key, a card.",                                         \
		.details = "The card goes to the others; they compare its fingerprint with what you tell them.", \
		.example = "samara " #role " init --dir " #role " --name 'Example'",                             \
	}

#define TRUST(role, what)                                                                         \
	const struct smr_subcommand smr_cmd_##role##_trust = {                                    \
		.path = #role " trust",                                                           \
		.run = run_trust_##role,                                                          \
		.options = smr_party_trust_options,                                               \
		.option_count = SMR_PARTY_TRUST_OPTIONS,                                          \
		.common = SMR_ARGS_DIR | SMR_ARGS_QUIET,                                          \
		.positional = "CARD...",                                                          \
		.positional_min = 1,                                                              \
		.positional_max = 64,                                                             \
		.summary = "Accept the cards of " what ".",                                       \
		.details = "All cards are read and compared before the first one is accepted.",   \
		.example = "samara " #role " trust --dir " #role " --fingerprint HEX other.card", \
	}

INIT(supplier, "a supplier");
INIT(subscriber, "a subscriber (owner of devices)");
INIT(sho, "a home operator");
TRUST(supplier, "operators, owners and the RO");
TRUST(subscriber, "operators and suppliers");
TRUST(sho, "suppliers, owners, the RO and the own AuC");
