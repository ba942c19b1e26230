#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the fuzzers' last runs say, as docs/fuzz.md: report.py CACHE PROGRAMS. libFuzzer's logs are in CACHE, the list of programs that
ran in PROGRAMS."""
import os
import re
import sys
import time

WHAT = {
    "adt": "Apple device trees: read, checked, edited, compared, written",
    "boot": "the boot protocols: kernels, device trees, RAM disks of every kind",
    "devices": "a driver that does anything to the vmapple board's devices",
    "disass": "the decoder and disassembler",
    "disk": "disk images, partition tables, HFS+, APFS, ZIP, xar and cpio archives, compressed files",
    "dtb": "Linux device trees",
    "encode": "LZFSE and LZSS: packed and unpacked again",
    "im4p": "IM4P payloads",
    "img4": "IMG4: manifests, certificates, keybags; changed and read again",
    "kc": "kernel collections and what comes out of them",
    "lzfse": "LZFSE and LZVN",
    "lzss": "LZSS",
    "macho": "Mach-O: load commands, symbols, fixups, export tries, signatures; signed and read again; tables of DWARF",
    "nvram": "NVRAM banks, CHRP and V3",
    "plist": "property lists",
    "tc": "trust caches",
}

cache, programs = sys.argv[1:]
print("""# The fuzzers

`make fuzz MINUTES=n` runs every target under AddressSanitizer and UndefinedBehaviorSanitizer, all together for n minutes on two CPUs,
and writes this page. A target's corpus grows in the cache from one run to the next; a small one that is made from nothing but what
this tree's own tests make is in `tests/fuzz/corpus` (`tools/fuzz-corpus`). Covered are libFuzzer's edges, of all that is linked into
the target's program. The step `fuzz` of `make test` gives each target 10 seconds of a walk (30 in `make check`) that is always the same one.
""")
rows, seconds, crashes = [], [], 0
for path in open(programs).read().split():
    name = os.path.basename(path)
    log = open(f"{cache}/fuzz-{name}.log", errors="replace").read()
    edges = re.search(r"Loaded \d+ modules\s+\((\d+) inline 8-bit counters\)", log)
    covered = re.findall(r"cov: (\d+)", log)
    done = re.search(r"Done (\d+) runs in (\d+) second", log)
    kept = f"tests/fuzz/corpus/{name[5:]}"
    units = os.listdir(kept) if os.path.isdir(kept) else []
    crashes += not done
    seconds += [int(done[2])] if done else []
    rows.append(f"| {name[5:]} | {WHAT[name[5:]]} | {int(done[1]):,} | {int(done[1]) // max(1, int(done[2])):,} | " +
                f"{int(covered[-1]):,} of {int(edges[1]):,} | {len(units)} |" if done else f"| {name[5:]} | stopped: see {name}.log |||||")
print(f"{time.strftime('%Y-%m-%d', time.gmtime())}, {min(seconds, default=0)} seconds a target: " +
      (f"**{crashes} targets found something**." if crashes else "nothing found.") + "\n")
print("| target | what it feeds | executions | a second | edges covered | inputs kept in the tree |")
print("|---|---|---|---|---|---|")
print("\n".join(rows))
