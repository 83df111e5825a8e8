"""Tests of curves against FACTS section 5, lifelines, and Cochran-Mantel-Haenszel."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lifelines.datasets import load_leukemia, load_lung
from lifelines.statistics import multivariate_logrank_test
from statsmodels.stats.contingency_tables import StratifiedTable

from allrelapse import survival
from allrelapse.errors import InputError

TRIAL = load_leukemia()
TIME, EVENT, ARM = TRIAL["t"], TRIAL["status"], TRIAL["Rx"]


def by_tables(time, event, group, strata):
    """The log-rank test as Cochran-Mantel-Haenszel over a table for each time of events."""
    tables = []
    for stratum in strata.unique():
        for when in time[(event == 1) & (strata == stratum)].unique():
            risk = (time >= when) & (strata == stratum)
            if risk.sum() > 1:
                died = risk & (time == when) & (event == 1)
                cells = [
                    [(died & (group == g)).sum(), (risk & ~died & (group == g)).sum()]
                    for g in (0, 1)
                ]
                tables.append(np.array(cells, float))
    return StratifiedTable(tables).test_null_odds(correction=False).statistic


def test_the_trial_has_the_published_statistic():
    found = survival.logrank(TIME, EVENT, ARM)
    assert found.chi_squared == pytest.approx(16.79, abs=0.005)  # FACTS section 5
    assert found.degrees_of_freedom == 1
    # R's survdiff prints 19.3 and 10.7 expected
    assert list(found.groups["expected"]) == pytest.approx([19.25, 10.75], abs=0.005)
    assert list(found.groups["events"]) == [9, 21]


def test_strata_are_summed_as_mantel_and_haenszel_do():
    found = survival.logrank(TIME, EVENT, ARM, strata=TRIAL["sex"])
    assert found.chi_squared == pytest.approx(by_tables(TIME, EVENT, ARM, TRIAL["sex"]))
    assert found.groups["expected"].sum() == pytest.approx(EVENT.sum())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("log-rank", {}),
        ("Gehan-Breslow", {"weightings": "wilcoxon"}),
        ("Tarone-Ware", {"weightings": "tarone-ware"}),
        ("Fleming-Harrington", {"weightings": "fleming-harrington", "p": 1, "q": 0}),
    ],
)
def test_weights_are_those_of_lifelines_for_three_groups(ours, theirs):
    lung = load_lung().dropna(subset=["ph.ecog"]).query("`ph.ecog` < 3")
    data = lung["time"], lung["status"], lung["ph.ecog"]
    found = survival.logrank(*data, weights=ours)
    other = multivariate_logrank_test(data[0], data[2], data[1], **theirs)
    assert found.degrees_of_freedom == 2
    assert found.chi_squared == pytest.approx(other.test_statistic, rel=1e-6)
    assert found.p_value == pytest.approx(other.p_value, rel=1e-5)


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 1), st.integers(0, 1)), min_size=4, max_size=20
    ),
    st.integers(1, 50),
)
def test_neither_unit_nor_order_nor_names_of_groups_matter(rows, factor):
    table = pd.DataFrame(rows, columns=["time", "event", "group"])
    try:
        found = survival.logrank(table["time"], table["event"], table["group"])
    except InputError:
        assume(False)
    turned = table[::-1]
    names = turned["group"].map({0: "z", 1: "a"})
    other = survival.logrank(factor * turned["time"], turned["event"], names)
    assert other.chi_squared == pytest.approx(found.chi_squared)
    assert found.chi_squared == pytest.approx(
        by_tables(table["time"], table["event"], table["group"], 0 * table["time"])
    )


def test_a_p_value_is_not_rounded_to_zero_far_out():
    time = pd.Series(np.arange(1.0, 401))
    group = pd.Series(np.repeat(["a", "b"], 200))
    assert 0 < survival.logrank(time, pd.Series(1, time.index), group).p_value < 1e-50


@pytest.mark.parametrize(
    ("event", "group", "words"),
    [
        ([0, 0, 0], ["a", "a", "b"], "column event: no event in 3 rows"),
        ([1, 1, 1], ["a", "a", "a"], "column arm: only 'a'; a comparison needs two groups"),
        ([0, 1, 1], ["a", "b", "b"], "column arm: nobody of some group is at risk"),
    ],
)
def test_what_cannot_be_compared_is_told(event, group, words):
    time = pd.Series([1, 2, 3])
    with pytest.raises(InputError, match=words):
        survival.logrank(time, pd.Series(event, name="event"), pd.Series(group, name="arm"))


def test_unknown_weights_are_refused():
    with pytest.raises(InputError, match="there are log-rank, Gehan-Breslow"):
        survival.logrank(TIME, EVENT, ARM, weights="peto")
