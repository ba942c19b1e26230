# SPDX-License-Identifier: MIT
"""The benchmark harness: what bench/run is made of."""
