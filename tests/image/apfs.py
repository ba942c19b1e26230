#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A writer of filled APFS containers: apfs.py [--no-forks] IMAGE FOLDER [KERNEL]

Fills the empty container that mkapfs made (2 GiB, so that it may have four volumes) with the volumes of a Mac: System and Preboot of one
group, Data, and VM. What reading each file must give goes to FOLDER, by volume and path. KERNEL is what Preboot's active boot folder
has as its kernel cache. --no-forks leaves out compressed files with resource forks, which Debian's apfsck misreads (it takes every
layout for one). Blocks are only taken from the first chunk of the space manager. Facts: Apple File System Reference; apfsck and
libfsapfs judge it.
"""
import os
import random
import struct
import sys
import unicodedata
import uuid

from pack import KINDS, decmpfs

BLOCK = 4096
TIME = 1_800_000_000 * 10**9
ROLES = {"System": 1, "VM": 8, "Preboot": 0x10, "Data": 0x40}
INODE, XATTR, SIBLING, DSTREAM, EXTENT, NAME, SIBLING_MAP = 3, 4, 5, 6, 8, 9, 12
UF_COMPRESSED = 0x20
GROUP = uuid.UUID("c0ffee00-1111-4222-8333-444455556666")
ACTIVE = "5" * 63 + "a" + "b" * 32


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC = crc32c_table()


def name_hash(name):
    """The length and the hash that stand before a name in its key: of the decomposed lower-case characters."""
    crc = 0xFFFFFFFF
    for byte in unicodedata.normalize("NFD", name.casefold()).encode("utf-32-le"):
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 255]
    return (crc & 0x3FFFFF) << 10 | len(name.encode()) + 1


def sealed(block):
    """The block with its Fletcher-64 sum."""
    words = struct.unpack("<1022I", block[8:])
    modulus = (1 << 32) - 1
    low = sum(words) % modulus
    high = sum((1022 - i) * word for i, word in enumerate(words)) % modulus
    first = modulus - (low + high) % modulus
    return struct.pack("<II", first, modulus - (low + first) % modulus) + block[8:]


def node(header, flags, level, records, fixed, info):
    """A B-tree node: HEADER is (oid, type, subtype)."""
    end = BLOCK - (40 if info else 0)
    each = 4 if fixed else 8
    table = -(-max(len(records), 16) * each // 64) * 64
    if fixed:
        table = 448
    keys, values, entries, used = bytearray(), b"", b"", 0
    for key, value in records:
        used += len(value)
        entries += struct.pack("<HH", len(keys), used) if fixed else struct.pack("<4H", len(keys), len(key), used, len(value))
        keys += key
        values = value + values
    room = end - 56 - table - len(keys) - len(values)
    assert room >= 0
    out = struct.pack("<QQQII", 0, header[0], 1, header[1], header[2])
    out += struct.pack("<HHI8H", flags | (4 if fixed else 0), level, len(records), 0, table, len(keys), room, 0xFFFF, 0, 0xFFFF, 0)
    out += entries.ljust(table, b"\0") + keys
    return out.ljust(end - len(values), b"\0") + values + info


def room_for(records, fixed=False):
    return 56 + 40 + 64 + max(len(records), 16) * (4 if fixed else 8) + sum(len(k) + len(v) for k, v in records) <= BLOCK


class Container:
    def __init__(self, path):
        self.file = open(path, "r+b")
        top = self.read(0)
        self.next_oid, = struct.unpack_from("<Q", top, 0x58)
        descriptors, = struct.unpack_from("<Q", top, 0x70)
        self.super = descriptors + 1
        spaceman = next(n for n in range(65, 80) if struct.unpack_from("<I", self.read(n), 24)[0] & 0xFFFF == 5)
        self.spaceman = spaceman
        manager = self.read(spaceman)
        offset, = struct.unpack_from("<I", manager, 0x30 + 32)
        self.cib, = struct.unpack_from("<Q", manager, offset)
        self.bitmap, = struct.unpack_from("<Q", self.read(self.cib), 40 + 24)
        self.used = bytearray(self.read(self.bitmap))
        self.next = max(n for n in range(BLOCK * 8) if self.used[n // 8] >> n % 8 & 1) + 1
        self.taken = 0

    def read(self, number):
        self.file.seek(number * BLOCK)
        return self.file.read(BLOCK)

    def write(self, number, block):
        self.file.seek(number * BLOCK)
        self.file.write(block)

    def take(self, count=1):
        first = self.next
        self.next += count
        self.taken += count
        for n in range(first, first + count):
            self.used[n // 8] |= 1 << n % 8
        return first

    def oid(self):
        self.next_oid += 1
        return self.next_oid - 1

    def finish(self, volumes):
        """The space manager's counts and the superblock's list of volumes, each with its address in the object map."""
        self.write(self.bitmap, bytes(self.used))
        for number, offset in (self.cib, 40 + 20), (self.spaceman, 0x30 + 24):
            block = bytearray(self.read(number))
            wide = number == self.spaceman
            free, = struct.unpack_from("<Q" if wide else "<I", block, offset)
            struct.pack_into("<Q" if wide else "<I", block, offset, free - self.taken)
            self.write(number, sealed(bytes(block)))
        top = bytearray(self.read(0))
        omap, = struct.unpack_from("<Q", top, 0xA0)
        tree, = struct.unpack_from("<Q", self.read(omap), 0x30)
        records = [(struct.pack("<QQ", oid, 1), struct.pack("<IIQ", 0, BLOCK, at)) for oid, at in sorted(volumes.items())]
        info = struct.pack("<IIIIIIQQ", 16, BLOCK, 16, 16, 16, 16, len(records), 1)
        self.write(tree, sealed(node((tree, 0x40000002, 0xB), 3, 0, records, True, info)))
        for i, oid in enumerate(volumes):
            struct.pack_into("<Q", top, 0xB8 + 8 * i, oid)
        struct.pack_into("<Q", top, 0x58, self.next_oid)
        for number in 0, self.super:
            self.write(number, sealed(bytes(top)))
        self.file.close()


class Volume:
    """Files and folders of one volume, written by finish()."""

    def __init__(self, container, name, template):
        self.container, self.name, self.template = container, name, bytearray(template)
        # The volumes of a group share one space of numbers: the system's begin here.
        self.next_id = 16 | (1 << 59 if name == "System" else 0)
        self.records, self.extents = [], []
        self.folders = {"": 2}
        self.inodes = {}  # number: [parent, name, mode, children or links, more fields]
        self.counts = {"file": 0, "folder": 0, "link": 0}
        self.blocks = 0
        self.add_inode(2, 1, "root", 0o40755)
        self.add_inode(3, 1, "private-dir", 0o40755)
        self.add_name(1, "root", 2, 4)
        self.add_name(1, "private-dir", 3, 4)

    def number(self):
        self.next_id += 1
        return self.next_id - 1

    def key(self, kind, number, rest=b""):
        return struct.pack("<Q", kind << 60 | number) + rest

    def add(self, kind, number, rest, value):
        self.records.append(((number, kind, rest if kind != NAME else struct.unpack("<I", rest[:4])[0] >> 10), self.key(kind, number, rest), value))

    def fields(self, items):
        """Extended fields: (type, flags, data)."""
        if not items:
            return b""
        size = sum(-(-len(data) // 8) * 8 for _, _, data in items)
        return (struct.pack("<HH", len(items), size) + b"".join(struct.pack("<BBH", kind, flags, len(data)) for kind, flags, data in items)
                + b"".join(data.ljust(-(-len(data) // 8) * 8, b"\0") for _, _, data in items))

    def add_inode(self, number, parent, name, mode, **more):
        self.inodes[number] = [parent, name, mode, 0, more]

    def add_name(self, parent, name, number, kind, sibling=None):
        text = name.encode() + b"\0"
        value = struct.pack("<QQH", number, TIME, kind) + self.fields([(1, 0, struct.pack("<Q", sibling))] if sibling else [])
        self.add(NAME, parent, struct.pack("<I", name_hash(name)) + text, value)
        if parent in self.inodes and number not in (2, 3):
            self.inodes[parent][3] += 1

    def place(self, path):
        folder, _, name = path.rpartition("/")
        return self.folders[folder], name

    def folder(self, path):
        parent, name = self.place(path)
        number = self.folders[path] = self.number()
        self.add_inode(number, parent, name, 0o40755)
        self.add_name(parent, name, number, 4)
        self.counts["folder"] += 1

    def folders_of(self, path):
        parts = path.strip("/").split("/")[:-1]
        for i in range(len(parts)):
            if (folder := "/" + "/".join(parts[:i + 1])) not in self.folders:
                self.folder(folder)

    def stream(self, owner, data, sparse=False):
        """Extents of DATA: two where there is room for two, the first block a hole where SPARSE says so."""
        count = -(-len(data) // BLOCK)
        cut = 1 if sparse else count // 2
        for first, length in (0, cut), (cut, count - cut):
            if not length:
                continue
            hole = sparse and not first
            at = 0 if hole else self.container.take(length)
            if not hole:
                for i in range(length):
                    self.container.write(at + i, data[(first + i) * BLOCK:(first + i + 1) * BLOCK].ljust(BLOCK, b"\0"))
                self.extents.append((at, length, owner))
                self.blocks += length
                if not first:
                    self.container.next += 1  # so that the second run does not follow at once
            self.add(EXTENT, owner, struct.pack("<Q", first * BLOCK), struct.pack("<QQQ", length * BLOCK, at, 0))
        return struct.pack("<QQQQQ", len(data), count * BLOCK, 0, len(data), 0)

    def file(self, path, data=b"", attributes=(), fork=b"", flags=0, mode=0o100644, sparse=False):
        self.folders_of(path)
        parent, name = self.place(path)
        number = self.number()
        more = {"flags": flags, "internal": 0x8000}
        if data:
            more["stream"] = self.stream(number, data, sparse)
            self.add(DSTREAM, number, b"", struct.pack("<I", 1))
            if sparse:
                more["sparse"] = BLOCK
        for key, value in attributes:
            self.add(XATTR, number, struct.pack("<H", len(key) + 1) + key.encode() + b"\0", struct.pack("<HH", 2 | (4 if mode & 0o170000 == 0o120000 else 0), len(value)) + value)
        if fork:
            key, owner = b"com.apple.ResourceFork\0", self.number()
            value = struct.pack("<HHQ", 1, 48, owner) + self.stream(owner, fork)
            self.add(XATTR, number, struct.pack("<H", len(key)) + key, value)
            more["internal"] = 0x4000
        self.add_inode(number, parent, name, mode, **more)
        self.inodes[number][3] = 1
        self.add_name(parent, name, number, 10 if mode & 0o170000 == 0o120000 else 8)
        self.counts["link" if mode & 0o170000 == 0o120000 else "file"] += 1
        return number

    def links(self, paths, data):
        """A file with several names."""
        number = self.file(paths[0], data)
        parent, name = self.place(paths[0])
        self.records = [r for r in self.records if not (r[0][0] == parent and r[0][1] == NAME and r[1][12:] == name.encode() + b"\0")]
        self.inodes[parent][3] -= 1
        for path in paths:
            self.folders_of(path)
            parent, name = self.place(path)
            sibling, text = self.number(), name.encode() + b"\0"
            self.add_name(parent, name, number, 8, sibling)
            self.add(SIBLING, number, struct.pack("<Q", sibling), struct.pack("<QH", parent, len(text)) + text)
            self.add(SIBLING_MAP, sibling, b"", struct.pack("<Q", number))
        self.inodes[number][3] = len(paths)

    def symlink(self, path, target):
        self.file(path, attributes=[("com.apple.fs.symlink", target.encode() + b"\0")], mode=0o120755)

    def inode_records(self):
        for number, (parent, name, mode, count, more) in self.inodes.items():
            fields = [(4, 2, name.encode() + b"\0")]
            if "stream" in more:
                fields.append((8, 0x20, more["stream"]))
            if "sparse" in more:
                fields.append((13, 0x28, struct.pack("<Q", more["sparse"])))
            internal = more.get("internal", 0) | (0x200 if "sparse" in more else 0)
            value = struct.pack("<QQQQQQQiIIIIIHHQ", parent, number, TIME, TIME, TIME, TIME, internal, count, 0, 0, more.get("flags", 0), 0, 0, mode, 0, 0)
            self.add(INODE, number, b"", value + self.fields(fields))

    def tree(self, records, oid, kinds, subtype, number):
        """Nodes of the sorted RECORDS (key, value); NUMBER gives a node its oid and its block. The root has OID. Returns the root's
        block without its header's place in the map."""
        longest = [max((len(r[i]) for r in records), default=0) for i in (0, 1)]
        total, level, count = len(records), 0, 0
        while not room_for(records):
            groups = [[]]
            for record in records:
                if not room_for(groups[-1] + [record]):
                    groups.append([])
                groups[-1].append(record)
            above = []
            for group in groups:
                child = number(lambda n, g=group, l=level: node((n, kinds[1], subtype), 0 if l else 2, l, g, False, b""))
                above.append((group[0][0], struct.pack("<Q", child)))
            records, level, count = above, level + 1, count + len(groups)
        info = struct.pack("<IIIIIIQQ", self.infos[subtype], BLOCK, 0, 0, *longest, total, count + 1)
        return node((oid, kinds[0], subtype), 1 if level else 3, level, records, False, info)

    def finish(self, first):
        container = self.container
        self.infos = {0xE: 64, 0xF: 80, 0x10: 80}
        self.inode_records()
        self.records.sort(key=lambda r: (r[0][0], r[0][1], r[0][2] if r[0][1] != XATTR else r[1][10:]))
        map_records = []

        def virtual(make):
            oid, at = container.oid(), container.take()
            self.blocks += 1
            container.write(at, sealed(make(oid)))
            map_records.append((oid, at))
            return oid

        def physical(make):
            at = container.take()
            self.blocks += 1
            container.write(at, sealed(make(at)))
            return at

        old = struct.unpack_from("<6Q", self.template, 0x80)
        omap, extents, snaps = (old[0], old[2], old[3]) if first else (container.take(), container.take(), container.take())
        omap_source = bytearray(container.read(old[0]))
        map_tree, = struct.unpack_from("<Q", omap_source, 0x30)
        if not first:
            map_tree = container.take()
        root = old[1] if first else container.oid()
        at = self.root_block if first else container.take()
        catalog = self.tree([(k, v) for _, k, v in self.records], root, (2, 3), 0xE, virtual)
        container.write(at, sealed(catalog))
        map_records.append((root, at))
        references = [(struct.pack("<Q", 2 << 60 | a), struct.pack("<QQi", 1 << 60 | n, owner, 1)) for a, n, owner in sorted(self.extents)]
        container.write(extents, sealed(self.tree(references, extents, (0x40000002, 0x40000003), 0xF, physical)))
        container.write(snaps, sealed(self.tree([], snaps, (0x40000002, 0x40000003), 0x10, physical)))
        mapped = [(struct.pack("<QQ", oid, 1), struct.pack("<IIQ", 0, BLOCK, a)) for oid, a in sorted(map_records)]
        info = struct.pack("<IIIIIIQQ", 16, BLOCK, 16, 16, 16, 16, len(mapped), 1)
        container.write(map_tree, sealed(node((map_tree, 0x40000002, 0xB), 3, 0, mapped, True, info)))
        struct.pack_into("<Q", omap_source, 8, omap)
        struct.pack_into("<Q", omap_source, 0x30, map_tree)
        container.write(omap, sealed(bytes(omap_source)))
        return self.superblock(first, omap, root, extents, snaps)

    def superblock(self, first, omap, root, extents, snaps):
        block = self.template
        oid = struct.unpack_from("<Q", block, 8)[0] if first else self.container.oid()
        at = self.super_block if first else self.container.take()
        struct.pack_into("<Q", block, 8, oid)
        struct.pack_into("<I", block, 0x24, self.index)
        struct.pack_into("<Q", block, 0x58, self.blocks + 5)
        struct.pack_into("<4Q", block, 0x80, omap, root, extents, snaps)
        struct.pack_into("<4Q", block, 0xB0, self.next_id, self.counts["file"], self.counts["folder"], self.counts["link"])
        struct.pack_into("<Q", block, 0xE0, self.blocks + 5)
        block[0xF0:0x100] = uuid.uuid5(GROUP, self.name).bytes
        block[0x2C0:0x3C0] = self.name.encode().ljust(256, b"\0")
        struct.pack_into("<H", block, 0x3C4, ROLES[self.name])
        if self.name in ("System", "Data"):
            block[0x3F0:0x400] = GROUP.bytes
            struct.pack_into("<Q", block, 0x28, struct.unpack_from("<Q", block, 0x28)[0] | 0x10)  # one space of inode numbers
        self.container.write(at, sealed(bytes(block)))
        return oid, at


def fill(volume, expected, kernel, rnd, forks):
    def text(size):
        return b" ".join(rnd.choice((b"apfs", b"keeps", b"small", b"files", b"here")) for _ in range(size // 4))[:size]

    def expect(path, data):
        path = os.path.join(expected, volume.name, path.lstrip("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "wb").write(data)

    def plain(path, data, **more):
        volume.file(path, data, **more)
        expect(path, data)

    if volume.name == "Preboot":
        boot = f"/{str(GROUP).upper()}/boot"
        plain(f"{boot}/active", ACTIVE.encode())
        for name, data in (ACTIVE, kernel), ("0" * 96, b"an older one"):
            plain(f"{boot}/{name}/System/Library/Caches/com.apple.kernelcaches/kernelcache", data)
            plain(f"{boot}/{name}/usr/standalone/firmware/devicetree.img4", b"tree")
        plain(f"{boot}/{ACTIVE}/System/Library/Caches/com.apple.kernelcaches/kernelcache.custom.1234", b"m1n1")
    elif volume.name == "System":
        for kind in KINDS:
            for name, size in ("small", 900), ("large", 150001), ("random", 70000):
                if name != "small" and not forks:
                    continue
                data = rnd.randbytes(size) if name == "random" else text(size)
                attribute, fork = decmpfs(kind, data, name != "small")
                volume.file(f"/packed/{kind}-{name}", attributes=[("com.apple.decmpfs", attribute), ("user.other", b"x")], fork=fork, flags=UF_COMPRESSED)
                expect(f"/packed/{kind}-{name}", data)
        plain("/sparse", bytes(BLOCK) + text(9000), sparse=True)
        plain("/empty", b"")
        volume.symlink("/link", "empty")
    elif volume.name == "Data":
        for i in range(150):  # several nodes and levels
            plain(f"/many/file number {i}", b"%d\n" % i)
        plain("/Ünïcode/Größe", text(5000))
        data = text(20000)
        volume.links(["/many/linked", "/also linked"], data)
        expect("/many/linked", data)
        expect("/also linked", data)


if __name__ == "__main__":
    forks = "--no-forks" not in sys.argv
    image, expected, *kernel = [argument for argument in sys.argv[1:] if argument[0] != "-"]
    container = Container(image)
    top = container.read(0)
    tree, = struct.unpack_from("<Q", container.read(struct.unpack_from("<Q", top, 0xA0)[0]), 0x30)
    super_block, = struct.unpack_from("<Q", container.read(tree), BLOCK - 40 - 8)
    template = container.read(super_block)
    map_tree, = struct.unpack_from("<Q", container.read(struct.unpack_from("<Q", template, 0x80)[0]), 0x30)
    root_block, = struct.unpack_from("<Q", container.read(map_tree), BLOCK - 40 - 8)
    rnd = random.Random(7)
    found = {}
    for index, name in enumerate(("Preboot", "System", "Data", "VM")):
        volume = Volume(container, name, template)
        volume.index, volume.super_block, volume.root_block = index, super_block, root_block
        fill(volume, expected, open(kernel[0], "rb").read() if kernel else b"kernel", rnd, forks)
        oid, at = volume.finish(index == 0)
        found[oid] = at
    container.finish(found)
