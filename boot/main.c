/* SPDX-License-Identifier: Apache-2.0 */
/*
 * samara-boot: the first stage of an M2ME. It reads each file that is to run once, starts nothing that the supplier's release does not
 * name, tells the TPM what it starts, and becomes samara-launch, which gets the verified copies.
 *
 * What it goes by itself (its own program, the card, the product's name, the TPM) comes from its command line: all of that has to lie
 * where only the supplier writes, as an initial file system that the kernel's loader verifies.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "boot/log_file.h"
#include "boot/pcrs.h"
#include "boot/prepare.h"
#include "boot/release_file.h"
#include "boot/stages.h"
#include "file/card.h"
#include "sys/args.h"
#include "sys/daemon.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/text.h"
#include "tre/linux/users.h"

#define FD_PATH_ROOM 32u
#define TCTI_ROOM 256u

struct boot {
	const struct smr_args *args;
	struct smr_boot_refusal refusal;
	char programs[PATH_MAX]; /* directory of this program */
	struct smr_card supplier;
	struct smr_boot_release release;
	struct smr_boot_stages stages;
	struct smr_tpm *tpm;
};

/* ---- looking ---- */

static enum smr_err find_programs(struct boot *b)
{
	ssize_t len = readlink("/proc/self/exe", b->programs, sizeof(b->programs) - 1);

	if (len <= 0)
		/* uncovered: a machine without /proc */
		return smr_boot_refuse(&b->refusal, SMR_BOOT_START, smr_fs_err(errno), "/proc/self/exe: %s",
				       strerror(errno));
	b->programs[len] = '\0';
	*strrchr(b->programs, '/') = '\0';
	return SMR_OK;
}

/* A release of the supplier, named by @p option. */
static enum smr_err read_release(struct boot *b, const char *option, struct smr_boot_release *out)
{
	const char *path = smr_arg(b->args, "supplier");
	struct smr_pubkey supplier = {0};
	enum smr_err err = smr_card_read(path, "supplier", &b->supplier);

	if (err == SMR_OK)
		err = smr_pubkey_import(&supplier, SMR_ARRAY(b->supplier.sign));
	if (err != SMR_OK)
		return smr_boot_refuse(&b->refusal, SMR_BOOT_CARD, err, "%s: is no supplier's card", path);
	err = smr_boot_release_read(smr_arg(b->args, option), &supplier, out, &b->refusal);
	smr_pubkey_wipe(&supplier);
	return err;
}

/* The release says nothing about users, and all rests on them being two: samara-launch would refuse likewise, after the measurement. */
static enum smr_err check_users(struct boot *b)
{
	const struct smr_users users = smr_users_of(&b->stages.config);
	struct smr_problem problem = {0};
	enum smr_err err = smr_users_apart(&users, &problem);

	return err == SMR_OK
		       ? SMR_OK
		       : smr_boot_refuse(&b->refusal, SMR_BOOT_CONFIG, err, "%s", smr_problem_text(&problem, err));
}

static enum smr_err verify(struct boot *b)
{
	const struct smr_release *release = &b->release.content;
	uint64_t floor = 0;

	SMR_TRY(find_programs(b));
	SMR_TRY(read_release(b, "release", &b->release));
	SMR_TRY(smr_boot_pcrs_floor(b->tpm, &floor, &b->refusal));
	SMR_TRY(smr_boot_release_admit(release, smr_arg(b->args, "product"), floor, &b->refusal));
	SMR_TRY(smr_boot_stages_load(smr_arg(b->args, "config"), b->programs, &b->stages, &b->refusal));
	SMR_TRY(check_users(b));
	return smr_boot_stages_match(&b->stages, release, &b->refusal);
}

/* ---- committing ---- */

static void tell(const struct boot *b)
{
	const struct smr_release *release = &b->release.content;
	char version[SMR_RELEASE_VERSION_MAX + 1] = "";

	memcpy(version, release->version.ptr, release->version.len);
	smr_log(SMR_LOG_INFO, "boot.verified", "product=%s release=%s number=%u",
		SMR_QUOTED(smr_arg(b->args, "product")), SMR_QUOTED(version), release->number);
	for (size_t i = 0; i < b->stages.log.count; i++) {
		const struct smr_tpm_event *event = &b->stages.log.events[i];
		char digest[SMR_HEX_TEXT(SMR_HASH_LEN)];
		char name[SMR_BOOT_NAME_MAX + 1] = "";

		smr_hex_encode(SMR_ARRAY(event->digest), digest);
		memcpy(name, event->name.ptr, event->name.len);
		smr_log(SMR_LOG_INFO, "boot.stage", "pcr=%u name=%s digest=%s fd=%d", event->pcr, SMR_QUOTED(name),
			digest, b->stages.images[i].fd);
	}
}

/* ---- handing over ---- */

/* The image stays open in the next program, which finds it under this name. */
static enum smr_err pass_on(const struct smr_image *image, char path[FD_PATH_ROOM])
{
	(void)snprintf(path, FD_PATH_ROOM, "/proc/self/fd/%d", image->fd);
	return fcntl(image->fd, F_SETFD, 0) == 0 ? SMR_OK : smr_fs_err(errno);
}

/* The configuration as it was verified, with the copies in the place of the files. */
static enum smr_err make_config(struct boot *b, struct smr_image *out)
{
	struct smr_m2me_config config = b->stages.config;
	char tpm[TCTI_ROOM];
	char tre[FD_PATH_ROOM];
	char agent[FD_PATH_ROOM];

	SMR_TRY(pass_on(&b->stages.images[SMR_STAGE_TRE], tre));
	SMR_TRY(pass_on(&b->stages.images[SMR_STAGE_AGENT], agent));
	config.tre_binary = tre;
	config.agent_binary = agent;
	config.measure = (struct smr_ini_list){0};
	/* Which TPM the TRE goes by is as little for that file to say as which this program measured into. */
	if ((size_t)snprintf(tpm, sizeof(tpm), "%s", smr_arg(b->args, "tpm")) >= sizeof(tpm))
		return SMR_E_NO_ROOM;
	config.tpm = tpm;
	return smr_image_of_config(&config, out, NULL);
}

static enum smr_err become_launch(struct boot *b)
{
	static char name[] = "samara-launch", option[] = "--config";
	char path[FD_PATH_ROOM];
	char *argv[] = {name, option, path, NULL};
	char unused[FD_PATH_ROOM];
	struct smr_image config = {.fd = -1};
	enum smr_err err = make_config(b, &config);

	for (size_t i = SMR_STAGE_FILES; i < b->stages.log.count && err == SMR_OK; i++)
		err = pass_on(&b->stages.images[i], unused);
	if (err == SMR_OK)
		err = pass_on(&config, path);
	if (err == SMR_OK) {
		(void)fexecve(b->stages.images[SMR_STAGE_LAUNCH].fd, argv, environ);
		err = smr_fs_err(errno);
	}
	err = smr_boot_refuse(&b->refusal, SMR_BOOT_START, err, "samara-launch cannot be started: %s", strerror(errno));
	smr_image_close(&config);
	return err;
}

/* ---- the command ---- */

/* Returns only with a refusal, after which nothing runs and the TPM shows it. */
static enum smr_err boot(struct boot *b)
{
	const char *tpm = smr_arg(b->args, "tpm");
	enum smr_err err = smr_boot_pcrs_begin(tpm, &b->tpm, &b->refusal);

	if (err == SMR_OK)
		err = verify(b);
	if (err == SMR_OK)
		err = smr_boot_pcrs_extend(b->tpm, b->release.content.number, &b->stages.log, &b->refusal);
	if (err == SMR_OK)
		err = smr_boot_log_write(b->stages.config.boot_log, &b->stages.log, &b->refusal);
	/* Before the next one needs it: a TPM has one user at a time. */
	smr_tpm_close(b->tpm);
	if (err == SMR_OK) {
		tell(b);
		err = become_launch(b);
	}
	smr_boot_pcrs_spoil(tpm);
	return err;
}

static int refused(const struct boot *b, enum smr_err err)
{
	(void)fprintf(stderr, "samara-boot: %s\n", smr_problem_text(&b->refusal.problem, err));
	return (int)b->refusal.reason;
}

static int run_boot(struct boot *b)
{
	enum smr_err err = boot(b);

	smr_log(SMR_LOG_ERROR, "boot.refused", "why=%s error=%s", smr_boot_reason_name(b->refusal.reason),
		smr_err_name(err));
	return refused(b, err);
}

/* A field of a CSV line. Names have no control characters. */
static void print_name(struct smr_bytes name)
{
	(void)putchar('"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '"')
			(void)putchar('"');
		(void)putchar(name.ptr[i]);
	}
	(void)puts("\"");
}

static int print_stages(struct boot *b)
{
	enum smr_err err = find_programs(b);

	if (err == SMR_OK)
		err = smr_boot_stages_load(smr_arg(b->args, "config"), b->programs, &b->stages, &b->refusal);
	if (err != SMR_OK)
		return refused(b, err);
	(void)puts("pcr,digest,octets,name");
	for (size_t i = 0; i < b->stages.log.count; i++) {
		char digest[SMR_HEX_TEXT(SMR_HASH_LEN)];

		smr_hex_encode(SMR_ARRAY(b->stages.log.events[i].digest), digest);
		(void)printf("%u,%s,%u,", b->stages.log.events[i].pcr, digest, b->stages.lengths[i]);
		print_name(b->stages.log.events[i].name);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

static enum smr_err prepare(struct boot *b, struct smr_boot_release *next)
{
	const char *path = smr_arg(b->args, "config");
	struct smr_problem problem = {0};
	struct smr_m2me_config config;
	enum smr_err err;

	SMR_TRY(read_release(b, "release", &b->release));
	SMR_TRY(read_release(b, "prepare", next));
	err = smr_m2me_config_load(path, &config, &problem);
	if (err != SMR_OK)
		return smr_boot_refuse(&b->refusal, SMR_BOOT_CONFIG, err, "%s", smr_problem_text(&problem, err));
	err = smr_boot_prepare(config.tre_socket, &b->supplier, &b->release, next, &b->refusal);
	smr_m2me_config_wipe(&config);
	return err;
}

static int run_prepare(struct boot *b)
{
	struct smr_boot_release next = {0};
	enum smr_err err = prepare(b, &next);

	if (err != SMR_OK)
		return refused(b, err);
	(void)printf("prepared: the next start may be of release %.*s (number %u), or of the present one\n",
		     (int)next.content.version.len, (const char *)next.content.version.ptr, next.content.number);
	return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- which of the three ---- */

enum task { TASK_BOOT, TASK_MEASURE, TASK_PREPARE, TASKS };

/* Options besides --config, and the tasks that need them; no other takes them. */
static const struct {
	const char *name;
	bool needed[TASKS];
} rules[] = {
	{"supplier", {true, false, true}}, {"release", {true, false, true}},  {"product", {true, false, false}},
	{"tpm", {true, false, false}},	   {"measure", {false, true, false}}, {"prepare", {false, false, true}},
};

static enum task task_of(const struct smr_args *args)
{
	if (smr_arg_given(args, "prepare"))
		return TASK_PREPARE;
	return smr_arg_given(args, "measure") ? TASK_MEASURE : TASK_BOOT;
}

static int run(const struct smr_args *args)
{
	static int (*const tasks[TASKS])(struct boot *) = {run_boot, print_stages, run_prepare};
	enum task task = task_of(args);
	struct boot b = {.args = args};
	int code;

	for (size_t i = 0; i < SMR_COUNT(rules); i++)
		if (smr_arg_given(args, rules[i].name) != rules[i].needed[task])
			return smr_args_usage(
				args, rules[i].needed[task] ? "--%s is missing" : "--%s does not go with the others",
				rules[i].name);
	smr_log_init("samara-boot", SMR_LOG_INFO, false);
	code = tasks[task](&b);
	smr_boot_stages_close(&b.stages);
	return code;
}

static const struct smr_option options[] = {
	{"config", 0, "FILE", SMR_OPT_REQUIRED, "configuration of this M2ME"},
	{"supplier", 0, "CARD", 0, "whose releases this device boots"},
	{"release", 0, "FILE", 0, "release that is installed"},
	{"product", 0, "NAME", 0, "what this device is"},
	{"tpm", 0, "TCTI", 0, "its TPM: device:/dev/tpmrm0, or swtpm:host=127.0.0.1,port=N"},
	{"measure", 0, NULL, 0, "print the stages of this device as CSV, for its supplier, and start nothing"},
	{"prepare", 0, "FILE", 0, "tell the running TRE that this release comes next; --release is the one that runs"},
};

static const struct smr_subcommand commands[] = {{
	.path = "",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.summary = "Verify and measure what an M2ME is to run, then become samara-launch.",
	.details = "Starts nothing that the supplier's release does not name: launcher, TRE, agent, configuration and\n"
		   "«measure» files are read once, compared, extended into PCR 8 and 9, and run from those copies. "
		   "For\n"
		   "that all options but the last two are needed; where they stand is what this device trusts. "
		   "Before an\n"
		   "update --prepare has the TRE seal its state to what the next release boots to, too.",
	.example =
		"samara-boot --config /etc/samara/m2me.ini --supplier /etc/samara/supplier.card --product m2me-1 \\\n"
		"    --release /var/lib/samara/release.smr --tpm device:/dev/tpmrm0\n"
		"  samara-boot --config m2me.ini --measure > stages.csv\n"
		"  samara-boot --config /etc/samara/m2me.ini --supplier /etc/samara/supplier.card \\\n"
		"    --release /var/lib/samara/release.smr --prepare next.smr",
}};

static const struct smr_program program = {"samara-boot", SAMARA_VERSION, "First stage of an M2ME.", commands,
					   SMR_COUNT(commands)};

int main(int argc, char **argv)
{
	return smr_args_main(&program, argc, argv);
}
