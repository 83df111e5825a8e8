"""The label of a claim, by the rule that docstring and README state, on tables made by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from allrelapse.multiverse.rule import explained, robustness


def factorial(**options):
    """Every combination of options, one row each."""
    rows = itertools.product(*options.values())
    return pd.DataFrame(rows, columns=list(options)).astype(str)


def label(same, choices):
    found = robustness(pd.Series(same), choices)
    return found.label, found.to


CHOICES = factorial(a=range(4), b="xy", c="pq", d=range(5))  # 80 specifications


@pytest.mark.parametrize(("others", "expected"), [(0, "robust"), (4, "robust"), (5, "sensitive")])
def test_robust_is_95_of_100(others, expected):
    same = np.ones(80, bool)
    same[np.random.default_rng(1).permutation(80)[:others]] = False  # 4 of 80 are 5 %
    assert label(same, CHOICES)[0] == expected


def test_a_verdict_that_follows_one_choice_is_sensitive_to_it():
    assert label(CHOICES["b"] == "x", CHOICES) == ("sensitive", ("b",))
    assert label(CHOICES["a"] != "3", CHOICES) == ("sensitive", ("a",))


def test_a_verdict_that_follows_two_choices_is_sensitive_to_both():
    # of p = 3/4 in a 2 x 2 design each choice explains a third, so both two thirds
    same = (CHOICES["b"] == "x") | (CHOICES["c"] == "p")
    assert label(same, CHOICES) == ("sensitive", ("b", "c"))
    found = robustness(same, CHOICES)
    assert found.explained == pytest.approx(2 / 3)
    assert str(found) == "sensitive to b and c (60 of 80)"


def test_a_verdict_that_no_two_choices_explain_is_sensitive_to_combinations():
    odd = (CHOICES["b"] == "x") ^ (CHOICES["c"] == "p")  # no main effect at all
    assert label(odd, CHOICES) == ("sensitive", ())
    assert str(robustness(odd, CHOICES)) == "sensitive to combinations of choices (40 of 80)"


def test_a_verdict_that_most_do_not_keep_is_fragile_though_one_choice_explains_it():
    same = CHOICES["a"] == "0"
    assert explained(same, CHOICES, ["a"]) == pytest.approx(1)
    assert label(same, CHOICES) == ("fragile", ())


def test_half_is_enough_to_be_sensitive():
    assert label(CHOICES["c"] == "q", CHOICES)[0] == "sensitive"


def test_one_specification_has_no_label():
    found = robustness(pd.Series([True]), CHOICES.iloc[:1])
    assert (found.label, str(found)) == ("", "")


def test_what_choices_explain_is_the_r_squared_of_least_squares():
    same = pd.Series(np.random.default_rng(3).random(80) < 0.6)
    data = CHOICES.assign(y=same.astype(float))
    for names in (["a"], ["a", "d"], ["a", "b", "c", "d"]):
        formula = "y ~ " + " + ".join(f"C({name})" for name in names)
        expected = smf.ols(formula, data).fit().rsquared
        assert explained(same, CHOICES, names) == pytest.approx(expected)


def test_nothing_is_explained_of_a_verdict_that_never_varies():
    assert explained(pd.Series(np.ones(80, bool)), CHOICES, ["a"]) == 0
