# SPDX-License-Identifier: MIT
"""Fetches what is measured with (kernel, emulators, source packages) into the cache and builds the benchmark program, once
for AArch64 and once natively, and the initramfs whose /init it is."""
import glob
import json
import os
import re
import shlex
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("POMONA_BUILD", os.path.join(TOP, "build"))
CACHE = os.environ.get("POMONA_CACHE", os.path.join(TOP, "build", "cache"))
WORK = os.path.join(BUILD, "bench-suite")
POMONA = os.path.join(BUILD, "pomona")
SOURCES = ["zlib", "xz-utils", "lua5.4", "sqlite3", "quickjs"]


def fetch(suite, architecture, folder, *packages):
    folder = os.path.join(CACHE, folder)
    subprocess.run([os.path.join(TOP, "tools", "fetch-debs"), suite, architecture, folder, *packages], check=True,
                   env=dict(os.environ, POMONA_CACHE=CACHE))
    return folder


def kernel():
    """Debian trixie's kernel."""
    return sorted(glob.glob(os.path.join(fetch("trixie", "arm64", "trixie-arm64", "dep:linux-image-arm64"), "boot", "vmlinuz-*")))[0]


def qemu_trixie():
    """The command that starts QEMU 10 of Debian trixie, through the C library's loader unpacked with it."""
    usr = os.path.join(fetch("trixie", "amd64", "qemu-trixie", "deps:qemu-system-arm"), "usr")
    libraries = os.path.join(usr, "lib", "x86_64-linux-gnu")
    return [os.path.join(libraries, "ld-linux-x86-64.so.2"), "--library-path", libraries, os.path.join(usr, "bin", "qemu-system-aarch64"),
            "-L", os.path.join(usr, "share", "qemu")]


def make(folder, cross, sources, *more):
    """Builds the programs in FOLDER of the build; what make says, with MORE arguments."""
    out = os.path.join(WORK, folder)
    os.makedirs(out, exist_ok=True)
    command = ["make", "-s", f"-j{os.cpu_count()}", "-f", os.path.join(TOP, "bench", "programs", "Makefile"), f"CROSS={cross}", f"OUT={out}",
               f"SOURCES={sources}", *more]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stdout + f"bench: {folder} could not be built")
    return done.stdout


def newc(entries):
    """A cpio archive in the newc form of (name, mode, content, (major, minor))."""
    archive = bytearray()
    for number, (name, mode, content, device) in enumerate(entries + [("TRAILER!!!", 0, b"", (0, 0))], 1):
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0]
        archive += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        archive += b"\0" * (-len(archive) % 4) + content
        archive += b"\0" * (-len(archive) % 4)
    return bytes(archive)


def initramfs(program):
    """The archive, not compressed: its unpacking is not what is measured."""
    path = os.path.join(WORK, "initramfs.cpio")
    with open(program, "rb") as file:
        content = file.read()
    folders = [(name, 0o40755, b"", (0, 0)) for name in ("dev", "proc", "sys", "tmp")]
    with open(path, "wb") as file:
        file.write(newc(folders + [("dev/console", 0o20600, b"", (5, 1)), ("init", 0o100755, content, (0, 0))]))
    return path


PROGRAMS = {"arm64": "aarch64-linux-gnu-", "native": ""} # folder and prefix of the compiler


def sources():
    return fetch("trixie", "all", "bench", *[f"src:{name}" for name in SOURCES])


def programs():
    """The benchmark program: (for AArch64, native)."""
    source = sources()
    for folder, cross in PROGRAMS.items():
        make(folder, cross, source)
    return tuple(os.path.join(WORK, folder, "bench") for folder in PROGRAMS)


# ---- what was built, and with what ----

def first_line(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def of_note(command):
    """The parts of a compiler's COMMAND that change its code."""
    return " ".join(part for part in command.split() if re.match(r"-(O|m|f(?!visibility|diagnostics|file-prefix-map)|std=)", part))


def compilers():
    """[(what, compiler, flags)], as the build's own records and make have them."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        engine = next(one["command"] for one in json.load(file) if one["output"].startswith("src/dbt/") and one["file"].endswith("src/dbt/run.c"))
    compiler = next(part for part in engine.split() if not part.endswith("ccache"))
    found = [("Pomona's translator", first_line([compiler, "--version"]), of_note(engine))]
    for folder, cross in PROGRAMS.items():
        for group, name in (("", "mem"), ("simd, ", "simd")):
            target = os.path.join(WORK, folder, "own", f"{name}.o")
            said = make(folder, cross, sources(), "-n", "-W", os.path.join(TOP, "bench", "programs", f"{name}.c"), target).splitlines()
            flags = of_note(next(line for line in said if f"{name}.o" in line and " -c " in line))
            found.append((f"programs, {group}{folder}", first_line([cross + "gcc", "--version"]), flags))
    return found


def commit():
    """Of the source that was built; with what is not committed it says so."""
    done = subprocess.run(["git", "-C", TOP, "describe", "--always", "--dirty= and changes", "--exclude=*", "--abbrev=12"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"


def plain(command):
    """COMMAND as text, without where this checkout is."""
    text = shlex.join(command)
    for folder, name in ((CACHE, "CACHE"), (BUILD, "build"), (TOP, ".")):
        text = text.replace(folder + "/", name + "/")
    return text


def about():
    """What a report says of what was measured."""
    return {"commit": commit(), "version": first_line([POMONA, "--version"]), "compilers": compilers(), "kernel": os.path.basename(kernel()),
            "emulators": {"QEMU of trixie": first_line([*qemu_trixie(), "--version"]),
                          "QEMU of the system": first_line(["qemu-system-aarch64", "--version"])}}


def pomona():
    if os.path.exists(os.path.join(BUILD, "build.ninja")):
        subprocess.run(["ninja", "-C", BUILD, "pomona"], check=True, stdout=subprocess.DEVNULL)


def engines():
    """The engines that the program has, the fastest first."""
    text = subprocess.run([POMONA, "run", "--help"], capture_output=True, text=True, check=True).stdout
    listed = re.search(r"--engine ENGINE.*\n\s+(\S+)\n", text).group(1).split("|")
    return sorted(listed, key=lambda name: ("dbt", "interp").index(name) if name in ("dbt", "interp") else 9)


def options():
    """The options that `pomona run` has."""
    text = subprocess.run([POMONA, "run", "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"--[a-z-]+", text))
