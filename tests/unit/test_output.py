"""Does a connection's output keep its contract (csrc/net/output.h)?

The slab has 16 bytes here, so that it is full when a test wants it to be.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .c_core import ffi, lib

SLAB_BYTES = 16
SLAB, HEAP, BORROWED = lib.SEGMENT_SLAB, lib.SEGMENT_HEAP, lib.SEGMENT_BORROWED
FILE = lib.SEGMENT_FILE
LARGE = 16 * 1024 + 1  # from here on a part of a file is a segment


class Store:
    """A loop's part of it."""

    def __init__(self) -> None:
        self.store = ffi.new("struct output_store *")
        self._allocations = ffi.new("counter *")
        assert lib.output_store_init(self.store, SLAB_BYTES, self._allocations)

    def allocations(self) -> int:
        return int(self._allocations.value)

    def release_spent(self) -> None:
        lib.output_release(self.store, lib.output_take_spent(self.store))

    def start_again(self) -> None:
        """As at the end of a turn, when every output was sent or kept."""
        ffi.memmove(self.store.slab, b"\xa5" * SLAB_BYTES, SLAB_BYTES)
        self.store.slab_used = 0


class Output:
    """A connection's part of it."""

    def __init__(self, store: Store) -> None:
        self._store = store.store
        self._output = ffi.new("struct output *")
        self._kept: list[Any] = []

    def write(self, data: bytes, reserved: int | None = None) -> None:
        room = len(data) if reserved is None else reserved
        place = lib.output_reserve(self._output, self._store, room)
        assert place != ffi.NULL
        ffi.memmove(place, data, len(data))
        lib.output_commit(self._output, self._store, len(data))

    def borrow(self, data: bytes) -> Any:
        """How often it was released stands in what this gives."""
        memory, released = ffi.new("char[]", data), ffi.new("int *")
        self._kept += [memory, released]
        segment = ffi.new("struct segment *")
        segment.bytes, segment.length = memory, len(data)
        segment.memory, segment.owner = BORROWED, released
        segment.release = ffi.addressof(lib, "kit_count_release")
        assert lib.output_borrow(self._output, self._store, segment[0])
        return released

    def drop(self, length: int) -> None:
        lib.output_drop(self._output, self._store, length)

    def drop_all(self) -> None:
        lib.output_drop_all(self._output, self._store)

    def keep(self) -> None:
        assert lib.output_keep(self._output, self._store)

    def append_file(self, file: Any, offset: int, length: int) -> int:
        """Gives enum append_result."""
        return int(
            lib.output_append_file(self._output, self._store, file, offset, length)
        )

    def more_follows(self, most: int = 100) -> bool:
        """Behind what can be gathered."""
        vector, more = ffi.new("struct iovec[]", most), ffi.new("bool *")
        lib.output_gather(self._output, vector, most, more)
        return bool(more[0])

    def file_first(self) -> tuple[int, int] | None:
        """Offset and length of the part of a file that is to be sent next."""
        segment = lib.output_file_first(self._output)
        return None if segment == ffi.NULL else (segment.offset, segment.length)

    def gather(self, most: int = 100) -> list[bytes]:
        vector, more = ffi.new("struct iovec[]", most), ffi.new("bool *")
        count = lib.output_gather(self._output, vector, most, more)
        return [
            bytes(ffi.buffer(vector[at].iov_base, vector[at].iov_len))
            for at in range(count)
        ]

    def content(self) -> bytes:
        whole = b"".join(self.gather())
        assert len(whole) == self._output.bytes
        return whole

    def memories(self) -> list[int]:
        found, segment = [], self._output.first
        while segment != ffi.NULL:
            found.append(segment.memory)
            segment = segment.next
        return found

    def is_empty(self) -> bool:
        ends = self._output.first, self._output.last
        return ends == (ffi.NULL, ffi.NULL) and self._output.bytes == 0


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    yield made
    lib.output_store_fini(made.store)


@pytest.fixture
def output(store: Store) -> Iterator[Output]:
    made = Output(store)
    yield made
    made.drop_all()
    store.release_spent()


# ---- writing ----


def test_answers_written_one_behind_the_other_are_one_segment(output: Output) -> None:
    output.write(b"one ")
    output.write(b"two ")
    output.write(b"three")
    assert output.gather() == [b"one two three"]


def test_what_was_reserved_and_not_written_is_used_by_the_next(
    store: Store, output: Output
) -> None:
    output.write(b"one ", reserved=SLAB_BYTES)
    output.write(b"two", reserved=SLAB_BYTES - 4)
    assert output.gather() == [b"one two"]
    assert store.store.slab_used == 7


def test_outputs_that_take_turns_have_segments_of_their_own(
    store: Store, output: Output
) -> None:
    other = Output(store)
    output.write(b"aa")
    other.write(b"bb")
    output.write(b"cc")
    output.write(b"dd")
    assert output.gather() == [b"aa", b"ccdd"]
    assert other.gather() == [b"bb"]
    other.drop_all()


def test_the_slab_is_used_to_its_last_byte(store: Store, output: Output) -> None:
    output.write(b"x" * SLAB_BYTES)
    assert output.memories() == [SLAB]
    assert store.allocations() == 1  # the segment


def test_what_a_full_slab_has_no_room_for_goes_to_the_heap(
    store: Store, output: Output
) -> None:
    output.write(b"0123456789")
    before = store.allocations()
    output.write(b"abcdefghij")
    output.write(b"klm")  # fits into the slab, but not behind what is there
    assert output.gather() == [b"0123456789", b"abcdefghij", b"klm"]
    assert output.memories() == [SLAB, HEAP, SLAB]
    assert store.allocations() == before + 3  # the block and two segments


def test_after_a_part_was_sent_writing_goes_on_in_the_same_segment(
    output: Output,
) -> None:
    output.write(b"one ")
    output.drop(2)
    output.write(b"two")
    assert output.gather() == [b"e two"]


def test_a_warm_output_allocates_nothing(store: Store, output: Output) -> None:
    for round_ in range(100):
        output.write(b"answer")
        output.drop_all()
        store.start_again()
        assert store.allocations() == 1, round_


# ---- borrowed bytes ----


def test_borrowed_bytes_stand_between_what_was_written(output: Output) -> None:
    output.write(b"head ")
    output.borrow(b"body ")
    output.write(b"next")
    assert output.gather() == [b"head ", b"body ", b"next"]
    assert output.memories() == [SLAB, BORROWED, SLAB]


def test_borrowed_bytes_are_released_once_and_by_the_spent_list(
    store: Store, output: Output
) -> None:
    released = output.borrow(b"body")
    output.drop(4)
    assert output.is_empty()
    assert released[0] == 0
    store.release_spent()
    store.release_spent()
    assert released[0] == 1


def test_borrowed_bytes_that_are_partly_sent_are_not_released(
    store: Store, output: Output
) -> None:
    released = output.borrow(b"body")
    output.drop(3)
    store.release_spent()
    assert released[0] == 0
    assert output.content() == b"y"


def test_all_that_is_spent_is_released(store: Store, output: Output) -> None:
    released = [output.borrow(b"body") for _ in range(5)]
    output.drop(4 * 4)
    store.release_spent()
    assert [count[0] for count in released] == [1, 1, 1, 1, 0]


# ---- sending ----


def test_dropping_goes_across_segments_of_every_kind(output: Output) -> None:
    output.write(b"0123456789")
    output.write(b"abcdefghij")
    output.borrow(b"ABCDEFGHIJ")
    for sent in range(1, 31):
        output.drop(1)
        assert output.content() == b"0123456789abcdefghijABCDEFGHIJ"[sent:]
    assert output.is_empty()


@pytest.mark.parametrize("length", range(31))
def test_any_length_can_be_dropped_at_once(output: Output, length: int) -> None:
    output.write(b"0123456789")
    output.borrow(b"ABCDEFGHIJ")
    output.write(b"abcdefghij")
    output.drop(length)
    assert output.content() == b"0123456789ABCDEFGHIJabcdefghij"[length:]


def test_the_vector_has_the_first_segments_if_there_are_more(output: Output) -> None:
    for at in range(5):
        output.borrow(b"%d" % at)
    assert output.gather(3) == [b"0", b"1", b"2"]


def test_more_follows_what_the_vector_has_no_room_for(output: Output) -> None:
    for _ in range(3):
        output.borrow(b"x")
    assert output.more_follows(2)
    assert not output.more_follows(3)


def test_dropping_all_of_an_empty_output_does_no_harm(output: Output) -> None:
    output.drop_all()
    assert output.is_empty()


# ---- keeping ----


def test_what_is_kept_outlives_the_slab(store: Store, output: Output) -> None:
    output.write(b"one two")
    output.drop(4)
    output.borrow(b" three")
    output.keep()
    store.start_again()
    assert output.content() == b"two three"
    assert output.memories() == [HEAP, BORROWED]


def test_keeping_twice_copies_once(store: Store, output: Output) -> None:
    output.write(b"one")
    output.keep()
    before = store.allocations()
    output.keep()
    assert store.allocations() == before


def test_what_is_written_after_keeping_is_a_new_segment(
    store: Store, output: Output
) -> None:
    output.write(b"one ")
    output.keep()
    store.start_again()
    output.write(b"two")
    assert output.gather() == [b"one ", b"two"]
    assert output.memories() == [HEAP, SLAB]


def test_an_answer_without_a_byte_can_be_kept(output: Output) -> None:
    output.write(b"")
    output.keep()
    output.drop_all()
    assert output.is_empty()


# ---- files ----


class File:
    """One that is being sent, with bytes that tell where they stand."""

    def __init__(self, store: Store, path: Path, size: int) -> None:
        self.content = bytes(at * 7 % 251 for at in range(size))
        path.write_bytes(self.content)
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY)
        facts = path.stat()
        state = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
        self.sent = lib.sent_file_new(
            store.store, self.descriptor, ffi.new("struct file_state *", state)
        )
        self._store = store

    def give_up(self) -> None:
        lib.sent_file_give_up(self._store.store, self.sent)

    def is_open(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except OSError:
            return False


@pytest.fixture
def file(store: Store, tmp_path: Path) -> File:
    return File(store, tmp_path / "file", 3 * LARGE)


def test_a_small_part_of_a_file_leaves_with_what_stands_before_it(
    output: Output, file: File
) -> None:
    output.write(b"head ")
    assert output.append_file(file.sent, 100, 11) == lib.APPEND_DONE
    file.give_up()
    output.write(b"")
    assert output.content() == b"head " + file.content[100:111]
    assert output.memories() == [SLAB]
    assert not file.is_open()


def test_a_large_part_of_a_file_is_not_read(output: Output, file: File) -> None:
    output.write(b"head ")
    assert output.append_file(file.sent, 100, LARGE) == lib.APPEND_DONE
    output.write(b" next")
    assert output.memories() == [SLAB, FILE, SLAB]
    assert output.gather() == [b"head "]
    assert output.more_follows()
    assert output.file_first() is None
    output.drop(5)
    assert output.file_first() == (100, LARGE)
    assert output.gather() == []
    output.drop(LARGE)
    assert output.content() == b" next"
    assert not output.more_follows()
    file.give_up()


def test_one_byte_less_is_read(output: Output, file: File) -> None:
    assert output.append_file(file.sent, 0, LARGE - 1) == lib.APPEND_DONE
    file.give_up()
    assert output.content() == file.content[: LARGE - 1]


def test_what_was_sent_of_a_file_is_not_sent_again(output: Output, file: File) -> None:
    output.append_file(file.sent, 100, LARGE)
    file.give_up()
    output.drop(1)
    assert output.file_first() == (101, LARGE - 1)
    output.drop(LARGE - 2)
    assert output.file_first() == (100 + LARGE - 1, 1)
    assert file.is_open()
    output.drop(1)
    assert output.is_empty()
    assert not file.is_open()


def test_a_file_is_closed_with_its_last_part(output: Output, file: File) -> None:
    for part in range(3):
        output.append_file(file.sent, part * LARGE, LARGE)
        output.write(b"-")
    file.give_up()
    for _ in range(3):
        assert file.is_open()
        output.drop(LARGE + 1)
    assert not file.is_open()


def test_a_file_is_closed_if_its_output_goes(output: Output, file: File) -> None:
    output.append_file(file.sent, 0, LARGE)
    output.append_file(file.sent, LARGE, LARGE)
    file.give_up()
    output.drop(LARGE + 5)
    output.drop_all()
    assert output.is_empty()
    assert not file.is_open()


def test_a_file_of_which_nothing_was_appended_is_closed(file: File) -> None:
    assert file.is_open()
    file.give_up()
    assert not file.is_open()


def test_a_small_part_that_is_not_there_is_noticed(output: Output, file: File) -> None:
    output.write(b"head")
    size = len(file.content)
    assert output.append_file(file.sent, size - 5, 6) == lib.APPEND_CHANGED
    assert output.append_file(file.sent, size, 1) == lib.APPEND_CHANGED
    assert output.content() == b"head"
    assert output.append_file(file.sent, size - 5, 5) == lib.APPEND_DONE
    file.give_up()
    assert output.content() == b"head" + file.content[-5:]


def test_nothing_of_an_empty_file_can_be_appended(
    store: Store, output: Output, tmp_path: Path
) -> None:
    empty = File(store, tmp_path / "empty", 0)
    assert output.append_file(empty.sent, 0, 0) == lib.APPEND_DONE
    empty.give_up()
    output.drop_all()
    assert output.is_empty()


def test_keeping_leaves_a_file_where_it_is(
    store: Store, output: Output, file: File
) -> None:
    output.write(b"head")
    output.append_file(file.sent, 0, LARGE)
    file.give_up()
    output.keep()
    store.start_again()
    assert output.memories() == [HEAP, FILE]
    assert output.gather() == [b"head"]


def test_a_warm_output_allocates_nothing_for_a_file(
    store: Store, output: Output, tmp_path: Path
) -> None:
    for round_ in range(20):
        file = File(store, tmp_path / "file", LARGE)
        output.append_file(file.sent, 0, LARGE)
        file.give_up()
        output.drop_all()
        assert store.allocations() == 2, round_  # the file and the segment


# ---- a model ----

BYTES = st.binary(max_size=12)
STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 1), BYTES),
    st.tuples(st.just("borrow"), st.integers(0, 1), BYTES.filter(bool)),
    st.tuples(st.just("drop"), st.integers(0, 1), st.integers(0, 30)),
    st.just(("end the turn",)),
)


def take_step(store: Store, outputs: list[Output], sent: list[bytes], step: Any) -> int:
    """Gives how many segments were borrowed."""
    kind, *rest = step
    if kind == "end the turn":
        for output in outputs:
            output.keep()
        store.start_again()
        return 0
    which, value = rest
    if kind == "drop":
        length = min(value, len(sent[which]))
        outputs[which].drop(length)
        sent[which] = sent[which][length:]
        return 0
    getattr(outputs[which], kind)(value)
    sent[which] += value
    return 1 if kind == "borrow" else 0


@given(st.lists(STEPS, max_size=40))
def test_two_outputs_of_one_store_have_their_bytes_in_order(steps: list[Any]) -> None:
    store = Store()
    outputs = [Output(store), Output(store)]
    expected = [b"", b""]
    for step in steps:
        take_step(store, outputs, expected, step)
        assert [output.content() for output in outputs] == expected
    for output in outputs:
        output.drop_all()
        assert output.is_empty()
    store.release_spent()
    lib.output_store_fini(store.store)
