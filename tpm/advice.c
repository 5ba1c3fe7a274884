/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm/advice.h"

const char *smr_tpm_advice(enum smr_err err)
{
	switch (err) {
	case SMR_E_TPM_ABSENT:
		return "see that the TPM is there, that this user may open it and that nobody else holds it, then "
		       "restart";
	case SMR_E_TPM_RESET:
		return "restart the whole device: a TPM that is reset alone may have been reset by an attacker";
	case SMR_E_TPM_CLEARED:
		return "the keys of this device are gone with the TPM's former state: move the TRE's directory away "
		       "and have the supplier enrol "
		       "the device anew";
	case SMR_E_TPM_LOCKED:
		return "wait until the TPM accepts authorisations again, or let its owner reset the lockout "
		       "(tpm2_dictionarylockout -c)";
	case SMR_E_TPM_FULL:
		return "remove what nobody needs any more from the TPM (tpm2_getcap handles-nv-index and "
		       "handles-persistent, tpm2_nvundefine, tpm2_evictcontrol), then try again";
	case SMR_E_TPM_HIERARCHY:
		return "its owner has given the TPM's endorsement or storage hierarchy an authorisation value, or "
		       "disabled it: take the value away (tpm2_changeauth -c e -p VALUE for endorsement, "
		       "tpm2_changeauth -c o -p VALUE for storage), or enable it; nothing is lost, and what waits is "
		       "done then";
	case SMR_E_TPM_FAILED:
		return "switch the whole device off and on; when the TPM fails again, have it repaired: with another "
		       "TPM the supplier enrols the device anew";
	case SMR_E_TPM_BANK:
		return "allocate them (tpm2_pcrallocate sha256:all, or the firmware's settings), then restart the "
		       "whole device";
	case SMR_E_TPM_INDEX:
		return "the lowest version that may boot belongs in index 0x1405301: find out whose the one there is, "
		       "and remove it (tpm2_nvundefine -C o 0x1405301; -C p, before samara-boot runs, if the platform "
		       "made it)";
	case SMR_E_MEASUREMENT:
		return "what was booted is not what the TRE's state is sealed to, or the TPM was reset since: boot the "
		       "approved software again, and prepare the next update in it (samara-boot --prepare); nothing is "
		       "lost";
	case SMR_E_BUSY:
		return "wait, then try again; when it stays so, end what else uses the TPM, or flush what that "
		       "has left loaded (tpm2_flushcontext -t, -l and -s)";
	case SMR_E_TAMPERED:
		return "restart the device; when it is said again, see who has been at its files, or at the bus to its "
		       "TPM";
	case SMR_E_NO_MEMORY:
		return "give the program more memory, then restart it";
	case SMR_E_IO:
		return "restart the device; when it is said again, repair what cannot be read or written, the TPM or "
		       "the disk";
	default:
		return NULL;
	}
}

enum smr_err smr_tpm_problem(struct smr_problem *problem, enum smr_err err, const char *what)
{
	const char *advice = smr_tpm_advice(err);

	return smr_problem(problem, err, "%s: %s%s%s", what, smr_err_text(err), advice == NULL ? "" : ": ",
			   advice == NULL ? "" : advice);
}
