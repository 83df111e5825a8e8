"""Answers as plain values, comparison with a key, and the checks that students run."""

import ast
import inspect
import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allrelapse.classroom import check, gradebook, key, slips
from allrelapse.classroom.answers import NotAnAnswerError, plain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (pd.NA, None),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (pd.Series([1.5, 2], index=["a", "b"]), {"a": 1.5, "b": 2.0}),
        (pd.Series([1, None], index=[0, 1], dtype="Int64"), {"0": 1, "1": None}),
        (pd.Index(["x"]), ["x"]),
        ({"b", "a"}, ["a", "b"]),
        ({1: (2, 3)}, {"1": [2, 3]}),
        (pd.Timestamp("2020-01-02"), "2020-01-02 00:00:00"),
    ],
)
def test_answers_become_plain_values(value, expected):
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("value", [pd.DataFrame(), object(), 10**30, "x" * 10_001, [0] * 10_001])
def test_what_is_no_answer_is_told(value):
    with pytest.raises(NotAnAnswerError):
        plain(value)


@given(JSON)
def test_plain_values_stay_as_they_are_and_are_the_same_as_themselves(value):
    assert json.dumps(plain(value)) == json.dumps(value)
    about = {"rel": 0.0, "abs": 0.0, "unordered": False}
    assert key.same(value, value, about)


@given(JSON, JSON)
def test_comparison_never_fails_whatever_a_student_hands_in(answer, expected):
    for unordered in (False, True):
        about = {"rel": 1e-3, "abs": 0.0, "unordered": unordered}
        assert key.same(answer, expected, about) in (True, False)


@pytest.mark.parametrize(
    ("answer", "expected", "same"),
    [
        (1.0009, 1.0, True),
        (1.0011, 1.0, False),
        (True, 1, False),
        (1, True, False),
        ("1", 1, False),
        (None, 1, False),
        (float("inf"), float("inf"), True),
        (float("nan"), float("nan"), True),
        (" Late", "late", True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        ({"b": 2, "a": 1}, {"a": 1, "b": 2}, True),
        ({"x": 1, "y": 2}, [1, 2], True),
        (10**400, 1.0, False),
    ],
)
def test_answers_are_compared_within_the_tolerance(answer, expected, same):
    about = {"rel": 1e-3, "abs": 0.0, "unordered": False}
    assert key.same(answer, expected, about) is same


def test_lists_without_order_are_compared_as_sets_of_entries():
    about = {"rel": 1e-3, "abs": 0.0, "unordered": True}
    assert key.same(["TP53", "nt5c2"], ["NT5C2", "TP53"], about)
    assert key.same([2.0005, 1], [1, 2], about)
    assert not key.same([1, 1], [1, 2], about)


def test_points_are_shared_by_the_answers_of_a_question_and_the_first_slip_is_told():
    key.taken()
    key.expect("a", 1.0, slip={"first": 2.0, "second": [2.0, 3.0]})
    key.expect("b", [1, 2], slip={"turned": [2, 1]})
    expected = key.taken()
    assert key.taken() == []

    def told(**values):
        answers = {name: {"value": value} for name, value in values.items()}
        return gradebook.judged(expected, answers, ["E"], 3)

    assert told(a=1.0, b=[1, 2]) == (3.0, "Right.")
    assert told(a=2.0, b=[1, 2]) == (1.5, "`a`: first When run: E")
    assert told(a=3.0, b=[2, 1]) == (0.0, "`a`: second `b`: turned When run: E")
    points, text = told(a=4.0)
    assert points == 0
    assert text == (
        "`a`: not what the reference solution gives on your cohort. `b`: no answer. When run: E"
    )


@pytest.mark.parametrize(
    ("expected", "answer", "words"),
    [
        (0.4, 40.0, "per cent"),
        (0.4, 40, "per cent"),
        ({"a": 0.4, "b": 1.0}, {"a": 40.0, "b": 100.0}, "per cent"),
        ([0.25, 0.0], [25.0, 0.0], "per cent"),
        (0.4, 41.0, "not what"),
        (0.4, "40 %", "not what"),
        (1.0, 100.0, "not what"),
        (3.0, 300.0, "not what"),
        (1, 100, "not what"),
        ("0.4", "40", "not what"),
    ],
)
def test_fractions_in_per_cent_are_told(expected, answer, words):
    key.taken()
    key.expect("a", expected)
    points, text = gradebook.judged(key.taken(), {"a": {"value": answer}}, [], 2)
    assert points == 0
    assert words in text


def test_what_the_check_of_an_answer_said_is_told_unless_a_slip_is_known():
    key.taken()
    key.expect("a", 1.0, slip={"slip": 2.0})
    key.expect("ab", [1.0, 2.0])
    expected = key.taken()
    errors = ["AssertionError: `ab, entry 2` is 9; it can only be 5 or less.", "KeyError: 'x'"]

    def told(**values):
        answers = {name: {"value": value} for name, value in values.items()}
        return gradebook.judged(expected, answers, errors, 2)[1]

    assert told(a=1.0, ab=[1.0, 9.0]) == (
        "`ab, entry 2` is 9; it can only be 5 or less. When run: KeyError: 'x'"
    )
    assert told(a=2.0, ab=[1.0, 2.0]) == "`a`: slip When run: KeyError: 'x'"
    assert "`a`: not what the reference" in told(a=3.0, ab=[1.0, 2.0])
    missing = gradebook.judged(expected[:1], {}, ["AssertionError: `a` has no answer yet: x."], 1)
    assert missing == (0.0, "`a`: no answer.")
    general = gradebook.judged(expected[:1], {"a": {"value": 3.0}}, ["AssertionError: Ends."], 1)
    assert general[1].endswith("When run: Ends.")


def test_what_follows_from_an_earlier_slip_costs_nothing_again_and_is_told():
    key.taken()
    key.expect("a", 1.0, slip={"slip": 2.0}, follows={"follows": [2.0, 3.0]})
    key.expect("b", 1.0, slip={"slip": 2.0})
    expected = key.taken()

    def told(a, b):
        answers = {"a": {"value": a}, "b": {"value": b}}
        return gradebook.judged(expected, answers, [], 2)

    assert told(3.0, 1.0) == (2.0, "`a`: follows")
    assert told(2.0, 2.0) == (0.0, "`a`, `b`: slip")
    assert told(3.0, 9.0)[0] == 1.0


def test_a_right_value_is_right_even_where_a_slip_gives_the_same():
    key.taken()
    key.expect("a", 1.0, slip={"slip": 1.0})
    assert gradebook.judged(key.taken(), {"a": {"value": 1.0}}, [], 2) == (2.0, "Right.")


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: check.number("x", ...), "`x` has no answer yet"),
        (lambda: check.number("x", "3"), "must be one number, is a text"),
        (lambda: check.number("x", True), "must be one number, is True or False"),
        (lambda: check.number("x", float("nan")), "is not a number"),
        (lambda: check.number("x", 1.5, whole=True), "must be a whole number, is 1.5"),
        (lambda: check.number("x", 35, low=0, high=1), "can only be between 0 and 1"),
        (lambda: check.number("x", -1, low=0), "can only be 0 or more"),
        (lambda: check.number("x", pd.DataFrame({"a": [1]})), "is a DataFrame"),
        (lambda: check.flag("x", 1), "must be True or False"),
        (lambda: check.choice("x", "c", ["a", "b"]), "must be one of 'a', 'b'"),
        (lambda: check.numbers("x", 3.0), "must be several numbers"),
        (lambda: check.numbers("x", [1, 2], length=3), "must hold 3 numbers, holds 2"),
        (lambda: check.numbers("x", [1, "b"]), "`x, entry 2` must be one number"),
        (
            lambda: check.numbers("x", {"a": 1}, index=["a", "b"]),
            "`x` lacks b.",
        ),
        (lambda: check.numbers("x", {"a": 1, "c": 1}, index=["a"]), "has c, which is none of a"),
        (lambda: check.numbers("x", [1], index=["a"]), "must be a Series or dict"),
        (lambda: check.names("x", ["TP54"], ["TP53"]), "'TP54', which is none of 'TP53'"),
        (lambda: check.names("x", [1]), "must be a list of texts"),
        (lambda: check.that(pd.Series([True, False]), "all of them"), "all of them"),
    ],
)
def test_checks_say_what_to_mend(run, words):
    with pytest.raises(AssertionError) as caught:
        run()
    assert words in str(caught.value)


def test_checks_let_right_kinds_pass():
    check.number("x", np.float64(0.5), low=0, high=1)
    check.number("x", float("inf"), low=0)
    check.flag("x", np.bool_(False))
    check.choice("x", "a", ["a", "b"])
    check.numbers("x", pd.Series([1, 2], index=["a", "b"]), index=["b", "a"], high=2)
    check.names("x", {"TP53"}, ["TP53"])
    check.that(np.array([True]), "never told")


def test_each_slip_has_one_message():
    body = ast.parse(inspect.getsource(slips)).body
    names = Counter(node.targets[0].id for node in body if isinstance(node, ast.Assign))
    assert len(names) > 50
    assert [name for name, times in names.items() if times > 1] == []
