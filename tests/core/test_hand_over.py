"""Loops that change threads: hand_over.c under ThreadSanitizer, or under the sanitizers
that the run has anyway."""

import os
import re
import subprocess
from pathlib import Path

from .c_program import CORE, compile_program, environment

SECONDS = 5


def test_loops_that_change_threads_answer_in_order(tmp_path: Path) -> None:
    program = tmp_path / "hand_over"
    sanitizer = [] if os.environ.get("PYRS_SANITIZE") else ["-fsanitize=thread"]
    source = Path(__file__).with_name("hand_over.c")
    compile_program(program, *sanitizer, source, *CORE)
    done = subprocess.run(
        [program, str(SECONDS)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    counts = re.search(r"(\d+) answers, (\d+) hand-overs, (\d+) waits", done.stdout)
    assert counts
    assert int(counts[1]) > 500
    assert int(counts[2]) > 20
