/* SPDX-License-Identifier: Apache-2.0 */
#include "m2me/sim_service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "m2me/sim.h"
#include "sys/clock.h"
#include "sys/fsio.h"

#define SIMS_MAX 16u
#define TICK_MS 250
#define ONCE_TICK_MS 50

struct smr_sim_service {
	struct smr_sim sims[SIMS_MAX];
	size_t count;
	int stop_fd;
	pthread_t thread;
};

static void *serve(void *context)
{
	struct smr_sim_service *s = context;
	struct pollfd fds[SIMS_MAX + 1];

	for (;;) {
		for (size_t i = 0; i < s->count; i++) {
			smr_sim_tick(&s->sims[i]);
			fds[i] = (struct pollfd){.fd = s->sims[i].fd, .events = POLLIN};
		}
		fds[s->count] = (struct pollfd){.fd = s->stop_fd, .events = POLLIN};
		(void)poll(fds, s->count + 1, TICK_MS);
		if (fds[s->count].revents != 0)
			return NULL;
		for (size_t i = 0; i < s->count; i++)
			if (fds[i].revents != 0)
				smr_sim_read(&s->sims[i]);
	}
}

static char *sim_dir(const struct smr_m2me_config *config)
{
	return smr_fs_join(config->state, "sim");
}

static enum smr_err add_all(struct smr_sim_service *s, const struct smr_m2me_config *config, const char *dir,
			    struct smr_problem *problem)
{
	for (size_t i = 0; i < config->control.count && i < SIMS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%zu", i);
		SMR_TRY(smr_sim_init(&s->sims[i], config->control.items[i], dir, name, config->tre_socket, problem));
		s->count++;
	}
	return SMR_OK;
}

static void release(struct smr_sim_service *s)
{
	for (size_t i = 0; i < s->count; i++)
		smr_sim_wipe(&s->sims[i]);
	if (s->stop_fd >= 0)
		(void)close(s->stop_fd);
	free(s);
}

static enum smr_err prepare(struct smr_sim_service *s, const struct smr_m2me_config *config,
			    struct smr_problem *problem)
{
	char *dir = sim_dir(config);
	enum smr_err err;

	if (dir == NULL || s->stop_fd < 0)
		err = smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	else
		err = add_all(s, config, dir, problem);
	free(dir);
	return err;
}

enum smr_err smr_sim_service_start(const struct smr_m2me_config *config, struct smr_sim_service **out,
				   struct smr_problem *problem)
{
	struct smr_sim_service *s;
	enum smr_err err;

	*out = NULL;
	if (config->control.count == 0)
		return SMR_OK;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	err = prepare(s, config, problem);
	if (err == SMR_OK && pthread_create(&s->thread, NULL, serve, s) != 0)
		err = smr_problem(problem, SMR_E_NO_MEMORY, "a thread for the external SIM cannot be started");
	if (err != SMR_OK)
		release(s);
	else
		*out = s;
	return err;
}

void smr_sim_service_stop(struct smr_sim_service *service)
{
	const uint64_t one = 1;

	if (service == NULL)
		return;
	(void)!write(service->stop_fd, &one, sizeof(one));
	(void)pthread_join(service->thread, NULL);
	release(service);
}

static enum smr_err serve_until(struct smr_sim *sim, uint64_t deadline_ms, int stop_fd)
{
	while (sim->verdict == SMR_SIM_OTHER) {
		struct pollfd fds[] = {{.events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};

		if (smr_clock_ms() >= deadline_ms)
			return SMR_E_UNAVAILABLE;
		smr_sim_tick(sim);
		fds[0].fd = sim->fd;
		(void)poll(fds, SMR_COUNT(fds), ONCE_TICK_MS);
		if (fds[1].revents != 0)
			return SMR_E_BUSY;
		if (fds[0].revents != 0)
			smr_sim_read(sim);
	}
	return sim->verdict == SMR_SIM_SUCCESS ? SMR_OK : SMR_E_REFUSED;
}

static enum smr_err words(enum smr_err err, const char *control, uint64_t timeout_s, struct smr_problem *problem)
{
	switch (err) {
	case SMR_E_UNAVAILABLE:
		return smr_problem(problem, err,
				   "%s: no authentication ended within %llu s; check that the peer runs, and that "
				   "both users share a group",
				   control, (unsigned long long)timeout_s);
	case SMR_E_REFUSED:
		return smr_problem(problem, err,
				   "%s: the peer reports that EAP failed; the lines above say what the TRE "
				   "answered, the log of the authentication server says the rest",
				   control);
	case SMR_E_BUSY:
		return smr_problem(problem, err, "told to end before the authentication did");
	default:
		return err;
	}
}

enum smr_err smr_sim_serve_once(const struct smr_m2me_config *config, const char *control, uint64_t timeout_s,
				int stop_fd, struct smr_problem *problem)
{
	char *dir = sim_dir(config);
	char name[24];
	struct smr_sim sim;
	enum smr_err err;

	/* Beside an agent that is at work, and others like this one. */
	(void)snprintf(name, sizeof(name), "once-%d", (int)getpid());
	if (dir == NULL)
		return smr_problem(problem, SMR_E_NO_MEMORY, "%s", smr_err_text(SMR_E_NO_MEMORY));
	err = smr_sim_init(&sim, control, dir, name, config->tre_socket, problem);
	free(dir);
	if (err != SMR_OK)
		return err;
	err = serve_until(&sim, smr_clock_ms() + 1000 * timeout_s, stop_fd);
	smr_sim_wipe(&sim);
	return words(err, control, timeout_s, problem);
}
