# SPDX-License-Identifier: Apache-2.0
"""Mutants of «samara sho seal» for devices with a TPM. The names are those of the rows in proofs/README.md."""
from mutants import Mutant

SHO = ("samara",)

MUTANTS = [
    Mutant("x_without_credential", "the pre-shared key in a credential", SHO,
           (("cli/sho_pool.c", "err = smr_mcim_seal_to_tpm(t, &ek, binding, &job->subscription.mcim, x);",
             "err = smr_mcim_seal(t, binding, &job->subscription.mcim, x);"),)),
    # A TPM always goes by a name: here by that of d, which is a key of the TPM too and vouched for no better than t.
    Mutant("x_credential_without_name", "Name(t) in the credential", SHO,
           (("core/mcim.c", "SMR_TRY(smr_tpm_name_t(t->point, name));",
             "extern uint8_t mutant_d[SMR_POINT_LEN];\n\tSMR_TRY(smr_tpm_name(mutant_d, name));"),
            ("cli/sho_pool.c", "\tstruct smr_space x = {job->x, sizeof(job->x)};\n",
             "\tstruct smr_space x = {job->x, sizeof(job->x)};\n\tstruct smr_pubkey d = {0};\n"
             "\tif (smr_pubkey_import(&d, SMR_ARRAY(job->device.d)) == SMR_OK)\n\t\tmemcpy(mutant_d, d.point, sizeof(d.point));\n"),
            ("cli/sho_pool.c", "/* ---- one job ---- */\n", "uint8_t mutant_d[SMR_POINT_LEN];\n"))),
    Mutant("x_without_endorsement", "the vendor's word for EK", SHO,
           (("file/endorsement.c", "\tSMR_TRY(check_chain(roots, certificate, now, problem));\n", ""),)),
    # Beyond the rows, whose model has one device.
    Mutant("x_one_tpm_for_many", "whether another device has this EK", SHO,
           (("cli/sho_seal.c", "err = smr_sho_db_note_key(s->db, device, SMR_SHO_KEY_EK, job->ek + 1);", "err = SMR_OK;"),)),
    Mutant("x_one_key_for_many", "whether another device has this t", SHO,
           (("cli/sho_seal.c", "enum smr_err err = smr_sho_db_note_key(s->db, device, SMR_SHO_KEY_T, job->device.t + 1);", "enum smr_err err = SMR_OK;"),)),
]
