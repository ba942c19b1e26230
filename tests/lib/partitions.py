#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""partitions.py IMAGE: the partitions of a disk image, one a line: NUMBER OFFSET-IN-BYTES KIND, where KIND is the table's
(GPT or MBR) with "+ext" where the partition has a super block of ext2, 3 or 4. Exit status 1: there is no table."""
import struct
import sys

with open(sys.argv[1], "rb") as disk:
    def read(at, size):
        disk.seek(at)
        return disk.read(size)

    if read(510, 2) != b"\x55\xaa":
        sys.exit(1)
    if read(512, 8) == b"EFI PART":
        kind, starts = "GPT", [struct.unpack_from("<Q", read(1024 + 128 * n, 128), 32)[0] for n in range(128)]
    else:
        kind, starts = "MBR", [struct.unpack_from("<I", read(446 + 16 * n, 16), 8)[0] for n in range(4)]
    for number, start in enumerate(starts, 1):
        if start:
            ext = "+ext" if read(start * 512 + 1080, 2) == b"\x53\xef" else ""
            print(number, start * 512, kind + ext)
