#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds `macho sign` and `macho info --sig --ent` against lld-19's own ad-hoc signatures, LLVM's readers, openssl, and the digests
that the documentation of apple-codesign 0.29 publishes for its signatures: macho_sign.py POMONA WORK"""
import hashlib
import json
import plistlib
import random
import re
import struct
import subprocess
import sys

import judge
from judge import run, same

pomona, work = sys.argv[1:]


def read(name):
    return open(f"{work}/{name}", "rb").read()


def sign(source, target, *options):
    run(pomona, "macho", "sign", "--adhoc", *options, "-o", f"{work}/{target}", f"{work}/{source}")


def info(name, *options):
    return json.loads(run(pomona, "macho", "info", "--json", *(options or ["--sig"]), f"{work}/{name}"))


# ---- lld's signatures ----

open(f"{work}/sign.c", "w").write('const char banner[40000] = "x"; int main(void) { return banner[7]; }\n')
run("clang-19", "--target=arm64-apple-macos13", "-c", f"{work}/sign.c", "-o", f"{work}/sign.o")
LINK = ["ld64.lld-19", "-arch", "arm64", "-platform_version", "macos", "13.0", "13.0", "-undefined", "dynamic_lookup", f"{work}/sign.o"]
for name, kind in (("program", ["-e", "_main"]), ("a_longer_name.dylib", ["-dylib"]), ("bundle", ["-bundle"])):
    run(*LINK, *kind, "-adhoc_codesign", "-o", f"{work}/{name}")
    sign(name, "again", "--linker-signed")
    same(f"{name} signed again", read("again"), read(name))
    # The same file before lld signed it: without the last load command and what it describes.
    data = bytearray(read(name))
    count, size = struct.unpack_from("<II", data, 16)
    command, length, offset, extent = struct.unpack_from("<IIII", data, 32 + size - 16)
    assert (command, length, offset + extent) == (0x1D, 16, len(data))
    struct.pack_into("<II", data, 16, count - 1, size - 16)
    data[32 + size - 16:32 + size] = bytes(16)
    at = data.index(b"__LINKEDIT\0") - 8
    struct.pack_into("<Q", data, at + 48, offset - struct.unpack_from("<Q", data, at + 40)[0])
    open(f"{work}/bare", "wb").write(data[:offset])
    same(f"{name} without a signature", info("bare"), {"signature": "none"})
    sign("bare", "again", "--linker-signed", "--identifier", name)
    same(f"{name} signed for the first time", read("again"), read(name))
    same("the identifier that a file gets", info("again")["identifier"], name)
    said = info(name)["code_directories"][0]
    same("what lld signed", (said["flags"], said["pages_that_differ"], len(said["pages"])),
         (["adhoc", "linker-signed"], [], -(-offset // 4096)))

# ---- the whole of it ----

XML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
%s</dict>
</plist>"""
PUBLISHED = (
    (["get-task-allow"], "adea2675562421d85cc35e2c909ae27f33846eeb3b2b7c68017abd1b4b02f624",
     "4d9925d24f1357a00429379f31f567cedfaa8101d58442e7864f923bfb708794", ["allow-unsigned"]),
    (["get-task-allow", "run-unsigned-code", "com.apple.private.cs.debugger", "dynamic-codesigning",
      "com.apple.private.skip-library-validation"], "e49f5c5bbafe414f3e1061dbaa41d3f7bd618138870826ccd586fd3a004f5687",
     "901eb3ecea82e5ee82d092f460b76afea8daefd1b7b8014fe16c979bb62ac4d7",
     ["allow-unsigned", "debugger", "jit", "skip-library-validation"]),
)
NO_REQUIREMENTS = "987920904eab650e75788c054aa0b0524e6a80bfc71aa32df8d237a61743f986"
run(*LINK, "-e", "_main", "-no_adhoc_codesign", "-headerpad", "20", "-o", f"{work}/unsigned")


def blobs(data):
    """Slot -> bytes of the SuperBlob where the last load command says it is."""
    size, = struct.unpack_from("<I", data, 20)
    command, _, offset, extent = struct.unpack_from("<IIII", data, 32 + size - 16)
    magic, length, count = struct.unpack_from(">III", data, offset)
    assert (command, magic) == (0x1D, 0xFADE0CC0) and length <= extent and offset % 16 == 0 and offset + extent == len(data)
    found = {}
    for i in range(count):
        slot, at = struct.unpack_from(">II", data, offset + 12 + 8 * i)
        found[slot] = data[offset + at:offset + at + struct.unpack_from(">I", data, offset + at + 4)[0]]
    return found, offset


def check(name, page, identifier, specials):
    """The code directory, field by field, from the published structure; openssl says its hash."""
    data = read(name)
    found, limit = blobs(data)
    directory = found[0]
    fields = struct.unpack_from(">9I4B4IQQQQ", directory)
    magic, length, version, flags, hashes, ident, special, code, limit32 = fields[:9]
    assert (magic, length, version, flags) == (0xFADE0C02, len(directory), 0x20400, 2), fields
    assert fields[9:13] == (32, 2, 0, page.bit_length() - 1) and not any(fields[13:18]), fields
    same("exec segment", fields[18:20], (0, TEXT_SIZE))
    assert directory[ident:].split(b"\0")[0].decode() == identifier and limit32 == limit
    same("pages", [directory[hashes + 32 * i:hashes + 32 * i + 32] for i in range(code)],
         [hashlib.sha256(data[i:min(i + page, limit)]).digest() for i in range(0, limit, page)])
    slots = {i: directory[hashes - 32 * i:hashes - 32 * i + 32].hex() for i in range(1, special + 1)}
    same("special slots", {k: v for k, v in slots.items() if v != "00" * 32}, specials)
    for slot in (2, 5, 7):
        if slot in found:
            same(f"slot {slot}", slots[slot], hashlib.sha256(found[slot]).hexdigest())
    open(f"{work}/directory", "wb").write(directory)
    theirs = run("openssl", "dgst", "-sha256", f"{work}/directory").split()[-1][:40]
    said = info(name)
    same("cdhash", said["cdhash"], theirs)
    same("hashes that match", (said["code_directories"][0]["pages_that_differ"],
                               {s["matches"] for s in said["code_directories"][0]["special_slots"]}), ([], {"yes"}))
    same("empty requirements and CMS", (said["requirements"], said["cms"], found[2], found[0x10000]),
         ([], "empty", bytes.fromhex("fade0c010000000c00000000"), bytes.fromhex("fade0b0100000008")))
    # LLVM agrees on where it is, that __LINKEDIT ends with it and that nothing overlaps.
    text = run("llvm-objdump-19", "--macho", "--private-headers", f"{work}/{name}")
    assert not re.search("malformed|past end", text)
    m = re.search(r"cmd LC_CODE_SIGNATURE\s+cmdsize 16\s+dataoff (\d+)\s+datasize (\d+)", text)
    linkedit = re.search(r"segname __LINKEDIT\s+vmaddr \S+\s+vmsize (\S+)\s+fileoff (\d+)\s+filesize (\d+)", text)
    same("__LINKEDIT", (int(m[1]) + int(m[2]), int(linkedit[2]) + int(linkedit[3])), (len(data), len(data)))
    assert int(linkedit[1], 16) >= int(linkedit[3])
    run("llvm-otool-19", "-l", f"{work}/{name}")
    return said


TEXT_SIZE = int(re.search(r"segname __TEXT\s+vmaddr \S+\s+vmsize \S+\s+fileoff 0\s+filesize (\d+)",
                          run("llvm-objdump-19", "--macho", "--private-headers", f"{work}/unsigned"))[1])
before = run("llvm-objdump-19", "-d", "-s", "--no-leading-headers", f"{work}/unsigned")
for page, option in ((4096, "4K"), (16384, "16K")):
    sign("unsigned", "signed", "--page-size", option)
    check("signed", page, "unsigned", {2: NO_REQUIREMENTS})
    after = run("llvm-objdump-19", "-d", "-s", "--no-leading-headers", f"{work}/signed")
    same("contents", after.replace("signed:", ""), before.replace("unsigned:", ""))
for names, xml_digest, der_digest, flags in PUBLISHED:
    open(f"{work}/list.plist", "w").write(XML % "".join(f"\t<key>{n}</key>\n\t<true/>\n" for n in names))
    sign("unsigned", "signed", "--entitlements", f"{work}/list.plist", "--identifier", "exe")
    said = check("signed", 4096, "exe", {2: NO_REQUIREMENTS, 5: xml_digest, 7: der_digest})
    same("exec flags", said["code_directories"][0]["exec_segment"]["flags"], ["main-binary"] + flags)
    same("--ent", run(pomona, "macho", "info", "--ent", f"{work}/signed"), open(f"{work}/list.plist").read())
    piped = subprocess.run([pomona, "macho", "sign", "--adhoc", "--entitlements", "-", "--identifier", "exe", f"{work}/unsigned"],
                           stdin=open(f"{work}/list.plist"), stdout=subprocess.PIPE, check=True).stdout
    same("entitlements from standard input", piped, open(f"{work}/signed", "rb").read())
    both = info("signed", "--sig", "--ent")["entitlements"]
    same("entitlements", (both["xml"], both["der"]), ({n: True for n in names},) * 2)

# Signing again leaves nothing of the old signature; the identifier stays.
sign("signed", "again")
check("again", 4096, "exe", {2: NO_REQUIREMENTS})
same("in place", (run(pomona, "macho", "sign", "--adhoc", "-o", f"{work}/signed", f"{work}/signed"), read("signed")), ("", read("again")))
# From standard input to standard output.
with open(f"{work}/unsigned", "rb") as source:
    piped = subprocess.run([pomona, "macho", "sign", "--adhoc", "--identifier", "exe", "-"], stdin=source, stdout=subprocess.PIPE)
sign("unsigned", "again", "--identifier", "exe")
same("standard input", piped.stdout, read("again"))

# ---- every kind of value, by an encoder of its own ----


def der(tag, content):
    n = len(content)
    length = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag]) + length + content


def encode(value):
    if isinstance(value, bool):
        return der(1, b"\xff" if value else b"\0")
    if isinstance(value, int):
        size = 1
        while not -1 << 8 * size - 1 <= value < 1 << 8 * size - 1:
            size += 1
        return der(2, value.to_bytes(size, "big", signed=True))
    if isinstance(value, str):
        return der(12, value.encode())
    if isinstance(value, bytes):
        return der(4, value)
    if isinstance(value, list):
        return der(0x30, b"".join(map(encode, value)))
    pairs = sorted((k.encode(), v) for k, v in value.items())
    return der(0xB0, b"".join(der(0x30, der(12, k) + encode(v)) for k, v in pairs))


random.seed(3)


def value(depth):
    kind = random.randrange(7 if depth < 3 else 5)
    if kind == 0:
        return random.random() < .5
    if kind == 1:
        return random.choice([0, -1, 127, 128, -128, -129, 255, 256, 1 << 40, (1 << 63) - 1, -1 << 63, random.randrange(1 << 32)])
    if kind in (2, 3):
        return "".join(random.choice("abcdefgh.éß") for _ in range(random.choice([0, 5, 130, 300])))
    if kind == 4:
        return random.randbytes(random.choice([0, 3, 40]))
    if kind == 5:
        return [value(depth + 1) for _ in range(random.randrange(4))]
    return {f"key{random.randrange(1000)}": value(depth + 1) for _ in range(random.randrange(5))}


def as_json(v):
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, list):
        return [as_json(x) for x in v]
    return {k: as_json(x) for k, x in v.items()} if isinstance(v, dict) else v


for i in range(25):
    entitlements = {f"com.apple.{random.randrange(100)}": value(0) for _ in range(6)}
    with open(f"{work}/list.plist", "wb") as f:
        plistlib.dump(entitlements, f)
    sign("unsigned", "signed", "--entitlements", f"{work}/list.plist")
    same("DER entitlements", blobs(read("signed"))[0][7][8:], der(0x70, encode(1) + encode(entitlements)))
    said = info("signed", "--ent")
    same("DER entitlements read", (said["der"], said["xml"]), (as_json(entitlements),) * 2)

# ---- a linked-in Info.plist, a changed page, what cannot be signed ----

open(f"{work}/Info.plist", "w").write(XML % "<key>CFBundleIdentifier</key><string>org.example</string>")
run(*LINK, "-e", "_main", "-no_adhoc_codesign", "-headerpad", "20", "-sectcreate", "__TEXT", "__info_plist", f"{work}/Info.plist",
    "-o", f"{work}/with_info")
sign("with_info", "signed")
TEXT_SIZE = int(re.search(r"segname __TEXT\s+vmaddr \S+\s+vmsize \S+\s+fileoff 0\s+filesize (\d+)",
                          run("llvm-objdump-19", "--macho", "--private-headers", f"{work}/signed"))[1])
check("signed", 4096, "with_info", {1: hashlib.sha256(read("Info.plist")).hexdigest(), 2: NO_REQUIREMENTS})
changed = bytearray(read("signed"))
changed[5 * 4096 + 9] ^= 1
changed[changed.index(b"org.example")] ^= 1
open(f"{work}/changed", "wb").write(changed)
said = info("changed")["code_directories"][0]
same("what was changed", (5 in said["pages_that_differ"], [s["matches"] for s in said["special_slots"]]), (True, ["no", "yes"]))

# ---- requirements in their language, as `codesign -d -r-` prints these ----


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def oid(text):
    numbers = [int(n) for n in text.split(".")]
    out = b""
    for n in [numbers[0] * 40 + numbers[1]] + numbers[2:]:
        digits = [n & 0x7F]
        while n > 0x7F:
            n >>= 7
            digits.insert(0, n & 0x7F | 0x80)
        out += bytes(digits)
    return string(out)


def op(number, *rest):
    return struct.pack(">I", number) + b"".join(struct.pack(">I", r & 0xFFFFFFFF) if isinstance(r, int) else r for r in rest)


FIELD = "1.2.840.113635.100.6."
leaf9, leaf13 = op(14, 0, oid(FIELD + "1.9"), 0), op(14, 0, oid(FIELD + "1.13"), 0)
developer = op(6, op(14, 1, oid(FIELD + "2.6"), 0), op(6, leaf13, op(11, 0, string("subject.OU"), 1, string("34YW5XSRB7"))))
REQUIREMENTS = (
    (3, op(6, op(2, string("com.apple.mail")), op(3)), 'identifier "com.apple.mail" and anchor apple'),
    (3, op(6, op(6, op(15), op(2, string("com.omnigroup.OmniFocus"))), op(7, leaf9, developer)),
     'anchor apple generic and identifier "com.omnigroup.OmniFocus" and '
     f"(certificate leaf[field.{FIELD}1.9] /* exists */ or certificate 1[field.{FIELD}2.6] /* exists */ and "
     f'certificate leaf[field.{FIELD}1.13] /* exists */ and certificate leaf[subject.OU] = "34YW5XSRB7")'),
    (1, op(9, op(7, op(8, string(bytes(range(20)))), op(4, -1, string(b"\xab" * 20)))),
     '! (cdhash H"' + bytes(range(20)).hex() + '" or certificate root = H"' + "ab" * 20 + '")'),
    (4, op(16, string("get-task-allow"), 0), "entitlement[get-task-allow] /* exists */"),
    (5, op(10, string("CFBundleVersion"), 8, string("17.4")), 'info[CFBundleVersion] >= "17.4"'),
    (3, op(99), None),
)
run(pomona, "macho", "sign", "--adhoc", "-o", f"{work}/signed", f"{work}/unsigned")
data = read("signed")
parts, at = blobs(data)
index, bodies = b"", b""
for kind, expression, _ in REQUIREMENTS:
    index += struct.pack(">II", kind, 12 + 8 * len(REQUIREMENTS) + len(bodies))
    bodies += struct.pack(">III", 0xFADE0C00, 12 + len(expression), 1) + expression
parts[2] = struct.pack(">III", 0xFADE0C01, 12 + len(index) + len(bodies), len(REQUIREMENTS)) + index + bodies
index, bodies = b"", b""
for slot, part in parts.items():
    index += struct.pack(">II", slot, 12 + 8 * len(parts) + len(bodies))
    bodies += part
whole = struct.pack(">III", 0xFADE0CC0, 12 + len(index) + len(bodies), len(parts)) + index + bodies
data = bytearray(data[:at] + whole)
struct.pack_into("<I", data, 32 + struct.unpack_from("<I", data, 20)[0] - 4, len(whole))
open(f"{work}/required", "wb").write(data)
said = info("required")
same("requirements", [r["requirement"] for r in said["requirements"]],
     [text or (struct.pack(">III", 0xFADE0C00, 12 + len(e), 1) + e).hex() for _, e, text in REQUIREMENTS])
same("what they are for", [r["for"] for r in said["requirements"]], ["designated", "designated", "host", "library", "plug-in", "designated"])

open(f"{work}/bad.plist", "w").write(XML % "<key>a</key><real>1.5</real>")
open(f"{work}/bplist", "wb").write(plistlib.dumps({"a": True}, fmt=plistlib.FMT_BINARY))
open(f"{work}/twice.plist", "w").write(XML % "<key>a</key><true/><key>a</key><false/>")
for options, name, status, wanted in ((["--adhoc"], "sign.o", 65, "no __LINKEDIT"), ([], "unsigned", 64, "only --adhoc"),
                                      (["--adhoc", "--entitlements", f"{work}/bad.plist"], "unsigned", 65, "real numbers"),
                                      (["--adhoc", "--entitlements", f"{work}/twice.plist"], "unsigned", 65, "given twice"),
                                      (["--adhoc", "--entitlements", f"{work}/bplist"], "unsigned", 65, "not an XML property list"),
                                      (["--adhoc", "--page-size", "8K"], "unsigned", 64, "4K or 16K"),
                                      (["--adhoc"], "sign.c", 65, "not a Mach-O")):
    same(f"{options} {name}", wanted in run(pomona, "macho", "sign", *options, f"{work}/{name}", status=status), True)
same("no entitlements", "no entitlements" in run(pomona, "macho", "info", "--ent", f"{work}/unsigned", status=65), True)
print(f"result: {judge.cases} comparisons")
