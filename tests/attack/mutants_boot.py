# SPDX-License-Identifier: Apache-2.0
"""Mutants of the first stage (docs/boot.md): beyond the rows of proofs/README.md, whose models begin when the device runs."""
from mutants import Mutant

MUTANTS = [
    Mutant("boot_without_signature", "the supplier's signature under a release", ("samara-boot",),
           (("core/release.c", "\tSMR_TRY(smr_cose_verify(&object, supplier, SMR_LABEL_RELEASE, SMR_NONE));\n", ""),)),
    Mutant("boot_without_digests", "the comparison of what was read with the release", ("samara-boot",),
           (("boot/stages.c", "if (memcmp(own->events[i].digest, released->events[i].digest, SMR_HASH_LEN) != 0)", "if (own->count == 0)"),)),
    Mutant("boot_without_product", "the product in a release", ("samara-boot",),
           (("boot/release_file.c", "if (!smr_bytes_equal(release->product, smr_text_of(product)))", "if (*product == '\\0')"),)),
    Mutant("boot_without_number", "the number against roll-back", ("samara-boot",),
           (("boot/release_file.c", "if (release->number < floor)", "if (release->number == 0)"),)),
    Mutant("boot_number_left_open", "that the number is closed before anything runs", ("samara-boot",),
           (("boot/pcrs.c", "\t\terr = smr_tpm_version_close(tpm);\n", "\t\terr = SMR_OK;\n"),)),
    Mutant("boot_from_the_path", "that what runs is the copy that was verified", ("samara-boot",),
           (("boot/main.c", "\tconfig.agent_binary = agent;\n", ""),)),
    Mutant("boot_without_spoiling", "that a refused boot spoils the registers", ("samara-boot",),
           (("boot/pcrs.c", "err = smr_tpm_pcr_extend(tpm, registers[i], digest);", "err = SMR_OK;"),)),
]
