#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""typed.py OUTPUT [SAID TYPED]... -- COMMAND...: runs COMMAND on a terminal, writes what it says to OUTPUT, and types each TYPED
(with escapes like those of C) when it has said SAID since the one before. Exits with its status; 1 when some SAID never came."""
import os
import pty
import sys

end = sys.argv.index("--")
output, *pairs = sys.argv[1:end]
answers = [(said.encode(), typed.encode().decode("unicode_escape").encode()) for said, typed in zip(pairs[::2], pairs[1::2])]
child, master = pty.fork()
if child == 0:
    os.execvp(sys.argv[end + 1], sys.argv[end + 1:])
looked_at = b""  # what came since the last answer
with open(output, "wb", buffering=0) as file:
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        file.write(data.replace(b"\r", b""))
        looked_at += data
        while answers and answers[0][0] in looked_at:
            said, typed = answers.pop(0)
            looked_at = looked_at.split(said, 1)[1]
            os.write(master, typed)
for said, _ in answers:
    print(f"typed.py: never said: {said.decode()}", file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or bool(answers))
