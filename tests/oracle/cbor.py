# SPDX-License-Identifier: Apache-2.0
"""Deterministic CBOR as docs/protocol.md section 1 narrows it: an encoder that can write nothing else, a decoder that reads nothing else, and
diagnostic notation with offsets for the annotated examples."""

KEY_MAX = 2**63 - 2
LONGER = {24: 1, 25: 2, 26: 4, 27: 8}


class Malformed(ValueError):
    """Not a message of the protocol."""


def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for code, octets in LONGER.items():
        if value < 1 << 8 * octets:
            return bytes([major << 5 | code]) + value.to_bytes(octets, "big")
    raise ValueError(f"{value} is above 64 bits")


def encode(value):
    """The one encoding of a value."""
    if value is None or value is True or value is False:
        return bytes([0xF6 if value is None else 0xF5 if value else 0xF4])
    if isinstance(value, int):
        if value < 0:
            raise ValueError("negative integers do not occur")
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, (list, tuple)):
        return head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(key + encode(content) for key, content in sorted((encode_key(k), v) for k, v in value.items()))
    raise ValueError(f"{type(value).__name__} does not occur")


def encode_key(key):
    """A key of a map: an integer, which may be negative."""
    return head(0, key) if key >= 0 else head(1, -1 - key)


def array_head(items):
    """The encoding of an array up to its last item, which is left out: associated data of M1 and C1."""
    return head(4, len(items)) + b"".join(map(encode, items[:-1]))


# ---- reading ----

def read_head(data, at):
    """(major type, value, where the content begins)"""
    if at >= len(data):
        raise Malformed("cut off")
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return major, info, at + 1
    if info not in LONGER or major == 7:
        raise Malformed(f"head {data[at]:02x} at {at}")
    octets = LONGER[info]
    if at + 1 + octets > len(data):
        raise Malformed("cut off")
    value = int.from_bytes(data[at + 1:at + 1 + octets], "big")
    if head(major, value) != data[at:at + 1 + octets]:
        raise Malformed(f"not the shortest form at {at}")
    return major, value, at + 1 + octets


def read_string(data, at, length):
    if at + length > len(data):
        raise Malformed("cut off")
    return data[at:at + length], at + length


def read_array(data, at, count):
    items = []
    for _ in range(count):
        item, at = read(data, at)
        items.append(item)
    return items, at


def read_map(data, at, count):
    pairs, last = {}, b""
    for _ in range(count):
        begin = at
        major, value, at = read_head(data, at)
        if major > 1 or value > KEY_MAX or data[begin:at] <= last:
            raise Malformed(f"key of a map before {at}")
        last = data[begin:at]
        pairs[-1 - value if major else value], at = read(data, at)
    return pairs, at


def read(data, at=0):
    """(the item that begins there, where it ends)"""
    major, value, at = read_head(data, at)
    if major == 0:
        return value, at
    if major == 2:
        return read_string(data, at, value)
    if major == 3:
        octets, at = read_string(data, at, value)
        try:
            return octets.decode(), at
        except UnicodeDecodeError:
            raise Malformed("text that is not UTF-8") from None
    if major == 4:
        return read_array(data, at, value)
    if major == 5:
        return read_map(data, at, value)
    if major == 7 and value in (20, 21, 22):
        return {20: False, 21: True, 22: None}[value], at
    raise Malformed(f"major type {major}, value {value}")


def decode(data):
    """The one item that these octets are."""
    value, end = read(data)
    if end != len(data):
        raise Malformed(f"{len(data) - end} octets after the end")
    return value


def sequence(data):
    """All items of a CBOR sequence, with their octets: [(item, octets)]."""
    items, at = [], 0
    while at < len(data):
        begin = at
        item, at = read(data, at)
        items.append((item, data[begin:at]))
    return items


# ---- showing ----

def annotate(data, names=None, base=0):
    """Lines (offset, octets, depth, text) of an item's diagnostic notation. @names: what an octet string is, by its content: text to show, or
    (text, inner lines) made by annotate for what it encodes."""
    lines, _ = annotate_item(data, 0, 0, names or {})
    return [(base + at, octets, depth, text) for at, octets, depth, text in lines]


def annotate_item(data, at, depth, names):
    begin = at
    major, value, at = read_head(data, at)
    if major in (4, 5):
        return annotate_inner(data, begin, at, depth, names)
    item, end = read(data, begin)
    text = f"{item!r}" if major == 3 else f"bytes({value})" if major == 2 else {None: "null", True: "true", False: "false"}.get(item, str(item)) \
        if not isinstance(item, int) or isinstance(item, bool) else str(item)
    name = names.get(item) if isinstance(item, bytes) else None
    lines = [(begin, data[begin:end], depth, text + (f" / {name} /" if name else ""))]
    return lines, end


def annotate_key(data, at, depth):
    """A key of a map."""
    major, value, end = read_head(data, at)
    return [(at, data[at:end], depth, f"{-1 - value if major else value}:")], end


def annotate_inner(data, begin, at, depth, names):
    major, count, _ = read_head(data, begin)
    lines = [(begin, data[begin:at], depth, f"array({count})" if major == 4 else f"map({count})")]
    for i in range(count * (major - 3)):
        inner, at = annotate_key(data, at, depth + 1) if major == 5 and i % 2 == 0 else annotate_item(data, at, depth + 1, names)
        lines += inner
    return lines, at
