#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Files for test_image, by other people's programs where there is one: fixtures.py STAMP

DER, IM4P and IMG4 by `openssl asn1parse -genconf`; Mach-O by clang-19, lld-19 and yaml2obj-19, with what
llvm-objdump-19 says of them beside; gzip and zlib's Adler-32 by Python; LZSS, device trees, trust caches and NVRAM banks,
which nobody outside makes, by encoders written here from the format sheet alone.
"""
import binascii
import gzip
import datetime
import hashlib
import os
import plistlib
import random
import re
import struct
import subprocess
import sys
import zlib

out = os.path.dirname(os.path.abspath(sys.argv[1]))


def put(name, data):
    with open(f"{out}/{name}", "wb") as f:
        f.write(data)


def run(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **more).stdout


# ---- DER ----

def asn1(name, text):
    put(name + ".conf", text.encode())
    run("openssl", "asn1parse", "-genconf", f"{out}/{name}.conf", "-noout", "-out", f"{out}/{name}")


def private(fourcc):
    return f"{int.from_bytes(fourcc.encode(), 'big')}P"


PAYLOAD = b"pomona" * 50
asn1("plain.im4p", f"""asn1=SEQUENCE:im4p
[im4p]
a=IA5:IM4P
b=IA5:dtre
c=IA5:made by openssl
d=FORMAT:HEX,OCTETSTRING:{PAYLOAD.hex()}
""")
# Every optional element, in the order of recent files, with two that nobody knows.
asn1("full.im4p", f"""asn1=SEQUENCE:im4p
[im4p]
a=IA5:IM4P
b=IA5:krnl
c=IA5:KernelCacheBuilder-1
d=FORMAT:HEX,OCTETSTRING:{PAYLOAD.hex()}
e=OCTWRAP,SEQUENCE:bags
f=SEQUENCE:compression
g=EXPLICIT:0C,SEQUENCE:payp
h=EXPLICIT:7C,UTF8:from the future
i=BOOL:TRUE
[bags]
a=SEQUENCE:bag1
b=SEQUENCE:bag2
[bag1]
a=INTEGER:1
b=FORMAT:HEX,OCTETSTRING:{'11' * 16}
c=FORMAT:HEX,OCTETSTRING:{'22' * 32}
[bag2]
a=INTEGER:2
b=FORMAT:HEX,OCTETSTRING:{'33' * 16}
c=FORMAT:HEX,OCTETSTRING:{'44' * 32}
[compression]
a=INTEGER:1
b=INTEGER:{0x81234567}
[payp]
a=IA5:PAYP
b=SET:properties
[properties]
a=EXPLICIT:{private('kcep')},SEQUENCE:kcep
b=EXPLICIT:{private('rddg')},SEQUENCE:rddg
[kcep]
a=IA5:kcep
b=INTEGER:0xfffffe0007004000
[rddg]
a=IA5:rddg
b=FORMAT:HEX,OCTETSTRING:00ff
""")
asn1("signed.img4", f"""asn1=SEQUENCE:img4
[img4]
a=IA5:IMG4
b=SEQUENCE:im4p
c=EXPLICIT:0C,SEQUENCE:im4m
d=EXPLICIT:1C,SEQUENCE:im4r
[im4p]
a=IA5:IM4P
b=IA5:trst
c=IA5:1
d=FORMAT:HEX,OCTETSTRING:{PAYLOAD.hex()}
[im4m]
a=IA5:IM4M
b=INTEGER:0
c=SET:bodies
d=FORMAT:HEX,OCTETSTRING:{'ab' * 96}
e=SEQUENCE:chain
[chain]
[bodies]
a=EXPLICIT:{private('MANB')},SEQUENCE:manb
[manb]
a=IA5:MANB
b=SET:entries
[entries]
a=EXPLICIT:{private('MANP')},SEQUENCE:manp
b=EXPLICIT:{private('trst')},SEQUENCE:trst
[manp]
a=IA5:MANP
b=SET:manpset
[manpset]
a=EXPLICIT:{private('BORD')},SEQUENCE:bord
b=EXPLICIT:{private('CPRO')},SEQUENCE:cpro
[bord]
a=IA5:BORD
b=INTEGER:32
[cpro]
a=IA5:CPRO
b=BOOL:TRUE
[trst]
a=IA5:trst
b=SET:trstset
[trstset]
a=EXPLICIT:{private('DGST')},SEQUENCE:dgst
[dgst]
a=IA5:DGST
b=FORMAT:HEX,OCTETSTRING:{hashlib.sha384(PAYLOAD).hexdigest()}
[im4r]
a=IA5:IM4R
b=SET:restore
[restore]
a=EXPLICIT:{private('BNCN')},SEQUENCE:bncn
[bncn]
a=IA5:BNCN
b=FORMAT:HEX,OCTETSTRING:8877665544332211
""")


# ---- compression ----

def lzss(data):
    """Greedy, from the description: ring of 4096 that begins blank, written from 4096 - 18 on."""
    ring, at, packed, i = bytearray(b" " * 4096), 4096 - 18, bytearray(), 0
    while i < len(data):
        flags, group = 0, bytearray()
        for bit in range(8):
            if i >= len(data):
                break
            best, where = 0, 0
            for start in range(4096):
                length = 0
                shadow = {}
                while length < 18 and i + length < len(data):
                    place = (start + length) % 4096
                    if shadow.get(place, ring[place]) != data[i + length]:
                        break
                    shadow[(at + length) % 4096] = data[i + length]
                    length += 1
                if length > best:
                    best, where = length, start
            if best > 2:
                group += bytes([where & 0xFF, (where >> 4 & 0xF0) | best - 3])
            else:
                best = 1
                flags |= 1 << bit
                group.append(data[i])
            for byte in data[i:i + best]:
                ring[at] = byte
                at = (at + 1) % 4096
            i += best
        packed += bytes([flags]) + group
    head = b"complzss" + struct.pack(">IIII", zlib.adler32(data), len(data), len(packed), 1)
    return head.ljust(0x180, b"\0") + bytes(packed)


random.seed(4)
TEXT = b"    blank start " + b"".join(random.choice([b"north ", b"south ", b"\0\0\0\0", b"x"]) for _ in range(120)) + b"ab" * 40
put("text", TEXT)
put("text.lzss", lzss(TEXT))
put("text.gz", gzip.compress(TEXT, mtime=0))


# ---- Mach-O ----

def hexlines(data):
    return "".join(f"{b:02X}" for b in data)


def segment_yaml(name, vmaddr, vmsize, fileoff, filesize, prot, sections=()):
    text = f"""  - cmd: LC_SEGMENT_64
    cmdsize: {72 + 80 * len(sections)}
    segname: {name}
    vmaddr: {vmaddr}
    vmsize: {vmsize}
    fileoff: {fileoff}
    filesize: {filesize}
    maxprot: {prot}
    initprot: {prot}
    nsects: {len(sections)}
    flags: 0
"""
    if sections:
        text += "    Sections:\n"
    for sectname, addr, content, offset in sections:
        text += f"""      - sectname: {sectname}
        segname: {name}
        addr: {addr}
        size: {len(content)}
        offset: {offset}
        align: 0
        reloff: 0
        nreloc: 0
        flags: 0
        reserved1: 0
        reserved2: 0
        reserved3: 0
        content: {hexlines(content)}
"""
    return text


def thread_yaml(pc):
    state = bytearray(272)
    struct.pack_into("<Q", state, 256, pc)
    data = struct.pack("<II", 6, 68) + state
    return "  - cmd: LC_UNIXTHREAD\n    cmdsize: 288\n    PayloadBytes: [" + ", ".join(f"0x{b:02X}" for b in data) + "]\n"


UUID = "  - cmd: LC_UUID\n    cmdsize: 24\n    uuid: 01234567-89AB-CDEF-0123-456789ABCDEF\n"
SOURCE = f"  - cmd: LC_SOURCE_VERSION\n    cmdsize: 16\n    version: {10063 << 40 | 141 << 30 | 1 << 20}\n"


def macho(name, filetype, subtype, flags, count, commands):
    size = sum(int(n) for n in re.findall(r"^    cmdsize: (\d+)", commands, re.M))
    text = f"""--- !mach-o
FileHeader:
  magic: 0xFEEDFACF
  cputype: 0x0100000C
  cpusubtype: {subtype}
  filetype: {filetype}
  ncmds: {count}
  sizeofcmds: {size}
  flags: {flags}
  reserved: 0
LoadCommands:
{commands}...
"""
    put(name + ".yaml", text.encode())
    run("yaml2obj-19", f"{out}/{name}.yaml", "-o", f"{out}/{name}")


BASE = 0xFFFFFE0007004000
BANNER = b"Darwin Kernel Version 23.6.0: Wed Jul 31 2024; root:xnu-10063.141.1~2/RELEASE_ARM64_VMAPPLE\0"
CODE = bytes.fromhex("7F2303D5C0035FD6")


def kernel(name, at, flags):
    """AT: the file offset of the header in whatever file it will stand."""
    macho(name, 2, 0xC0000002, flags, 5,
          segment_yaml("__TEXT", BASE + at, 0x1000, at, 0x800, 1, [("__const", BASE + at + 0x600, BANNER, at + 0x600)]) +
          segment_yaml("__TEXT_EXEC", BASE + at + 0x1000, 0x1000, at + 0x800, len(CODE), 5,
                       [("__text", BASE + at + 0x1000, CODE, at + 0x800)]) +
          UUID + SOURCE + thread_yaml(BASE + at + 0x1004))


kernel("kernel.macho", 0, 0)
# The member is written as a file of its own whose offsets are those in the collection, then cut out.
kernel("member.macho", 0x1000, 0x80000000)
member = open(f"{out}/member.macho", "rb").read()
member = (member[:0x600].ljust(0x600, b"\0") + BANNER).ljust(0x800, b"\0") + CODE
macho("fileset.macho", 12, 0xC0000002, 0, 5,
      UUID + segment_yaml("__TEXT", BASE, 0x1000, 0, 0x1000, 1) +
      segment_yaml("__PRELINK_TEXT", BASE + 0x1000, 0x2000, 0x1000, len(member), 5,
                   [("__text", BASE + 0x1000, member, 0x1000)]) +
      f"""  - cmd: LC_FILESET_ENTRY
    cmdsize: 56
    vmaddr: {BASE + 0x1000}
    fileoff: 4096
    id: 32
    reserved: 0
    PayloadBytes: [{", ".join(f"0x{b:02X}" for b in b"com.apple.kernel".ljust(24, bytes(1)))}]
""" + thread_yaml(BASE + 0x2004))
put("fat.macho", struct.pack(">IIIIIII", 0xCAFEBABE, 1, 0x0100000C, 2, 64, os.path.getsize(f"{out}/kernel.macho"), 0).ljust(
    64, b"\0") + open(f"{out}/kernel.macho", "rb").read())

put("code.c", b"extern int other; int counter = 3; const char *names[] = {\"a\", \"b\"}; int f(int x) { return x + counter; }\n")
run("clang-19", "--target=arm64-apple-macos13", "-c", f"{out}/code.c", "-o", f"{out}/object.macho", "-O1")
run("ld64.lld-19", "-arch", "arm64", "-platform_version", "macos", "13.0", "13.0", "-dylib", f"{out}/object.macho",
    "-install_name", "/dylib.macho", "-o", f"{out}/dylib.macho")
run("clang-19", "--target=arm64e-apple-macos13", "-c", f"{out}/code.c", "-o", f"{out}/arm64e.macho")


def expected(name):
    """What llvm-objdump says, in the lines that the test prints of the same file."""
    text = run("llvm-objdump-19", "--macho", "--private-headers", f"{out}/{name}").decode()
    lines, section, segment = [], None, None
    for block in re.split(r"^(?=Load command \d+$|Section$)", text, flags=re.M)[1:]:
        field = {m[1]: m[2].strip() for m in re.finditer(r"^ *(\w+) (.*)$", block, re.M)}
        number = {k: int(v.split()[0], 0) for k, v in field.items() if re.match(r"(0x[0-9a-f]+|\d+)( |$)", v)}
        if block.startswith("Section"):
            lines.append(f"sect {field['segname']} {field['sectname']} {number['addr']:#x} {number['size']:#x} {number['offset']:#x}")
        elif field["cmd"] == "LC_SEGMENT_64":
            lines.append(f"seg {field.get('segname', '')} {number['vmaddr']:#x} {number['vmsize']:#x} {number['fileoff']:#x} "
                         f"{number['filesize']:#x} {number['nsects']}")
        elif field["cmd"] == "LC_UUID":
            lines.append("uuid " + field["uuid"].replace("-", "").lower())
        elif field["cmd"] == "LC_UNIXTHREAD":
            lines.append("entry " + hex(int(re.search(r"pc +(0x[0-9a-f]+)", block)[1], 16)))
        elif field["cmd"] == "LC_SOURCE_VERSION":
            lines.append("version " + field["version"])
    put(name + ".txt", ("\n".join(lines) + "\n").encode())


for name in ("kernel.macho", "fileset.macho", "object.macho", "dylib.macho", "arm64e.macho"):
    expected(name)


# ---- device tree ----

def adt_node(properties, children=()):
    data = struct.pack("<II", len(properties), len(children))
    for name, value in properties:
        length = len(value)
        if name.endswith("!"):
            name, length = name[:-1], length | 1 << 31
        data += name.encode().ljust(32, b"\0") + struct.pack("<I", length) + value + bytes(-len(value) % 4)
    return data + b"".join(children)


put("tree.adt", adt_node([("name", b"device-tree\0"), ("#address-cells", struct.pack("<I", 2)), ("syscfg-value!", b"abcde")], [
    adt_node([("name", b"chosen\0"), ("empty", b""), ("a" * 31, b"longest name")], [
        adt_node([("name", b"memory-map\0"), ("RAMDisk", struct.pack("<QQ", 0x70000000, 0x10000))])]),
    adt_node([("name", b"cpus\0")], [adt_node([("name", b"cpu%d\0" % i), ("reg", struct.pack("<I", i))]) for i in range(2)])]))


# ---- trust caches ----

def trust_cache(version, hashes):
    entry = {0: lambda h: h, 1: lambda h: h + bytes([2, 1]), 2: lambda h: h + bytes([2, 0, 7, 9])}[version]
    return struct.pack("<I", version) + bytes(range(16)) + struct.pack("<I", len(hashes)) + b"".join(map(entry, hashes))


hashes = sorted(hashlib.sha256(bytes([i])).digest()[:20] for i in range(6))
for version in range(3):
    put(f"trust{version}.tc", trust_cache(version, hashes))
modules = [trust_cache(1, hashes[:2]), trust_cache(2, hashes[2:])]
put("region.tc", struct.pack("<III", 2, 12, 12 + len(modules[0])) + b"".join(modules))


# ---- NVRAM ----

def chrp_header(signature, size, name):
    head = bytearray(struct.pack("<BBH12s", signature, 0, size // 16, name))
    total = head[0] + sum(head[2:])
    while total > 0xFF:
        total = (total & 0xFF) + (total >> 8)
    head[1] = total
    return bytes(head)


def chrp(variables, size=0x2000):
    common = chrp_header(0x70, 0x7E0, b"common") + b"".join(k + b"=" + v + b"\0" for k, v in variables)
    panic = chrp_header(0xA1, 0x400, b"APL,OSXPanic")
    used = 0x20 + 0x7E0 + 0x400
    rest = common.ljust(0x7E0, b"\0") + panic.ljust(0x400, b"\0")
    rest += chrp_header(0x7F, size - used, b"w" * 12).ljust(size - used, b"\0")
    rest = struct.pack("<I", 9) + bytes(8) + rest
    return chrp_header(0x5A, 0x20, b"nvram") + struct.pack("<I", zlib.adler32(rest)) + rest


put("chrp.nvram", chrp([(b"boot-args", b"-v serial=3"), (b"blob", b"\x01\xff\x83\xff\x02\x02"), (b"empty", b"")]))
put("chrp-twice.nvram", chrp([(b"boot-args", b"old"), (b"other", b"kept"), (b"boot-args", b"older"), (b"boot-args", b"-v")]))
put("chrp-cut-escape.nvram", chrp([(b"blob", b"\x01\xff")]))

GUIDS = [binascii.unhexlify("7C436110AB2A4BBBA880FE41995C9F82"), binascii.unhexlify("40A0DDD277F84392B4A31E7304206516")]


def v3_record(state, guid, name, data):
    return struct.pack("<HBBIII16sI", 0x55AA, state, 0, 7, len(name) + 1, len(data), guid, zlib.crc32(data)) + name + b"\0" + data


def v3(records, size=0x400):
    return (struct.pack("<4sIIBBBBII", b"3VVN", size, 9, 0xFE, 0x5A, 1, 0, 0x1F0, 0x1F0) + records).ljust(size, b"\xff")


records = v3_record(0x7C, GUIDS[0], b"boot-args", b"old") + v3_record(0x7F, GUIDS[0], b"boot-args", b"-v serial=3") + \
    v3_record(0x7F, GUIDS[1], b"blob", b"\x01\xff\xff\xff\0\0\x02") + v3_record(0x7F, GUIDS[0], b"empty", b"")
put("v3.nvram", v3(records))
twice = b"".join(v3_record(0x7F, GUIDS[i % 2], b"other" if i == 1 else b"boot-args", text) for i, text in
                 enumerate([b"old", b"of the system", b"older", b"also of the system", b"-v"]))
put("v3-twice.nvram", v3(twice))
# Behind the end of the records, what a power cut left of others.
put("v3-left.nvram", v3(v3_record(0x7F, GUIDS[0], b"a", b"1") + b"\xff" * 50 + v3_record(0x7F, GUIDS[0], b"boot-args", b"left over")))
put("v3-name.nvram", v3(v3_record(0x7F, GUIDS[0], b"boot-args\0more", b"-v")))

LIST = {"numbers": [0, 1, 255, 65536, -1, 2**40, -2**33, 2**63 - 1, 2**64 - 1, True, False], "text": "ASCII", "wide": "Größe \U0001f34e", "data": bytes(range(40)),
        "date": datetime.datetime(2026, 11, 21, 10, 28, 3), "empty": {}, "none": [], "deep": {"er": {"est": [[["x"]], "text"]}}, "long": "n" * 300}
put("list.xml", plistlib.dumps(LIST))
put("list.bplist", plistlib.dumps(LIST, fmt=plistlib.FMT_BINARY))
put(os.path.basename(sys.argv[1]), b"")
