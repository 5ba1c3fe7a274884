/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file port.h
 * The TRE's port to Linux without a TPM: everything in files of one directory, mode 0700, which belongs to the TRE's
 * user.
 *
 *     storage.key   key that protects the record; random, made at first start, never again
 *     counter       monotonic counter, 8 octets, big-endian, and 32 octets of MAC under the storage key
 *     and what place.h says
 *
 * What it gives: an altered, exchanged or missing file is noticed, so is an older record. What it cannot give: whoever
 * restores the whole directory, counter included, is not noticed (needs a TPM), and root reads everything.
 */
#ifndef SMR_TRE_LINUX_PORT_H
#define SMR_TRE_LINUX_PORT_H

#include "tre/linux/place.h"

struct smr_tre_linux {
	struct smr_tre_place place;
	char *counter_path;
	char *key_path;
	enum smr_err key_health; /* SMR_E_TAMPERED: the storage key is gone or is none */
	uint8_t key[SMR_AEAD_KEY_LEN];
	uint64_t counter; /* highest value seen by this process */
	uint8_t measurement[SMR_HASH_LEN];
};

/**
 * Take the directory, make it when it is missing, and prepare it at first start. Release with smr_tre_linux_close.
 * @param measurement  of what runs here; stays the same for the life of the process.
 * @return SMR_OK also when the content was tampered with: the calls of the port then say so.
 *         SMR_E_BUSY: another process works there; SMR_E_REFUSED: its owner or mode is wrong; SMR_E_IO,
 * SMR_E_DISK_FULL, SMR_E_NO_MEMORY. @p problem says what to do.
 */
enum smr_err smr_tre_linux_open(struct smr_tre_linux *linux_port, const char *dir,
				const uint8_t measurement[SMR_HASH_LEN], struct smr_problem *problem) SMR_MUST_USE;
void smr_tre_linux_close(struct smr_tre_linux *linux_port);

/** The port for smr_tre_start; @p linux_port must outlive its use. */
struct smr_tre_port smr_tre_linux_port(struct smr_tre_linux *linux_port);

#endif
