"""The key: what the reference solution gives on one student's cohort, and what slips would give.

A master's hidden tests call `expect`. They never run beside a student's code: the master with its
solutions runs on the student's cohort, and the key that comes of it is plain data.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from allrelapse.classroom.answers import plain

Expectation = dict[str, Any]
"""`name`, `value`, `rel`, `abs`, `unordered`; `slips`, `follows`: pairs of message and values."""

Key = dict[str, list[Expectation]]
"""What is expected of one student, by question."""

HUGE = 10**300
"""Whole numbers beyond it are no decimals."""
_expected: list[Expectation] = []


def expect(
    name: str,
    value: object,
    *,
    rel: float = 1e-3,
    abs: float = 0.0,
    unordered: bool = False,
    slip: Mapping[str, Any] | None = None,
    follows: Mapping[str, Any] | None = None,
) -> None:
    """State the right value of an answer, how near is near enough, and what slips would give.

    Parameters
    ----------
    name : of the variable that holds the answer
    value : the reference solution's
    rel, abs : tolerance of numbers, relative and absolute; the wider one holds
    unordered : the order of a list is of no importance
    slip : message -> the wrong value that this slip gives on the same cohort, or a list of such;
        the first that fits is told
    follows : the same, of values that follow rightly from an earlier slip: they cost no points
        again, and the message is told
    """
    _expected.append(
        {
            "name": name,
            "value": plain(value),
            "rel": rel,
            "abs": abs,
            "unordered": unordered,
            "slips": _pairs(slip, value),
            "follows": _pairs(follows, value),
        }
    )


def _pairs(told: Mapping[str, Any] | None, value: object) -> list[list[Any]]:
    """Message and wrong values as plain data, of one wrong value or a list of such."""
    pairs = []
    for message, values in (told or {}).items():
        one = not isinstance(values, list) or isinstance(plain(value), list)
        pairs.append([message, [plain(entry) for entry in ([values] if one else values)]])
    return pairs


def taken() -> list[Expectation]:
    """What was expected since the last call."""
    found = list(_expected)
    _expected.clear()
    return found


def same(answer: object, expected: object, about: Expectation) -> bool:
    """Whether an answer is an expected value within the tolerance; both as `plain` gives them."""
    if isinstance(expected, bool) or expected is None:
        return answer is expected
    if isinstance(expected, int | float):
        return _near(answer, float(expected), about)
    if isinstance(expected, str):
        return isinstance(answer, str) and answer.strip().casefold() == expected.strip().casefold()
    if isinstance(expected, dict):
        return (
            isinstance(answer, dict)
            and set(answer) == set(expected)
            and all(same(answer[key], entry, about) for key, entry in expected.items())
        )
    return _same_lists(answer, expected, about)


def _same_lists(answer: object, expected: object, about: Expectation) -> bool:
    values = list(answer.values()) if isinstance(answer, dict) else answer
    if not isinstance(values, list) or not isinstance(expected, Sequence):
        return False
    if len(values) != len(expected):
        return False
    if about["unordered"]:
        values, expected = sorted(values, key=_rank), sorted(expected, key=_rank)
    return all(same(one, other, about) for one, other in zip(values, expected, strict=True))


def _near(answer: object, expected: float, about: Expectation) -> bool:
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return False
    if math.isnan(expected):
        return math.isnan(answer)
    answer = min(max(answer, -HUGE), HUGE) if isinstance(answer, int) else answer
    return math.isclose(answer, expected, rel_tol=about["rel"], abs_tol=about["abs"])


def _rank(value: object) -> tuple[str, float, str]:
    """Numbers by size, then texts: lists of students need not be of one kind."""
    if isinstance(value, int | float):
        return "number", float(min(max(value, -HUGE), HUGE)), ""
    return type(value).__name__, 0.0, str(value).strip().casefold()
