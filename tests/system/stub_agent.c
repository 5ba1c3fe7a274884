/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for samara-m2me under samara-launch: tells on stdout what it was given, then waits for SIGTERM. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "m2me/config.h"
#include "tre/client.h"

static void tell_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
			(void)printf("agent fd %s\n", entry->d_name);
	(void)closedir(dir);
}

static void tell_environment(void)
{
	for (char **variable = environ; *variable != NULL; variable++)
		(void)printf("agent env %s\n", *variable);
}

static void tell_config(const char *path)
{
	struct smr_m2me_config config;
	struct smr_problem problem = {{0}};
	struct smr_tre_client client;
	struct smr_tre_state state;

	if (smr_m2me_config_load(path, &config, &problem) != SMR_OK) {
		(void)printf("agent problem %s\n", problem.text);
		return;
	}
	(void)printf("agent config address=%s state=%s interval=%llu\n", config.address, config.state,
		     (unsigned long long)config.interval_s);
	if (smr_tre_connect(&client, config.tre_socket) != SMR_OK || smr_tre_client_state(&client, &state) != SMR_OK) {
		(void)printf("agent tre unavailable\n");
	} else {
		(void)printf("agent measurement ");
		for (size_t i = 0; i < sizeof(state.measurement); i++)
			(void)printf("%02x", state.measurement[i]);
		(void)printf("\n");
		smr_tre_disconnect(&client);
	}
	smr_m2me_config_wipe(&config);
}

int main(int argc, char **argv)
{
	sigset_t term;
	int number = 0;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &term, NULL);
	if (argc != 3 || strcmp(argv[1], "--config") != 0)
		return 2;
	(void)printf("agent user %u group %u pid %d\n", (unsigned)getuid(), (unsigned)getgid(), (int)getpid());
	tell_descriptors();
	tell_environment();
	tell_config(argv[2]);
	(void)printf("agent ready\n");
	(void)fflush(stdout);
	(void)sigwait(&term, &number);
	(void)printf("agent ended by signal %d\n", number);
	(void)fflush(stdout);
	return 0;
}
