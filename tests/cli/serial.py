#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every kind of serial line, with pip's shell at the other end: serial.py POMONA FOLDER."""
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import termios
import time

POMONA, FOLDER = sys.argv[1:]
LIMIT = 20


def until(read, wanted):
    """Reads until WANTED (bytes) has come."""
    seen, end = b"", time.time() + LIMIT
    while wanted not in seen:
        if time.time() > end:
            sys.exit(f"no {wanted!r} in {seen[-300:]!r}")
        seen += read()
    return seen


def reader(fd):
    def read():
        ready, _, _ = select.select([fd], [], [], 1)
        try:
            return os.read(fd, 4096) if ready else b""
        except OSError:
            return b""
    return read


def start(*options, **streams):
    return subprocess.Popen([POMONA, "run", "--memory", "256M", *options], **streams)


def ended(process, status, what):
    if process.wait(LIMIT) != status:
        sys.exit(f"{what}: exit status {process.returncode} instead of {status}")
    print(f"{what}: exit status {status}")


def talk(fd, command, process, status, what):
    until(reader(fd), b"pip>")
    os.write(fd, command + b"\r")
    ended(process, status, what)


def terminal(keys, wanted, status, what):
    """On a terminal: Ctrl-A is the escape."""
    master, slave = pty.openpty()
    process = start(stdin=slave, stdout=slave, stderr=slave)
    read = reader(master)
    until(read, b"pip>")
    os.write(master, keys)
    if wanted:
        until(read, wanted)
        os.write(master, b"\x01x")
    ended(process, status, what)
    os.close(master)
    os.close(slave)


def signalled(number):
    """A terminal is as it was when a signal has ended the run; one that the test was started without stays ignored,
    so it is given back first."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = start(stdin=slave, stdout=slave, stderr=slave, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    until(reader(master), b"pip>")
    if termios.tcgetattr(slave) == before:
        sys.exit("the terminal is not raw")
    process.send_signal(number)
    ended(process, -number, f"terminal: {number.name}")
    if termios.tcgetattr(slave) != before:
        sys.exit(f"{number.name}: the terminal stays raw")
    os.close(master)
    os.close(slave)


def connect(family, address):
    end = time.time() + LIMIT
    while True:
        try:
            client = socket.socket(family)
            client.connect(address)
            return client
        except OSError:
            client.close()
            if time.time() > end:
                raise
            time.sleep(0.05)


def sockets():
    path = os.path.join(FOLDER, "line")
    process = start("--serial", "unix:" + path, stdin=subprocess.DEVNULL)
    client = connect(socket.AF_UNIX, path)
    client.sendall(b"\r")
    talk(client.fileno(), b"poweroff", process, 0, "unix")
    # A socket whose process was killed is no obstacle; one that somebody listens at is.
    process = start("--serial", "unix:" + path, stdin=subprocess.DEVNULL)
    connect(socket.AF_UNIX, path).close()
    second = start("--serial", "unix:" + path, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ended(second, 69, "two at one socket")
    process.kill()
    process.wait()
    if subprocess.call([POMONA, "run", "--memory", "256M", "--dry-run", "--serial", "unix:" + path], stdout=subprocess.DEVNULL):
        sys.exit("--dry-run refuses a socket at which nobody listens")
    process = start("--serial", "unix:" + path, stdin=subprocess.DEVNULL)
    client = connect(socket.AF_UNIX, path)
    client.sendall(b"\r")
    talk(client.fileno(), b"poweroff", process, 0, "unix, again")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start("--serial", f"tcp:127.0.0.1:{port}", stdin=subprocess.DEVNULL)
    client = connect(socket.AF_INET, ("127.0.0.1", port))
    client.sendall(b"\r")
    talk(client.fileno(), b"poweroff", process, 0, "tcp")


def pseudo_terminal():
    process = start("--serial", "pty", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    name = re.search(rb"/dev/pts/\d+", until(reader(process.stderr.fileno()), b"\n"))[0]
    line = os.open(name, os.O_RDWR | os.O_NOCTTY)
    os.write(line, b"\r")
    talk(line, b"poweroff", process, 0, "pty")


def pipes(command, status, what):
    process = start(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    until(reader(process.stdout.fileno()), b"pip>")
    process.stdin.write(command + b"\r")
    process.stdin.flush()
    ended(process, status, what)


def shell():
    """Every command of pip's shell, and what it must say."""
    image = os.path.join(FOLDER, "shell.img")
    with open(image, "wb") as disk:
        disk.write(b"\xabpip" * 256)
    process = start("--cpus", "3", "--disk", image, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    read = reader(process.stdout.fileno())
    until(read, b"pip>")
    for command, wanted in (("help", r"cpus .*tree .*pci .*mem .*bench .*disk .*panic .*poweroff "),
                            ("cpus", r"cpu0: mpidr 0x0 online.*cpu2: mpidr 0x2 online.*3 online"),
                            ("tree", r"device-tree: .*uart0: .*compatible=arm,pl011"),
                            ("pci", r"slot 0: 1af4:1042\s+slot 1: 1af4:1044"),
                            ("mem", r"physical 0x70000000, .* 256 MiB"),
                            ("bench", r"40 million instructions in \d+ ms: [1-9]\d* million a second"),
                            ("disk", r"2 sectors; sector 0:\s+ab 70 69 70 ab 70 69 70")):
        process.stdin.write(command.encode() + b"\r")
        process.stdin.flush()
        said = until(read, b"pip>").decode(errors="replace")
        if not re.search(wanted, said, re.S):
            sys.exit(f"pip's {command}: {said}")
    process.stdin.write(b"poweroff\r")
    process.stdin.flush()
    ended(process, 0, "all commands of the shell")


def to_files():
    first, second = (os.path.join(FOLDER, name) for name in ("first", "second"))
    process = start("--serial", "stdio", "--serial", "file:" + second, stdin=subprocess.PIPE, stdout=open(first, "wb"))
    end = time.time() + LIMIT
    while b"pip>" not in open(first, "rb").read() and time.time() < end:
        time.sleep(0.05)
    process.stdin.write(b"poweroff\r")
    process.stdin.flush()
    ended(process, 0, "stdio and file")
    if not os.path.exists(second):
        sys.exit("no second line")


terminal(b"\x01h", b"this help", 0, "terminal: Ctrl-A h, Ctrl-A x")
terminal(b"\x01\x01\x15poweroff\r", None, 0, "terminal: Ctrl-A Ctrl-A is one")
for ending in signal.SIGHUP, signal.SIGINT, signal.SIGTERM:
    signalled(ending)
sockets()
pseudo_terminal()
pipes(b"poweroff", 0, "pipe")
pipes(b"panic", 3, "panic")
to_files()
shell()
