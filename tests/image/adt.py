#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The adt verbs on trees that are made, read and compared by code of this file alone: adt.py POMONA WORK"""
import copy
import json
import random
import struct
import subprocess
import sys
import zlib

pomona, work = sys.argv[1:]
cases = 0
random.seed(11)


def encode(node):
    """A node is [[(name, value, placeholder)...], [children...]]."""
    properties, children = node
    data = struct.pack("<II", len(properties), len(children))
    for name, value, placeholder in properties:
        data += name.encode().ljust(32, b"\0") + struct.pack("<I", len(value) | placeholder << 31) + value + bytes(-len(value) % 4)
    return data + b"".join(map(encode, children))


def decode(data, at=0):
    count, below = struct.unpack_from("<II", data, at)
    at += 8
    properties, children = [], []
    for _ in range(count):
        name = data[at:at + 32].rstrip(b"\0").decode()
        length, = struct.unpack_from("<I", data, at + 32)
        size = length & 0x7FFFFFFF
        properties.append((name, data[at + 36:at + 36 + size], length >> 31))
        at += 36 + (size + 3 & ~3)
    for _ in range(below):
        child, at = decode(data, at)
        children.append(child)
    return [properties, children], at


def run(*arguments, status=0, data=None):
    done = subprocess.run([pomona, "adt", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != status:
        sys.exit(f"adt {' '.join(arguments)}: status {done.returncode}: {done.stderr.decode()} {done.stdout.decode()[:500]}")
    return done.stdout


def put(name, data):
    with open(f"{work}/{name}", "wb") as f:
        f.write(data)
    return f"{work}/{name}"


def check(what, condition):
    global cases
    cases += 1
    if not condition:
        sys.exit(f"FAIL: {what}")


def text(s):
    return s.encode() + b"\0"


def u32(*n):
    return struct.pack(f"<{len(n)}I", *n)


def u64(*n):
    return struct.pack(f"<{len(n)}Q", *n)


# ---- random trees: JSON and back, differences and back ----

def random_value():
    return random.choice([b"", text("word"), text("two") + text("words"), u32(random.randrange(1 << 32)), u64(*(random.getrandbits(64) for _ in range(3))),
                          random.randbytes(random.randrange(60)), bytes(5), b"\0\0", text("with | bar"), text("") + b"x\0", bytes(400)])


def random_tree(depth=0):
    names = ["name"] + random.sample(["reg", "compatible", "#size-cells", "a" * 31, "AAPL,phandle", "with space", "x.y", "function-a"],
                                     random.randrange(6))
    properties = [(n, text(random.choice(["cpu", "dup", "gfx@2000", "n%d" % random.randrange(9)])) if n == "name" else random_value(),
                   int(random.random() < .1)) for n in names]
    if random.random() < .1:
        properties = []
    children = [random_tree(depth + 1) for _ in range(random.randrange(5 if depth < 3 else 1))]
    return [properties, children]


def mutate(node):
    properties, children = node
    for _ in range(random.randrange(3)):
        act = random.randrange(6)
        if act == 0 and properties:
            del properties[random.randrange(len(properties))]
        elif act == 1 and properties:
            i = random.randrange(len(properties))
            properties[i] = (properties[i][0], random_value(), random.randrange(2))
        elif act == 2 and not any(p[0] == "fresh" for p in properties):
            properties.insert(random.randrange(len(properties) + 1), ("fresh", random_value(), 0))
        elif act == 3:
            random.shuffle(properties)
        elif act == 4 and children:
            del children[random.randrange(len(children))]
        else:
            children.insert(random.randrange(len(children) + 1), random_tree(3))
    for child in children:
        if random.random() < .4:
            mutate(child)


for number in range(40):
    tree = random_tree()
    if not tree[0]:
        tree[0] = [("name", text("device-tree"), 0)]
    other = copy.deepcopy(tree)
    mutate(other)
    a, b = put("a.adt", encode(tree)), put("b.adt", encode(other))
    built = run("build", "-", data=run("json", a))
    check("json and build give the same file", built == encode(tree))
    changes = run("diff", a, b)
    put("changes", changes)
    check(f"diff applied makes the other tree: {changes.decode()}", run("edit", "--apply", f"{work}/changes", a) == encode(other))
    check("a diff of equals is empty", run("diff", a, a) == b"")
    put("edited.adt", run("edit", "--apply", f"{work}/changes", "--undo", f"{work}/undo", a))
    check("--undo goes back", run("edit", "--apply", f"{work}/undo", f"{work}/edited.adt") == encode(tree))

# ---- a tree that XNU takes ----

def bank(size=0x2000):
    def header(signature, length, name):
        h = bytearray(struct.pack("<BBH12s", signature, 0, length // 16, name))
        total = h[0] + sum(h[2:])
        while total > 255:
            total = (total & 255) + (total >> 8)
        h[1] = total
        return bytes(h)
    rest = u32(1) + bytes(8) + header(0x70, 0x800, b"common").ljust(0x800, b"\0") + header(0x7F, size - 0x820, b"w" * 12).ljust(size - 0x820, b"\0")
    return header(0x5A, 0x20, b"nvram") + u32(zlib.adler32(rest)) + rest


def node(name, *properties, children=()):
    return [[("name", text(name), 0)] + [(n, v, 0) for n, v in properties], list(children)]


def good():
    return node("device-tree", ("compatible", text("J421AP")), ("model", text("iPad8,12")), children=[
        node("chosen", ("dram-base", u64(0x800000000)), ("dram-size", u64(1 << 32)), ("random-seed", bytes(range(64))),
             ("nvram-bank-size", u32(0x2000)), ("nvram-proxy-data", bank()), ("secure-root-prefix", text("md")),
             ("segment-names", text("__TEXT;__OS_LOG;__DATA")), ("segment-ranges", b"A" * 32 + b"B" * 32 + b"C" * 32),
             children=[node("memory-map", ("RAMDisk", u64(1, 2))), node("asmb", ("lp-sip0", u64(0)))]),
        node("cpus", children=[node("cpu%d" % i, ("state", text("waiting" if i else "running")), ("reg", u32(i)), ("compatible", text("ARM,v8")),
                                    ("function-error", b"1234"), ("function-ipi_dispatch", b"5678")) for i in range(4)]),
        node("defaults"), node("pram", ("reg", u64(0, 0))),
        node("arm-io", ("device_type", text("t8027-io")), ("ranges", u64(0, 0x200000000, 0x100000000)), children=[
            node("uart0", ("compatible", text("uart-1,samsung")), ("reg", u64(1, 2))), node("wdt", ("device_type", text("wdt"))),
            node("gic", ("reg", u64(0, 0, 0, 0))), node("buttons", ("reg", u64(0, 0))), node("aes", ("compatible", text("aes,s8000"))),
            node("gfx", ("compatible", text("paravirtualizedgraphics,gpu"))), node("usb-drd0"), node("rtc", ("compatible", text("avp,rtc")))])])


def find(tree, path):
    for component in [c for c in path.split("/") if c]:
        tree = next((c for c in tree[1] if any(p[:2] == ("name", text(component)) for p in c[0])), None)
        if tree is None:
            return None
    return tree


def value(tree, path, name):
    found = find(tree, path)
    return next((p[1] for p in found[0] if p[0] == name), None) if found else None


fine = put("good.adt", encode(good()))
run("check", fine)
check("get", run("get", fine, "/chosen:dram-base") == b"0x800000000\n" and run("get", "--raw", fine, "/cpus/cpu1:reg") == u32(1))
check("print", b"state = str:running" in run("print", fine) and b"/cpus/cpu3" in run("print", fine, "/cpus"))


def fault(what, path, change, status=65):
    """CHANGE spoils the node at PATH; check must name it."""
    tree = good()
    change(find(tree, path))
    said = run("check", put("bad.adt", encode(tree)), status=status).decode()
    check(f"check says {what}: {said}", what in said)


def drop(name):
    return lambda n: n[0].__setitem__(slice(None), [p for p in n[0] if p[0] != name])


def replace(name, data, placeholder=0):
    def change(n):
        n[0][:] = [p if p[0] != name else (name, data, placeholder) for p in n[0]]
    return change


fault("/chosen:dram-base", "/chosen", drop("dram-base"))
fault("/chosen:random-seed", "/chosen", replace("random-seed", bytes(10)))
fault("is all zeros", "/chosen", replace("random-seed", bytes(64)))
fault("placeholder", "/chosen", replace("dram-size", u64(1), 1))
fault("/chosen:nvram-bank-size", "/chosen", drop("nvram-bank-size"))
fault("has not the size", "/chosen", replace("nvram-bank-size", u32(0x4000)))
fault("Adler-32", "/chosen", replace("nvram-proxy-data", bank()[:-1] + b"x"))
fault("/chosen/asmb:lp-sip0", "/chosen/asmb", replace("lp-sip0", u32(0)))
fault("16 bytes", "/chosen/memory-map", replace("RAMDisk", u32(0)))
fault("leave it out", "/chosen/memory-map", lambda n: n[0].append(("TrustCache", u64(0, 0), 0)))
fault("exactly one CPU", "/cpus/cpu0", replace("state", text("waiting")))
fault("/cpus/cpu2:reg", "/cpus/cpu2", drop("reg"))
fault("another node beside it", "/cpus/cpu1", replace("name", text("cpu0")))
fault("is there twice", "/arm-io", lambda n: n[0].append(("ranges", b"", 0)))
fault("no property", "/defaults", lambda n: n[0].clear())
fault("/defaults: is missing", "/defaults", replace("name", text("default")))
fault("/arm-io:ranges", "/arm-io", drop("ranges"))
fault("lock-regs/amcc", "/chosen", lambda n: n[1].append(node("lock-regs")))
fault('is not "device-tree"', "/", replace("name", text("root")))
fault("63 characters", "/arm-io/gfx", replace("name", text("g" * 64)))

# ---- editing ----

def edited(*options):
    tree, _ = decode(run("edit", *options, fine))
    return tree


tree = edited("--preset", "virt-macos11", "--ram", "0x40000000:6G", "--seed", "ab" * 64, "--keep-compatible", "ARM,*")
check("virt-macos11 memory", value(tree, "/chosen", "dram-base") == u64(0x40000000) and value(tree, "/chosen", "dram-size") == u64(6 << 30))
check("virt-macos11 seed", value(tree, "/chosen", "random-seed") == b"\xab" * 64)
check("virt-macos11 sip", value(tree, "/chosen/asmb", "lp-sip0") == u64(8))
check("virt-macos11 amcc", value(tree, "/chosen/lock-regs/amcc/amcc-ctrr-a", "page-size-shift") == u32(14))
check("virt-macos11 compatible", value(tree, "/arm-io/uart0", "compatible") == text("uart-1,samsung") and
      value(tree, "/arm-io/aes", "compatible") == b"~~~~~~~~~\0" and value(tree, "/cpus/cpu0", "compatible") == text("ARM,v8") and
      value(tree, "/", "compatible") == text("J421AP"))
check("virt-macos11 wdt", find(tree, "/arm-io/wdt") is None and value(tree, "/arm-io/~dt", "device_type") == text("~dt"))
check("virt-macos11 functions", value(tree, "/cpus/cpu0", "function-error") is None and
      value(tree, "/cpus/cpu0", "function-ipi_dispatch") == b"5678")
check("virt-macos11 prefix", value(tree, "/chosen", "secure-root-prefix") is None and value(tree, "/chosen", "debug-enabled") == u32(1))
run("check", put("virt.adt", encode(tree)))
tree = edited("--preset", "vma2")
check("vma2 registers", value(tree, "/arm-io/uart0", "reg") == u64(0x1000000, 0x1000) and
      value(tree, "/arm-io", "ranges") == u64(0, 0x08000000, 0x38000000) and value(tree, "/arm-io/buttons", "reg") == u64(0x1030000, 0x1000) and
      value(tree, "/arm-io/gic", "reg")[:16] == u64(0, 0x10000))
check("vma2 names", value(tree, "/arm-io/gfx", "compatible")[:1] == b"~" and find(tree, "/pram") is None and find(tree, "/~ram"))
tree = edited("--preset", "m1", "--cpus", "2")
check("m1", find(tree, "/arm-io/usb-drd0") is None and len(find(tree, "/cpus")[1]) == 2 and
      value(tree, "/chosen", "segment-names") == text("__TEXT;__DATA") and value(tree, "/chosen", "segment-ranges") == b"A" * 32 + b"C" * 32)
tree = edited("--set", "/cpus/cpu0:state=str:waiting", "--set", "+/cpus/cpu9", "--set", "/cpus/cpu9:reg=u32:9", "--del", "/cpus/cpu1",
              "--disable", "/arm-io/aes", "--sip", "0x7f", "--amcc")
check("set and del", value(tree, "/cpus/cpu0", "state") == text("waiting") and value(tree, "/cpus/cpu9", "reg") == u32(9) and
      find(tree, "/cpus/cpu1") is None and value(tree, "/arm-io/~es", "compatible")[:1] == b"~" and
      value(tree, "/chosen/asmb", "lp-sip0") == u64(0x7F) and find(tree, "/chosen/lock-regs/amcc"))
put("bank", bank(0x1000))
check("nvram", value(edited("--nvram", f"{work}/bank"), "/chosen", "nvram-proxy-data") == bank(0x1000))
for arguments, status in ((["edit", "--set", "/none:x=u32:1", fine], 65), (["edit", "--set", "/chosen:x=u33:1", fine], 64),
                          (["edit", "--del", "/chosen:none", fine], 65), (["edit", "--ram", "6G", fine], 64), (["get", fine, "/chosen:none"], 65),
                          (["print", f"{work}/changes"], 65), (["edit", "--preset", "vma3", fine], 64), (["build", fine], 65)):
    run(*arguments, status=status)
    cases += 1
print(f"result: {cases} checks")
