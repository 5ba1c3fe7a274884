/* SPDX-License-Identifier: Apache-2.0 */
/* Every subcommand: its words, its options, its help and what runs it stand together in its file; this is the list. */
#ifndef SMR_CLI_COMMANDS_H
#define SMR_CLI_COMMANDS_H

#include "sys/args.h"

#define SMR_CLI_COMMANDS(X)  \
	X(supplier_init)     \
	X(supplier_trust)    \
	X(supplier_shipment) \
	X(supplier_enrol)    \
	X(supplier_ship)     \
	X(supplier_publish)  \
	X(supplier_release)  \
	X(supplier_status)   \
	X(subscriber_init)   \
	X(subscriber_trust)  \
	X(subscriber_order)  \
	X(sho_init)          \
	X(sho_trust)         \
	X(sho_make)          \
	X(sho_import)        \
	X(sho_seal)          \
	X(sho_suspend)       \
	X(sho_resume)        \
	X(sho_withdraw)      \
	X(sho_status)        \
	X(ro_init)           \
	X(ro_trust)          \
	X(ro_load)           \
	X(ro_status)         \
	X(ro_rotate)         \
	X(ro_tickets)        \
	X(ro_revoke)         \
	X(plan)

#define SMR_CLI_DECLARE(name) extern const struct smr_subcommand smr_cmd_##name;
SMR_CLI_COMMANDS(SMR_CLI_DECLARE)
#undef SMR_CLI_DECLARE

#endif
