"""Timing groups against FACTS sections 1 and 5, scipy and hand-made cases."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, multivariate_hypergeom
from statsmodels.stats.proportion import proportions_chisquare

from allrelapse import timing
from allrelapse.errors import InputError

PERCENTS = {"very early": 17, "early": 65, "late": 32}
TABLES = timing.consistent_tables(PERCENTS, 103, {"early": 57})
# carriers, chi-squared P, Fisher early against very early, early against late (FACTS section 1)
PUBLISHED = [
    ((2, 37, 11), 6.9e-4, 0.0032, 0.0045),
    ((3, 37, 9), 2.7e-4, 0.00040, 0.0057),
    ((4, 37, 7), 1.1e-4, 0.00008, 0.011),
    ((1, 37, 13), 0.0018, 0.032, 0.0021),
]


def table(carriers, patients):
    groups = list(timing.GROUPS)[: len(carriers)]
    return pd.DataFrame({"group": groups, "carriers": carriers, "patients": patients})


def test_55_and_27_per_cent_of_103_force_57_and_28_patients():
    assert timing.counts_rounding_to(55, 103) == [57]
    assert timing.counts_rounding_to(27, 103) == [28]


def test_three_tables_fit_the_published_percentages_and_a_fourth_is_borderline():
    found = [
        (tuple(t["carriers"]), tuple(t["patients"]), t["borderline"].all())
        for _, t in TABLES.groupby("table")
    ]
    assert found == [
        ((2, 37, 11), (12, 57, 34), False),
        ((3, 37, 9), (18, 57, 28), False),
        ((4, 37, 7), (24, 57, 22), False),
        ((1, 37, 13), (6, 57, 40), True),
    ]


@pytest.mark.parametrize(("number", "facts"), list(enumerate(PUBLISHED, start=1)))
def test_every_table_gives_the_checked_p_values(number, facts):
    carriers, pearson, against_very_early, against_late = facts
    rows = TABLES[TABLES["table"] == number]
    assert tuple(rows["carriers"]) == carriers
    result = timing.compare_groups(rows, reference="early")
    overall = result.overall.set_index("test")["p_value"]
    pairs = result.pairwise.set_index("against")["p_value"]
    assert overall["Pearson chi-squared"] == pytest.approx(pearson, rel=0.06)
    assert pairs["very early"] == pytest.approx(against_very_early, rel=0.06)
    assert pairs["late"] == pytest.approx(against_late, rel=0.06)


@given(st.lists(st.integers(1, 12), min_size=3, max_size=3), st.data())
def test_a_cohort_is_among_the_tables_that_fit_its_own_rounded_percentages(sizes, data):
    carriers = [data.draw(st.integers(0, n)) for n in sizes]
    percents = {
        g: math.floor(100 * k / n + 0.5)
        for g, k, n in zip(timing.GROUPS, carriers, sizes, strict=True)
    }
    tables = timing.consistent_tables(percents, sum(sizes))
    rows = tables.groupby("table")[["carriers", "patients"]].agg(tuple)
    assert (tuple(carriers), tuple(sizes)) in set(rows.itertuples(index=False, name=None))


def test_exact_test_sums_all_tables_that_are_no_likelier():
    carriers, patients = [3, 7, 2], [6, 8, 9]
    law = multivariate_hypergeom(patients, sum(carriers))
    seen = law.pmf(carriers)
    grid = product(*(range(n + 1) for n in patients))
    chances = np.array([law.pmf(x) for x in grid if sum(x) == sum(carriers)])
    expected = chances[chances <= seen * (1 + 1e-7)].sum()
    overall = timing.compare_groups(table(carriers, patients)).overall.set_index("test")
    assert overall.loc["Fisher-Freeman-Halton exact", "p_value"] == pytest.approx(expected)


def test_pearson_equals_the_test_of_proportions():
    overall = timing.compare_groups(table([3, 37, 9], [18, 57, 28])).overall.set_index("test")
    statistic, p_value, _ = proportions_chisquare([3, 37, 9], [18, 57, 28])
    row = overall.loc["Pearson chi-squared"]
    assert (row["statistic"], row["p_value"]) == pytest.approx((statistic, p_value))


def test_trend_is_n_minus_1_times_the_squared_correlation():
    # Mantel's linear-by-linear statistic, Agresti 2013, section 3.4.1
    carriers, patients = np.array([3, 37, 9]), np.array([18, 57, 28])
    score = np.repeat([0, 1, 2], patients)
    carries = np.concatenate([np.arange(n) < k for k, n in zip(carriers, patients, strict=True)])
    m2 = (len(score) - 1) * np.corrcoef(score, carries)[0, 1] ** 2
    overall = timing.compare_groups(table(carriers, patients)).overall.set_index("test")
    row = overall.loc["Cochran-Armitage trend"]
    assert row["statistic"] ** 2 == pytest.approx(m2)
    assert row["p_value"] == pytest.approx(chi2.sf(m2, 1))


def test_an_inverted_u_is_seen_by_the_contrast_and_not_by_the_trend():
    overall = timing.compare_groups(table([5, 20, 5], [25, 25, 25])).overall.set_index("test")
    assert overall.loc["Cochran-Armitage trend", "p_value"] == pytest.approx(1)
    assert overall.loc["middle against both ends", "p_value"] < 1e-4


def test_holm_and_bh_adjust_two_comparisons_as_by_hand():
    pairs = timing.compare_groups(TABLES[TABLES["table"] == 1], reference="early").pairwise
    low, high = sorted(pairs["p_value"])
    assert sorted(pairs["p_holm"]) == pytest.approx([2 * low, max(2 * low, high)])
    assert sorted(pairs["p_bh"]) == pytest.approx([min(2 * low, high), high])


@pytest.mark.parametrize("carriers", [[0, 0, 0], [4, 5, 6]])
def test_nobody_or_everybody_carrying_is_no_difference(carriers):
    result = timing.compare_groups(table(carriers, [4, 5, 6]))
    assert (result.overall["p_value"].dropna() == 1).all()
    assert (result.pairwise["p_value"] == 1).all()


def test_faults_of_a_table_are_named():
    with pytest.raises(InputError, match="patients"):
        timing.compare_groups(pd.DataFrame({"group": ["a", "b"], "carriers": [1, 2]}))
    with pytest.raises(InputError, match="7 carriers of 5"):
        timing.compare_groups(table([1, 7], [4, 5]))
    with pytest.raises(InputError, match="no group 'never'"):
        timing.compare_groups(table([1, 2], [4, 5]), reference="never")


def test_impossible_percentages_are_refused():
    with pytest.raises(InputError, match="from 0 to 100"):
        timing.consistent_tables({"a": 101, "b": 3}, 10)


def test_pooled_odds_ratio_is_the_mantel_haenszel_formula():
    strata = [(37, 57, 3, 18), (5, 6, 0, 4)]
    cells = [(a, n - a, b, m - b, n + m) for a, n, b, m in strata]
    by_hand = sum(a * d / t for a, _, _, d, t in cells) / sum(b * c / t for _, b, c, _, t in cells)
    estimate, p_value = timing.pooled_odds_ratio(strata)
    assert estimate.value == pytest.approx(by_hand)
    assert estimate.lower < estimate.value < estimate.upper
    assert p_value < 1e-3


def test_event_rates_count_person_time_in_each_window():
    rates = timing.event_rates(pd.Series([6.0, 12.0, 48.0]), pd.Series([1, 0, 1]))
    assert list(rates["events"]) == [1, 0, 1]
    assert list(rates["person_years"]) == pytest.approx([2.0, 0.25 + 2.25, 1.0])
    # Garwood: half a chi-squared quantile with 2k and 2k+2 degrees of freedom
    assert rates["lower"][0] == pytest.approx(100 * chi2.ppf(0.025, 2) / 2 / 2.0)
    assert rates["upper"][1] == pytest.approx(100 * chi2.ppf(0.975, 2) / 2 / 2.5)
    assert rates["lower"][1] == 0


def test_an_event_at_a_cut_belongs_to_the_window_before():
    rates = timing.event_rates(pd.Series([9.0, 36.0, 0.0]), pd.Series([1, 1, 1]))
    assert list(rates["events"]) == [2, 1, 0]


def test_event_rates_refuse_missing_times():
    with pytest.raises(InputError, match="0 months or more"):
        timing.event_rates(pd.Series([np.nan, 3]), pd.Series([1, 0]))


def test_event_curve_without_censoring_is_the_share_of_events():
    curve = timing.event_curve(pd.Series([1.0, 2.0, 3.0, 4.0]), pd.Series([1, 1, 1, 1]))
    assert list(curve["share"]) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert list(curve["at_risk"]) == [4, 4, 3, 2, 1]
