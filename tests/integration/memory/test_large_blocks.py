"""What a large reply took is given back, though small objects were made meanwhile that stay."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Blocks of 4 MB, as a reply is read into, and between them small objects that stay.
KEEPS = """
import sys
from pathlib import Path
from watcher.daemon import lifecycle

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

if sys.argv[1] == "returns":
    lifecycle.return_large_blocks()
before = resident()
del (first := [b"x" * 16_000_000])[:]
large, small = [], []
for number in range(20):
    large.append(b"x" * (4_000_000 + number))
    small.append(b"x" * (100_000 + number))
del large[:]
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_large_blocks_are_given_back_to_the_system():
    grown = {}
    for how in ("returns", "keeps"):
        command = [sys.executable, "-c", KEEPS, how]
        grown[how] = float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    assert grown["returns"] < 5
    assert grown["keeps"] > 50
