/* SPDX-License-Identifier: Apache-2.0 */
/* samara-launch: measures what is about to run, starts TRE and agent under their own users, and keeps them running. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/args.h"
#include "sys/clock.h"
#include "sys/daemon.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/signals.h"
#include "sys/text.h"
#include "tre/client.h"
#include "tre/linux/child.h"
#include "tre/linux/measure.h"
#include "tre/linux/users.h"

#define PATIENCE_MS 10000
#define READY_POLL_MS 20
#define READY_WAIT_MS 5000 /* then the agent starts all the same: it has its own patience */
#define LATE_POLL_MS 1000  /* and the TRE is asked less often */

struct launch {
	struct smr_m2me_config config;
	struct smr_users users;
	struct smr_measured measured;
	struct smr_child tre;
	struct smr_child agent;
	bool tre_answered; /* since it was started last */
	bool announced;
	int signals;
};

/* ---- who and where ---- */

/* A TPM measures by itself: samara-boot has told it what runs. */
static bool has_tpm(const struct launch *l)
{
	return l->config.tpm[0] != '\0';
}

/* Root's to start, as two users that are not root. Whoever else starts it, to develop, can only run both as himself; with a TPM that is no
 * device of this kind either. */
static enum smr_err check_users(const struct launch *l, struct smr_problem *problem)
{
	const struct smr_users *u = &l->users;
	bool own = u->tre == geteuid() && u->agent == geteuid() && u->tre_group == getegid() &&
		   u->agent_group == getegid();

	if (geteuid() == 0 || has_tpm(l))
		return smr_users_apart(u, problem);
	if (!own)
		return smr_problem(problem, SMR_E_REFUSED,
				   "section [launch] names other users than the present one: start it as root");
	smr_log(SMR_LOG_WARN, "users.shared", "uid=%u detail=%s", (unsigned)u->tre,
		SMR_QUOTED("TRE and agent run as one user, since this is not root's: for development alone"));
	return SMR_OK;
}

/** A directory that is missing is made for its user; one that exists is left as it is. */
static enum smr_err prepare_directory(const char *path, uid_t uid, gid_t gid, mode_t mode, struct smr_problem *problem)
{
	enum smr_err err;

	if (smr_fs_exists(path))
		return SMR_OK;
	err = smr_fs_mkdir(path, mode);
	if (err == SMR_OK && geteuid() == 0 && chown(path, uid, gid) != 0)
		err = smr_fs_err(errno); /* uncovered: a file system that refuses root */
	return err == SMR_OK ? SMR_OK : smr_problem(problem, err, "%s: cannot be made: %s", path, strerror(errno));
}

static enum smr_err prepare_directories(const struct launch *l, struct smr_problem *problem)
{
	const struct smr_m2me_config *c = &l->config;
	const struct smr_users *u = &l->users;
	const char *slash = strrchr(c->tre_socket, '/');
	char *socket_dir = strndup(c->tre_socket, (size_t)(slash - c->tre_socket));
	enum smr_err err;

	if (socket_dir == NULL)
		/* uncovered: out of memory */
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	err = prepare_directory(c->tre_dir, u->tre, u->tre_group, 0700, problem);
	if (err == SMR_OK)
		err = prepare_directory(c->state, u->agent, u->agent_group, 0700, problem);
	if (err == SMR_OK && *socket_dir != '\0')
		err = prepare_directory(socket_dir, u->tre, u->agent_group, 0750, problem);
	free(socket_dir);
	return err;
}

/* The program named in the configuration, or the one beside this program. */
static enum smr_err program_path(const char *configured, const char *name, char out[PATH_MAX],
				 struct smr_problem *problem)
{
	char own[PATH_MAX];
	ssize_t len;
	int written;

	if (*configured != '\0') {
		written = snprintf(out, PATH_MAX, "%s", configured);
	} else {
		len = readlink("/proc/self/exe", own, sizeof(own) - 1);
		if (len <= 0)
			/* uncovered: a machine without /proc */
			return smr_problem(problem, SMR_E_IO, "/proc/self/exe: %s", strerror(errno));
		own[len] = '\0';
		*strrchr(own, '/') = '\0';
		written = snprintf(out, PATH_MAX, "%s/%s", own, name);
	}
	if (written < 0 || written >= PATH_MAX)
		/* uncovered: paths are as long only where nothing can be opened */
		return smr_problem(problem, SMR_E_NO_ROOM, "the path of %s is too long", name);
	return SMR_OK;
}

static enum smr_err load(struct launch *l, struct smr_problem *problem)
{
	char tre[PATH_MAX];
	char agent[PATH_MAX];

	SMR_TRY(program_path(l->config.tre_binary, "samara-tre", tre, problem));
	SMR_TRY(program_path(l->config.agent_binary, "samara-m2me", agent, problem));
	SMR_TRY(smr_measured_load(&l->config, tre, agent, &l->measured, problem));
	return has_tpm(l) ? SMR_OK : smr_measure(&l->config, &l->measured, problem);
}

/* ---- starting ---- */

/* A pipe that holds the measurement and nothing else: all of it is there before the reader starts. */
static enum smr_err measurement_pipe(const struct launch *l, int *reader)
{
	enum smr_err err;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return smr_fs_err(errno);
	err = smr_fs_write_all(ends[1], SMR_ARRAY(l->measured.measurement));
	(void)close(ends[1]);
	if (err != SMR_OK)
		(void)close(ends[0]); /* uncovered: an empty pipe has room for 32 octets */
	else
		*reader = ends[0];
	return err;
}

static enum smr_err start_tre(struct launch *l, uint64_t now_ms)
{
	const struct smr_m2me_config *c = &l->config;
	char group[24];
	char fd[] = {'0' + SMR_CHILD_FD, '\0'};
	const bool tpm = has_tpm(l);
	char name[] = "samara-tre", dir[] = "--dir", socket[] = "--socket", socket_group[] = "--socket-group",
	     measurement_fd[] = "--measurement-fd", tpm_option[] = "--tpm", boot_log[] = "--boot-log";
	char *argv[] = {name,
			dir,
			c->tre_dir,
			socket,
			c->tre_socket,
			socket_group,
			group,
			tpm ? tpm_option : measurement_fd,
			tpm ? c->tpm : fd,
			tpm ? boot_log : NULL,
			c->boot_log,
			NULL};
	struct smr_child_plan plan = {
		.image = l->measured.tre.fd,
		.argv = argv,
		.uid = l->users.tre,
		.gid = l->users.tre_group,
		.extra_group = l->users.agent_group,
		.give_fd = -1,
		/* A software TPM is reached over loopback, once, before the TRE confines itself. */
		.no_network = strncmp(c->tpm, "swtpm:", strlen("swtpm:")) != 0};
	enum smr_err err;

	(void)snprintf(group, sizeof(group), "%u", (unsigned)plan.extra_group);
	if (!tpm)
		SMR_TRY(measurement_pipe(l, &plan.give_fd));
	err = smr_child_start(&l->tre, &plan, now_ms);
	if (!tpm)
		(void)close(plan.give_fd);
	l->tre_answered = false;
	return err;
}

static enum smr_err start_agent(struct launch *l, uint64_t now_ms)
{
	char name[] = "samara-m2me", config[] = "--config",
	     path[] = {"/proc/self/fd/"
		       "0"};
	char *argv[] = {name, config, path, NULL};
	struct smr_child_plan plan = {.image = l->measured.agent.fd,
				      .argv = argv,
				      .uid = l->users.agent,
				      .gid = l->users.agent_group,
				      .extra_group = l->users.agent_group};
	char own[32];
	enum smr_err err;

	path[sizeof(path) - 2] = '0' + SMR_CHILD_FD;
	/* A description of its own for each start: one that is shared would stand where the last reader left it. */
	(void)snprintf(own, sizeof(own), "/proc/self/fd/%d", l->measured.config.fd);
	plan.give_fd = open(own, O_RDONLY | O_CLOEXEC);
	if (plan.give_fd < 0)
		return smr_fs_err(
			errno); /* uncovered: the question whether the TRE is ready needs as many descriptors */
	err = smr_child_start(&l->agent, &plan, now_ms);
	(void)close(plan.give_fd);
	return err;
}

static void start_or_postpone(struct launch *l, struct smr_child *child, uint64_t now_ms)
{
	enum smr_err err = child == &l->tre ? start_tre(l, now_ms) : start_agent(l, now_ms);

	if (err != SMR_OK) {
		smr_log_error(SMR_LOG_ERROR, "child.failed", err, child->name);
		smr_child_postpone(child, now_ms);
	}
}

/* ---- running ---- */

static void ask_tre(struct launch *l)
{
	struct smr_tre_client client;

	if (smr_tre_connect(&client, l->config.tre_socket) != SMR_OK)
		return;
	smr_tre_disconnect(&client);
	l->tre_answered = true;
}

/* The agent waits for the TRE at the beginning; later it reconnects by itself. */
static bool agent_may_start(const struct launch *l, uint64_t now_ms)
{
	return l->tre_answered || l->announced || (l->tre.pid != 0 && now_ms - l->tre.started_ms >= READY_WAIT_MS);
}

static void start_what_is_due(struct launch *l, uint64_t now_ms)
{
	if (l->tre.pid == 0 && now_ms >= l->tre.due_ms)
		start_or_postpone(l, &l->tre, now_ms);
	if (l->tre.pid != 0 && !l->tre_answered)
		ask_tre(l);
	if (l->agent.pid == 0 && now_ms >= l->agent.due_ms && agent_may_start(l, now_ms))
		start_or_postpone(l, &l->agent, now_ms);
	if (l->agent.pid != 0 && l->tre_answered && !l->announced) {
		smr_notify_ready();
		smr_log_event(SMR_LOG_INFO, "launch.ready");
		l->announced = true;
	}
}

static uint64_t until(uint64_t due_ms, uint64_t now_ms)
{
	return due_ms > now_ms ? due_ms - now_ms : 0;
}

static int wait_ms(const struct launch *l, uint64_t now_ms)
{
	uint64_t wait = UINT64_MAX;

	if (l->tre.pid == 0)
		wait = until(l->tre.due_ms, now_ms);
	else if (!l->tre_answered)
		wait = now_ms - l->tre.started_ms < READY_WAIT_MS ? READY_POLL_MS : LATE_POLL_MS;
	if (l->agent.pid == 0 && agent_may_start(l, now_ms) && until(l->agent.due_ms, now_ms) < wait)
		wait = until(l->agent.due_ms, now_ms);
	return wait == UINT64_MAX ? -1 : (int)wait;
}

static bool told_to_end(int signals)
{
	int number;

	while ((number = smr_signals_read(signals)) != 0)
		if (number == SIGTERM || number == SIGINT)
			return true;
	return false;
}

static enum smr_err supervise(struct launch *l)
{
	for (;;) {
		struct pollfd fds[] = {{.fd = l->signals, .events = POLLIN}, {.events = POLLIN}, {.events = POLLIN}};

		start_what_is_due(l, smr_clock_ms());
		fds[1].fd = l->tre.pidfd;
		fds[2].fd = l->agent.pidfd;
		if (poll(fds, SMR_COUNT(fds), wait_ms(l, smr_clock_ms())) < 0 && errno != EINTR)
			return SMR_E_IO; /* uncovered: the kernel is out of memory */
		if (fds[0].revents != 0 && told_to_end(l->signals))
			return SMR_OK;
		if (fds[1].revents != 0)
			smr_child_reap(&l->tre, smr_clock_ms());
		if (fds[2].revents != 0)
			smr_child_reap(&l->agent, smr_clock_ms());
	}
}

static enum smr_err launch(struct launch *l, struct smr_problem *problem)
{
	enum smr_err err;

	l->users = smr_users_of(&l->config);
	SMR_TRY(check_users(l, problem));
	SMR_TRY(prepare_directories(l, problem));
	err = smr_signals_open(&l->signals);
	if (err != SMR_OK)
		/* uncovered: without a descriptor left, what came before would have failed */
		return smr_problem(problem, err, "signals: %s", strerror(errno));
	err = supervise(l);
	smr_notify_stopping();
	/* The agent first: it may still have something to hand to the TRE. */
	smr_child_stop(&l->agent, PATIENCE_MS);
	smr_child_stop(&l->tre, PATIENCE_MS);
	return err == SMR_OK ? SMR_OK : smr_problem(problem, err, "poll: %s", strerror(errno));
}

/* ---- the command ---- */

static void print_measurement(const struct launch *l, bool json)
{
	char measurement[SMR_HEX_TEXT(SMR_HASH_LEN)];
	char tre[SMR_HEX_TEXT(SMR_HASH_LEN)];
	char agent[SMR_HEX_TEXT(SMR_HASH_LEN)];

	smr_hex_encode(SMR_ARRAY(l->measured.measurement), measurement);
	smr_hex_encode(SMR_ARRAY(l->measured.tre.hash), tre);
	smr_hex_encode(SMR_ARRAY(l->measured.agent.hash), agent);
	if (json)
		(void)printf("{\"measurement\":\"%s\",\"tre\":\"%s\",\"agent\":\"%s\"}\n", measurement, tre, agent);
	else
		(void)printf("%s\n", measurement);
}

static enum smr_err work(struct launch *l, const struct smr_args *args, struct smr_problem *problem)
{
	const bool measure = smr_arg_given(args, "measure");

	if (measure && has_tpm(l))
		return smr_problem(problem, SMR_E_UNSUPPORTED,
				   "[tre] tpm is set: what a TPM measures is printed by samara-boot --measure");
	SMR_TRY(load(l, problem));
	if (!measure)
		return launch(l, problem);
	print_measurement(l, args->json);
	return SMR_OK;
}

static int run(const struct smr_args *args)
{
	struct launch l = {.tre = SMR_CHILD_NEW("samara-tre"), .agent = SMR_CHILD_NEW("samara-m2me"), .signals = -1};
	struct smr_problem problem = {0};
	enum smr_err err;

	if (args->help_config) {
		smr_ini_help(stdout, smr_m2me_config_keys, smr_m2me_config_key_count);
		return 0;
	}
	if (args->json && !smr_arg_given(args, "measure"))
		return smr_args_usage(args, "--json goes with --measure");
	smr_log_init("samara-launch", SMR_LOG_INFO, false);
	l.measured = (struct smr_measured){.tre.fd = -1, .agent.fd = -1, .config.fd = -1};
	err = smr_m2me_config_load(smr_arg(args, "config"), &l.config, &problem);
	if (err == SMR_OK) {
		err = work(&l, args, &problem);
		smr_m2me_config_wipe(&l.config);
	}
	smr_measured_close(&l.measured);
	if (err != SMR_OK)
		(void)fprintf(stderr, "samara-launch: %s\n", smr_problem_text(&problem, err));
	return smr_exit_code(err);
}

static const struct smr_option options[] = {
	{"config", 0, "FILE", SMR_OPT_REQUIRED, "configuration of this M2ME"},
	{"measure", 0, NULL, 0, "print the measurement and start nothing"},
};

static const struct smr_subcommand commands[] = {{
	.path = "",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_JSON | SMR_ARGS_CONFIG,
	.summary = "Measure TRE, agent and configuration, then run both under their own users.",
	.details = "The measurement is the same on all devices with the same programs and configuration; users and "
		   "paths do\n"
		   "not count. Suppliers publish what --measure prints as reference. A program that ends is started "
		   "again;\n"
		   "SIGTERM ends both, the agent first.",
	.example =
		"samara-launch --config /etc/samara/m2me.ini\n  samara-launch --config /etc/samara/m2me.ini --measure",
}};

static const struct smr_program program = {"samara-launch", SAMARA_VERSION, "Measured start of an M2ME.", commands,
					   SMR_COUNT(commands)};

int main(int argc, char **argv)
{
	return smr_args_main(&program, argc, argv);
}
