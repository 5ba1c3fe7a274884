/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file config.h
 * samarad.ini: one table is parser, defaults and documentation.
 */
#ifndef SMR_SERVER_CONFIG_H
#define SMR_SERVER_CONFIG_H

#include <stdio.h>

#include "server/server.h"
#include "sys/problem.h"

/**
 * Load @p path (NULL: defaults) for the RO directory @p dir; relative paths are taken from there.
 * Release with smr_server_config_wipe.
 */
enum smr_err smr_server_config_load(const char *path, const char *dir, struct smr_server_config *out,
				    struct smr_problem *problem) SMR_MUST_USE;
void smr_server_config_wipe(struct smr_server_config *config);
void smr_server_config_help(FILE *out);

#endif
