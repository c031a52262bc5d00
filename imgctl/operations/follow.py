"""Records as they come, each once and in the order of their times."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from imgctl.aws import records
from imgctl.aws.record_index import BEGINNING, Position, positions
from imgctl.core.record import Record
from imgctl.operations.arrivals import POLL_S, Arrivals, earlier
from imgctl.operations.history import RecordQuery, partitions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WINDOW_S = 60
"""How long after newer ones a record may appear in an index and still be shown. DynamoDB promises
no bound; it is usually less than a second."""


def follow(
    dynamodb: "DynamoDBClient",
    table: str,
    query: RecordQuery,
    sleep: Callable[[float], None],
) -> Iterator[Sequence[Record]]:
    """Yield the matching records of each poll, oldest first, without end; often there are none.

    They begin at `query.since`, or with the next one that comes. A poll costs one query for each
    partition of the index, and reads of what has come.
    """
    read_from = partitions(dynamodb, table, query)
    if query.since is not None:
        arrivals = Arrivals(query.since, WINDOW_S, _id_of)
    else:
        newest = next(positions(dynamodb, table, read_from, first_page=1), None)
        beginning = BEGINNING if newest is None else earlier(newest.time, WINDOW_S)
        arrivals = Arrivals(beginning, WINDOW_S, _id_of)
        arrivals.skip(positions(dynamodb, table, read_from, since=arrivals.since))
    while True:
        found = positions(dynamodb, table, read_from, since=arrivals.since, first_page=1000)
        due = arrivals.release(found)
        at_due = set(due)
        yield [
            record
            for record in records.at_positions(dynamodb, table, iter(due))
            # One that was written again since will be found at its new position.
            if Position.of(record) in at_due and query.status in (None, record.status)
        ]
        sleep(POLL_S)


def _id_of(position: Position) -> str:
    return position.resource_id
