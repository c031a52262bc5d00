"""Explore every scenario, without and with a fault, and many random ones; print the numbers.

`--renditions` does so with two renditions, and for random scenarios with three, instead of one
output.
"""

import random
import sys

from tests.worker.cloud import DEFAULT, THREE, TWO
from tests.worker.explorer.handlers import Handlers, one_folder
from tests.worker.explorer.scenarios import exhaustive, random_scenario
from tests.worker.explorer.search import Exploration, Result

_WALKS = 30_000
_MAX_INVOCATIONS = 2  # at once, if one has a fault
_MAX_FAULTS = 2  # of a random scenario


def main() -> int:
    """Print one line per scenario; return 1 if a rule was broken."""
    total = Result()
    with one_folder():
        with_renditions = "--renditions" in sys.argv
        handlers = Handlers(TWO if with_renditions else DEFAULT)
        for faults in (0, 1):
            for name, scenario in exhaustive().items():
                if faults and len(scenario.deliveries) - scenario.settled > _MAX_INVOCATIONS:
                    continue
                result = Exploration(scenario, handlers, faults=faults).run()
                print(report(f"{name}, {faults} faults", result), flush=True)
                total.add(result)
        print(report("all of these", total))
        walks = Result()
        handlers = Handlers(THREE if with_renditions else DEFAULT)
        random_ = random.Random(1)
        for _ in range(_WALKS):
            faults = random_.randint(0, _MAX_FAULTS)
            exploration = Exploration(random_scenario(random_), handlers, faults=faults)
            exploration.walk(random_.choice, walks)
        print(report(f"{_WALKS} random ones", walks))
    return 1 if total.broken or walks.broken else 0


def report(name: str, result: Result) -> str:
    """Format the size of an exploration, and a history of each rule that was broken."""
    lines = [
        f"{name}: {result.states} states, {result.transitions} transitions, "
        f"{result.endings} endings, {result.broken.total()} violations",
        *(
            f"   {rule} ({count}): {'; '.join(result.histories[rule])}"
            for rule, count in result.broken.items()
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
