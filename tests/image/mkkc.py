#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes kernel collections out of tests/image/kc: mkkc.py FOLDER

clang-19 and ld.lld-19 link a kernel and its kexts as one ELF program, in the layout of a collection; this turns it into Mach-O, with
absolute relocations as chained fixups (those of section .auth signed), a symbol table for each member in one __LINKEDIT, and the
Info.plists in __PRELINK_INFO. FOLDER gets

    kc              an MH_FILESET of the kernel and the kexts; kc.im4p the same in an IM4P
    kernel          the kernel alone at addresses of its own, with the UUID that it has in kc
    prelinked       the older form: an MH_EXECUTE with the kexts whole in __PRELINK_TEXT
    modules         the same, but lists of pointers tell where the kexts are, links of threads, and not the Info.plists

A test with other needs imports it: kexts() is the list, whose `info` may be changed, or shortened, or added to, before
build("fileset", kexts, FOLDER) links it and returns the Collection, whose .data is the file and whose .symbols, .segments and
.address() tell what has to be found in it. Nothing here runs as a guest.
"""
import os
import plistlib
import struct
import subprocess
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../guests/pip"))
import mkfileset  # noqa: E402
from mkfileset import EXEC, IN_CACHE, MH_EXECUTE, MH_FILESET, PAGE, READ, WRITE, header, segment_command  # noqa: E402

BASE = 0xFFFFFE0007004000
MH_KEXT_BUNDLE = 11
HEADER_ROOM = 0x1000
LINKEDIT_ROOM = 0x4000  # of a prelinked kernel's kext
CODELESS = 0x7FFFFFFFFFFFFFFF
PLACEHOLDER = 0x7FFFFFFFFFFFFFF0  # as long in hexadecimal as every address
FLAGS = ["--target=aarch64-none-elf", "-march=armv8.3-a", "-mbranch-protection=pac-ret+b-key", "-ffreestanding", "-fno-builtin",
         "-fno-pic", "-fno-common", "-mgeneral-regs-only", "-O1", "-Wall", "-Wextra", "-Wno-unused-parameter", "-std=gnu17"]
# Each kext has these, under the same names.
OWN_NAMES = ("kmod_info", "driver_start", "driver_stop", "driver_methods")
# Segment: protection, and sections by name, what the linker puts there, and flags.
SEGMENTS = {
    "TEXT": (READ, [("cstring", ".rodata.str*", 2), ("const", ".rodata .rodata.*", 0)]),
    "DATA_CONST": (READ | WRITE, [("const", ".data.rel.ro .data.rel.ro.*", 0), ("auth", ".auth", 0)]),
    "TEXT_EXEC": (READ | EXEC, [("text", ".text .text.*", 0x80000400)]),
    "DATA": (READ | WRITE, [("data", ".data .data.*", 0), ("bss", ".bss .bss.*", 1)]),
}


class Hex(int):
    """An address in a property list: Apple's tools write those in hexadecimal, so that their length is known before they are."""


class Kext:
    def __init__(self, bundle, source, version="1.0", libraries=(), personalities=None, **info):
        self.bundle, self.source = bundle, source  # no source: codeless
        self.info = {"CFBundleIdentifier": bundle, "CFBundleVersion": version, "CFBundleName": bundle.split(".")[-1],
                     "CFBundlePackageType": "KEXT", "OSBundleRequired": "Root", "OSBundleLibraries": dict(libraries), **info}
        if source:
            self.info["CFBundleExecutable"] = bundle.split(".")[-1]
        if personalities:
            self.info["IOKitPersonalities"] = personalities

    @property
    def path(self):
        return f"/System/Library/Extensions/{self.bundle.split('.')[-1]}.kext"


def personality(bundle, match, provider="IOPlatformDevice", **more):
    return {"CFBundleIdentifier": bundle, "IOClass": bundle.split(".")[-1], "IOProviderClass": provider, "IONameMatch": match,
            "IOProbeScore": 1000, **more}


def kexts():
    kpi = {"com.apple.kpi.iokit": "8.0.0", "com.apple.kpi.libkern": "8.0.0"}
    serial = {"com.example.iokit.SerialFamily": "2.0", **kpi}
    uart, gic = "com.example.driver.PL011", "com.example.driver.GICv3"
    interfaces = [Kext(f"com.apple.kpi.{name}", None, "23.6.0", OSKernelResource=True, OSBundleCompatibleVersion="8.0.0")
                  for name in ("bsd", "iokit", "libkern", "mach")]
    return interfaces + [
        Kext("com.example.iokit.SerialFamily", "family.c", "2.1.0", kpi, OSBundleCompatibleVersion="2.0"),
        Kext(uart, "driver.c", libraries=serial, personalities={"PL011": personality(uart, ["arm,pl011", "uart-1,pl011"])}),
        Kext(gic, "driver.c", libraries=kpi, personalities={"GIC": personality(gic, "gic", IONameMatched="gic")}),
        Kext("com.example.driver.SEPManager", "driver.c", "3.0", serial, OSBundleCompatibleVersion="2.0"),
        Kext("com.example.driver.SEPHiber", "driver.c", libraries={"com.example.driver.SEPManager": "2.0", **kpi},
             OSBundleCompatibleVersion="1.0"),
        Kext("com.example.driver.Sleep", None, libraries={"com.example.driver.SEPHiber": "1.0"},
             personalities={"Sleep": personality("com.example.driver.Sleep", ["sleep"])}),
    ]


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stdout.decode()}")


# ---- linking ----

compiled = {}


def compile_member(folder, number, member):
    """The object file; what this process has compiled before, from the same source, is taken again."""
    out, source = os.path.join(folder, f"m{number}.o"), os.path.join(HERE, "kc", member.source)
    with open(source, "rb") as file:
        key = (source, number, member.bundle, file.read())
    if compiled.get(out) == key:
        return out
    if source.endswith(".s"):
        run("clang-19", "--target=aarch64-none-elf", "-march=armv8.3-a", "-c", source, "-o", out)
    else:
        own = [f"-D{name}=m{number}${name}" for name in OWN_NAMES]
        run("clang-19", *FLAGS, *own, f'-DNAME="{member.bundle}"', "-c", source, "-o", out)
    compiled[out] = key
    return out


def place(number, obj, segment, head=0):
    """The linker script of one segment of a member. The names of places begin with $, which no symbol of the program does."""
    start = f"m{number}.{segment}"
    lines = [f'"${start}.low" = .;', f". += {head};"]
    for section, patterns, _ in SEGMENTS[segment][1]:
        lines.append(f'{start}.{section} : ALIGN(16) {{ "{obj}"({patterns}) }}')
    return lines + [f'"${start}.high" = .;', ". = ALIGN(16);"]


def region(name, lines):
    return [f". = ALIGN({PAGE});", f'"${name}.low" = .;', *lines, f". = ALIGN({PAGE});", f'"${name}.high" = .;']


def script(kind, objects, info_size, outer_room):
    """The layout: a collection's regions, or a kernel and behind it its kexts whole."""
    kernel, others = objects[0], list(enumerate(objects))[1:]
    lines = [f". = {BASE:#x};"]
    if kind == "fileset":
        everyone = [(0, kernel)] + others
        lines += region("TEXT", [f". += {outer_room};"])
        lines += region("PRELINK_TEXT", sum((place(n, o, "TEXT", HEADER_ROOM) for n, o in everyone), []))
        lines += region("DATA_CONST", sum((place(n, o, "DATA_CONST") for n, o in everyone), []))
        lines += region("TEXT_EXEC", sum((place(n, o, "TEXT_EXEC") for n, o in others + [(0, kernel)]), []))
        lines += region("PRELINK_INFO", [f". += {info_size};"])
        lines += region("DATA", sum((place(n, o, "DATA") for n, o in everyone), []))
    else:
        for segment in SEGMENTS:
            lines += region(segment, place(0, kernel, segment, outer_room if segment == "TEXT" else 0))
        if others:
            whole = []
            for n, o in others:
                whole += [f". = ALIGN({HEADER_ROOM});"]
                whole += sum((place(n, o, s, HEADER_ROOM if s == "TEXT" else 0) + [f". = ALIGN({HEADER_ROOM});"] for s in SEGMENTS), [])
                whole += [f'"$m{n}.LINKEDIT.low" = .;', f". += {LINKEDIT_ROOM};"]
            lines += region("PRELINK_TEXT", whole) + region("PRELINK_INFO", [f". += {info_size};"])
    lines += ['"$end" = .;', "/DISCARD/ : { *(.comment .note* .eh_frame* .llvm_addrsig) }"]
    return "SECTIONS {\n" + "\n".join("  " + line for line in lines) + "\n}\n"


def link(kind, members, folder, info_size, outer_room):
    objects = [compile_member(folder, n, m) for n, m in enumerate(members)]
    path = os.path.join(folder, kind)
    open(path + ".ld", "w").write(script(kind, objects, info_size, outer_room))
    run("ld.lld-19", "-T", path + ".ld", "--emit-relocs", "-static", "-e", "start", "-o", path + ".elf", *objects)
    return mkfileset.Elf(path + ".elf")


# ---- Mach-O ----

def uleb(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


class Linkedit:
    """Symbol tables and function starts of any number of members, and one pool of strings behind them."""

    def __init__(self, offset):
        self.offset, self.body, self.strings, self.known = offset, b"", b"\0", {}
        self.tables = []

    def string(self, name):
        if name not in self.known:
            self.known[name] = len(self.strings)
            self.strings += name.encode() + b"\0"
        return self.known[name]

    def add(self, symbols, low, functions):
        """SYMBOLS: (name, value, section number, external). Returns a function for the load commands, once all is added."""
        symbols = sorted(symbols, key=lambda s: (s[3], s[0]))
        table = self.offset + len(self.body)
        for name, value, section, external in symbols:
            self.body += struct.pack("<IBBHQ", self.string(name), 0xF if external else 0xE, section, 0, value)
        starts, at = b"", low
        for address in sorted(functions):
            starts += uleb(address - at)
            at = address
        starts += b"\0" * (8 - len(starts) % 8)
        starts_at = self.offset + len(self.body)
        self.body += starts
        local = sum(not s[3] for s in symbols)

        def commands():
            pool = self.offset + len(self.body)
            dynamic = struct.pack("<IIIIIIII", 0xB, 80, 0, local, local, len(symbols) - local, len(symbols), 0) + bytes(48)
            return [struct.pack("<IIIIII", 2, 24, table, len(symbols), pool, len(self.strings)), dynamic,
                    struct.pack("<IIII", 0x26, 16, starts_at, len(starts))]
        return commands

    def data(self):
        body = self.body + self.strings
        return body + bytes(-len(body) % 8)


class Collection:
    """What was linked, as a file (.data). Members with code have numbers, the kernel 0."""

    def __init__(self, kind, members, linked):
        self.kind, self.members, self.linked = kind, members, linked
        self.uuid = uuid.uuid5(uuid.NAMESPACE_DNS, kind).bytes

    def read(self, elf, outer_room):
        self.elf, self.outer_room = elf, outer_room
        self.places = {s.name[1:]: s.value for s in elf.symbols if s.name.startswith('$')}
        self.end = self.places["end"]
        self.image = mkfileset.image_of(elf, BASE, self.end - BASE)
        self.sections = [s for s in elf.sections if s["flags"] & 2 and s["name"].startswith("m") and s["size"]]
        self.symbols = [self.symbols_of(n) for n in range(len(self.linked))]

    def address(self, member, name):
        """Of a symbol of the member of that bundle identifier."""
        number = next(n for n, m in enumerate(self.linked) if m.bundle == member)
        return next(s[1] for s in self.symbols[number] if s[0] == "_" + name)

    def sections_of(self, number):
        """(segment, section, address, size, flags) in the order of the header."""
        out = []
        for segment, (_, sections) in SEGMENTS.items():
            for section, _, flags in sections:
                out += [(segment, section, s["addr"], s["size"], flags) for s in self.sections
                        if s["name"] == f"m{number}.{segment}.{section}"]
        return out

    def symbols_of(self, number):
        numbers = {f"m{number}.{s[0]}.{s[1]}": i + 1 for i, s in enumerate(self.sections_of(number))}
        out = []
        for s in self.elf.symbols:
            section = self.elf.sections[s.section]["name"] if s.section < 0xFF00 else ""
            if section in numbers and s.info & 15 < 3 and s.name and s.name[0] != "$":
                out.append(("_" + s.name.split("$")[-1], s.value, numbers[section], s.info >> 4 == 1))
        return out

    def functions_of(self, number):
        return [s.value for s in self.elf.symbols if s.info & 15 == 2 and s.section < 0xFF00 and
                self.elf.sections[s.section]["name"].startswith(f"m{number}.")]

    def range(self, name):
        return self.places[f"{name}.low"], self.places[f"{name}.high"]

    def segments(self, number, origin=BASE):
        """The segment commands of a member, file offsets counted from ORIGIN."""
        out = []
        for segment, (protection, _) in SEGMENTS.items():
            low, high = self.range(f"m{number}.{segment}")
            if self.kind != "fileset":
                high = (high + HEADER_ROOM - 1) & -HEADER_ROOM if number else self.range(segment)[1]
            sections = [("__" + s, at, size, 0 if flags == 1 else at - origin, flags)
                        for g, s, at, size, flags in self.sections_of(number) if g == segment]
            if sections or segment == "TEXT":
                out.append(segment_command("__" + segment, low, high - low, low - origin, high - low, protection, sections))
        return out

    def identity(self, number):
        """What stays the same wherever the member is linked."""
        name = uuid.uuid5(uuid.NAMESPACE_DNS, self.linked[number].bundle)
        version = mkfileset.SOURCE_VERSION | 141 << 30 | 2 << 20 if number == 0 else (number + 1) << 40
        return [struct.pack("<II", 0x1B, 24) + name.bytes, struct.pack("<IIIIII", 0x32, 24, 1, 14 << 16, 14 << 16, 0),
                struct.pack("<IIQ", 0x2A, 16, version)]

    def put(self, address, data):
        self.image[address - BASE:address - BASE + len(data)] = data

    def plist(self, final):
        """__PRELINK_INFO; not FINAL: of the same size, with addresses that are not known yet."""
        root = {"_PrelinkInfoDictionary": [], "_PrelinkKCID": self.uuid}
        for member in self.members:
            info, load = dict(member.info), CODELESS
            info["_PrelinkBundlePath"] = member.path
            if member.source and self.kind == "modules":
                info["_PrelinkExecutableRelativePath"] = f"Contents/MacOS/{info['CFBundleExecutable']}"
                root["_PrelinkInfoDictionary"].append(info)
                continue
            if member.source:
                number = self.linked.index(member)
                load = self.range(f"m{number}.TEXT")[0] if final else PLACEHOLDER
                info["_PrelinkExecutableRelativePath"] = f"Contents/MacOS/{info['CFBundleExecutable']}"
                info["_PrelinkExecutableSourceAddr"] = Hex(load)
                info["_PrelinkKmodInfo"] = Hex(self.address(member.bundle, "kmod_info") if final else PLACEHOLDER)
            info["_PrelinkExecutableLoadAddr"] = Hex(load)
            root["_PrelinkInfoDictionary"].append(info)
        return xml(root)


def xml(root):
    """XML as Apple's builder writes it: addresses in hexadecimal, of 64 bits."""
    def words(value):
        if isinstance(value, Hex):
            return f"HEX({int(value):#x})HEX"
        if isinstance(value, dict):
            return {k: words(v) for k, v in value.items()}
        return [words(v) for v in value] if isinstance(value, list) else value
    text = plistlib.dumps(words(root), sort_keys=False).decode()
    return text.replace("<string>HEX(", '<integer size="64">').replace(")HEX</string>", "</integer>").encode()


# ---- whole files ----

def member_header(collection, number, commands):
    kernel = number == 0
    flags = IN_CACHE if collection.kind == "fileset" else 0
    if kernel:
        commands = commands + [mkfileset.thread_command(collection.elf.entry)]
    return header(MH_EXECUTE if kernel else MH_KEXT_BUNDLE, commands, flags)


def put_header(collection, address, data, room):
    if len(data) > room:
        sys.exit(f"load commands of {len(data)} bytes do not fit in {room}")
    collection.put(address, data)


def linkedit_segment(low, offset, size):
    return segment_command("__LINKEDIT", low, (size + PAGE - 1) & -PAGE, offset, size, READ)


def add_fixups(c, segments, pointer_format):
    starts = mkfileset.chain(c.image, BASE, sorted(set(c.elf.relocations())), segments)
    data = mkfileset.fixup_data(BASE, starts, segments, pointer_format)
    return data + bytes(-len(data) % 16)


def finish_fileset(c):
    names = ["TEXT", "PRELINK_TEXT", "DATA_CONST", "TEXT_EXEC", "PRELINK_INFO", "DATA"]
    rights = {"PRELINK_TEXT": READ, "PRELINK_INFO": READ | WRITE, **{n: protection for n, (protection, _) in SEGMENTS.items()}}
    outer = [("__" + n, *c.range(n), rights[n]) for n in names]
    info_low = c.range("PRELINK_INFO")[0]
    c.put(info_low, c.plist(final=True))
    offset = c.end - BASE
    fixups = add_fixups(c, outer, 8)
    linkedit = Linkedit(offset + len(fixups))
    later = [linkedit.add(c.symbols[n], c.range(f"m{n}.TEXT")[0], c.functions_of(n)) for n in range(len(c.linked))]
    tail = fixups + linkedit.data()
    tail += bytes(-len(tail) % PAGE)
    for n in range(len(c.linked)):
        commands = c.segments(n) + [linkedit_segment(c.end, offset, len(tail))] + later[n]() + c.identity(n)
        put_header(c, c.range(f"m{n}.TEXT")[0], member_header(c, n, commands), HEADER_ROOM)
    sections = {"PRELINK_TEXT": "text", "PRELINK_INFO": "info"}
    commands = [struct.pack("<II", 0x1B, 24) + c.uuid, struct.pack("<IIIIII", 0x32, 24, 1, 0, 0, 0),
                mkfileset.thread_command(c.elf.entry), struct.pack("<IIII", 0x80000034, 16, offset, len(fixups))]
    for name, low, high, protection in outer:
        inside = [("__" + sections[name[2:]], low, high - low, low - BASE, 0)] if name[2:] in sections else []
        commands.append(segment_command(name, low, high - low, low - BASE, high - low, protection, inside))
    commands.append(linkedit_segment(c.end, offset, len(tail)))
    for n, member in enumerate(c.linked):
        low = c.range(f"m{n}.TEXT")[0]
        commands.append(mkfileset.fileset_entry(member.bundle, low, low - BASE))
    put_header(c, BASE, header(MH_FILESET, commands, 0), c.outer_room)
    c.data = bytes(c.image) + tail


def finish_prelinked(c):
    """Kexts whole, with file offsets of their own; the kernel is the file. Pointers are plain: this form is not slid here."""
    for n in range(1, len(c.linked)):
        origin, low = c.range(f"m{n}.TEXT")[0], c.places[f"m{n}.LINKEDIT.low"]
        linkedit = Linkedit(low - origin)
        later = linkedit.add(c.symbols[n], origin, c.functions_of(n))
        data = linkedit.data()
        if len(data) > LINKEDIT_ROOM:
            sys.exit("LINKEDIT_ROOM is too small")
        c.put(low, data)
        commands = c.segments(n, origin) + [linkedit_segment(low, low - origin, len(data))] + later() + c.identity(n)
        put_header(c, origin, member_header(c, n, commands), HEADER_ROOM)
    c.put(c.range("PRELINK_INFO")[0], c.plist(final=True))
    more = []
    for name, section, rights in (("PRELINK_TEXT", "text", READ | EXEC), ("PRELINK_INFO", "info", READ | WRITE)):
        low, high = c.range(name)
        tables = modules_of(c) if c.kind == "modules" and section == "info" else []
        size = high - low - sum(table[2] for table in tables)
        more.append(segment_command("__" + name, low, high - low, low - BASE, high - low, rights,
                                    [("__" + section, low, size, low - BASE, 0)] + tables))
    finish_kernel(c, more, None)


def thread_link(target):
    """A pointer as one of a thread, with a distance to the next."""
    return target & (1 << 43) - 1 | 5 << 51


def modules_of(c):
    """At the end of __PRELINK_INFO: where the kexts are. The sections."""
    high = c.range("PRELINK_INFO")[1]
    infos = b"".join(struct.pack("<Q", thread_link(c.address(m.bundle, "kmod_info"))) for m in c.linked[1:])
    starts = b"".join(struct.pack("<Q", thread_link(c.range(f"m{n}.TEXT")[0])) for n in range(1, len(c.linked)))
    starts += struct.pack("<Q", thread_link(BASE))
    tables = [("__kmod_info", high - len(infos) - len(starts), infos), ("__kmod_start", high - len(starts), starts)]
    for _, at, data in tables:
        c.put(at, data)
    return [(name, at, len(data), at - BASE, 0) for name, at, data in tables]


def finish_kernel(c, more=(), pointer_format=7):
    offset, fixups, extra = c.end - BASE, b"", []
    if pointer_format:
        segments = [("__" + n, *c.range(n), SEGMENTS[n][0]) for n in SEGMENTS]
        # One start table entry a segment, __LINKEDIT's among them.
        fixups = add_fixups(c, segments + [("__LINKEDIT", c.end, c.end, READ)], pointer_format)
        extra = [struct.pack("<IIII", 0x80000034, 16, offset, len(fixups))]
    linkedit = Linkedit(offset + len(fixups))
    later = linkedit.add(c.symbols[0], BASE, c.functions_of(0))
    tail = fixups + linkedit.data()
    commands = c.segments(0) + list(more) + [linkedit_segment(c.end, offset, len(tail))] + later() + c.identity(0) + extra
    put_header(c, BASE, member_header(c, 0, commands), c.outer_room)
    c.data = bytes(c.image) + tail


def build(kind, members, folder):
    """KIND: "fileset", "prelinked", "modules", or "kernel" (of which only the kernel is made). The Collection."""
    kernel = Kext("com.apple.kernel", "kernel.c")
    if kind == "kernel":
        members = []
    linked = [kernel] + [m for m in members if m.source]
    # The collection's own header grows with its members; in other files it is the kernel's, which is as large everywhere.
    room = (0x1000 + 112 * len(linked) + PAGE - 1) & -PAGE if kind == "fileset" else HEADER_ROOM
    draft = Collection(kind, members, linked)
    info_size = (len(draft.plist(final=False)) + 16 * len(linked) + PAGE - 1) & -PAGE
    draft.read(link(kind, linked, folder, info_size, room), room)
    {"fileset": finish_fileset, "prelinked": finish_prelinked, "modules": finish_prelinked, "kernel": finish_kernel}[kind](draft)
    return draft


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for kind, name in (("fileset", "kc"), ("prelinked", "prelinked"), ("modules", "modules"), ("kernel", "kernel")):
        data = build(kind, kexts(), folder).data
        open(os.path.join(folder, name), "wb").write(data)
        if kind == "fileset":
            open(os.path.join(folder, "kc.im4p"), "wb").write(mkfileset.im4p(data))


if __name__ == "__main__":
    main()
