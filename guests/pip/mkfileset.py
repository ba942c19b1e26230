#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns pip's ELF into an arm64e kernel collection: mkfileset.py PIP.ELF OUT.im4p

An MH_FILESET with one member, com.apple.kernel; the ELF's absolute relocations (linked with --emit-relocs) become
chained fixups in the kernel-cache format, those of section .auth authenticated ones (key IA, address diversity). The
collection is wrapped in an IM4P whose payload is an LZFSE stream of uncompressed blocks.
"""
import collections
import struct
import sys
import uuid
import zlib

PAGE = 0x4000
CPU_ARM64, SUBTYPE_ARM64E_KERNEL = 0x0100000C, 0xC0000002
MH_FILESET, MH_EXECUTE, IN_CACHE = 12, 2, 0x80000000
R_AARCH64_ABS64 = 257
DIVERSITY, NO_CHAIN = 0x7069, 0xFFFF
READ, WRITE, EXEC = 1, 2, 4
SOURCE_VERSION = 10063 << 40  # boot_args are laid out as in xnu-10063


Symbol = collections.namedtuple("Symbol", "name value info section")


class Elf:
    def __init__(self, path):
        self.data = open(path, "rb").read()
        if self.data[:6] != b"\x7fELF\x02\x01":
            sys.exit(f"{path}: not a 64-bit little-endian ELF file")
        self.entry, = struct.unpack_from("<Q", self.data, 24)
        offset, = struct.unpack_from("<Q", self.data, 40)
        count, names = struct.unpack_from("<HH", self.data, 60)
        keys = "name type flags addr offset size link info align entsize".split()
        self.sections = [dict(zip(keys, struct.unpack_from("<IIQQQQIIQQ", self.data, offset + 64 * i)))
                         for i in range(count)]
        strings = self.sections[names]["offset"]
        for section in self.sections:
            section["name"] = self.text(strings + section["name"])
        self.symbols = self.read_symbols()

    def text(self, at):
        return self.data[at:self.data.index(b"\0", at)].decode()

    def read_symbols(self):
        table = next(s for s in self.sections if s["type"] == 2)
        names = self.sections[table["link"]]["offset"]
        out = []
        for at in range(table["offset"], table["offset"] + table["size"], 24):
            name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", self.data, at)
            out.append(Symbol(self.text(names + name), value, info, section))
        return out

    def symbol(self, name):
        return next(s.value for s in self.symbols if s.name == name)

    def relocations(self):
        """(address, target, authenticated) of every absolute pointer in what is loaded: those in sections .auth are signed."""
        for section in self.sections:
            if section["type"] != 4 or not self.sections[section["info"]]["flags"] & 2:
                continue
            for at in range(section["offset"], section["offset"] + section["size"], 24):
                place, info, addend = struct.unpack_from("<QQq", self.data, at)
                if info & 0xFFFFFFFF == R_AARCH64_ABS64:
                    auth = self.sections[section["info"]]["name"].endswith(".auth")
                    yield place, self.symbols[info >> 32].value + addend, auth
        for section in self.sections:  # the linker fills the GOT itself
            if section["name"] != ".got":
                continue
            for at in range(0, section["size"], 8):
                target, = struct.unpack_from("<Q", self.data, section["offset"] + at)
                if target:
                    yield section["addr"] + at, target, False


def image_of(elf, base, size):
    image = bytearray(size)
    for s in elf.sections:
        if s["flags"] & 2 and s["type"] == 1 and s["size"]:
            image[s["addr"] - base:s["addr"] - base + s["size"]] = elf.data[s["offset"]:s["offset"] + s["size"]]
    return image


def chain(image, base, fixups, segments):
    """Writes the chains into IMAGE; returns for each segment its page starts (or None)."""
    starts = [None] * len(segments)
    for index, (_, low, high, _) in enumerate(segments):
        pages = [NO_CHAIN] * ((high - low) // PAGE)
        for page in range(len(pages)):
            first = low + page * PAGE
            inside = [f for f in fixups if first <= f[0] < first + PAGE]
            for this, after in zip(inside, inside[1:] + [None]):
                place, target, auth = this
                word = (target - base) | ((after[0] - place) // 4 << 51 if after else 0)
                if auth:
                    word |= 1 << 63 | 1 << 48 | DIVERSITY << 32
                struct.pack_into("<Q", image, place - base, word)
            if inside:
                pages[page] = inside[0][0] - first
        if any(p != NO_CHAIN for p in pages):
            starts[index] = pages
    return starts


def fixup_data(base, starts, segments, pointer_format=8):
    """The LC_DYLD_CHAINED_FIXUPS payload; 8 is the kernel collection's format."""
    table = struct.pack("<I", len(segments))
    body, offsets = b"", []
    head = 4 + 4 * len(segments)
    head = (head + 7) & ~7
    for pages, (_, low, _, _) in zip(starts, segments):
        if pages is None:
            offsets.append(0)
            continue
        offsets.append(head + len(body))
        entry = struct.pack("<IHHQIH", 22 + 2 * len(pages), PAGE, pointer_format, low - base, 0, len(pages))
        entry += struct.pack(f"<{len(pages)}H", *pages)
        body += entry + bytes(-len(entry) % 8)
    table += struct.pack(f"<{len(offsets)}I", *offsets)
    table += bytes(head - len(table))
    header = struct.pack("<IIIIIII", 0, 32, 32 + len(table) + len(body), 32 + len(table) + len(body), 0, 1, 0)
    return header + bytes(32 - len(header)) + table + body


def segment_command(name, low, size, offset, filesize, protection, sections=()):
    """SECTIONS: (name, address, size, file offset, flags)."""
    body = b"".join(struct.pack("<16s16sQQIIIIIIII", s.encode(), name.encode(), address, length, at, 3, 0, 0, flags, 0, 0, 0)
                    for s, address, length, at, flags in sections)
    return struct.pack("<II16sQQQQIIII", 0x19, 72 + len(body), name.encode(), low, size, offset, filesize, protection, protection,
                       len(sections), 0) + body


def thread_command(pc):
    state = bytearray(272)
    struct.pack_into("<Q", state, 256, pc)
    return struct.pack("<IIII", 5, 16 + len(state), 6, 68) + bytes(state)


def header(filetype, commands, flags):
    body = b"".join(commands)
    return struct.pack("<IIIIIIII", 0xFEEDFACF, CPU_ARM64, SUBTYPE_ARM64E_KERNEL, filetype, len(commands), len(body), flags,
                       0) + body


def der(tag, content):
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def der_integer(value):
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def fileset_entry(name, address, offset):
    name = name.encode() + b"\0"
    name += bytes(-len(name) % 8)
    return struct.pack("<IIQQII", 0x80000035, 32 + len(name), address, offset, 32, 0) + name


def im4p(payload):
    lzfse = b"bvx-" + struct.pack("<I", len(payload)) + payload + b"bvx$"
    return der(0x30, der(0x16, b"IM4P") + der(0x16, b"krnl") + der(0x16, b"pip") + der(4, lzfse) +
               der(0x30, der_integer(1) + der_integer(len(payload))))


def main():
    elf = Elf(sys.argv[1])
    base, text = elf.symbol("pip_collection"), elf.symbol("pip_text")
    const, code = elf.symbol("pip_data_const"), elf.symbol("pip_text_exec")
    data, bss, end = elf.symbol("pip_data"), elf.symbol("pip_bss"), elf.symbol("pip_linkedit")
    bss_page = (bss + PAGE - 1) & ~(PAGE - 1)
    segments = [("__TEXT", base, const, READ), ("__DATA_CONST", const, code, READ | WRITE),
                ("__TEXT_EXEC", code, data, READ | EXEC), ("__DATA", data, end, READ | WRITE)]
    file_end = bss_page - base  # what follows is zero
    image = image_of(elf, base, file_end)
    starts = chain(image, base, sorted(elf.relocations()), segments)
    linkedit = fixup_data(base, starts, segments)
    linkedit += bytes(-len(linkedit) % PAGE)

    def segment_commands(first):
        out = []
        for name, low, high, protection in segments:
            low = first if name == "__TEXT" else low
            out.append(segment_command(name, low, high - low, low - base, min(high, bss_page) - low, protection))
        return out + [segment_command("__LINKEDIT", end, len(linkedit), file_end, len(linkedit), READ)]

    identity = struct.pack("<II", 0x1B, 24) + uuid.UUID(int=zlib.crc32(image) | 4 << 76 | 8 << 62).bytes
    version = struct.pack("<IIQ", 0x2A, 16, SOURCE_VERSION)
    inner = header(MH_EXECUTE, segment_commands(text) + [identity, version, thread_command(elf.entry)], IN_CACHE)
    entry = fileset_entry("com.apple.kernel", text, text - base)
    fixups = struct.pack("<IIII", 0x80000034, 16, file_end, len(linkedit))
    build = struct.pack("<IIIIII", 0x32, 24, 1, 0, 0, 0)
    outer = header(MH_FILESET, [identity, build, version, thread_command(elf.entry)] + segment_commands(base) +
                   [fixups, entry], 0)
    if len(outer) > PAGE or len(inner) > 0x1000:
        sys.exit("the load commands do not fit their room in pip.ld")
    image[:len(outer)] = outer
    image[text - base:text - base + len(inner)] = inner
    open(sys.argv[2], "wb").write(im4p(bytes(image) + linkedit))


if __name__ == "__main__":
    main()
