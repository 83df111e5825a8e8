"""Checks that students run themselves: kind, length and range of an answer, never its value."""

import math
from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from allrelapse.classroom.answers import NotAnAnswerError, plain

KINDS = {str: "a text", bool: "True or False", list: "a list", type(None): "None"}
OPEN = "has no answer yet: put yours in place of the three dots in the cell above, and run it"


def number(
    name: str,
    value: object,
    low: float | None = None,
    high: float | None = None,
    *,
    whole: bool = False,
) -> None:
    """AssertionError unless the answer is one number within the range (ends included)."""
    found = _plain(name, value)
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        _fail(name, f"must be one number, is {_kind(value)}")
    if math.isnan(found):
        _fail(name, "is not a number (NaN): look for a missing value or a division by zero")
    if whole and found != int(found):
        _fail(name, f"must be a whole number, is {found:g}")
    _in_range(name, found, low, high)


def flag(name: str, value: object) -> None:
    """AssertionError unless the answer is True or False."""
    if not isinstance(_plain(name, value), bool):
        _fail(name, f"must be True or False, is {_kind(value)}")


def choice(name: str, value: object, options: Collection[str]) -> None:
    """AssertionError unless the answer is one of these texts."""
    if _plain(name, value) not in list(options):
        _fail(name, f"must be one of {', '.join(map(repr, options))}")


def numbers(
    name: str,
    value: object,
    length: int | None = None,
    low: float | None = None,
    high: float | None = None,
    index: Collection[Hashable] | None = None,
) -> None:
    """AssertionError unless the answer is a list, array, Series or dict of numbers in the range.

    Parameters
    ----------
    length : how many there must be
    index : names that a Series or dict must have, in any order
    """
    found = _plain(name, value)
    if index is not None:
        wanted = {str(entry) for entry in index}
        if not isinstance(found, Mapping):
            _fail(name, f"must be a Series or dict with the names {', '.join(sorted(wanted))}")
        if missing := sorted(wanted - set(found)):
            _fail(name, f"lacks {', '.join(missing[:6])}")
        if odd := sorted(set(found) - wanted):
            _fail(name, f"has {odd[0]}, which is none of {', '.join(sorted(wanted))}")
    values = list(found.values()) if isinstance(found, Mapping) else found
    if not isinstance(values, list):
        _fail(name, f"must be several numbers (list, array, Series), is {_kind(value)}")
    if length is not None and len(values) != length:
        _fail(name, f"must hold {length} numbers, holds {len(values)}")
    for place, entry in enumerate(values):
        number(f"{name}, entry {place + 1}", entry, low, high)


def names(name: str, values: object, options: Collection[str] | None = None) -> None:
    """AssertionError unless the answer is a list or set of texts, each among the options."""
    found = _plain(name, values)
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        _fail(name, f"must be a list of texts, is {_kind(values)}")
    strange = [entry for entry in found if options is not None and entry not in options]
    if strange:
        _fail(name, f"holds {strange[0]!r}, which is none of {', '.join(map(repr, options or ()))}")


def that(condition: object, message: str) -> None:
    """AssertionError with the message unless the condition holds (everywhere, for an array)."""
    if not np.all(np.asarray(condition, dtype=bool)):
        raise AssertionError(message)


def _plain(name: str, value: object) -> Any:  # noqa: ANN401
    if value is ...:
        _fail(name, OPEN)
    try:
        return plain(value)
    except NotAnAnswerError as error:
        raise AssertionError(f"`{name}` {error}") from None


def _in_range(name: str, value: float, low: float | None, high: float | None) -> None:
    below, above = low is not None and value < low, high is not None and value > high
    if below or above:
        ends = ["" if end is None else f"{end:g}" for end in (low, high)]
        allowed = (
            f"between {ends[0]} and {ends[1]}"
            if all(ends)
            else (f"{ends[0]} or more" if ends[0] else f"{ends[1]} or less")
        )
        _fail(name, f"is {value:g}; it can only be {allowed}. Look at units and at what is counted")


def _kind(value: object) -> str:
    if isinstance(value, pd.DataFrame | pd.Series | np.ndarray):
        return f"a {type(value).__name__} of shape {value.shape}"
    return KINDS.get(type(value), f"a {type(value).__name__}")


def _fail(name: str, what: str) -> None:
    raise AssertionError(f"`{name}` {what}.")
