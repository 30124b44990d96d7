"""Does the free list keep its contract (csrc/net/pool.h)? Here of two blocks."""

from collections.abc import Iterator
from typing import Any

import pytest

from .c_core import ffi, lib

CACHE_LINE = 64


class Pool:
    def __init__(self, block_bytes: int = 100, free_max: int = 2) -> None:
        self.pool = ffi.new("struct pool *")
        self._allocations = ffi.new("counter *")
        lib.pool_init(self.pool, block_bytes, free_max, self._allocations)

    def take(self) -> Any:
        block = lib.pool_take(self.pool)
        assert block != ffi.NULL
        ffi.memmove(block, b"\xa5" * self.pool.block_bytes, self.pool.block_bytes)
        return block

    def give(self, *blocks: Any) -> None:
        for block in blocks:
            lib.pool_give(self.pool, block)

    def allocations(self) -> int:
        return int(self._allocations.value)


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    lib.pool_fini(made.pool)


def test_a_block_that_was_given_back_is_taken_next(pool: Pool) -> None:
    first, second = pool.take(), pool.take()
    pool.give(first, second)
    assert [pool.take(), pool.take()] == [second, first]
    pool.give(first, second)


def test_only_a_miss_allocates_and_is_counted(pool: Pool) -> None:
    blocks = [pool.take(), pool.take()]
    assert pool.allocations() == 2
    for _ in range(100):
        pool.give(*blocks)
        blocks = [pool.take(), pool.take()]
    assert pool.allocations() == 2
    pool.give(*blocks)


def test_no_more_blocks_are_kept_than_allowed(pool: Pool) -> None:
    pool.give(*[pool.take() for _ in range(5)])
    assert pool.pool.free_count == 2
    blocks = [pool.take() for _ in range(3)]
    assert pool.allocations() == 5 + 1
    pool.give(*blocks)


def test_a_pool_that_keeps_nothing_still_gives_blocks() -> None:
    pool = Pool(free_max=0)
    for round_ in range(3):
        pool.give(pool.take())
        assert pool.allocations() == round_ + 1
    assert pool.pool.free_blocks == ffi.NULL


def test_the_end_of_a_pool_frees_what_is_in_it(pool: Pool) -> None:
    pool.give(*[pool.take() for _ in range(2)])
    lib.pool_fini(pool.pool)
    assert pool.pool.free_count == 0
    assert pool.pool.free_blocks == ffi.NULL


@pytest.mark.parametrize("wanted", [8, 63, 64, 65, 128, 129, 192, 193, 4096, 65536])
def test_a_block_is_an_odd_number_of_cache_lines(wanted: int) -> None:
    got = Pool(block_bytes=wanted).pool.block_bytes
    lines, rest = divmod(got, CACHE_LINE)
    assert rest == 0
    assert lines % 2 == 1
    assert wanted <= got < wanted + 2 * CACHE_LINE
