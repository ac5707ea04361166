"""What the passing of time does to the state, at the beginning of every block and to nobody's surprise.

Spot grants end, periods end, and units on offer for a period that has begun are no longer sold ahead. Pure:
the same state and the same time give the same changes. Costs what has become due since the last block, each
item once.
"""

from ledger.capacity import end_period, end_spot
from ledger.entries import split_timed_key
from ledger.state import Draft, View


def pass_time(view: View, now_s: int) -> Draft:
    """A draft of the state as it is at `now_s`."""
    draft = Draft(view)
    due = list(view.keys_due(now_s))
    for key in due:
        if key[:1] == b"s":
            end_s, provider_key_id, span = split_timed_key(key)
            end_spot(draft, provider_key_id, end_s, span)
    for key in due:
        if key[:1] == b"c":
            period, provider_key_id, span = split_timed_key(key)
            end_period(draft, provider_key_id, period, span)
        elif key[:1] == b"r":
            draft.put(key, None)
    return draft
