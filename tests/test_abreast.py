"""Working on several frames at a time changes neither their order nor what becomes of errors."""

import threading
from collections.abc import Iterator

import pytest

from tasks.abreast import MOST, Behind, abreast, ahead, cores, share_cores


@pytest.fixture(params=[1, 3])
def count(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """One core, and three."""
    monkeypatch.setattr("polars.thread_pool_size", lambda: request.param)
    return int(request.param)


def numbers(up_to: int, made: list[int]) -> Iterator[int]:
    for number in range(up_to):
        made.append(number)
        yield number


def test_results_come_in_order_and_few_items_are_held(count: int) -> None:
    made: list[int] = []
    found = []
    for result in abreast(lambda number: number * 2, numbers(50, made)):
        found.append(result)
        assert len(made) - len(found) <= count + 1
    assert found == [2 * number for number in range(50)]


def test_an_error_of_the_work_and_one_of_the_items_come_through(count: int) -> None:
    del count
    with pytest.raises(ZeroDivisionError):
        list(abreast(lambda number: 1 // (3 - number), range(9)))

    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("items")

    with pytest.raises(KeyError):
        list(abreast(lambda number: number, broken()))
    with pytest.raises(KeyError):
        list(ahead(broken()))


def test_items_made_ahead_are_the_same_and_one_ahead_at_most(count: int) -> None:
    made: list[int] = []
    found = []
    for item in ahead(numbers(30, made)):
        found.append(item)
        assert len(made) - len(found) <= min(count, 2) - 1 or len(made) == 30
    assert found == list(range(30))


def test_a_generator_that_is_left_early_leaves_nothing_running_and_no_thread_more(count: int) -> None:
    before = threading.active_count()
    running: list[int] = []

    def work(number: int) -> int:
        running.append(number)
        return running.pop() * 0 + number

    for _ in range(20):
        for item in abreast(work, range(1000)):
            if item == 3:
                break
        assert not running
        for item in ahead(iter(range(1000))):
            if item == 3:
                break
    assert threading.active_count() - before <= 2 * count


def test_what_is_done_abreast_may_be_so_inside_itself(count: int) -> None:
    assert list(abreast(lambda number: list(abreast(str, range(number))), range(9))) == [list(map(str, range(n))) for n in range(9)]
    assert count


def test_what_is_done_behind_is_done_in_order_and_its_error_is_not_lost(count: int) -> None:
    del count
    done: list[int] = []
    behind = Behind()
    for number in range(20):
        behind(lambda number=number: done.append(number))  # type: ignore[misc]
    behind.wait()
    assert done == list(range(20))

    def fail() -> None:
        raise OSError("disk")

    broken = Behind()
    with pytest.raises(OSError, match="disk"):
        broken(fail)
        broken.wait()


def test_shared_cores_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polars.thread_pool_size", lambda: 4)
    found: list[int] = []

    def look() -> None:
        share_cores(2)
        found.append(cores())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [2]
    assert cores() == 4
    monkeypatch.setattr("polars.thread_pool_size", lambda: 64)
    assert cores() == MOST
