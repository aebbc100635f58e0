"""A part of bench/crash_points.py: a study that is ended before some of its file events goes on, and is right."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "bench" / "crash_points.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the script follows files through /proc")
def test_a_study_ended_before_any_of_its_file_events_loses_nothing(tmp_path: Path) -> None:
    """Every 25th of them, after a kill and after a power loss: nothing lost, doubled, different, left."""
    command = [sys.executable, str(SCRIPT), "--every", "25", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    for ending in ("kill", "power loss"):
        row = rf"^\| {ending}: all \| [1-9][0-9] \| 0 \| 0 \| 0 \| 0 \|$"
        assert re.search(row, done.stdout, re.MULTILINE), done.stdout
