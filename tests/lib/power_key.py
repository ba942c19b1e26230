#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""power_key.py OUTPUT COMMAND...: runs COMMAND on a terminal, writes what it says to OUTPUT, and types Ctrl-A p when it says
"press the key". Exits with its status."""
import os
import pty
import sys

output, *command = sys.argv[1:]
child, master = pty.fork()
if child == 0:
    os.execvp(command[0], command)
seen = b""
while True:
    try:
        data = os.read(master, 4096)
    except OSError:
        break
    if not data:
        break
    if b"press the key" not in seen and b"press the key" in seen + data:
        os.write(master, b"\x01p")
    seen += data
with open(output, "wb") as file:
    file.write(seen.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
