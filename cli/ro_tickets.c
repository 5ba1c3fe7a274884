/* SPDX-License-Identifier: Apache-2.0 */
/* samara ro tickets: the classes of tickets, and another one in the place of one of them. */
#include <jansson.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/ro_keys.h"

/* ---- showing ---- */

/* Whole days, hours or minutes where it is such. */
static void print_duration(uint64_t s)
{
	if (s % 86400 == 0)
		(void)printf("%llud", (unsigned long long)(s / 86400));
	else if (s % 3600 == 0)
		(void)printf("%lluh", (unsigned long long)(s / 3600));
	else if (s % 60 == 0)
		(void)printf("%llum", (unsigned long long)(s / 60));
	else
		(void)printf("%llus", (unsigned long long)s);
}

static void print_class(const struct smr_store_ticket_class *class)
{
	(void)printf("class %u, ", class->number);
	if (class->up_to_s == UINT32_MAX) {
		(void)printf("for all longer intervals");
	} else {
		(void)printf("for intervals up to ");
		print_duration(class->up_to_s);
	}
	(void)printf(": epochs of ");
	print_duration(class->epoch_s);
	(void)printf(", a flight after %u of them (", class->lifetime);
	print_duration((uint64_t) class->epoch_s * class->lifetime);
	(void)printf(")%s\n", class->retired ? "; replaced, ends with its last tickets" : "");
}

static json_t *class_json(const struct smr_store_ticket_class *class)
{
	return json_pack("{s:i, s:I, s:I, s:i, s:b}", "number", (int)class->number, "up_to_s",
			 (json_int_t) class->up_to_s, "epoch_s", (json_int_t) class->epoch_s, "lifetime",
			 (int)class->lifetime, "retired", (int)class->retired);
}

static enum smr_err show(const struct smr_args *args, struct smr_store *store, struct smr_problem *problem)
{
	struct smr_store_ticket_class classes[SMR_STORE_TICKET_CLASSES];
	size_t count = SMR_COUNT(classes);
	enum smr_err err = smr_store_ticket_classes(store, classes, &count);
	json_t *all = args->json ? json_array() : NULL;
	int failed = 0;

	if (err != SMR_OK)
		return smr_ro_store_fail(store, err, problem);
	for (size_t i = 0; i < count; i++) {
		if (args->json)
			failed |= json_array_append_new(all, class_json(&classes[i]));
		else
			print_class(&classes[i]);
	}
	if (!args->json)
		return SMR_OK;
	return failed == 0 ? smr_cli_json(all) : SMR_E_NO_MEMORY;
}

/* ---- changing ---- */

static enum smr_err take_class(const struct smr_args *args, struct smr_store_ticket_class *out,
			       struct smr_problem *problem)
{
	uint64_t up_to_s;
	uint64_t epoch_s;
	uint64_t lifetime;

	if (!smr_arg_given(args, "epoch") || !smr_arg_given(args, "lifetime"))
		return smr_problem(problem, SMR_E_INVALID, "a class needs --epoch and --lifetime");
	SMR_TRY(smr_cli_duration(args, "up-to", 60, UINT32_MAX, UINT32_MAX, &up_to_s, problem));
	SMR_TRY(smr_cli_duration(args, "epoch", 60, 31536000, 0, &epoch_s, problem));
	SMR_TRY(smr_cli_uint(args, "lifetime", 1, SMR_STORE_LIFETIME_MAX, 0, &lifetime, problem));
	*out = (struct smr_store_ticket_class){
		.up_to_s = (uint32_t)up_to_s, .epoch_s = (uint32_t)epoch_s, .lifetime = (uint32_t)lifetime};
	return SMR_OK;
}

static enum smr_err change(const struct smr_args *args, struct smr_store *store, struct smr_problem *problem)
{
	struct smr_store_ticket_class added;
	enum smr_err err;

	SMR_TRY(take_class(args, &added, problem));
	err = smr_store_put_ticket_class(store, &added);
	if (err == SMR_E_EXISTS)
		return SMR_OK; /* it is so already */
	return err == SMR_OK ? SMR_OK : smr_ro_store_fail(store, err, problem);
}

static enum smr_err tickets_action(const struct smr_args *args, struct smr_problem *problem)
{
	bool changing = smr_arg_given(args, "up-to") || smr_arg_given(args, "epoch") || smr_arg_given(args, "lifetime");
	SMR_CLI_PARTY ro = {0};
	struct smr_store *store;
	enum smr_err err;

	SMR_TRY(smr_party_open(args->dir, "ro", 0, &ro, problem));
	SMR_TRY(smr_ro_store_open(args->dir, changing ? SMR_STORE_WRITE : SMR_STORE_READ, &store, problem));
	err = changing ? change(args, store, problem) : SMR_OK;
	if (err == SMR_OK)
		err = show(args, store, problem);
	smr_store_close(store);
	return err;
}

static int run(const struct smr_args *args)
{
	return smr_cli_run(args, tickets_action);
}

static const struct smr_option options[] = {
	{"up-to", 0, "DURATION", 0, "for devices that check in at intervals up to this (all that no class reaches)"},
	{"epoch", 0, "DURATION", 0, "how long new tickets are sealed under one key"},
	{"lifetime", 0, "N", 0, "epochs after which a device has to make a flight"},
};

const struct smr_subcommand smr_cmd_ro_tickets = {
	.path = "ro tickets",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR | SMR_ARGS_JSON,
	.summary = "Show the classes of tickets, or put another class in the place of one.",
	.details = "Running servers notice by themselves. Tickets of a class that was replaced are taken until\n"
		   "their lineages end; what follows is of the new class.",
	.example = "samara ro tickets --dir ro --up-to 1h --epoch 6h --lifetime 28",
};
