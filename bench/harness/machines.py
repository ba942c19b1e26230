# SPDX-License-Identifier: MIT
"""The machines that are compared. A guest is a persistent process: its /init reads one benchmark's name from the serial line,
runs it and prints the result; between two commands the emulator is stopped (SIGSTOP), so that many of them share one core
without disturbing each other."""
import ctypes
import os
import re
import select
import signal
import subprocess
import time


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class Trouble(Exception):
    """A machine did not do what was asked."""


def favour(process):
    """Gives a process of ours what other work on the host would take: the highest nice value, for its session too."""
    try:
        os.setpriority(os.PRIO_PROCESS, process, -20)
        with open(f"/proc/{process}/autogroup", "w", encoding="ascii") as file:
            file.write("-20")
    except OSError:
        pass  # not root, or no autogroups


def child(cores):
    """What an emulator's process does before it becomes the emulator: it goes to CORES, and it ends when the harness does, however
    that ends (a stopped process would stay for ever)."""
    def prepare():
        os.sched_setaffinity(0, cores)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    return prepare


class Result:
    """CHECKSUM, SECONDS by the machine's own clock, WALL seconds by the host's, with what the program printed besides."""

    def __init__(self, output, wall):
        found = re.search(r"^result (\S+) ([0-9a-f]{16}) (\d+)\s*$", output, re.M)
        if not found:
            raise Trouble(output.strip()[-200:] or "no output")
        self.checksum, self.seconds, self.wall = found.group(2), int(found.group(3)) / 1e9, wall


class Native:
    """The host itself."""
    guest = False

    def __init__(self, name, program, cores):
        self.name, self.program, self.cores = name, program, cores

    def start(self):
        """Nothing to start."""

    def run(self, command, limit=120):
        began = time.monotonic()
        process = subprocess.Popen([self.program, *command.split()], stdout=subprocess.PIPE, text=True, start_new_session=True)
        os.sched_setaffinity(process.pid, self.cores)
        favour(process.pid)
        try:
            output = process.communicate(timeout=limit)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise Trouble(f"no answer in {limit} s") from None
        return Result(output, time.monotonic() - began)

    def text(self, command):
        return subprocess.run([self.program, *command.split()], capture_output=True, text=True, check=True).stdout

    def end(self):
        """Nothing to end."""


class Guest:
    """An emulator with the benchmark program as its guest's /init."""
    guest = True

    def __init__(self, name, command, cores, log):
        self.name, self.command, self.cores, self.log = name, command, cores, log
        self.process, self.seen, self.boot_seconds = None, "", None

    def start(self, limit=180):
        """Boots it; afterwards it stands still, and boot_seconds says how long it took to /init's first line."""
        self.launch(self.cores)
        self.await_boot(limit)

    def launch(self, cores):
        """Starts it on CORES, so that several can boot at once; await_boot() brings it to its own."""
        with open(self.log, "ab") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            start_new_session=True, preexec_fn=child(cores))
        favour(self.process.pid)
        self.boot_began = began

    def await_boot(self, limit=180):
        self.seen = ""
        self.read_until("bench: ready", limit)
        self.boot_seconds = time.monotonic() - self.boot_began
        self.signal(signal.SIGSTOP)
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            os.sched_setaffinity(int(task), self.cores)

    def signal(self, number):
        if self.process:
            os.kill(self.process.pid, number)

    def read_until(self, wanted, limit):
        """What the console says up to the line that begins with WANTED."""
        end = time.monotonic() + limit
        pattern = re.compile("^" + wanted + r".*\n", re.M)
        while not (found := pattern.search(self.seen)):
            left = end - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                said = self.seen[-300:]
                self.end()
                raise Trouble(f"{'no answer in %d s' % limit if not ready else 'it ended'}: {said!r}")
            self.seen += data.decode("utf-8", "replace").replace("\r", "")
            with open(self.log, "ab") as log:
                log.write(data)
        said, self.seen = self.seen[:found.start()], self.seen[found.end():]
        return said

    def text(self, command, limit=120):
        """What the guest prints for COMMAND."""
        if not self.process:
            self.start()
        self.signal(signal.SIGCONT)
        os.write(self.process.stdin.fileno(), command.encode() + b"\n")
        said = self.read_until("done ", limit)
        self.signal(signal.SIGSTOP)
        return said

    def run(self, command, limit=120):
        began = time.monotonic()
        said = self.text(command, limit)
        return Result(said, time.monotonic() - began)

    def clock(self):
        """(the guest's clock, the host's) in seconds: the best of some answers, the one that was given the fastest."""
        answers = []
        for _ in range(4):
            began = time.monotonic()
            said = int(re.search(r"now (\d+)", self.text("now")).group(1)) / 1e9
            ended = time.monotonic()
            answers.append((ended - began, said, (began + ended) / 2))
        return min(answers)[1:]

    def clock_error(self):
        """By how much the guest's clock ran otherwise than the host's in a second: a ratio."""
        first, began = self.clock()
        time.sleep(1)
        second, ended = self.clock()
        return (second - first) / (ended - began) - 1

    def memory(self):
        """(resident bytes of guest RAM, resident bytes of everything else). Guest RAM is the mapping of a gibibyte; Pss counts memory
        that is mapped twice, as code is, once."""
        ram = rest = size = 0
        with open(f"/proc/{self.process.pid}/smaps", encoding="ascii") as file:
            for line in file:
                words = line.split()
                if words[0] == "Size:":
                    size = int(words[1])
                elif words[0] == "Pss:":
                    if size >= 900 << 10:
                        ram += int(words[1]) << 10
                    else:
                        rest += int(words[1]) << 10
        return ram, rest

    def peak(self):
        """The most bytes that were ever resident; memory that is mapped twice counts twice."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.M).group(1)) << 10

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


APPEND = "console=ttyAMA0 quiet nowatchdog rcupdate.rcu_cpu_stall_suppress=1"


class Fleet:
    """What makes machines: the commands of all emulators for one kernel, initramfs and number of CPUs."""

    def __init__(self, build, cores, cpus=1, memory="1024M", suffix=""):
        self.build, self.cores, self.cpus, self.memory, self.suffix = build, cores, cpus, memory, suffix
        self.arm64, self.native_program = build.programs()
        self.kernel, self.initramfs = build.kernel(), build.initramfs(self.arm64)

    def log(self, name):
        path = os.path.join(self.build.WORK, f"{name}{self.suffix}.log")
        open(path, "wb").close()
        return path

    def pomona(self, engine, *more, program=None):
        """Pomona with an engine and further options; PROGRAM is another build of it."""
        command = [program or self.build.POMONA, "run", "--engine", engine, "--cpus", str(self.cpus), "--memory", self.memory, "--serial", "stdio",
                   *more, "--initrd", self.initramfs, self.kernel, "--", APPEND]
        name = "other" if program else engine
        return Guest(name, command, self.cores, self.log(name))

    def qemu(self, name, start, cpu):
        command = [*start, "-M", "virt,gic-version=3", "-cpu", cpu, "-smp", str(self.cpus), "-m", self.memory, "-accel", "tcg", "-nic", "none",
                   "-nographic", "-monitor", "none", "-serial", "stdio", "-kernel", self.kernel, "-initrd", self.initramfs, "-append", APPEND]
        return Guest(name, command, self.cores, self.log(name))

    def rivals(self):
        """QEMU 10.0 with the two processors of which each row's faster one counts."""
        start = self.build.qemu_trixie()
        return [self.qemu("qemu-max", start, "max,pauth-impdef=on,sve=off,sme=off"), self.qemu("qemu-v1", start, "neoverse-v1,sve=off")]

    def old_qemu(self):
        return self.qemu("qemu-7.2", ["qemu-system-aarch64"], "max,pauth-impdef=on,sve=off,sme=off")

    def native(self):
        return Native("native", self.native_program, self.cores)
