/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/swtpm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tpm/inside.h"

#define TURNS 100	/* pairs of ports that are tried */
#define PATIENCE 20000	/* milliseconds until it listens */
#define CONTROL_INIT 2u /* swtpm's control interface: CMD_INIT */

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* Below those that the kernel gives to clients; the TPM says by its end when somebody else has one of the two. */
static uint16_t some_port(void)
{
	uint16_t random;

	assert_int_equal(smr_random((uint8_t *)&random, sizeof(random)), SMR_OK);
	return (uint16_t)(10000 + random % 11000 * 2);
}

static _Noreturn void run_swtpm(const struct swtpm *tpm, const char *dir)
{
	char state[4160];
	char log[4160];
	char server[64];
	char control[64];
	char pid[4160];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)snprintf(state, sizeof(state), "dir=%s", dir);
	(void)snprintf(log, sizeof(log), "file=%s/log", dir);
	(void)snprintf(pid, sizeof(pid), "file=%s/pid", dir);
	(void)snprintf(server, sizeof(server), "type=tcp,port=%u", tpm->port);
	(void)snprintf(control, sizeof(control), "type=tcp,port=%u", tpm->port + 1u);
	(void)execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", control,
		     "--flags", "not-need-init,startup-clear", "--log", log, "--pid", pid, (char *)NULL);
	_exit(127);
}

/* It writes its number when both ports are its own. */
static bool comes_up(struct swtpm *tpm, const char *pid_file)
{
	const struct timespec pause = {0, 1000000};

	for (int i = 0; i < PATIENCE; i++) {
		if (access(pid_file, F_OK) == 0)
			return true;
		if (waitpid(tpm->pid, NULL, WNOHANG) == tpm->pid)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	fail_msg("swtpm does not start");
	return false;
}

static bool try_start(struct swtpm *tpm, const char *dir)
{
	char pid_file[4160];

	(void)snprintf(pid_file, sizeof(pid_file), "%s/pid", dir);
	assert_true(unlink(pid_file) == 0 || errno == ENOENT);
	if (tpm->port == 0)
		tpm->port = some_port();
	(void)snprintf(tpm->tcti, sizeof(tpm->tcti), "swtpm:host=127.0.0.1,port=%u", tpm->port);
	tpm->pid = fork();
	assert_true(tpm->pid >= 0);
	if (tpm->pid == 0)
		run_swtpm(tpm, dir);
	if (comes_up(tpm, pid_file))
		return true;
	*tpm = (struct swtpm){0};
	return false;
}

void swtpm_start(struct swtpm *tpm, const char *dir)
{
	assert_true(mkdir(dir, 0700) == 0 || errno == EEXIST);
	for (int i = 0; i < TURNS; i++)
		if (try_start(tpm, dir))
			return;
	fail_msg("swtpm does not start: is it installed (tools/setup), are two neighbouring ports free?");
}

void swtpm_stop(struct swtpm *tpm)
{
	assert_true(tpm->pid > 0);
	assert_int_equal(kill(tpm->pid, SIGTERM), 0);
	assert_int_equal(waitpid(tpm->pid, NULL, 0), tpm->pid);
	tpm->pid = 0;
}

void swtpm_reset(const struct swtpm *tpm)
{
	uint8_t command[8] = {0};
	uint8_t result[4];
	int fd = connect_to((uint16_t)(tpm->port + 1));

	assert_true(fd >= 0);
	smr_put_be32(command, CONTROL_INIT);
	assert_int_equal(write(fd, command, sizeof(command)), sizeof(command));
	assert_int_equal(recv(fd, result, sizeof(result), MSG_WAITALL), sizeof(result));
	assert_int_equal(smr_get_be32(result), 0);
	(void)close(fd);
}

struct smr_tpm *swtpm_open(const struct swtpm *tpm)
{
	struct smr_problem problem = {0};
	struct smr_tpm *opened = NULL;

	if (smr_tpm_open(&opened, tpm->tcti, &problem) != SMR_OK)
		fail_msg("%s", problem.text);
	return opened;
}

void swtpm_put_certificate(struct smr_tpm *tpm, struct smr_bytes content)
{
	static const TPM2B_AUTH nobody;
	const TPM2B_NV_PUBLIC public = {.nvPublic = {.nvIndex = SWTPM_INDEX_CERTIFICATE,
						     .nameAlg = TPM2_ALG_SHA256,
						     .attributes = TPMA_NV_PLATFORMCREATE | TPMA_NV_PPWRITE |
								   TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA,
						     .dataSize = (UINT16)content.len}};
	ESYS_TR index = ESYS_TR_NONE;

	assert_int_equal(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					     ESYS_TR_NONE, &nobody, &public, &index),
			 TSS2_RC_SUCCESS);
	for (size_t at = 0; at < content.len; at += 512) {
		TPM2B_MAX_NV_BUFFER data = {.size = (UINT16)(content.len - at < 512 ? content.len - at : 512)};

		memcpy(data.buffer, content.ptr + at, data.size);
		assert_int_equal(Esys_NV_Write(tpm->esys, ESYS_TR_RH_PLATFORM, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
					       ESYS_TR_NONE, &data, (UINT16)at),
				 TSS2_RC_SUCCESS);
	}
	smr_tpm_forget(tpm, &index);
}

void swtpm_fill(struct smr_tpm *tpm, uint32_t first, uint32_t attributes, uint16_t size)
{
	static const TPM2B_AUTH nobody;
	TPM2B_NV_PUBLIC public = {
		.nvPublic = {.nvIndex = first, .nameAlg = TPM2_ALG_SHA256, .attributes = attributes, .dataSize = size}};
	enum smr_err err = SMR_OK;

	for (; err == SMR_OK; public.nvPublic.nvIndex++) {
		ESYS_TR index = ESYS_TR_NONE;

		err = smr_tpm_err(Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
						      ESYS_TR_NONE, &nobody, &public, &index));
		smr_tpm_forget(tpm, &index);
	}
	assert_int_equal(err, SMR_E_TPM_FULL);
}
