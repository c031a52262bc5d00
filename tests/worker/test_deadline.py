import pytest

from imgctl.worker.deadline import CALL_S, Deadline, DeadlineExceeded


class Stopwatch:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def deadline(stopwatch: Stopwatch) -> Deadline:
    deadline = Deadline(stopwatch)
    deadline.begin(60)
    return deadline


def test_a_call_starts_only_if_it_can_end_in_time(deadline: Deadline, stopwatch: Stopwatch) -> None:
    stopwatch.now_s += 60 - CALL_S
    deadline.check()
    stopwatch.now_s += 0.1
    with pytest.raises(DeadlineExceeded, match=r"12\.9 s left"):
        deadline.check()


def test_an_image_that_takes_all_of_its_time_can_still_be_recorded(
    deadline: Deadline, stopwatch: Stopwatch
) -> None:
    assert deadline.time_for_image_s() == 45
    stopwatch.now_s += 10
    assert deadline.time_for_image_s() == 35
    stopwatch.now_s += deadline.time_for_image_s()
    deadline.check()


def test_an_image_that_earlier_ones_left_little_time_for_is_retried(
    deadline: Deadline, stopwatch: Stopwatch
) -> None:
    stopwatch.now_s += 23
    with pytest.raises(DeadlineExceeded, match=r"22\.0 s left"):
        deadline.time_for_image_s()
