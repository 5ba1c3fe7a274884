/* SPDX-License-Identifier: Apache-2.0 */
/* samara: what supplier, subscriber, operator and RO do at a terminal. */
#include "base/base.h"
#include "cli/commands.h"

static const struct smr_subcommand *const list[] = {
#define ENTRY(name) &smr_cmd_##name,
	SMR_CLI_COMMANDS(ENTRY)
#undef ENTRY
};

int main(int argc, char **argv)
{
	struct smr_subcommand commands[SMR_COUNT(list)];
	struct smr_program program = {
		.name = "samara",
		.version = SAMARA_VERSION,
		.summary = "Provision M2M equipment: one datagram up, one datagram down.",
		.commands = commands,
		.command_count = SMR_COUNT(commands),
	};

	for (size_t i = 0; i < SMR_COUNT(list); i++)
		commands[i] = *list[i];
	return smr_args_main(&program, argc, argv);
}
