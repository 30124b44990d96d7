"""Does the server hold after many requests what it held before?

The long run is `python -m tests.soak`.
"""

from pathlib import Path

import pytest

from tests.kit import measures_memory

from .__main__ import IDLE_BYTES_MAX
from .cgi import run_programs
from .hand_overs import hand_over
from .idle import allow_descriptors, measure_idle
from .soak import GROWTH_MAX, soak, usual_growth


@measures_memory
@pytest.mark.timeout(600)
def test_a_hundred_thousand_requests_leave_nothing_behind(tmp_path: Path) -> None:
    result = soak(tmp_path, 100_000)
    assert result.growth < GROWTH_MAX


@measures_memory
@pytest.mark.timeout(300)
def test_an_idle_connection_costs_a_kibibyte_at_most(tmp_path: Path) -> None:
    connections = 10_000
    if not allow_descriptors(connections + 200):
        pytest.skip("the limit of open files is too low")
    cost = measure_idle(tmp_path, connections)
    assert cost.bytes_each <= IDLE_BYTES_MAX


@measures_memory
@pytest.mark.timeout(300)
def test_loops_that_change_threads_leave_nothing_behind(tmp_path: Path) -> None:
    looks = hand_over(tmp_path, 3_000)
    assert usual_growth([look.resident_bytes for look in looks]) < GROWTH_MAX


@measures_memory
@pytest.mark.timeout(300)
def test_programs_leave_nothing_behind(tmp_path: Path) -> None:
    looks = run_programs(tmp_path, 500)
    assert usual_growth([look.resident_bytes for look in looks]) < GROWTH_MAX
    assert {look.processes for look in looks} == {1}  # the template
