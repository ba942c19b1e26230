# SPDX-License-Identifier: MIT
"""Fetches what is measured with (kernel, emulators, source packages) into the cache and builds the benchmark program, once
for AArch64 and once natively, and the initramfs whose /init it is."""
import glob
import os
import re
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


def make(folder, cross, sources):
    out = os.path.join(WORK, folder)
    os.makedirs(out, exist_ok=True)
    command = ["make", "-s", f"-j{os.cpu_count()}", "-f", os.path.join(TOP, "bench", "programs", "Makefile"), f"CROSS={cross}", f"OUT={out}",
               f"SOURCES={sources}"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stdout + f"bench: {folder} could not be built")
    return os.path.join(out, "bench")


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


def programs():
    """The benchmark program: (for AArch64, native)."""
    sources = fetch("trixie", "all", "bench", *[f"src:{name}" for name in SOURCES])
    return make("arm64", "aarch64-linux-gnu-", sources), make("native", "", sources)


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
