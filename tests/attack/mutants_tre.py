# SPDX-License-Identifier: Apache-2.0
"""Mutants whose missing check is in the TRE, or in what the TRE verifies. The names are those of proofs/README.md."""
from mutants import Mutant

K2_WITHOUT_EQ = (
    ("core/m2.c",
     "{smr_bytes_of(dh_eq, SMR_DH_LEN), smr_bytes_of(dh_ef->octets, SMR_DH_LEN)};",
     "{smr_bytes_of(dh_ef->octets, SMR_DH_LEN)};"),
)

MUTANTS = [
    Mutant("flight_k2_without_eq", "e·Q in k2", ("samara-tre",), K2_WITHOUT_EQ),
]
