"""FilterLogEvents of the emulator, as AWS answers it: each event has an ID, and lists have pages.

The emulator gives no IDs to the lines of functions, and leaves out what does not fit a list.
"""

import heapq
import json
from collections.abc import Mapping
from itertools import count, islice
from typing import Any

from ministack.services import cloudwatch_logs

_MAX_PAGE = 10_000  # events (CloudWatch Logs API Reference, FilterLogEvents)

_numbers = count()


def patch_logs() -> None:
    """Add what the emulator leaves out."""
    append, refuse = cloudwatch_logs._append_log_events, cloudwatch_logs._filter_log_events

    def append_with_ids(stream: Any, events: list[dict[str, Any]]) -> None:
        append(stream, [{"eventId": _event_id(event), **event} for event in events])

    def filter_log_events(data: Mapping[str, Any]) -> Any:
        group = cloudwatch_logs._resolve_log_group_name(data)
        if group not in cloudwatch_logs._log_groups:
            return refuse(data)
        body = json.dumps(_page(data, group), ensure_ascii=False).encode()
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, body

    cloudwatch_logs._append_log_events = append_with_ids
    cloudwatch_logs._filter_log_events = filter_log_events


def _event_id(event: Mapping[str, Any]) -> str:
    """Return an ID that sorts by the event's time, and then in the order in which they came."""
    return f"{event['timestamp']:016d}{next(_numbers):016d}"


def _page(data: Mapping[str, Any], group: str) -> dict[str, Any]:
    start = int(data.get("nextToken") or 0)
    size = min(data.get("limit", _MAX_PAGE), _MAX_PAGE)
    since, until = data.get("startTime", 0), data.get("endTime", float("inf"))
    matches = cloudwatch_logs._compile_filter_pattern(data.get("filterPattern", ""))
    streams = cloudwatch_logs._log_groups[group]["streams"]
    with cloudwatch_logs._log_events_lock:
        found = [
            [
                {**e, "logStreamName": name}
                for e in stream["events"]
                if since <= e["timestamp"] <= until
            ]
            for name, stream in streams.items()
            if name in (data.get("logStreamNames") or streams)
        ]
    merged = heapq.merge(*found, key=lambda event: event["timestamp"])
    matching = (event for event in merged if matches(event["message"]))
    events = list(islice(matching, start, start + size + 1))
    more = {"nextToken": str(start + size)} if len(events) > size else {}
    return {"events": events[:size], "searchedLogStreams": [], **more}
