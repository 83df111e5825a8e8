"""Competing events against closed forms, and against Kaplan-Meier where they must agree."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from allrelapse import survival
from allrelapse.errors import InputError

COURSES = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["relapse", "death", None])),
    min_size=1,
    max_size=25,
).filter(lambda rows: any(cause for _, cause in rows))


def columns(rows):
    table = pd.DataFrame(rows, columns=["time", "cause"])
    return table["time"], table["cause"]


@settings(max_examples=25)
@given(COURSES)
def test_causes_and_survival_without_any_add_up_to_all(rows):
    time, cause = columns(rows)
    found = survival.cumulative_incidence(time, cause)
    curve = survival.kaplan_meier(time, cause.notna().astype(int)).set_index("time")["survival"]
    total = found.groupby("time")["incidence"].sum()
    np.testing.assert_allclose(total, 1 - curve[total.index], atol=1e-12)
    assert found["events"].sum() == cause.notna().sum()


@settings(max_examples=25)
@given(COURSES, st.integers(1, 100))
def test_incidence_does_not_depend_on_unit_or_order(rows, factor):
    time, cause = columns(rows)
    one = survival.cumulative_incidence(time, cause)
    other = survival.cumulative_incidence(factor * time[::-1], cause[::-1])
    key = ["cause", "time"]
    one["time"] *= factor
    pd.testing.assert_frame_equal(
        one.sort_values(key, ignore_index=True), other.sort_values(key, ignore_index=True),
        check_dtype=False,
    )  # fmt: skip


def test_without_censoring_incidence_is_a_proportion_with_its_binomial_error():
    cause = pd.Series(["relapse", "death"] * 5)
    found = survival.cumulative_incidence(pd.Series(np.arange(1, 11)), cause)
    relapse = found[found["cause"] == "relapse"]
    assert list(relapse["incidence"]) == pytest.approx(
        [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5]
    )
    row = relapse[relapse["time"] == 7].iloc[0]
    reach = norm.ppf(0.975) * np.sqrt(0.4 * 0.6 / 10) / (0.4 * np.log(0.4))
    expected = 0.4 ** np.exp(-reach), 0.4 ** np.exp(reach)
    assert (row["lower"], row["upper"]) == pytest.approx(expected)


def test_ties_and_censoring_by_hand():
    # at 1: one relapse and one death of 4; at 2 one censored; at 3 the last relapses
    time, cause = pd.Series([1, 1, 2, 3]), pd.Series(["relapse", "death", None, "relapse"])
    found = survival.cumulative_incidence(time, cause).set_index(["cause", "time"])["incidence"]
    assert list(found["relapse"]) == pytest.approx([1 / 4, 1 / 4, 3 / 4])
    assert list(found["death"]) == pytest.approx([1 / 4, 1 / 4, 1 / 4])


def test_of_two_constant_hazards_each_has_its_share():
    # F1(t) = h1 / (h1 + h2) (1 - exp(-(h1 + h2) t)); one minus Kaplan-Meier tends to more
    rng, n = np.random.default_rng(2), 8000
    relapse, death, seen = (rng.exponential(1 / rate, n) for rate in (0.6, 0.3, 0.4))
    first = np.minimum(relapse, death)
    names = np.where(relapse < death, "relapse", "death").astype(object)
    cause = pd.Series(np.where(first <= seen, names, None))
    found = survival.cumulative_incidence(pd.Series(np.minimum(first, seen)), cause)
    row = found[(found["cause"] == "relapse") & (found["time"] <= 1.5)].iloc[-1]
    truth = 0.6 / 0.9 * (1 - np.exp(-0.9 * 1.5))
    assert row["lower"] < truth < row["upper"]
    assert row["upper"] - row["lower"] < 0.03
    naive = survival.kaplan_meier(
        pd.Series(np.minimum(first, seen)), (cause == "relapse").astype(int)
    )
    assert 1 - naive[naive["time"] <= 1.5]["survival"].iloc[-1] > row["upper"]


def test_a_cause_that_one_group_never_has_is_zero_there():
    cause = pd.Series(["relapse", None, "death", "relapse"])
    group = pd.Series(["a", "a", "b", "b"])
    found = survival.cumulative_incidence(pd.Series([1, 2, 3, 4]), cause, group)
    assert (found.query("group == 'a' and cause == 'death'")["incidence"] == 0).all()
    assert set(found["cause"]) == {"relapse", "death"}


def test_no_event_at_all_is_refused():
    with pytest.raises(InputError, match="no event in 2 rows"):
        survival.cumulative_incidence(pd.Series([1, 2]), pd.Series([None, None], name="first"))
