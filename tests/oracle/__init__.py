# SPDX-License-Identifier: Apache-2.0
"""Samara's protocol a second time, from docs/protocol.md alone: it shares no code with the programs, and not even the CBOR library of the other
tests. `tests/README.md` says who uses it. One module per subject; what each sends or reads is a plain Python value.
"""
