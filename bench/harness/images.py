# SPDX-License-Identifier: MIT
"""The image tools: a kernel collection of 100 MiB listed, 30 MiB of code disassembled, LZFSE beside the `lzfse` tool of Debian
trixie. The code is Linux's, as Debian builds it: compressors and disassemblers see real instructions. What is measured is whole
commands, from start to exit, in turns with the reference where there is one: their processor time, which is what they take on a
machine that does nothing else, and of several the least."""
import glob
import os
import shutil
import subprocess
import sys

from . import build

HERE = os.path.join(build.WORK, "images")
ROUNDS = 7
KEXTS, KEXT_TEXT = 300, 340 << 10
CODE = 30 << 20
TARGETS = {"inspect": 0.3, "disass": 3.0, "decode": 1.2, "size": 1.05}

sys.path[:0] = [os.path.join(build.TOP, "tests", "image"), os.path.join(build.TOP, "guests", "pip")]
import mkfileset  # noqa: E402
import mkkc  # noqa: E402


def tool():
    """trixie's `lzfse`, through the C library's loader unpacked with it."""
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
    folder = build.fetch("trixie", architecture, f"lzfse-{architecture}", "libc6", "liblzfse1", "lzfse")
    loader = glob.glob(os.path.join(folder, "**", "ld-linux*.so.*"), recursive=True)[0]
    libraries = sorted({os.path.dirname(path) for path in glob.glob(os.path.join(folder, "**", "*.so*"), recursive=True)})
    return [loader, "--library-path", ":".join(libraries), os.path.join(folder, "usr", "bin", "lzfse")]


# ---- what is measured on ----

def kext(number, image):
    """A kext of KEXT_TEXT bytes of code in functions of 4 KiB, and as many personalities as a driver has."""
    name, text = f"com.example.bench.k{number}", []
    path, size = os.path.join(HERE, f"k{number}.s"), os.path.getsize(image) - 0x10000
    for function in range(KEXT_TEXT >> 12):
        at = 0x10000 + ((number * KEXT_TEXT + (function << 12)) % (size - 4096) & -4)
        text.append(f'f{number}_{function}: .type f{number}_{function}, %function\n.incbin "{image}", {at}, 4096')
    with open(path, "w", encoding="ascii") as file:
        file.write(".text\n" + "\n".join(text) + f"\n.data\n.balign 8\n.globl m{number + 1}$kmod_info\nm{number + 1}$kmod_info:\n"
                   f".quad f{number}_0\n.zero 188\n")
    personalities = {f"P{i}": mkkc.personality(name, [f"bench,{number}-{i}-{k}" for k in range(8)], IOMatchCategory="Bench")
                     for i in range(16)}
    return mkkc.Kext(name, path, libraries={"com.apple.kpi.iokit": "8.0.0", "com.apple.kpi.libkern": "8.0.0"},
                     personalities=personalities)


def collection(image):
    path = os.path.join(HERE, "kc")
    if not os.path.exists(path):
        data = mkkc.build("fileset", [kext(number, image) for number in range(KEXTS)], HERE).data
        for left in glob.glob(os.path.join(HERE, "*.[os]")) + [os.path.join(HERE, "fileset.elf")]:
            os.remove(left)
        write(path, data)
    return path


def code(image):
    """A Mach-O of CODE bytes in one section, with a symbol each 512 bytes."""
    path, low, page = os.path.join(HERE, "code.macho"), mkkc.BASE, mkkc.PAGE
    if os.path.exists(path):
        return path
    with open(image, "rb") as file:
        file.seek(0x10000)
        text = file.read(CODE)
    linkedit = mkkc.Linkedit(page + len(text))
    later = linkedit.add([(f"_f{at:x}", low + page + at, 1, True) for at in range(0, len(text), 512)], low, [])
    tail = linkedit.data()
    section = ("__text", low + page, len(text), page, 0x80000400)
    commands = [mkfileset.segment_command("__TEXT", low, page, 0, page, 1),
                mkfileset.segment_command("__TEXT_EXEC", low + page, len(text), page, len(text), 5, [section]),
                mkkc.linkedit_segment(low + page + len(text), page + len(text), len(tail)), *later()]
    head = mkfileset.header(mkkc.MH_EXECUTE, commands, 0)
    write(path, head + bytes(page - len(head)) + text + tail)
    return path


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


# ---- measuring ----

def seconds(command):
    """User and system."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def best(*commands, rounds=ROUNDS):
    """The least seconds of each of COMMANDS, run in turns."""
    times = [[seconds(command) for command in commands] for _ in range(rounds)]
    return [min(column) for column in zip(*times)]


def verdict(value, most):
    return "yes" if value <= most else "**no**"


def inspecting(image):
    path, pomona = collection(image), build.POMONA
    size, rows = os.path.getsize(path) >> 20, []
    for options in ([], ["--json"], ["--show-kext-load-addresses", "--show-kext-uuids"], ["--show-fileset-entries"]):
        took, = best([pomona, "kc", "inspect", *options, path])
        rows.append((f"`kc inspect {' '.join(options)}`".replace(" `", "`"), f"{size} MiB, {KEXTS} kexts", f"{took * 1e3:.0f} ms",
                     f"{TARGETS['inspect'] * 1e3:.0f} ms", verdict(took, TARGETS["inspect"])))
    return rows


def disassembling(image):
    path, rows = code(image), []
    for options in ([], ["--style", "otool"]):
        took, = best([build.POMONA, "macho", "disass", *options, path], rounds=3)
        rows.append((f"`macho disass {' '.join(options)}`".replace(" `", "`"), f"{CODE >> 20} MiB of code", f"{took:.2f} s",
                     f"{TARGETS['disass']:.0f} s", verdict(took, TARGETS["disass"])))
    return rows


def compressing(image):
    """Both tools' streams, read by both: a stream is timed as the one that decodes it writes a file in memory."""
    pomona, lzfse, rows = build.POMONA, tool(), []
    fast = "/dev/shm/pomona-bench" if os.path.isdir("/dev/shm") else HERE
    os.makedirs(fast, exist_ok=True)
    inputs = {"Linux's kernel": image, "the collection": collection(image)}
    for name, plain in inputs.items():
        theirs, ours, out = (os.path.join(fast, file) for file in ("theirs.lzfse", "ours.lzfse", "out"))
        subprocess.run([*lzfse, "-encode", "-i", plain, "-o", theirs], check=True)
        subprocess.run([pomona, "img4", "create", "-t", "krnl", "-c", "lzfse", "-i", plain, "-o", out], check=True)
        subprocess.run([pomona, "img4", "extract", "--raw", out, "-o", ours], check=True)
        subprocess.run([*lzfse, "-decode", "-i", ours, "-o", out], check=True)
        subprocess.run(["cmp", plain, out], check=True)
        wrapped = os.path.join(fast, "theirs.im4p")
        subprocess.run([pomona, "img4", "create", "-t", "krnl", "-c", "none", "-i", theirs, "-o", wrapped], check=True)
        mine, reference = best([pomona, "img4", "extract", wrapped, "-o", out], [*lzfse, "-decode", "-i", theirs, "-o", out])
        subprocess.run([pomona, "img4", "extract", wrapped, "-o", out], check=True)
        subprocess.run(["cmp", plain, out], check=True)
        ratio, sizes = mine / reference, os.path.getsize(ours) / os.path.getsize(theirs)
        what = f"{name}, {os.path.getsize(plain) >> 20} MiB"
        rows.append(("LZFSE decoding", what, f"{mine:.2f} s, `lzfse` {reference:.2f} s: {ratio:.2f}", f"{TARGETS['decode']}",
                     verdict(ratio, TARGETS["decode"])))
        rows.append(("LZFSE size", what, f"{os.path.getsize(ours)} to {os.path.getsize(theirs)}: {sizes:.3f}", f"{TARGETS['size']}",
                     verdict(sizes, TARGETS["size"])))
    if fast != HERE:
        shutil.rmtree(fast)
    return rows


def measure():
    os.makedirs(HERE, exist_ok=True)
    image = build.kernel()
    rows = []
    for part in (inspecting, disassembling, compressing):
        for row in part(image):
            print("  ".join(row).replace("`", "").replace("*", ""), flush=True)
            rows.append(row)
    return rows
