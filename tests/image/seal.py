#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An IM4P as Apple encrypts them: openssl's AES-CBC over the payload, filled up with zeros, and two keybags behind it.

usage: seal.py TYPE FILE KEY OUT [SIZE]: FILE is the payload, KEY the IV's 32 digits and the key's, SIZE that of what FILE is as
LZFSE, for a compression element."""
import subprocess, sys


def der(tag, body):
    size = len(body)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x84" + size.to_bytes(4, "big")) + body


def encrypted(data, key):
    command = ["openssl", "enc", f"-aes-{4 * len(key) - 128}-cbc", "-nopad", "-iv", key[:32], "-K", key[32:]]
    return subprocess.run(command, input=data + bytes(-len(data) % 16), stdout=subprocess.PIPE, check=True).stdout


def seal(kind, data, key, size=0):
    bags = b"".join(der(0x30, der(2, bytes([n])) + der(4, bytes(16)) + der(4, bytes(32))) for n in (1, 2))
    compression = der(0x30, der(2, b"\1") + der(2, size.to_bytes(8, "big"))) if size else b""
    return der(0x30, der(0x16, b"IM4P") + der(0x16, kind.encode()) + der(0x16, b"sealed") + der(4, encrypted(data, key)) +
               der(4, der(0x30, bags)) + compression)


if __name__ == "__main__":
    kind, file, key, out, *size = sys.argv[1:]
    open(out, "wb").write(seal(kind, open(file, "rb").read(), key, *map(int, size)))
