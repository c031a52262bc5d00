import threading

from imgctl.aws.adaptive_limit import AdaptiveLimit
from tests.waiting import until


def throttle(limit: AdaptiveLimit) -> None:
    with limit.slot() as slot:
        limit.throttled(slot)


def test_each_round_of_throttling_halves_the_limit_down_to_one() -> None:
    limit, limits = AdaptiveLimit(8), []
    for _ in range(5):
        throttle(limit)
        limits.append(limit.current)
    assert limits == [4, 2, 1, 1, 1]


def test_requests_of_the_same_round_cut_the_limit_once() -> None:
    limit = AdaptiveLimit(8)
    with limit.slot() as first, limit.slot() as second:
        limit.throttled(first)
        limit.throttled(second)
    assert limit.current == 4


def test_a_round_of_successes_raises_the_limit_by_one_up_to_the_maximum() -> None:
    limit = AdaptiveLimit(4)
    throttle(limit)
    limit.succeeded()
    assert limit.current == 2
    limit.succeeded()
    assert limit.current == 3
    for _ in range(20):
        limit.succeeded()
    assert limit.current == 4


def test_no_more_work_is_under_way_than_the_limit_allows() -> None:
    limit, begun = AdaptiveLimit(2), threading.Semaphore(0)
    throttle(limit)

    def work() -> None:
        with limit.slot():
            begun.release()

    with limit.slot():
        waiting = threading.Thread(target=work)
        waiting.start()
        assert not begun.acquire(timeout=0.05)
    assert begun.acquire(timeout=10)
    until(lambda: not waiting.is_alive())
    waiting.join()
