# SPDX-License-Identifier: Apache-2.0
"""Mutants of the supplier's station (docs/tre-tpm.md, «Whose TPM it is»): beyond the rows of proofs/README.md, whose models begin with a device that is
enrolled."""
from mutants import Mutant

MUTANTS = [
    Mutant("enrol_without_vendor", "whether a vendor vouches for the endorsement key", ("samara",),
           (("file/endorsement.c", "if (X509_verify_cert(ctx) != 1)", "if (X509_verify_cert(ctx) > 1)"),)),
    Mutant("enrol_without_credential", "whether d is in the TPM that has this key", ("samara",),
           (("cli/supplier_endorse.c", "if (err == SMR_E_UNOPENED || (err == SMR_OK && !smr_equal_ct(secret, opened, sizeof(secret))))",
             "if (err == SMR_E_UNOPENED)\n\t\terr = SMR_OK;\n\telse if (!smr_equal_ct(secret, secret, sizeof(secret)))"),)),
    Mutant("enrol_without_certification", "whether t is in it too", ("samara",),
           (("cli/supplier_endorse.c", "\tif (err == SMR_E_SIGNATURE)\n", "\tif (err == SMR_E_SIGNATURE)\n\t\treturn SMR_OK;\n\tif (err == SMR_E_INVALID)\n"),)),
    # Asked before the device is enrolled, and insisted on by the database at the end.
    Mutant("enrol_one_tpm_for_many", "whether this TPM is another device's", ("samara",),
           (("cli/supplier_enrol.c", "return err == SMR_OK ? check_ek(e, db) : smr_problem_prefix(",
             "return err == SMR_OK ? SMR_OK : smr_problem_prefix("),
            ("cli/supplier_db.c", "\t\terr = put_ek(db, &record->eid, ek);\n", ""))),
]
