#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bytes.py FILE OUT.h NAME: FILE as a C array."""
import sys

data = open(sys.argv[1], "rb").read()
with open(sys.argv[2], "w") as out:
    out.write(f"static const unsigned char {sys.argv[3]}[{len(data)}] = {{")
    for at in range(0, len(data), 32):
        out.write("\n" + ",".join(map(str, data[at:at + 32])) + ",")
    out.write("\n};\n")
