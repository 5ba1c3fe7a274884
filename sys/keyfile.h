/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file keyfile.h
 * Private and symmetric keys in text files of mode 0600.
 *
 *     samara-private-key 1            samara-secret-key 1
 *     <base64 of the 32-octet scalar>   <base64 of 16 or 32 octets>
 *
 * A file that its group or the world may read or write is refused; so is one that is no regular file. The path «-»
 * reads standard input. Nothing of a key ever gets into a problem's text.
 */
#ifndef SMR_KEYFILE_H
#define SMR_KEYFILE_H

#include "crypto/crypto.h"
#include "sys/problem.h"

/** Write a new key file, mode 0600, durable. SMR_E_EXISTS: there is one; it is never overwritten. */
enum smr_err smr_keyfile_create(const char *path, const struct smr_privkey *key,
				struct smr_problem *problem) SMR_MUST_USE;
/**
 * Load a private key. Release with smr_privkey_wipe.
 * @return SMR_E_NOT_FOUND; SMR_E_REFUSED: others can read the file; SMR_E_MALFORMED; SMR_E_BAD_POINT; SMR_E_IO.
 */
enum smr_err smr_keyfile_load(const char *path, struct smr_privkey *key, struct smr_problem *problem) SMR_MUST_USE;

/** The same for a symmetric key of @p secret.len (16 or 32) octets. */
enum smr_err smr_secretfile_create(const char *path, struct smr_bytes secret, struct smr_problem *problem) SMR_MUST_USE;
/** @param out  exactly the length expected, 16 or 32; a file of the other length is SMR_E_MALFORMED. */
enum smr_err smr_secretfile_load(const char *path, struct smr_space out, struct smr_problem *problem) SMR_MUST_USE;

#endif
