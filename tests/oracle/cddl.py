# SPDX-License-Identifier: Apache-2.0
"""Reads the CDDL blocks and the tables of docs/protocol.md and validates decoded messages against them, so that the document is held to what the
programs send. Covers the CDDL that the document uses: choices, ranges, .size, .cbor, generics with one parameter, occurrences, maps with integer keys."""
import os
import re

from oracle import objects, p256
from oracle.cbor import Malformed, decode

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "protocol.md")
TOKEN = re.compile(r"\s+|;[^\n]*|h'(?P<hex>[0-9a-f]*)'|\"(?P<text>[^\"]*)\"|(?P<occur>\d+\*\d+|[?*])|(?P<number>-?\d+(?:\^\d+)?)"
                   r"|(?P<control>\.size|\.cbor)|(?P<range>\.\.)|(?P<name>[A-Za-z][A-Za-z0-9-]*)|(?P<mark>[\[\]{}()<>,/:=])")


class Mismatch(ValueError):
    """The value is not what the document says. The text says where."""


# ---- what the types of the document mean beyond CDDL (sections 1 and 2) ----

CHECKS = {
    "point": (lambda v: p256.load(v) is not None, "a point on the curve"),
    "eid": (objects.eid_holds, "an EID with its check digits"),
    "iccid": (objects.iccid_holds, "an ICCID with its check digit"),
    "imsi": (objects.imsi_holds, "6 to 15 digits"),
    "flight-key": (lambda v: decode(v[2])[1] != 0 and decode(v[2])[4] > decode(v[2])[3], "a flight key with number and lifetime"),
    "endorsement": (lambda v: 1 <= len(v) <= 1024, "a certificate of at most 1,024 octets"),
    "boot-log": (objects.log_holds, "a boot log of at most 240 octets with names of 1 to 32"),
    "release": (objects.release_holds, "a release with number, product, version, and a length for each event or none at all"),
}
PLAIN = {"uint": lambda v: isinstance(v, int) and not isinstance(v, bool), "bstr": lambda v: isinstance(v, bytes),
         "tstr": lambda v: isinstance(v, str), "bool": lambda v: isinstance(v, bool), "null": lambda v: v is None}


# ---- reading CDDL ----

def tokens(text):
    found, at = [], 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ValueError(f"not CDDL: {text[at:at + 40]!r}")
        at = match.end()
        if match.lastgroup:
            found.append((match.lastgroup, match[match.lastgroup]))
    return found


class Parser:
    """Types become tuples: ("name", n, argument), ("value", v), ("range", a, b), ("size", type, n), ("cbor", type), ("choice", types),
    ("array", entries), ("map", entries), ("group", entries); an entry is (low, high, key or None, type)."""

    def __init__(self, text):
        self.tokens, self.at = tokens(text) + [("end", "")], 0

    def peek(self, mark, ahead=0):
        return self.tokens[self.at + ahead][1] == mark and self.tokens[self.at + ahead][0] == "mark"

    def take(self, mark=None):
        token = self.tokens[self.at]
        if mark and not self.peek(mark):
            raise ValueError(f"CDDL: {mark} expected, found {token} after {self.tokens[max(0, self.at - 6):self.at]}")
        self.at += 1
        return token

    def rules(self):
        """name -> (parameter or None, type)"""
        found = {}
        while self.tokens[self.at][0] != "end":
            name, parameter = self.take()[1], None
            if self.peek("<"):
                self.take()
                parameter = self.take()[1]
                self.take(">")
            self.take("=")
            found[name] = (parameter, self.choice())
        return found

    def choice(self):
        types = [self.type()]
        while self.peek("/"):
            self.take()
            types.append(self.type())
        return types[0] if len(types) == 1 else ("choice", types)

    def type(self):
        base = self.atom()
        kind, text = self.tokens[self.at]
        if kind == "range":
            self.take()
            return ("range", base[1], self.atom()[1])
        if kind == "control":
            self.take()
            return ("size", base, self.atom()[1]) if text == ".size" else ("cbor", self.atom())
        return base

    def atom(self):
        kind, text = self.take()
        if kind == "number":
            return ("value", int(text))
        if kind in ("text", "hex"):
            return ("value", text if kind == "text" else bytes.fromhex(text))
        if kind == "name":
            return ("name", text, self.argument())
        closing = {"[": ("array", "]"), "{": ("map", "}"), "(": ("group", ")")}[text]
        return (closing[0], self.entries(closing[1]))

    def argument(self):
        if not self.peek("<"):
            return None
        self.take()
        argument = self.choice()
        self.take(">")
        return argument

    def entries(self, closing):
        entries = []
        while not self.peek(closing):
            if entries:
                self.take(",")
            entries.append(self.entry())
        self.take(closing)
        return entries

    def entry(self):
        low, high, key = 1, 1, None
        if self.tokens[self.at][0] == "occur":
            text = self.take()[1]
            low, high = {"?": (0, 1), "*": (0, 1 << 30)}.get(text) or tuple(map(int, text.split("*")))
        if self.peek(":", 1):
            kind, text = self.take()
            key = int(text) if kind == "number" else text
            self.take(":")
        return (low, high, key, self.choice())


# ---- the document ----

class Document:
    """Rules of the CDDL blocks; `about-N` and `record-N` from the table of files; byte counts of section 6."""

    def __init__(self, path=DOCUMENT):
        with open(path, encoding="utf-8") as f:
            self.text = f.read()
        self.rules = Parser("\n".join(re.findall(r"^```cddl\n(.*?)^```", self.text, re.M | re.S))).rules()
        self.read_files()
        self.read_sizes()
        self.check_names(("group", [(1, 1, None, rule) for _, rule in self.rules.values()]), {p for p, _ in self.rules.values() if p})

    def read_files(self):
        for number, about, record in re.findall(r"^\| (\d) \| [^|]+ \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", self.text, re.M):
            self.rules["about-" + number] = (None, Parser(about).choice())
            self.rules["record-" + number] = (None, Parser(record).choice())

    def read_sizes(self):
        section = self.text.split("## 6. Byte counts")[1]
        rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", section, re.M)
        self.sizes = {name.strip("– "): (octets, bound) for name, octets, bound in rows}

    def bound(self, row):
        """The bound of a row of section 6, else its octets; the last number where several stand there."""
        octets, bound = self.sizes[row]
        return int(re.findall(r"\d+", bound if re.search(r"\d", bound) else octets)[-1])

    def check_names(self, node, parameters):
        """Every name that is used has a meaning."""
        if isinstance(node, tuple) and node[0] == "name" and node[1] not in self.rules and node[1] not in PLAIN and node[1] not in parameters:
            raise ValueError(f"docs/protocol.md does not define {node[1]}")
        if isinstance(node, (tuple, list)):
            for part in node:
                self.check_names(part, parameters)

    # ---- validating ----

    def check(self, name, value):
        """Raise Mismatch unless @value is what the rule says."""
        self.match(("name", name, None), value, name, {})

    def check_encoded(self, name, octets):
        """The value of a strict encoding that is valid by the rule."""
        value = decode(octets)
        self.check(name, value)
        return value

    def match(self, node, value, where, bound):
        getattr(self, "match_" + node[0])(node, value, where, bound)

    def match_name(self, node, value, where, bound):
        _, name, argument = node
        if name in bound:
            return self.match(bound[name], value, where, {})
        if name in PLAIN:
            return self.need(PLAIN[name](value), where, name, value)
        parameter, rule = self.rules[name]
        self.match(rule, value, where if where.endswith(name) else f"{where}.{name}", {parameter: argument} if parameter else {})
        if name in CHECKS:
            check, what = CHECKS[name]
            self.need(check(value), where, what, value)
        return None

    @staticmethod
    def need(holds, where, what, value):
        if not holds:
            raise Mismatch(f"{where}: {what} expected, found {value.hex() if isinstance(value, bytes) else value!r}")

    def match_value(self, node, value, where, bound):
        self.need(type(value) is type(node[1]) and value == node[1], where, repr(node[1]), value)

    def match_range(self, node, value, where, bound):
        self.need(PLAIN["uint"](value) and node[1] <= value <= node[2], where, f"{node[1]}..{node[2]}", value)

    def match_size(self, node, value, where, bound):
        self.match(node[1], value, where, bound)
        fits = value < 256 ** node[2] if isinstance(value, int) else len(value) == node[2]
        self.need(fits, where, f"a size of {node[2]}", value)

    def match_cbor(self, node, value, where, bound):
        self.need(isinstance(value, bytes), where, "bstr", value)
        try:
            inner = decode(value)
        except Malformed as why:
            raise Mismatch(f"{where}: {why}") from None
        self.match(node[1], inner, where, bound)

    def match_choice(self, node, value, where, bound):
        why = []
        for choice in node[1]:
            try:
                return self.match(choice, value, where, bound)
            except Mismatch as one:
                why.append(str(one))
        raise Mismatch(" | ".join(why))

    def match_array(self, node, value, where, bound):
        self.need(isinstance(value, list), where, "an array", value)
        self.match_entries(node[1], value, 0, where, bound)

    match_group = match_array

    def match_entries(self, entries, items, at, where, bound):
        """The items from @at on are what the entries say; the longest run of an entry first."""
        if not entries:
            return self.need(at == len(items), where, f"{at} items", len(items))
        (low, high, key, node), why, end = entries[0], None, at
        while end < len(items) and end - at < high and why is None:
            try:
                self.match(node, items[end], f"{where}[{key or end}]", bound)
                end += 1
            except Mismatch as one:
                why = one
        for stop in range(end, at + low - 1, -1):
            try:
                return self.match_entries(entries[1:], items, stop, where, bound)
            except Mismatch as one:
                why = why or one
        raise why or Mismatch(f"{where}: too few items")

    def match_map(self, node, value, where, bound):
        self.need(isinstance(value, dict), where, "a map", value)
        known = {key for _, _, key, _ in node[1]}
        self.need(set(value) <= known, where, f"keys {sorted(known)}", sorted(value))
        for low, _, key, inner in node[1]:
            if key in value:
                self.match(inner, value[key], f"{where}[{key}]", bound)
            else:
                self.need(low == 0, where, f"key {key}", sorted(value))
