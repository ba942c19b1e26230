# SPDX-License-Identifier: MIT
"""What the judges of the image tools share: they run a program that must end with a certain status, and compare."""
import subprocess
import sys

cases = 0


def run(*command, status=0, stdin=None):
    """What COMMAND prints; with another STATUS than 0 to be expected, what it complains of. STDIN: bytes, or a file."""
    given = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **given)
    if done.returncode != status:
        sys.exit(f"{' '.join(command)}: status {done.returncode}, not {status}: {done.stderr.decode()}")
    return (done.stderr if status else done.stdout).decode()


def same(what, ours, theirs):
    """Counts a comparison, and ends everything with the first difference."""
    global cases
    cases += 1
    if ours == theirs:
        return
    if isinstance(ours, list):
        for a, b in zip(ours, theirs):
            if a != b:
                sys.exit(f"{what}: {a!r}\nis not {b!r}")
        sys.exit(f"{what}: {len(ours)} of them, not {len(theirs)}: {(ours + list(theirs))[-1]!r}")
    sys.exit(f"{what}: {str(ours)[:2000]!r}\nis not {str(theirs)[:2000]!r}")
