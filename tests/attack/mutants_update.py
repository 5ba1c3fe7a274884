# SPDX-License-Identifier: Apache-2.0
"""Mutants of an update of what a TRE has sealed (docs/decisions/0023-update-of-what-is-sealed.md)."""
from mutants import Mutant


def update(name, without, old, new):
    return Mutant("update_without_" + name, without, ("samara-tre",), (("tre/update.c", old, new),))


MUTANTS = [
    update("supplier", "that who signed the releases signed the certificate too", "\tif (err == SMR_OK)\n\t\terr = check_supplier(tre, &supplier);",
           "\tif (err == SMR_OK && check_supplier(tre, &supplier) == SMR_E_NO_ROOM)\n\t\terr = SMR_E_NO_ROOM;"),
    update("running", "that the running release runs", "if (memcmp(running.digest, tre->measurement, sizeof(running.digest)) != 0)", "if (running.pcrs == 0)"),
    update("number", "the number of the next release", "if (next.number < running.number)", "if (next.number == 0)"),
    update("product", "the product of the next release", "if (!smr_bytes_equal(next.product, running.product))", "if (next.product.len == 0)"),
]
