# SPDX-License-Identifier: MIT
"""Compressors that no package has, and files as HFS+ and APFS keep them compressed (decmpfs). The environment's LZFSE names the lzfse
tool, which also judges the LZVN made here."""
import os
import struct
import subprocess
import zlib

PIECE = 1 << 16
KINDS = {"zlib": 3, "lzvn": 7, "stored": 9, "lzfse": 11}


def lzfse(data):
    tool = os.environ["LZFSE"].split()
    return subprocess.run(tool + ["-encode"], input=data, stdout=subprocess.PIPE, check=True).stdout


def matches(data, shortest, longest, farthest):
    """(literals, distance, length) until the end, whose length is 0."""
    seen, start, at = {}, 0, 0
    while at + shortest <= len(data):
        key = data[at:at + shortest]
        before = seen.get(key)
        seen[key] = at
        if before is None or at - before > farthest:
            at += 1
            continue
        length = shortest
        while length < longest and at + length < len(data) and data[before + length] == data[at + length]:
            length += 1
        yield data[start:at], at - before, length
        at += length
        start = at
    yield data[start:], 0, 0


def lzvn(data):
    out = bytearray()
    for literals, distance, length in matches(data, 4, 2000, 65535):
        while literals:
            count = min(len(literals), 271)
            out += bytes([0xE0 | count]) if count < 16 else bytes([0xE0, count - 16])
            out += literals[:count]
            literals = literals[count:]
        if length:
            first = min(length, 10)
            out += struct.pack("<BH", (first - 3) << 3 | 7, distance)
            length -= first
        while length:
            count = min(length, 271)
            out += bytes([0xF0 | count]) if count < 16 else bytes([0xF0, count - 16])
            length -= count
    return bytes(out) + b"\6" + bytes(7)


def adc(data):
    out = bytearray()
    for literals, distance, length in matches(data, 4, 67, 65536):
        while literals:
            count = min(len(literals), 128)
            out += bytes([0x80 | count - 1]) + literals[:count]
            literals = literals[count:]
        if length and length <= 18 and distance <= 1024:
            out += bytes([length - 3 << 2 | distance - 1 >> 8, distance - 1 & 255])
        elif length:
            out += struct.pack(">BH", 0x40 | length - 4, distance - 1)
    return bytes(out)


PACK = {"zlib": zlib.compress, "lzvn": lzvn, "lzfse": lzfse, "stored": lambda data: b"\xcc" + data}
MARK = {"zlib": b"\xff", "lzvn": b"\6", "lzfse": b"\xff", "stored": b"\xcc"}


def piece(kind, data):
    packed = PACK[kind](data)
    return packed if len(packed) <= len(data) or kind == "stored" else MARK[kind] + data


def decmpfs(kind, data, fork):
    """The attribute and the resource fork of DATA; FORK says which of the two gets it."""
    attribute = struct.pack("<4sIQ", b"fpmc", KINDS[kind] + fork, len(data))
    if not fork:
        return attribute + piece(kind, data), b""
    pieces = [piece(kind, data[at:at + PIECE]) for at in range(0, len(data), PIECE)]
    if kind != "zlib":
        at, table = 4 * (len(pieces) + 1), b""
        for packed in pieces:
            table += struct.pack("<I", at)
            at += len(packed)
        return attribute, table + struct.pack("<I", at) + b"".join(pieces)
    at, table = 4 + 8 * len(pieces), struct.pack("<I", len(pieces))
    for packed in pieces:
        table += struct.pack("<II", at, len(packed))
        at += len(packed)
    body = table + b"".join(pieces)
    resources = struct.pack(">I", len(body)) + body
    # The map: one resource of type "cmpf", as the file system writes it.
    resource_map = bytes(24) + struct.pack(">HH", 28, 50) + struct.pack(">H4sHHHHBBHI", 0, b"cmpf", 0, 10, 1, 0xFFFF, 0, 0, 0, 0)
    head = struct.pack(">IIII", 256, 256 + len(resources), len(resources), len(resource_map)).ljust(256, b"\0")
    return attribute, head + resources + resource_map
