/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file unixsock.h
 * Local sockets, shared by file mode and group. All descriptors are close-on-exec and blocking.
 *
 * A stale socket file (nobody listens) is replaced; a live one is SMR_E_BUSY. Other files are never removed:
 * SMR_E_EXISTS.
 */
#ifndef SMR_UNIXSOCK_H
#define SMR_UNIXSOCK_H

#include <sys/types.h>

#include "base/base.h"

#define SMR_GID_KEEP ((gid_t)-1)

/**
 * Listen with SOCK_SEQPACKET: message boundaries are kept, so no framing is needed.
 * @param mode  of the socket file; set before anybody can connect.
 * @param gid   group of the socket file, or SMR_GID_KEEP.
 * @return SMR_E_INVALID: the path is too long for a socket address (107 octets); SMR_E_BUSY; SMR_E_EXISTS; SMR_E_IO.
 */
enum smr_err smr_unix_listen(const char *path, mode_t mode, gid_t gid, int backlog, int *fd) SMR_MUST_USE;
/** SMR_E_UNAVAILABLE: nobody listens there. */
enum smr_err smr_unix_connect(const char *path, int *fd) SMR_MUST_USE;
/** Bind SOCK_DGRAM (hostapd's eap_sim_db, wpa_supplicant's control interface). */
enum smr_err smr_unix_bind_dgram(const char *path, mode_t mode, gid_t gid, int *fd) SMR_MUST_USE;
/** Give a bound datagram socket its default peer. */
enum smr_err smr_unix_connect_dgram(int fd, const char *path) SMR_MUST_USE;

struct smr_unix_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};
/** Who is at the other end of a connected SOCK_SEQPACKET socket, as the kernel knows it. */
enum smr_err smr_unix_peer(int fd, struct smr_unix_peer *out) SMR_MUST_USE;

#endif
