/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file confine.h
 * After start the TRE's process can do little more than read and write its files and answer on its socket.
 */
#ifndef SMR_TRE_LINUX_CONFINE_H
#define SMR_TRE_LINUX_CONFINE_H

#include "sys/problem.h"

/** What could be had. The system call filter is always in force. */
struct smr_tre_confinement {
	bool own_network; /* a network namespace of its own, without any interface */
	bool own_files;	  /* Landlock: no file but those below the TRE's directory and the socket's */
};

/**
 * Give up everything that serving does not need. No way back. Call when the sockets are bound and the crypto library
 * has been used once, so that whatever it loads is loaded.
 *
 * The filter (seccomp) kills the process at any system call outside its list: no socket(), no new program or thread, no
 * executable memory, no tracing, no change of user.
 *
 * @param dir, socket_dir  directories that stay accessible.
 * @return SMR_E_IO: the filter cannot be installed; nothing may be served then.
 */
enum smr_err smr_tre_confine(const char *dir, const char *socket_dir, struct smr_tre_confinement *out,
			     struct smr_problem *problem) SMR_MUST_USE;

#endif
