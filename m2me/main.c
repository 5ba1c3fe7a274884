/* SPDX-License-Identifier: Apache-2.0 */
/* samara-m2me: start, signals, orderly end. The loop itself is in m2me/agent.c. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "m2me/agent.h"
#include "m2me/coap.h"
#include "m2me/once.h"
#include "m2me/config.h"
#include "m2me/sim_service.h"
#include "m2me/trelink.h"
#include "sys/args.h"
#include "sys/daemon.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/signals.h"
#include "sys/text.h"

#define LOCK_TURNS 5
#define POLL_MAX_MS 3600000u

struct program {
	const char *config_path;
	struct smr_m2me_config settings;
	struct smr_coap_client *coap;
	struct smr_tre_socket tre;
	struct smr_agent agent;
	struct smr_sim_service *sims;
	int lock;
	int signals;
	int user_signal; /* SIGUSR1 */
	bool stop;
	bool reload;
	bool ask;
};

/* ---- signals ---- */

static enum smr_err open_signals(struct program *p, struct smr_problem *problem)
{
	enum smr_err err = smr_signals_open(&p->signals);
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	if (err == SMR_OK && sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		p->user_signal = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->user_signal < 0)
		return smr_problem(problem, SMR_E_IO, "signals: %s", strerror(errno));
	return SMR_OK;
}

static void take_signals(struct program *p)
{
	int number;

	while ((number = smr_signals_read(p->signals)) != 0) {
		if (number == SIGHUP)
			p->reload = true;
		else
			p->stop = true;
	}
	while (smr_signals_read(p->user_signal) != 0)
		p->ask = true;
}

/* Asked by the transport in the middle of an exchange. */
static bool stopping(void *context)
{
	struct program *p = context;

	take_signals(p);
	return p->stop;
}

/* ---- the agent's ports ---- */

/* For jitter alone. Without a generator all devices would wait alike, which is no reason to stop. */
static uint32_t random_u32(void *context)
{
	uint8_t octets[4];

	(void)context;
	return smr_random(octets, sizeof(octets)) == SMR_OK ? smr_get_be32(octets) : 0;
}

static enum smr_err save_memory(void *context, const struct smr_memory *memory)
{
	const struct program *p = context;

	return smr_memory_save(p->settings.state, memory);
}

static struct smr_agent_rules rules_of(const struct smr_m2me_config *s)
{
	return (struct smr_agent_rules){
		.certificate_always = s->certificate == SMR_M2ME_CERTIFICATE_ALWAYS,
		.certificate_never = s->certificate == SMR_M2ME_CERTIFICATE_NEVER,
		.interval_s = s->interval_s,
		.pause_min_ms = s->pause_min_ms,
		.pause_max_ms = s->pause_max_s * 1000,
	};
}

static struct smr_agent_ports ports_of(struct program *p)
{
	return (struct smr_agent_ports){
		.tre = smr_tre_link_to(&p->tre, p->settings.tre_socket),
		.transport = smr_coap_transport(p->coap),
		.clock = &smr_clock_system,
		.random = random_u32,
		.save = save_memory,
		.context = p,
	};
}

static enum smr_err open_coap(struct program *p, struct smr_problem *problem)
{
	const struct smr_coap_settings settings = {
		.address = p->settings.address,
		.bind = p->settings.bind,
		.ack_timeout_s = p->settings.ack_timeout_s,
		.max_retransmit = p->settings.max_retransmit,
		.patience_ms = p->settings.attach_timeout_s * 1000,
		.stop_fd = p->signals,
		.stopping = stopping,
		.context = p,
	};

	return smr_coap_client_new(&settings, &p->coap, problem);
}

/* ---- start ---- */

/* Started as root by hand: become whom samara-launch would have made us. */
static enum smr_err confine(const struct program *p, struct smr_problem *problem)
{
	const struct smr_m2me_config *c = &p->settings;

	(void)umask(077);
	if (geteuid() == 0 && c->agent_user != 0 &&
	    smr_process_drop((uid_t)c->agent_user, (gid_t)c->agent_group, NULL, 0) != SMR_OK)
		return smr_problem(problem, SMR_E_IO, "the rights of root cannot be given up: %s", strerror(errno));
	if (smr_process_harden(false) != SMR_OK)
		return smr_problem(problem, SMR_E_IO, "core files and tracing cannot be switched off: %s",
				   strerror(errno));
	return SMR_OK;
}

/* `--status` holds the lock for a moment too. */
static enum smr_err lock_state(struct program *p, struct smr_problem *problem)
{
	const char *dir = p->settings.state;
	enum smr_err err = smr_fs_mkdir(dir, 0711);

	if (err == SMR_OK)
		err = smr_fs_lock(dir, "lock", &p->lock);
	for (int i = 0; err == SMR_E_BUSY && i < LOCK_TURNS; i++) {
		(void)poll(NULL, 0, 20);
		err = smr_fs_lock(dir, "lock", &p->lock);
	}
	if (err == SMR_E_BUSY)
		return smr_problem(problem, err,
				   "%s: an agent is at work there; SIGUSR1 makes it contact the server now", dir);
	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: %s; [agent] state has to be a directory of this user", dir,
				   strerror(errno));
	return SMR_OK;
}

static enum smr_err start(struct program *p, struct smr_problem *problem)
{
	struct smr_agent_rules rules = rules_of(&p->settings);
	struct smr_problem trouble = {0};
	struct smr_agent_ports ports;
	struct smr_memory memory;
	enum smr_err err;

	SMR_TRY(lock_state(p, problem));
	smr_fs_remove_leftovers(p->settings.state, "");
	SMR_TRY(open_coap(p, problem));
	err = smr_memory_load(p->settings.state, &memory, &trouble);
	if (err == SMR_E_NO_MEMORY || err == SMR_E_IO || err == SMR_E_NO_FILE)
		return smr_problem(problem, err, "%s", trouble.text);
	if (err != SMR_OK)
		smr_log_error(SMR_LOG_WARN, "memory.lost", err, trouble.text);
	ports = ports_of(p);
	smr_agent_init(&p->agent, &rules, &ports, &memory);
	return SMR_OK;
}

static void stop(struct program *p)
{
	smr_sim_service_stop(p->sims);
	smr_coap_client_free(p->coap);
	smr_tre_disconnect(&p->tre.client);
	smr_m2me_config_wipe(&p->settings);
}

/* ---- the daemon ---- */

/* With the new settings or, when they are not good, with the old ones. Pauses go on. */
static void reload(struct program *p)
{
	struct smr_m2me_config settings;
	struct smr_m2me_config old = p->settings;
	struct smr_problem problem = {0};
	struct smr_coap_client *old_coap = p->coap;
	enum smr_err err = smr_m2me_config_load(p->config_path, &settings, &problem);

	p->reload = false;
	if (err == SMR_OK && strcmp(settings.state, old.state) != 0) {
		smr_m2me_config_wipe(&settings);
		err = smr_problem(&problem, SMR_E_STATE,
				  "[agent] state cannot change while the agent runs: restart it");
	}
	if (err == SMR_OK) {
		p->settings = settings;
		err = open_coap(p, &problem);
		if (err != SMR_OK) {
			smr_m2me_config_wipe(&p->settings);
			p->settings = old;
			p->coap = old_coap;
		}
	}
	if (err != SMR_OK) {
		smr_log_error(SMR_LOG_WARN, "config.kept", err, problem.text);
		return;
	}
	smr_sim_service_stop(p->sims);
	smr_coap_client_free(old_coap);
	smr_tre_disconnect(&p->tre.client);
	smr_m2me_config_wipe(&old);
	p->agent.rules = rules_of(&p->settings);
	p->agent.ports = ports_of(p);
	if (smr_sim_service_start(&p->settings, &p->sims, &problem) != SMR_OK)
		smr_log_error(SMR_LOG_ERROR, "sim.off", SMR_E_IO, problem.text);
	smr_log_event(SMR_LOG_INFO, "config.loaded");
}

static void turn(struct program *p)
{
	struct pollfd fds[] = {{.fd = p->signals, .events = POLLIN}, {.fd = p->user_signal, .events = POLLIN}};
	uint64_t wait = smr_agent_step(&p->agent);

	(void)poll(fds, SMR_COUNT(fds), (int)(wait < POLL_MAX_MS ? wait : POLL_MAX_MS));
	take_signals(p);
	if (p->ask)
		smr_agent_ask(&p->agent);
	p->ask = false;
	if (p->reload)
		reload(p);
}

static enum smr_err serve(struct program *p, struct smr_problem *problem)
{
	SMR_TRY(smr_sim_service_start(&p->settings, &p->sims, problem));
	smr_notify_ready();
	smr_log_event(SMR_LOG_INFO, "agent.started");
	while (!p->stop)
		turn(p);
	smr_notify_stopping();
	smr_log_event(SMR_LOG_INFO, "agent.stopped");
	return SMR_OK;
}

/* ---- the commands ---- */

static int status(const struct program *p, bool json, struct smr_problem *problem)
{
	const char *dir = p->settings.state;
	struct smr_memory memory;
	int lock = -1;
	bool running;

	if (smr_memory_load(dir, &memory, problem) != SMR_OK) {
		(void)fprintf(stderr, "samara-m2me: %s\n", problem->text);
		return 1;
	}
	running = smr_fs_exists(dir) && smr_fs_lock(dir, "lock", &lock) == SMR_E_BUSY;
	if (lock >= 0)
		(void)close(lock);
	if (json)
		smr_memory_json(stdout, &memory);
	else
		smr_memory_print(stdout, &memory, running, smr_clock_unix());
	return 0;
}

static enum smr_err serve_sim(struct program *p, const struct smr_args *args, struct smr_problem *problem)
{
	uint64_t timeout = 60;

	if (smr_arg_given(args, "timeout") && smr_parse_uint(smr_arg(args, "timeout"), 1, 86400, &timeout) != SMR_OK)
		return smr_problem(problem, SMR_E_MALFORMED, "--timeout: a number of seconds from 1 to 86400");
	return smr_sim_serve_once(&p->settings, smr_arg(args, "sim"), timeout, p->signals, problem);
}

static int report(enum smr_err err, const struct smr_problem *problem)
{
	if (err != SMR_OK)
		(void)fprintf(stderr, "samara-m2me: %s\n", smr_problem_text(problem, err));
	return smr_exit_code(err);
}

static int work(struct program *p, const struct smr_args *args, struct smr_problem *problem)
{
	enum smr_once what = SMR_ONCE_PROVISION;
	enum smr_err err = smr_m2me_config_load(p->config_path, &p->settings, problem);

	if (err == SMR_OK && smr_arg_given(args, "status"))
		return status(p, args->json, problem);
	if (err == SMR_OK)
		err = confine(p, problem);
	if (err == SMR_OK)
		err = open_signals(p, problem);
	if (err == SMR_OK && smr_arg_given(args, "sim"))
		return report(serve_sim(p, args, problem), problem);
	if (err == SMR_OK)
		err = start(p, problem);
	if (err == SMR_OK && smr_arg_given(args, "once") && smr_once_parse(smr_arg(args, "once"), &what) == SMR_OK)
		return smr_once_run(&p->agent, what, args->json);
	if (err == SMR_OK)
		err = serve(p, problem);
	return report(err, problem);
}

static int run(const struct smr_args *args)
{
	struct program p = {.lock = -1, .signals = -1, .user_signal = -1, .tre.client.fd = -1};
	enum smr_log_level level = SMR_LOG_INFO;
	struct smr_problem problem = {0};
	enum smr_once what;
	int modes = smr_arg_given(args, "once") + smr_arg_given(args, "status") + smr_arg_given(args, "sim");
	int code;

	if (args->help_config) {
		smr_ini_help(stdout, smr_m2me_config_keys, smr_m2me_config_key_count);
		return 0;
	}
	if (modes > 1)
		return smr_args_usage(args, "--once, --status and --sim exclude each other");
	if (smr_arg_given(args, "once") && smr_once_parse(smr_arg(args, "once"), &what) != SMR_OK)
		return smr_args_usage(args, "--once: provision, flight or check-in");
	if (smr_arg_given(args, "log-level") && smr_log_level_parse(smr_arg(args, "log-level"), &level) != SMR_OK)
		return smr_args_usage(args, "--log-level: error, warn, info or debug");
	smr_log_init("samara-m2me", level, false);
	p.config_path = smr_arg(args, "config");
	code = work(&p, args, &problem);
	stop(&p);
	/* Not exit(): handlers of libraries have nothing to do here, and a process that nobody may trace confuses some.
	 */
	(void)fflush(stdout);
	_exit(code);
}

static const struct smr_option options[] = {
	{"config", 0, "FILE", SMR_OPT_REQUIRED, "configuration of this M2ME"},
	{"once", 0, "provision|flight|check-in", 0, "one contact, then end"},
	{"sim", 0, "PATH", 0, "be the external SIM on this control interface until the authentication ends"},
	{"timeout", 0, "SECONDS", 0, "for --sim (default 60)"},
	{"status", 0, NULL, 0, "what the agent does, when it will contact the server, its counters"},
	{"log-level", 0, "error|warn|info|debug", 0, "what to log (default: info)"},
};

static const struct smr_subcommand commands[] = {{
	.path = "",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_JSON | SMR_ARGS_CONFIG,
	.summary = "The agent of an M2ME: flights and check-ins over CoAP, external SIM for EAP clients.",
	.details = "Without --once, --sim or --status it is a service: SIGTERM ends it, SIGHUP reads the configuration "
		   "again,\n"
		   "SIGUSR1 makes it contact the server now. samara-launch starts it. It holds no keys; RES, CK and IK "
		   "pass\n"
		   "through it to the EAP client.",
	.example = "samara-m2me --config /etc/samara/m2me.ini\n  samara-m2me --config m2me.ini --once provision --json",
}};

static const struct smr_program program = {"samara-m2me", SAMARA_VERSION, "Agent of an M2ME.", commands,
					   SMR_COUNT(commands)};

int main(int argc, char **argv)
{
	return smr_args_main(&program, argc, argv);
}
