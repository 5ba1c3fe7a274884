/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file users.h
 * Whose TRE and agent run as. That they are two users is what keeps the agent from the TRE's keys, and the configuration that names them
 * is measured but in part (m2me/config.h): so nothing is started for a configuration that makes them one, or makes either of them root.
 */
#ifndef SMR_TRE_LINUX_USERS_H
#define SMR_TRE_LINUX_USERS_H

#include <sys/types.h>

#include "m2me/config.h"

struct smr_users {
	uid_t tre;
	gid_t tre_group;
	uid_t agent;
	gid_t agent_group;
};

/** The configured ones; in the place of 0, the present one. */
struct smr_users smr_users_of(const struct smr_m2me_config *config);

/**
 * TRE and agent have neither user nor group in common, and none of the four is root's.
 * @return SMR_E_REFUSED: @p problem says which keys to set.
 */
enum smr_err smr_users_apart(const struct smr_users *users, struct smr_problem *problem) SMR_MUST_USE;

#endif
