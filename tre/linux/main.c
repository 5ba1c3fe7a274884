/* SPDX-License-Identifier: Apache-2.0 */
/* samara-tre: the TRE as a Linux process. Its socket is the whole interface. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/args.h"
#include "sys/daemon.h"
#include "sys/fsio.h"
#include "sys/log.h"
#include "sys/signals.h"
#include "sys/unixsock.h"
#include "tre/linux/confine.h"
#include "tre/linux/port.h"
#include "tre/linux/serve.h"
#ifdef SMR_WITH_TPM
#include "tre/linux/tpm_port.h"
#endif

#define BACKLOG 8

struct program {
	const char *dir;
	const char *socket;
	gid_t group;
	uint8_t measurement[SMR_HASH_LEN];
	const char *tpm; /* NULL: without one */
	uint8_t booted[SMR_BOOT_LOG_MAX];
	struct smr_boot_log boot_log; /* views into it */
	struct smr_tre_linux linux_port;
#ifdef SMR_WITH_TPM
	struct smr_tre_tpm tpm_port;
#endif
	struct smr_tre_port port;
	struct smr_tre *tre;
	int signals;
	int listener;
	int tamper; /* inotify */
};

static int failed(enum smr_err err, const struct smr_problem *problem)
{
	(void)fprintf(stderr, "samara-tre: %s\n", smr_problem_text(problem, err));
	return smr_exit_code(err);
}

/* Exactly once: the descriptor is closed, so that nothing later can be taken for a measurement. */
static enum smr_err read_measurement(int fd, uint8_t out[SMR_HASH_LEN], struct smr_problem *problem)
{
	size_t len = 0;

	while (len < SMR_HASH_LEN) {
		ssize_t got = read(fd, out + len, SMR_HASH_LEN - len);

		if (got < 0 && errno == EINTR)
			continue; /* uncovered: no signal has a handler yet */
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	(void)close(fd);
	if (len != SMR_HASH_LEN)
		return smr_problem(
			problem, SMR_E_TRUNCATED,
			"descriptor %d has to deliver a measurement of %u octets and brought %zu: samara-launch "
			"starts this program",
			fd, SMR_HASH_LEN, len);
	return SMR_OK;
}

static enum smr_err harden(struct smr_problem *problem)
{
	enum smr_err err;

	(void)umask(077);
	(void)prctl(PR_SET_NAME, "samara-tre", 0, 0, 0);
	err = smr_process_harden(true);
	if (err == SMR_E_NO_MEMORY) {
		smr_log_error(SMR_LOG_WARN, "memory.unlocked", err,
			      "not all memory can be locked and keys may reach swap: raise RLIMIT_MEMLOCK "
			      "(LimitMEMLOCK=infinity "
			      "in the unit, ulimit -l unlimited in a shell)");
		return SMR_OK;
	}
	if (err != SMR_OK)
		/* uncovered: both calls can always be made on oneself */
		return smr_problem(problem, err, "core files and tracing cannot be switched off: %s", strerror(errno));
	return SMR_OK;
}

static void explain_files(enum smr_err health, const char *dir, char *words, size_t room)
{
	switch (health) {
	case SMR_E_ROLLBACK:
		(void)snprintf(
			words, room,
			"%s holds an older record than its counter says: put the newest record back; when it is lost, "
			"move the directory away and have the supplier enrol the device anew",
			dir);
		break;
	case SMR_E_TAMPERED:
		(void)snprintf(
			words, room,
			"record, counter or storage.key in %s was altered, exchanged or removed: put all three back as "
			"they were; when they are lost, move the directory away and have the supplier enrol the device "
			"anew",
			dir);
		break;
	default:
		(void)snprintf(words, room, "%s cannot be used: repair the cause and restart", dir);
		break;
	}
}

/* A TRE that refuses still serves STATE, so that whoever asks can learn why. */
static void explain_health(const struct program *p, enum smr_err health)
{
	char words[SMR_PROBLEM_MAX];

#ifdef SMR_WITH_TPM
	if (p->tpm != NULL)
		smr_tre_tpm_explain(health, p->dir, words, sizeof(words));
	else
#endif
		explain_files(health, p->dir, words, sizeof(words));
	smr_log_error(SMR_LOG_ERROR, "state.refused", health, words);
}

/* Directory, and TPM where there is one. */
static enum smr_err open_port(struct program *p, struct smr_problem *problem)
{
	if (p->tpm == NULL) {
		SMR_TRY(smr_tre_linux_open(&p->linux_port, p->dir, p->measurement, problem));
		p->port = smr_tre_linux_port(&p->linux_port);
		return SMR_OK;
	}
#ifdef SMR_WITH_TPM
	SMR_TRY(smr_tre_tpm_open(&p->tpm_port, p->dir, p->tpm, SMR_TRE_TPM_PCRS, problem));
	p->port = smr_tre_tpm_port(&p->tpm_port);
	return SMR_OK;
#else
	return smr_problem(problem, SMR_E_UNSUPPORTED,
			   "--tpm: this program was built without tpm2-tss (meson setup -Dtpm=enabled)");
#endif
}

/* What samara-boot left. It is there to explain, so that without it, or with one that cannot be read, the TRE serves as ever. */
static void take_boot_log(struct program *p, const char *path)
{
	struct smr_blob blob = {0};
	enum smr_err err = smr_fs_read(path, sizeof(p->booted), &blob);
	struct smr_reader r;

	if (err == SMR_OK) {
		memcpy(p->booted, blob.ptr, blob.len);
		r = smr_reader_init(smr_bytes_of(p->booted, blob.len));
		smr_get_boot_log(&r, &p->boot_log);
		err = smr_reader_done(&r);
		smr_blob_wipe(&blob);
	}
	if (err == SMR_OK)
		p->port.boot_log = &p->boot_log;
	else
		smr_log_error(SMR_LOG_WARN, "boot-log.unread", err,
			      "--boot-log: what booted cannot be shown to a server that refuses the measurement");
}

static void close_port(struct program *p)
{
#ifdef SMR_WITH_TPM
	if (p->tpm != NULL) {
		smr_tre_tpm_close(&p->tpm_port);
		return;
	}
#endif
	smr_tre_linux_close(&p->linux_port);
}

static enum smr_err start_engine(struct program *p, const char *boot_log, struct smr_problem *problem)
{
	size_t size = smr_tre_size();
	enum smr_err health;

	SMR_TRY(open_port(p, problem));
	if (boot_log != NULL)
		take_boot_log(p, boot_log);
	/* Pages of its own, locked even where the limit is too small for the whole process. */
	p->tre = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->tre == MAP_FAILED) {
		/* uncovered: out of memory */
		p->tre = NULL;
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	}
	if (mlock(p->tre, size) != 0)
		smr_log_error(SMR_LOG_WARN, "state.unlocked", SMR_E_NO_MEMORY,
			      "the state itself cannot be locked in memory");
	health = smr_tre_start(p->tre, &p->port);
	if (health != SMR_OK)
		explain_health(p, health);
	return SMR_OK;
}

static enum smr_err open_sockets(struct program *p, struct smr_problem *problem)
{
	enum smr_err err = smr_signals_open(&p->signals);

	if (err != SMR_OK)
		/* uncovered: without a descriptor left, what came before would have failed */
		return smr_problem(problem, err, "signals: %s", strerror(errno));
	err = smr_unix_listen(p->socket, 0660, p->group, BACKLOG, &p->listener);
	if (err == SMR_E_BUSY)
		return smr_problem(problem, err, "%s: another process serves this socket", p->socket);
	if (err == SMR_E_INVALID)
		return smr_problem(problem, err, "%s: the path of a socket has at most 107 octets", p->socket);
	if (err != SMR_OK)
		return smr_problem(problem, err, "%s: %s", p->socket,
				   err == SMR_E_EXISTS ? smr_err_text(err) : strerror(errno));
	return SMR_OK;
}

/* What the crypto library loads at its first use has to be there before files and memory are closed to it. */
static enum smr_err warm_up(void)
{
	static const uint8_t hash[SMR_HASH_LEN];
	uint8_t octets[SMR_SIG_LEN + SMR_AEAD_TAG_LEN];
	struct smr_privkey key = {0};
	struct smr_pubkey pub = {0};
	enum smr_err err = smr_privkey_generate(&key);

	if (err == SMR_OK)
		err = smr_pubkey_import(&pub, SMR_ARRAY(key.point));
	if (err == SMR_OK)
		err = smr_ecdsa_sign(&key, hash, octets);
	if (err == SMR_OK)
		err = smr_ecdsa_verify(&pub, hash, octets);
	if (err == SMR_OK)
		err = smr_ecdh(&key, &pub, octets);
	if (err == SMR_OK)
		err = smr_aead_seal(hash, hash, SMR_NONE, smr_bytes_of(octets, SMR_SIG_LEN), octets);
	if (err == SMR_OK)
		err = smr_hmac_sha256(SMR_ARRAY(hash), NULL, 0, octets);
	SMR_WIPE(octets);
	smr_privkey_wipe(&key);
	smr_pubkey_wipe(&pub);
	return err;
}

static enum smr_err confine(const struct program *p, struct smr_problem *problem)
{
	struct smr_tre_confinement got = {0};
	char *copy = strdup(p->socket);
	enum smr_err err = copy == NULL ? SMR_E_NO_MEMORY : warm_up();

	if (err != SMR_OK)
		/* uncovered: out of memory, or the crypto library does not work at all */
		err = smr_problem(problem, err, "%s", smr_err_text(err));
	else
		err = smr_tre_confine(p->dir, dirname(copy), &got, problem);
	free(copy);
	if (err == SMR_OK)
		smr_log(SMR_LOG_INFO, "process.confined", "filter=yes network=%s files=%s",
			got.own_network ? "own" : "filtered", got.own_files ? "own" : "by-user");
	return err;
}

/* Before it is looked at for the first time, so that no event falls between. */
static enum smr_err watch_tamper(struct program *p, struct smr_problem *problem)
{
	p->tamper = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (p->tamper < 0 || inotify_add_watch(p->tamper, p->dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
		/* uncovered: the user has no watch left */
		return smr_problem(problem, smr_fs_err(errno), "%s cannot be watched for its tamper file: %s", p->dir,
				   strerror(errno));
	return SMR_OK;
}

static enum smr_err start(struct program *p, const char *boot_log, struct smr_problem *problem)
{
	SMR_TRY(harden(problem));
	SMR_TRY(start_engine(p, boot_log, problem));
	SMR_TRY(watch_tamper(p, problem));
	SMR_TRY(open_sockets(p, problem));
	return confine(p, problem);
}

static void stop(struct program *p)
{
	if (p->listener >= 0)
		(void)unlink(p->socket);
	if (p->tre != NULL)
		smr_tre_stop(p->tre);
	close_port(p);
}

/* samara-launch starts it anew; what is open in memory alone ends, as with any start. */
static enum smr_err explain_end(enum smr_err err, struct smr_problem *problem)
{
	switch (err) {
	case SMR_E_TPM_ABSENT:
		return smr_problem(problem, err,
				   "the TPM does not answer any more: nothing is lost, and a new start opens it as "
				   "soon as it is back");
	case SMR_E_TPM_RESET:
		return smr_problem(problem, err,
				   "the TPM was reset under this program: a new start opens the state if what booted "
				   "still shows in the TPM; else restart the whole device");
	default:
		return smr_problem(problem, err, "poll: %s", strerror(errno));
	}
}

static int run(const struct smr_args *args)
{
	struct program p = {.dir = args->dir,
			    .socket = smr_arg(args, "socket"),
			    .tpm = smr_arg(args, "tpm"),
#ifdef SMR_WITH_TPM
			    .tpm_port.place.lock_fd = -1,
#endif
			    .linux_port.place.lock_fd = -1,
			    .signals = -1,
			    .listener = -1,
			    .tamper = -1};
	struct smr_problem problem = {0};
	uint64_t group = 0;
	uint64_t fd = 0;
	enum smr_err err;

	if (smr_arg_uint(args, "socket-group", 0, UINT32_MAX - 1, SMR_GID_KEEP, &group) != SMR_OK ||
	    smr_arg_uint(args, "measurement-fd", 0, 1 << 20, 0, &fd) != SMR_OK)
		return 2;
	p.group = (gid_t)group;
	smr_log_init("samara-tre", SMR_LOG_INFO, false);
	if ((p.tpm == NULL) == (smr_arg(args, "measurement-fd") == NULL)) {
		(void)fprintf(stderr, "samara-tre: give one of --measurement-fd and --tpm\n");
		return 2;
	}
	if (p.tpm == NULL && smr_arg(args, "boot-log") != NULL) {
		(void)fprintf(stderr, "samara-tre: --boot-log explains what a TPM measured: give --tpm too\n");
		return 2;
	}
	err = p.tpm != NULL ? SMR_OK : read_measurement((int)fd, p.measurement, &problem);
	if (err == SMR_OK)
		err = start(&p, smr_arg(args, "boot-log"), &problem);
	if (err == SMR_OK) {
		smr_log_event(SMR_LOG_INFO, "tre.started");
		err = smr_tre_serve(p.tre, p.listener, p.signals, p.tamper);
		if (err != SMR_OK)
			err = explain_end(err, &problem);
		smr_log_event(SMR_LOG_INFO, "tre.stopped");
	}
	stop(&p);
	/* Not exit(): handlers of libraries have nothing to do here and would need calls that the filter forbids. */
	_exit(err == SMR_OK ? 0 : failed(err, &problem));
}

static const struct smr_option options[] = {
	{"socket", 0, "PATH", SMR_OPT_REQUIRED, "socket to serve, mode 0660"},
	{"socket-group", 0, "GID", 0, "group that may use it (default: that of the process)"},
	{"measurement-fd", 0, "FD", 0, "descriptor that delivers the 32 octets of the measurement"},
	{"tpm", 0, "TCTI", 0,
	 "TPM that keeps keys and counter and measures: device:/dev/tpmrm0, or swtpm:host=127.0.0.1,port=N"},
	{"boot-log", 0, "FILE", 0,
	 "what samara-boot extended into the TPM, to be shown when the measurement is refused"},
};

static const struct smr_subcommand commands[] = {{
	.path = "",
	.run = run,
	.options = options,
	.option_count = SMR_COUNT(options),
	.common = SMR_ARGS_DIR,
	.summary = "The trusted environment of an M2ME: keys and subscriptions, behind a socket.",
	.details =
		"Started by samara-launch, which measures it. DIR (mode 0700) holds the sealed state, its counter and\n"
		"key; one process per directory. With a state that was rolled back or altered it serves nothing but\n"
		"the question for it. With --tpm, counter and keys are in the TPM, which opens the state only under "
		"the\n"
		"software that it was sealed to, and the measurement is the TPM's. When that stops to answer, or is\n"
		"reset, it ends with 4 or 3, for samara-launch to start it anew. SIGTERM ends it.",
	.example = "samara-tre --dir /var/lib/samara/tre --socket /run/samara/tre.sock --socket-group 4011 "
		   "--measurement-fd 3",
}};

static const struct smr_program program = {"samara-tre", SAMARA_VERSION, "Trusted environment of an M2ME.", commands,
					   SMR_COUNT(commands)};

int main(int argc, char **argv)
{
	return smr_args_main(&program, argc, argv);
}
