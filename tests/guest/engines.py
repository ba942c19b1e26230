# SPDX-License-Identifier: MIT
"""On which engines a guest runs here: that of POMONA_ENGINE, else those of POMONA_ENGINES, else the preferred one."""
import os


def engines():
    """Lists of options for `pomona run`, one a run."""
    names = os.environ.get("POMONA_ENGINE") or os.environ.get("POMONA_ENGINES", "")
    return [["--engine", name] for name in names.split()] or [[]]
