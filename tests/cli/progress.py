#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Progress of slow reading, on a terminal and only there: progress.py POMONA FOLDER."""
import concurrent.futures
import os
import pty
import subprocess
import sys
import threading
import time
import zipfile

POMONA, FOLDER = sys.argv[1:]
ARCHIVE = f"{FOLDER}/progress.zip"
PIP = os.path.join(os.path.dirname(POMONA), "guests/pip/pip.im4p")


def run(job):
    """Feeds the file to standard input in pieces, slowly; what the terminal showed, and the output."""
    arguments, path, on_terminal = job
    master, terminal = pty.openpty()
    process = subprocess.Popen([POMONA, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=terminal if on_terminal else subprocess.DEVNULL)
    os.close(terminal)
    shown, written = [], []

    def collect():
        try:
            while piece := os.read(master, 4096):
                shown.append(piece)
        except OSError:
            pass
    threads = [threading.Thread(target=collect), threading.Thread(target=lambda: written.append(process.stdout.read()))]
    for thread in threads:
        thread.start()
    data = open(path, "rb").read()
    for part in range(8):
        process.stdin.write(data[len(data) * part // 8:len(data) * (part + 1) // 8])
        process.stdin.flush()
        time.sleep(0.2)
    process.stdin.close()
    assert process.wait(30) == 0, arguments
    for thread in threads:
        thread.join()
    os.close(master)
    return b"".join(shown), written[0]


content = os.urandom(9 << 20)
with zipfile.ZipFile(ARCHIVE, "w") as archive:
    archive.writestr("member", content)
cat, ls = ["ipsw", "cat", "-:member"], ["ipsw", "ls", "-"]
with concurrent.futures.ThreadPoolExecutor() as pool:
    first, second, third, guest = pool.map(run, [(cat, ARCHIVE, True), (ls, ARCHIVE, True), (cat, ARCHIVE, False),
                                                 (["run", "--dry-run", "-"], PIP, True)])
assert b" MiB" in first[0] and b" MiB" in second[0], first[0] + second[0]
for line in (first[0], second[0], guest[0]):
    assert b"\r\x1b[Kpomona: reading standard input" in line, line
    assert line.endswith(b"\r\x1b[K"), line  # nothing is left on the screen
assert (first[1], second[1], third[1]) == (content, b"member\n", content)
os.unlink(ARCHIVE)
assert b'"kind": "XNU kernel"' in guest[1], guest[1]
print("progress shown three times")
