# SPDX-License-Identifier: Apache-2.0
"""Mutants of what stands before the public-key work of a first contact: Echo and gate MAC (docs/protocol.md, «Under attack»)."""
from mutants import Mutant

MUTANTS = [
    Mutant("gate_mac_without_m1", "hash(M1) in the gate MAC", ("samarad",),
           (("core/gate.c", "smr_bytes_of(hash_m1, SMR_HASH_LEN);", "smr_bytes_of(hash_m1, 0);"),)),
    Mutant("gate_without_mac", "the check of the gate MAC", ("samarad",),
           (("server/admission.c", "return passes_gate(a, steps, m1, mac) ? SMR_PROOF_GATE : SMR_PROOF_ECHO;",
             "(void)passes_gate(a, steps, m1, mac);\n\treturn SMR_PROOF_GATE;"),)),
    Mutant("gate_static_hint", "that the gate MAC is new for each M1: half of it names the shipment", ("samara-tre",),
           (("core/gate.c", "memcpy(mac, whole, SMR_GATE_MAC_LEN);", "memcpy(mac, whole, SMR_GATE_MAC_LEN);\n\tmemcpy(mac, key->octets, 8);"),)),
    Mutant("echo_without_address", "the address in the Echo", ("samarad",),
           (("server/echo.c", "memcpy(in, address, sizeof(*address));", "(void)address;\n\tmemset(in, 0, sizeof(*address));"),)),
    Mutant("echo_without_time", "that an Echo grows old", ("samarad",),
           (("server/echo.c", "if (age > SMR_ECHO_WINDOWS + 1)\n\t\treturn false;\n", ""),)),
    Mutant("answer_beyond_three_times", "the limit on answers to an address that has not proved itself", ("samarad",),
           (("server/item.c", "if (!item->proved && limit < sizeof(item->out))", "if (limit == 0)"),)),
]
