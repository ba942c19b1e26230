#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writers of what no Debian package makes: containers.py pbzx|xar|udif|gpt IN... OUT

    pbzx CPIO OUT        the payload of an installer package, chunks of xz and one stored
    xar FILE... OUT      an xar archive of the files (names are the last parts of the paths)
    udif KIND DISK OUT   a disk image; KIND: raw, zlib, bzip2, lzfse, xz, adc, mixed (runs of all of them) or reversed (those,
                         the last run first)
    gpt DISK... OUT      a disk with a GUID partition table: of each DISK the HFS+ volume, where it has an Apple one, or the whole
                         (an HFS+ volume is called *hfs.img)

The readers that judge what is written here are others' (7zz, dmg2img, qemu-img): see tests/steps.
"""
import base64
import bz2
import hashlib
import lzma
import os
import plistlib
import struct
import sys
import uuid
import zlib

from pack import adc, lzfse

SECTOR = 512
RUN_SECTORS = 512


def pbzx(source, target):
    data = open(source, "rb").read()
    chunk = 1 << 16
    out = b"pbzx" + struct.pack(">Q", chunk)
    for at in range(0, len(data), chunk):
        piece = data[at:at + chunk]
        packed = piece if at == chunk else lzma.compress(piece)
        out += struct.pack(">QQ", len(piece), len(packed)) + packed
    open(target, "wb").write(out)


def xar(*arguments):
    *sources, target = arguments
    heap, files = bytearray(20), []
    for number, source in enumerate(sources, 1):
        data = open(source, "rb").read()
        packed = zlib.compress(data) if number % 2 else data
        style = "application/x-gzip" if number % 2 else "application/octet-stream"
        digest = hashlib.sha1(data).hexdigest()
        archived = hashlib.sha1(packed).hexdigest()
        files.append(f"""<file id="{number}"><name>{os.path.basename(source)}</name><type>file</type><mode>0644</mode><data>
<length>{len(packed)}</length><offset>{len(heap)}</offset><size>{len(data)}</size><encoding style="{style}"/>
<extracted-checksum style="sha1">{digest}</extracted-checksum><archived-checksum style="sha1">{archived}</archived-checksum>
</data></file>""")
        heap += packed
    toc = f"""<?xml version="1.0" encoding="UTF-8"?>
<xar><toc><checksum style="sha1"><offset>0</offset><size>20</size></checksum>{"".join(files)}</toc></xar>""".encode()
    packed = zlib.compress(toc)
    heap[:20] = hashlib.sha1(packed).digest()
    open(target, "wb").write(struct.pack(">4sHHQQI", b"xar!", 28, 1, len(packed), len(toc), 1) + packed + heap)


PACK = {"raw": (1, lambda d: d), "zlib": (0x80000005, zlib.compress), "bzip2": (0x80000006, bz2.compress),
        "lzfse": (0x80000007, lzfse), "xz": (0x80000008, lzma.compress), "adc": (0x80000004, adc)}


def udif(kind, source, target):
    disk = open(source, "rb").read()
    disk += bytes(-len(disk) % SECTOR)
    kinds = [kind] if kind in PACK else list(PACK)
    body, runs = bytearray(), []
    starts = list(range(0, len(disk) // SECTOR, RUN_SECTORS))
    for number, first in enumerate(starts):
        piece = disk[first * SECTOR:(first + RUN_SECTORS) * SECTOR]
        count = len(piece) // SECTOR
        if not any(piece):
            runs.append((0 if number % 2 else 2, first, count, len(body), 0))
            continue
        code, pack = PACK[kinds[number % len(kinds)]]
        packed = pack(piece)
        if number % 4 == 3:  # a remark, which has no sectors
            runs.append((0x7FFFFFFE, first, 0, len(body), 0))
        runs.append((code, first, count, len(body), len(packed)))
        body += packed
    if kind == "reversed":
        runs.reverse()
    runs.append((0xFFFFFFFF, len(disk) // SECTOR, 0, len(body), 0))
    checksum = struct.pack(">II", 2, 32) + struct.pack(">I", zlib.crc32(disk)).ljust(128, b"\0")
    table = struct.pack(">4sIQQQII24x", b"mish", 1, 0, len(disk) // SECTOR, 0, RUN_SECTORS + 8, 0)
    table += checksum + struct.pack(">I", len(runs))
    for code, first, count, offset, size in runs:
        table += struct.pack(">IIQQQQ", code, 0, first, count, offset, size)
    xml = plistlib.dumps({"resource-fork": {"blkx": [{"Attributes": "0x0050", "CFName": "whole disk", "Data": table,
                                                      "ID": "0", "Name": "whole disk (Apple_HFS : 0)"}]}})
    master = struct.pack(">I", zlib.crc32(struct.pack(">I", zlib.crc32(disk))))
    koly = struct.pack(">4sIII", b"koly", 4, 512, 1) + struct.pack(">QQQQQII", 0, 0, len(body), 0, 0, 1, 1)
    koly += hashlib.md5(disk).digest()
    koly += struct.pack(">II", 2, 32) + struct.pack(">I", zlib.crc32(bytes(body))).ljust(128, b"\0")
    koly += struct.pack(">QQ", len(body), len(xml)).ljust(136, b"\0")
    koly += struct.pack(">II", 2, 32) + master.ljust(128, b"\0")
    koly += struct.pack(">IQ", 1, len(disk) // SECTOR)
    open(target, "wb").write(bytes(body) + xml + koly.ljust(512, b"\0"))


def hfs_volume(name):
    disk = open(name, "rb").read()
    block = struct.unpack_from(">H", disk, 2)[0]
    at = block
    while disk[at + 48:at + 57] != b"Apple_HFS":
        at += block
    first, count = struct.unpack_from(">II", disk, at + 8)
    return disk[first * block:(first + count) * block]


def copy_sparse(source, out, at):
    """The file SOURCE to offset AT, without its holes."""
    with open(source, "rb") as file:
        size, position = os.fstat(file.fileno()).st_size, 0
        while position < size:
            try:
                position = os.lseek(file.fileno(), position, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(file.fileno(), position, os.SEEK_HOLE)
            file.seek(position)
            out.seek(at + position)
            out.write(file.read(end - position))
            position = end
    return size


def gpt(*arguments):
    *sources, target = arguments
    kinds = {True: "48465300-0000-11AA-AA11-00306543ECAC", False: "7C3457EF-0000-11AA-AA11-00306543ECAC"}
    entries, first = b"", 64
    with open(target, "wb") as out:
        for number, name in enumerate(sources):
            old = open(name, "rb").read(2) == b"ER"
            if old:
                volume = hfs_volume(name)
                out.seek(first * SECTOR)
                size = out.write(volume)
            else:
                size = copy_sparse(name, out, first * SECTOR)
            last = first + -(-size // SECTOR) - 1
            kind = uuid.UUID(kinds[old or name.endswith("hfs.img")]).bytes_le
            entries += kind + uuid.UUID(int=number + 1).bytes_le + struct.pack("<QQQ", first, last, 0) + bytes(72)
            first = last + 1
        entries = entries.ljust(128 * 128, b"\0")
        head = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, first + 32, 64, first - 1,
                           uuid.UUID(int=99).bytes_le, 2, 128, 128, zlib.crc32(entries))
        head = head[:16] + struct.pack("<I", zlib.crc32(head)) + head[20:]
        protective = bytes(446) + struct.pack("<8B2I", 0, 0, 2, 0, 0xEE, 255, 255, 255, 1, first + 32) + bytes(48) + b"\x55\xaa"
        out.seek(0)
        out.write(protective + head.ljust(SECTOR, b"\0") + entries)
        out.truncate((first + 33) * SECTOR)


if __name__ == "__main__":
    {"pbzx": pbzx, "xar": xar, "udif": udif, "gpt": gpt}[sys.argv[1]](*sys.argv[2:])
