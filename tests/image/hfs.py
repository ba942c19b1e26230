#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A writer of HFS+ volumes: hfs.py [--case-sensitive] [--small] IMAGE FOLDER

Makes IMAGE with files that no Linux tool writes: compressed by the file system in every way, with resource forks, with several names;
what reading each must give goes to FOLDER, by path. Facts: Apple's Technical Note TN1150. 7zz and libfshfs judge it.
"""
import os
import random
import struct
import sys

from pack import KINDS, decmpfs

BLOCK = 4096
DATE = 3800000000
ROOT, LINKS = 2, "\0\0\0\0HFS+ Private Data"
FOLDER_LINKS = ".HFS+ Private Directory Data\r"


def tree(records, size, longest_key, flags, compare):
    """A B-tree of the sorted RECORDS (key, data) with nodes of SIZE bytes."""
    nodes, height = [None], 0

    def node(kind, level, items, link):
        body, offsets = bytearray(), []
        for item in items:
            offsets.append(14 + len(body))
            body += item + bytes(len(item) % 2)
        offsets.append(14 + len(body))
        table = b"".join(struct.pack(">H", o) for o in reversed(offsets))
        out = struct.pack(">IIbBHH", *link, kind, level, len(items), 0) + body
        return out.ljust(size - len(table), b"\0") + table

    level_items = [struct.pack(">H", len(key)) + key + data for key, data in records]
    keys = [key for key, _ in records]
    first_leaf = last_leaf = 0
    while level_items:
        height += 1
        groups, room = [[]], 0
        for index, item in enumerate(level_items):
            if room + len(item) + 4 > size - 16:
                groups.append([])
                room = 0
            groups[-1].append(index)
            room += len(item) + len(item) % 2 + 2
        base = len(nodes)
        for number, group in enumerate(groups):
            link = (base + number + 1 if number + 1 < len(groups) else 0, base + number - 1 if number else 0)
            nodes.append(node(-1 if height == 1 else 0, height, [level_items[i] for i in group], link))
        if height == 1:
            first_leaf, last_leaf = base, len(nodes) - 1
        if len(groups) == 1:
            break
        keys = [keys[group[0]] for group in groups]
        level_items = [struct.pack(">H", len(key)) + key + struct.pack(">I", base + i) for i, key in enumerate(keys)]
    root = len(nodes) - 1 if height else 0
    total = len(nodes)
    used = bytearray((size - 14 - 106 - 128 - 8) & ~1)
    for i in range(total):
        used[i // 8] |= 0x80 >> i % 8
    header = struct.pack(">HIIIIHHIIHIBBI64x", height, root, len(records), first_leaf, last_leaf, size, longest_key, total, 0, 0, size, 0, compare, flags)
    offsets = [14, 14 + 106, 14 + 106 + 128, 14 + 106 + 128 + len(used)]
    body = struct.pack(">IIbBHH", 0, 0, 1, 0, 3, 0) + header + bytes(128) + bytes(used)
    nodes[0] = body.ljust(size - 8, b"\0") + b"".join(struct.pack(">H", o) for o in reversed(offsets))
    return b"".join(nodes)


class Volume:
    def __init__(self, case_sensitive):
        self.sensitive = case_sensitive
        self.next = 16
        self.folders = {"": ROOT}
        self.counts = {ROOT: 0}
        self.items, self.forks, self.attributes = [], [], []

    def units(self, name):
        return name.encode("utf-16-be")

    def number(self):
        self.next += 1
        return self.next - 1

    def parent(self, path):
        folder, _, name = path.rpartition("/")
        number = self.folders[folder]
        self.counts[number] += 1
        return number, name

    def folder(self, path):
        parent, name = self.parent(path)
        number = self.folders[path] = self.number()
        self.counts[number] = 0
        self.items.append(("folder", parent, name, number, {}))
        return number

    def file(self, path, data=b"", fork=b"", attributes=(), **more):
        parent, name = self.parent(path)
        number = self.number()
        self.items.append(("file", parent, name, number, dict(more, forks=(data, fork))))
        for key, value in attributes:
            self.attributes.append((number, key, value))
        return number

    def allocate(self, data):
        """The 80 bytes of a fork, its blocks in two runs where it has more than one."""
        count = -(-len(data) // BLOCK)
        if not count:
            return bytes(80)
        first = len(self.blocks)
        cut = count // 2
        for at in range(0, cut * BLOCK, BLOCK):
            self.blocks.append(data[at:at + BLOCK])
        if cut:
            self.blocks.append(b"")  # a hole that belongs to nobody
            self.free.append(len(self.blocks) - 1)
        second = len(self.blocks)
        for at in range(cut * BLOCK, len(data), BLOCK):
            self.blocks.append(data[at:at + BLOCK].ljust(BLOCK, b"\0"))
        extents = [(first, cut), (second, count - cut)] if cut else [(second, count)]
        return (struct.pack(">QII", len(data), 0, count) + b"".join(struct.pack(">II", *e) for e in extents)).ljust(80, b"\0")

    def sort_key(self, record):
        parent, name = struct.unpack(">I", record[0][:4])[0], record[0][6:]
        text = [struct.unpack(">H", name[i:i + 2])[0] for i in range(0, len(name), 2)]
        if not self.sensitive:  # NULs come last, since they fold to 0xffff
            text = [0xFFFF if u == 0 else u + 32 if 65 <= u <= 90 else u for u in text]
        return parent, text

    def catalog(self):
        records = []

        def add(parent, name, data, number, thread):
            units = self.units(name)
            records.append((struct.pack(">IH", parent, len(units) // 2) + units, data))
            records.append((struct.pack(">IH", number, 0), struct.pack(">HHIH", thread, 0, parent, len(units) // 2) + units))

        dates = struct.pack(">5I", DATE, DATE, DATE, DATE, 0)

        def folder(number):
            return struct.pack(">HHII", 1, 0, self.counts[number], number) + dates + struct.pack(">IIBBHI", 0, 0, 0, 0, 0o40755, 0) + bytes(40)

        add(1, "Volume", folder(ROOT), ROOT, 3)
        for kind, parent, name, number, more in self.items:
            if kind == "folder":
                add(parent, name, folder(number), number, 3)
                continue
            forks = b"".join(self.allocate(data) for data in more["forks"])
            bsd = struct.pack(">IIBBHI", 0, 0, 0, more.get("flags", 0), more.get("mode", 0o100644), more.get("special", 0))
            finder = more.get("finder", b"").ljust(32, b"\0")
            add(parent, name, struct.pack(">HHII", 2, 2, 0, number) + dates + bsd + finder + bytes(8) + forks, number, 4)
        return sorted(records, key=self.sort_key)

    def write(self, path):
        self.blocks, self.free = [b""] * 2, []
        catalog = self.catalog()
        attributes = []
        for number, name, value in sorted(self.attributes):
            key = struct.pack(">HIIH", 0, number, 0, len(name)) + self.units(name)
            attributes.append((key, struct.pack(">IQI", 0x10, 0, len(value)) + value + bytes(len(value) % 2)))
        forks = [self.allocate(tree(records, size, longest, flags, compare)) for records, size, longest, flags, compare in
                 (([], 4096, 10, 2, 0), (catalog, 4096, 516, 6, 0xBC if self.sensitive else 0xCF), (attributes, 8192, 266, 6, 0))]
        total = len(self.blocks) + 2
        used = bytearray(BLOCK)
        for i in range(total):
            if i not in self.free and not len(self.blocks) <= i < total - 1:
                used[i // 8] |= 0x80 >> i % 8
        self.blocks[1] = bytes(used)
        free = len(self.free) + 1
        allocation = struct.pack(">QIIII", BLOCK, 0, 1, 1, 1).ljust(80, b"\0")
        files = sum(item[0] == "file" for item in self.items)
        header = struct.pack(">2sHI4s15IQ32x", b"HX" if self.sensitive else b"H+", 5 if self.sensitive else 4, 0x100, b"10.0", 0,
                             DATE, DATE, 0, DATE, files, len(self.items) - files, BLOCK, total, free, 0, BLOCK, BLOCK, self.next, 1, 1)
        header += allocation + b"".join(forks) + bytes(80)
        with open(path, "wb") as out:
            for index, block in enumerate(self.blocks):
                out.seek(index * BLOCK)
                out.write(block)
            out.seek(1024)
            out.write(header)
            out.seek(total * BLOCK - 1024)
            out.write(header.ljust(1024, b"\0"))


def fill(volume, expected, small):
    rnd = random.Random(5)
    words = b"the quick brown fox jumps over the lazy dog while nobody looks at anything at all ".split()

    def text(size):
        return b" ".join(rnd.choice(words) for _ in range(size // 4))[:size]

    def expect(path, data):
        os.makedirs(os.path.dirname(os.path.join(expected, path)), exist_ok=True)
        open(os.path.join(expected, path), "wb").write(data)

    def plain(path, data, **more):
        volume.file(path, data, **more)
        expect(path.lstrip("/"), data)

    volume.folder("/packed")
    volume.folder("/Folder")
    plain("/Folder/plain", text(20000))
    for i in range(3 if small else 200):  # several nodes and two levels
        plain(f"/Folder/file number {i}", b"%d\n" % i)
    for kind in KINDS:
        for name, size in ("small", 900), ("large", 200001), ("random", 700 if small else 70000), ("exact", 131072):
            if small and size > 100000:
                continue
            data = rnd.randbytes(size) if name == "random" else text(size)
            fork = name != "small"
            attribute, resource = decmpfs(kind, data, fork)
            volume.file(f"/packed/{kind}-{name}", b"", resource, [("com.apple.decmpfs", attribute), ("user.other", b"x")], flags=0x20)
            expect(f"packed/{kind}-{name}", data)
    plain("/forked", b"data", fork=b"resource " * 1000)
    linked = text(5000)
    volume.folder("/" + LINKS)
    volume.file("/" + LINKS + "/iNode77", linked, special=2)
    for path in "/linked", "/Folder/linked too":
        volume.file(path, finder=b"hlnkhfs+", special=77)
        expect(path[1:], linked)
    volume.folder("/" + FOLDER_LINKS)
    inner = "/" + FOLDER_LINKS + "/dir_88"
    volume.folder(inner)
    volume.file(inner + "/within", b"within")
    volume.file("/alias", finder=b"fdrpMACS", special=88)
    if volume.sensitive:
        plain("/Folder/Case", b"upper")
        plain("/Folder/case", b"lower")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    volume = Volume("--case-sensitive" in arguments)
    image, expected = arguments[-2:]
    fill(volume, expected, "--small" in arguments)
    volume.write(image)
