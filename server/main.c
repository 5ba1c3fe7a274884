/* SPDX-License-Identifier: Apache-2.0 */
/* samarad: start, signals, orderly end. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "file/party.h"
#include "server/config.h"
#include "sys/args.h"
#include "sys/daemon.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/signals.h"

struct daemon {
	struct smr_server server;
	struct smr_server_config config;
	struct smr_party ro;
	const char *dir;
	int signals;
	struct smr_worker *workers[SMR_WORKERS_MAX];
	int sockets[SMR_WORKERS_MAX];
	size_t worker_count;
	struct smr_keeper *keeper;
	struct smr_relay *relay;
	struct smr_status *status;
};

/* ---- sockets ---- */

static bool is_any(const struct sockaddr *address)
{
	static const struct in6_addr any6;

	if (address->sa_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, &any6, sizeof(any6)) ==
		       0;
	return ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr == htonl(INADDR_ANY);
}

/** To which of our addresses a datagram came has to be known where there are several: it costs 0.2 µs a request. */
static int ask_for_addressee(int fd, const struct sockaddr *address)
{
	int one = 1;
	int level = address->sa_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int pktinfo = address->sa_family == AF_INET6 ? IPV6_RECVPKTINFO : IP_PKTINFO;

	return is_any(address) ? setsockopt(fd, level, pktinfo, &one, sizeof(one)) : 0;
}

static enum smr_err set_options(int fd, const struct sockaddr *address, int size)
{
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0 || ask_for_addressee(fd, address) != 0)
		return SMR_E_IO;
	/* The kernel counts its own overhead as well and doubles the figure. Its limit is no reason to fail. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return SMR_OK;
}

static enum smr_err open_socket(const struct smr_server_config *config, int *out, struct smr_problem *problem)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				 .ai_socktype = SOCK_DGRAM,
				 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *found = NULL;
	char port[8];
	enum smr_err err = SMR_OK;
	int fd;

	snprintf(port, sizeof(port), "%u", (unsigned)config->port);
	if (getaddrinfo(config->address, port, &hints, &found) != 0)
		return smr_problem(problem, SMR_E_INVALID, "[listen] address «%s» is not an IP address",
				   config->address);
	fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || set_options(fd, found->ai_addr, (int)config->receive_buffer) != SMR_OK ||
	    bind(fd, found->ai_addr, found->ai_addrlen) != 0)
		err = smr_problem(problem, SMR_E_IO, "cannot listen on %s port %s: %s", config->address, port,
				  strerror(errno));
	freeaddrinfo(found);
	if (err != SMR_OK && fd >= 0)
		close(fd);
	*out = fd;
	return err;
}

/* ---- start and end ---- */

static size_t worker_number(const struct smr_server_config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t wanted = config->threads ? (size_t)config->threads : (size_t)(cores > 0 ? cores : 1);

	return wanted < SMR_WORKERS_MAX ? wanted : SMR_WORKERS_MAX;
}

static enum smr_err start_workers(struct daemon *d, struct smr_problem *problem)
{
	size_t wanted = worker_number(&d->config);

	for (size_t i = 0; i < wanted; i++) {
		enum smr_err err = open_socket(&d->config, &d->sockets[i], problem);

		if (err != SMR_OK)
			return err;
		err = smr_worker_start(&d->server, &d->server.metrics[1 + i], d->sockets[i], &d->workers[i]);
		if (err != SMR_OK) {
			close(d->sockets[i]);
			return smr_problem(problem, err, "cannot start a worker: %s", smr_err_text(err));
		}
		d->worker_count++;
	}
	return SMR_OK;
}

static const char *why_not(const struct smr_store *store, enum smr_err err)
{
	const char *words = store != NULL ? smr_store_problem(store) : "";

	if (err == SMR_E_NOT_FOUND && words[0] == '\0')
		return "there is none: «samara ro init» makes it";
	return words[0] != '\0' ? words : smr_err_text(err);
}

/* Can all packages be read that wait? Later nobody is there to be told. */
static enum smr_err check_packages(struct daemon *d, struct smr_problem *problem)
{
	struct smr_store *store = NULL;
	char shown[200];
	enum smr_err err = smr_package_ring_open(d->dir, &d->server.packages);

	if (err == SMR_OK)
		err = smr_store_open(d->config.store, SMR_STORE_WRITE, &store);
	if (err == SMR_OK)
		err = smr_store_use_ring(store, d->server.packages);
	if (err != SMR_OK)
		(void)smr_problem(problem, err, "cannot start on the store %s: %s",
				  smr_store_shown(d->config.store, shown, sizeof(shown)), why_not(store, err));
	smr_store_close(store);
	return err;
}

/** @param doing  [out] what failed, in words. */
static enum smr_err start_on_store(struct daemon *d, const char **doing)
{
	struct smr_server *server = &d->server;

	*doing = "reading the keys and what is pending";
	SMR_TRY(smr_keeper_start(server, &d->keeper));
	*doing = "beginning to commit";
	SMR_TRY(smr_committer_start(d->config.store, &smr_clock_system, server->metrics, &server->committer));
	*doing = "beginning to relay";
	if (d->config.relay == SMR_RELAY_YES)
		SMR_TRY(smr_relay_start(server, &d->ro.sign, &d->relay));
	*doing = "beginning to tell the status";
	return smr_status_start(server, &d->status);
}

/** The store was opened just before, so it is one of ours. */
static const char *what_to_do(enum smr_err err)
{
	if (err == SMR_E_UNAVAILABLE)
		return "; the data base broke off or was too slow: see whether something locks or overloads it, and "
		       "start again";
	return err == SMR_E_NO_MEMORY ? "; allow it more memory or threads, and start again" : "";
}

static enum smr_err start_threads(struct daemon *d, struct smr_problem *problem)
{
	struct smr_server *server = &d->server;
	const char *doing = "making room";
	char shown[200];
	enum smr_err err;

	server->config = &d->config;
	pthread_rwlock_init(&server->ring_lock, NULL);
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	SMR_TRY(check_packages(d, problem));
	server->pending = smr_pending_new(1000 * d->config.stale_s);
	err = server->stop_fd < 0 || server->pending == NULL ? SMR_E_NO_MEMORY : start_on_store(d, &doing);
	if (err != SMR_OK)
		return smr_problem(problem, err, "cannot start on the store %s: %s: %s%s",
				   smr_store_shown(d->config.store, shown, sizeof(shown)), doing, smr_err_text(err),
				   what_to_do(err));
	return start_workers(d, problem);
}

/** Receiving ends first, then what was received is answered, then the threads below end. */
static void stop_threads(struct daemon *d)
{
	uint64_t one = 1;

	if (d->server.stop_fd > 0)
		(void)!write(d->server.stop_fd, &one, sizeof(one));
	for (size_t i = 0; i < d->worker_count; i++) {
		smr_worker_join(d->workers[i]);
		close(d->sockets[i]);
	}
	smr_committer_stop(d->server.committer);
	smr_relay_stop(d->relay);
	smr_status_stop(d->status);
	smr_keeper_stop(d->keeper);
	smr_keyring_release(d->server.ring);
	smr_pending_free(d->server.pending);
	smr_package_ring_close(d->server.packages);
	if (d->server.stop_fd > 0)
		close(d->server.stop_fd);
}

static void wait_for_end(struct daemon *d)
{
	struct pollfd fd = {d->signals, POLLIN, 0};

	for (;;) {
		int number;

		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			return;
		while ((number = smr_signals_read(d->signals)) != 0) {
			if (number == SIGTERM || number == SIGINT)
				return;
			if (number == SIGHUP)
				smr_keeper_wake(d->keeper);
		}
	}
}

static enum smr_err serve(struct daemon *d, struct smr_problem *problem)
{
	enum smr_err err = start_threads(d, problem);

	if (err == SMR_OK) {
		smr_log(SMR_LOG_INFO, "samarad.ready", "address=%s port=%u workers=%zu", d->config.address,
			(unsigned)d->config.port, d->worker_count);
		smr_notify_ready();
		wait_for_end(d);
		smr_notify_stopping();
		smr_log_event(SMR_LOG_INFO, "samarad.stopping");
	}
	stop_threads(d);
	if (err == SMR_OK)
		smr_log_event(SMR_LOG_INFO, "samarad.stopped");
	return err;
}

/* Two servers would put the same evidence into files of the same number. A lock of its own: the RO's commands take DIR/lock
 * while the server runs. */
static enum smr_err lock_and_serve(struct daemon *d, const char *dir, struct smr_problem *problem)
{
	int lock = -1;
	enum smr_err err = smr_fs_lock(dir, "samarad.lock", &lock);

	if (err == SMR_E_BUSY)
		return smr_problem(problem, err, "another samarad is at work in %s", dir);
	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: cannot make samarad.lock: %s", dir, smr_err_text(err));
	err = smr_signals_open(&d->signals);
	if (err == SMR_OK) {
		err = serve(d, problem);
		close(d->signals);
	}
	close(lock);
	return err;
}

static enum smr_err open_and_serve(struct daemon *d, const char *dir, const char *config, struct smr_problem *problem)
{
	enum smr_err err = smr_server_config_load(config, dir, &d->config, problem);

	d->dir = dir;
	if (err != SMR_OK)
		return err;
	err = smr_party_open(dir, "ro", SMR_PARTY_KEYS, &d->ro, problem);
	if (err == SMR_OK) {
		err = lock_and_serve(d, dir, problem);
		smr_party_close(&d->ro);
	}
	smr_server_config_wipe(&d->config);
	return err;
}

static int run(const struct smr_args *args)
{
	static struct daemon daemon;
	struct smr_problem problem = {{0}};
	enum smr_log_level level = SMR_LOG_INFO;
	const char *config = smr_arg(args, "config");
	char *standard;
	enum smr_err err;

	if (args->help_config) {
		smr_server_config_help(stdout);
		return 0;
	}
	if (smr_arg_given(args, "log-level") && smr_log_level_parse(smr_arg(args, "log-level"), &level) != SMR_OK)
		return smr_args_usage(args, "--log-level is error, warn, info or debug");
	smr_log_init("samarad", level, args->json);
	err = smr_process_harden(false);
	standard = smr_fs_join(args->dir, "samarad.ini");
	if (standard == NULL)
		err = SMR_E_NO_MEMORY;
	if (err == SMR_OK && config == NULL && smr_fs_exists(standard))
		config = standard;
	if (err == SMR_OK)
		err = open_and_serve(&daemon, args->dir, config, &problem);
	free(standard);
	if (err != SMR_OK)
		fprintf(stderr, "samarad: %s\n", smr_problem_text(&problem, err));
	return smr_exit_code(err);
}

static const struct smr_option options[] = {
	{"config", 'c', "FILE", 0, "configuration (default: DIR/samarad.ini where it exists)"},
	{"log-level", 0, "error|warn|info|debug", 0, "what to log (default: info); debug shows identities"},
};

static const struct smr_subcommand commands[] = {
	{"", run, options, SMR_COUNT(options), SMR_ARGS_DIR | SMR_ARGS_JSON | SMR_ARGS_CONFIG, NULL, 0, 0,
	 "Serve flights and check-ins over CoAP/UDP for the RO whose directory is DIR.",
	 "SIGTERM stops it in order: nothing that was received is lost. SIGHUP looks for loaded files at once.\n"
	 "--json writes the log as JSON.",
	 "samarad --dir /var/lib/samara/ro"},
};

static const struct smr_program program = {"samarad", SAMARA_VERSION,
					   "The registration operator's server: one datagram up, one datagram down.",
					   commands, SMR_COUNT(commands)};

int main(int argc, char **argv)
{
	return smr_args_main(&program, argc, argv);
}
