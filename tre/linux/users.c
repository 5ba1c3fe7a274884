/* SPDX-License-Identifier: Apache-2.0 */
#include "tre/linux/users.h"

#include <unistd.h>

static uid_t user_of(uint64_t configured)
{
	return configured == 0 ? geteuid() : (uid_t)configured;
}

static gid_t group_of(uint64_t configured)
{
	return configured == 0 ? getegid() : (gid_t)configured;
}

struct smr_users smr_users_of(const struct smr_m2me_config *config)
{
	return (struct smr_users){
		.tre = user_of(config->tre_user),
		.tre_group = group_of(config->tre_group),
		.agent = user_of(config->agent_user),
		.agent_group = group_of(config->agent_group),
	};
}

static enum smr_err refuse_root(const char *key, struct smr_problem *problem)
{
	return smr_problem(problem, SMR_E_REFUSED,
			   "[launch] %s is root's: give TRE and agent a user and a group of their own each, with "
			   "tre-user, tre-group, agent-user and agent-group",
			   key);
}

enum smr_err smr_users_apart(const struct smr_users *users, struct smr_problem *problem)
{
	const struct {
		const char *key;
		unsigned id;
	} ids[] = {{"tre-user", users->tre},
		   {"tre-group", users->tre_group},
		   {"agent-user", users->agent},
		   {"agent-group", users->agent_group}};

	for (size_t i = 0; i < SMR_COUNT(ids); i++)
		if (ids[i].id == 0)
			return refuse_root(ids[i].key, problem);
	if (users->tre == users->agent)
		return smr_problem(
			problem, SMR_E_REFUSED,
			"[launch] tre-user and agent-user are both %u, and the agent would have the TRE's keys: "
			"give each its own",
			(unsigned)users->tre);
	if (users->tre_group == users->agent_group)
		return smr_problem(
			problem, SMR_E_REFUSED,
			"[launch] tre-group and agent-group are both %u, and the agent would have what is the "
			"TRE's group's, as its TPM: give each its own",
			(unsigned)users->tre_group);
	return SMR_OK;
}
