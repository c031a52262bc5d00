"""Damage to a valid file: bytes that have changed, and an end that is missing."""

from hypothesis import strategies as st

_MAX_CHANGES = 8


def damaged(data: st.DataObject, seed: bytes, *, start: int = 0, end: int | None = None) -> bytes:
    """Return a seed with a few other bytes, possibly cut short; both between `start` and `end`."""
    places = st.integers(start, (len(seed) if end is None else min(len(seed), end)) - 1)
    changed = bytearray(seed)
    changes = st.lists(st.tuples(places, st.integers(0, 255)), max_size=_MAX_CHANGES)
    for place, value in data.draw(changes):
        changed[place] = value
    return bytes(changed[: data.draw(st.none() | places)])
