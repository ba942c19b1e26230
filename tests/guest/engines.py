# SPDX-License-Identifier: MIT
"""On which engines a guest runs here: those of POMONA_ENGINES, of which POMONA_ENGINE, where it is given, is the only one.
A name may have knobs behind it: "interp dbt dbt:one-tlb,windows"."""
import os


def engines():
    """Lists of options for `pomona run`, one a run."""
    names = os.environ.get("POMONA_ENGINE") or os.environ.get("POMONA_ENGINES", "")
    runs = [name.partition(":") for name in names.split()]
    return [["--engine", name] + (["--engine-knobs", knobs] if knobs else []) for name, _, knobs in runs] or [[]]
