"""Answers as plain values: what may leave the process of a notebook, as JSON and no other way."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

ENTRIES = 10_000
"""Values that one answer may hold."""
LETTERS = 10_000
"""Letters of one text."""

LARGEST = 2**63
"""Of whole numbers."""


SINGLE = (bool, int, float, str, datetime.date)
SETS = (set, frozenset)
SEVERAL = (*SETS, list, tuple, np.ndarray, pd.Index, pd.api.extensions.ExtensionArray)


class NotAnAnswerError(TypeError):
    """A value that is no answer; the message says what would be."""


def plain(value: object) -> Any:  # noqa: ANN401
    """A value as numbers, texts, truth values, lists and dicts (with texts as keys).

    A Series becomes a dict by its index, a set a sorted list.

    Raises
    ------
    NotAnAnswerError
        If it is anything else, such as a table, or too large.
    """
    return _plain(value, [ENTRIES])


def _plain(value: object, left: list[int]) -> Any:  # noqa: ANN401
    left[0] -= 1
    if left[0] < 0:
        raise NotAnAnswerError(f"holds more than {ENTRIES:,} values; give what was asked for only")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, SINGLE):
        return _single(value)
    if isinstance(value, pd.Series):
        value = dict(zip(value.index, value.array, strict=True))
    if isinstance(value, Mapping):
        return {str(key): _plain(entry, left) for key, entry in value.items()}
    if isinstance(value, SEVERAL):
        entries: Iterable[Any] = value
        entries = sorted(entries, key=str) if isinstance(value, SETS) else entries
        return [_plain(entry, left) for entry in entries]
    raise NotAnAnswerError(
        f"is a {type(value).__name__}; an answer is a number, text, True or False, or a list, "
        "Series or dict of these"
    )


def _single(value: object) -> bool | int | float | str:
    """One value, of the plain type even where it is of a student's own subclass."""
    if isinstance(value, bool | float):
        return value if isinstance(value, bool) else float(value)
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise NotAnAnswerError("is a number of more digits than anything here has")
        return int(value)
    text = str(value)
    if len(text) > LETTERS:
        raise NotAnAnswerError(f"is a text of more than {LETTERS:,} letters")
    return text
