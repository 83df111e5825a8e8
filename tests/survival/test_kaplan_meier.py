"""Curves and mean times against published tables, closed forms, statsmodels and lifelines."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.datasets import load_leukemia
from lifelines.utils import restricted_mean_survival_time
from scipy.integrate import quad
from scipy.stats import norm
from statsmodels.duration.survfunc import SurvfuncRight

from allrelapse import survival
from allrelapse.errors import InputError

TRIAL = load_leukemia()  # Freireich 1963, weeks of remission; Rx 0 is 6-mercaptopurine
ARM = TRIAL["Rx"].map({0: "6-MP", 1: "placebo"})
CURVES = survival.kaplan_meier(TRIAL["t"], TRIAL["status"], ARM)
FOLLOWED = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 1)), min_size=1, max_size=20)


def columns(pairs):
    table = pd.DataFrame(pairs, columns=["time", "event"])
    return table["time"], table["event"]


def test_the_trial_has_the_textbook_curve():
    # Kleinbaum & Klein, Survival Analysis, chapter 2, table of group 1 (6-MP)
    drug = CURVES[(CURVES["group"] == "6-MP") & (CURVES["events"] > 0)]
    assert list(drug["time"]) == [6, 7, 10, 13, 16, 22, 23]
    assert list(drug["at_risk"]) == [21, 17, 15, 12, 11, 7, 6]
    expected = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    assert list(drug["survival"]) == pytest.approx(expected, abs=5e-5)


def test_medians_of_the_trial_are_23_and_8_weeks():
    medians = survival.median_survival(CURVES).set_index("group")  # FACTS section 5
    assert medians["median"].to_dict() == {"6-MP": 23, "placebo": 8}
    assert medians["patients"].to_dict() == {"6-MP": 21, "placebo": 21}
    assert medians["events"].to_dict() == {"6-MP": 9, "placebo": 21}


def test_an_interval_of_the_median_is_that_of_statsmodels():
    placebo = TRIAL[TRIAL["Rx"] == 1]
    other = SurvfuncRight(placebo["t"], placebo["status"]).quantile_ci(0.5, method="cloglog")
    ours = survival.median_survival(CURVES).set_index("group").loc["placebo"]
    assert (ours["lower"], ours["upper"]) == other
    assert survival.median_survival(CURVES).set_index("group").loc["6-MP", "upper"] == np.inf


def test_the_interval_is_normal_on_the_log_minus_log_scale():
    # at 7 weeks: Greenwood's sum 3/(21*18) + 1/(17*16), by hand
    row = CURVES[(CURVES["group"] == "6-MP") & (CURVES["time"] == 7)].iloc[0]
    share = 18 / 21 * 16 / 17
    reach = norm.ppf(0.975) * np.sqrt(3 / (21 * 18) + 1 / (17 * 16)) / np.log(share)
    expected = share ** np.exp(-reach), share ** np.exp(reach)
    assert (row["lower"], row["upper"]) == pytest.approx(expected)


@settings(max_examples=25)
@given(FOLLOWED, st.integers(1, 1000))
def test_survival_does_not_depend_on_the_unit_of_time(pairs, factor):
    time, event = columns(pairs)
    one, other = (survival.kaplan_meier(time * k, event) for k in (1, factor))
    assert list(other["time"]) == list(one["time"] * factor)
    np.testing.assert_array_equal(one["survival"], other["survival"])
    medians = [survival.median_survival(curve)["median"][0] for curve in (one, other)]
    assert medians[1] == factor * medians[0]


@settings(max_examples=25)
@given(FOLLOWED)
def test_every_patient_leaves_once_and_the_order_of_rows_is_nothing(pairs):
    time, event = columns(pairs)
    curve = survival.kaplan_meier(time, event)
    assert curve["events"].sum() + curve["censored"].sum() == len(pairs)
    left = curve["at_risk"] - curve["events"] - curve["censored"]
    assert list(left[:-1]) == list(curve["at_risk"][1:])
    turned = survival.kaplan_meier(time[::-1], event[::-1])
    pd.testing.assert_frame_equal(curve, turned)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=20))
def test_without_censoring_survival_is_the_share_still_there(times):
    time = pd.Series(times)
    curve = survival.kaplan_meier(time, pd.Series(1, time.index))
    expected = [(time > t).mean() for t in curve["time"]]
    assert list(curve["survival"]) == pytest.approx(expected)


def test_when_all_are_censored_nobody_dies_and_there_is_no_median():
    curve = survival.kaplan_meier(pd.Series([0, 2, 5]), pd.Series([0, 0, 0]))
    assert (curve["survival"] == 1).all()
    assert curve["lower"].isna().all()  # 1 to 1 would be too sure
    assert survival.median_survival(curve)["median"][0] == np.inf


def test_an_event_at_time_zero_counts():
    curve = survival.kaplan_meier(pd.Series([0, 1]), pd.Series([1, 0]))
    assert list(curve["survival"]) == [0.5, 0.5]
    assert survival.median_survival(curve)["median"][0] == 0


def test_nothing_is_known_of_survival_after_the_last_patient_was_seen():
    found = survival.survival_at(CURVES, [7, 24, 35, 36]).set_index(["group", "time"])
    assert found.loc[("6-MP", 35), "survival"] == pytest.approx(0.4482, abs=5e-5)
    assert found.loc[("6-MP", 7), "survival"] == pytest.approx(18 / 21 * 16 / 17)
    assert found.loc[("6-MP", 7), "at_risk"] == 17
    assert np.isnan(found.loc[("6-MP", 36), "survival"])  # the last was seen at 35
    assert found.loc[("placebo", 24), "survival"] == 0  # nobody was left at 23
    assert np.isnan(found.loc[("placebo", 24), "upper"])


def test_counts_at_risk_are_of_those_followed_up_to_that_time():
    counts = survival.counts_at_risk(CURVES, [0, 6, 7, 35, 36])
    assert list(counts.loc["6-MP"]) == [21, 21, 17, 1, 0]
    assert list(counts.index) == ["6-MP", "placebo"]


def test_groups_keep_the_order_of_their_categories():
    group = pd.Series(pd.Categorical(["b", "a", "b"], categories=["a", "b", "never"]))
    curve = survival.kaplan_meier(pd.Series([1, 2, 3]), pd.Series([1, 1, 1]), group)
    assert list(curve["group"].unique()) == ["a", "b"]


@pytest.mark.parametrize(
    ("time", "event", "words"),
    [
        ([1, np.nan], [1, 0], "column days, row 1: nan must be a finite number"),
        ([1, -2], [1, 0], "column days, row 1: -2 is before time zero"),
        ([-1, -2], [1, 0], "row 0 (and 1 more)"),
        ([1, 2], [1, 2], "column dead, row 1: 2 must be 1 (event) or 0 (censored)"),
        ([1, 2], [1, None], "column dead, row 1: nan must be 1"),
        (["1", "two"], [1, 0], "column days: could not convert"),
        ([], [], "no rows"),
    ],
)
def test_faults_are_named_with_their_place_and_mend(time, event, words):
    with pytest.raises(InputError) as told:
        survival.kaplan_meier(pd.Series(time, name="days"), pd.Series(event, name="dead"))
    assert words in str(told.value)


def test_a_missing_group_is_refused_and_so_are_rows_of_another_table():
    time, event = pd.Series([1, 2]), pd.Series([1, 0])
    with pytest.raises(InputError, match="column arm, row 1: None must be known"):
        survival.kaplan_meier(time, event, pd.Series(["a", None], name="arm"))
    with pytest.raises(InputError, match="its rows are not those of the times"):
        survival.kaplan_meier(time, pd.Series([1, 0], index=[1, 2]))


@settings(max_examples=25)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=20), st.integers(1, 15))
def test_mean_time_without_censoring_is_a_mean_with_its_error(times, until):
    time = pd.Series(times)
    found = survival.rmst(time, pd.Series(1, time.index), until=until).iloc[0]
    spent = time.clip(upper=until)
    assert found["rmst"] == pytest.approx(spent.mean())
    # Greenwood's variance is then the one with n, not n - 1, below
    assert found["standard_error"] == pytest.approx(spent.std(ddof=0) / np.sqrt(len(time)))


def test_mean_time_with_censoring_is_the_area_that_lifelines_finds():
    drug = TRIAL[TRIAL["Rx"] == 0]
    fitted = KaplanMeierFitter().fit(drug["t"], drug["status"])
    ours = survival.rmst(drug["t"], drug["status"], until=30).iloc[0]
    assert ours["rmst"] == pytest.approx(restricted_mean_survival_time(fitted, t=30))


def test_error_of_mean_time_with_censoring_is_the_asymptotic_one():
    # exponential times and censoring: n Var = int A(t)^2 dH / P(at risk), A = area from t on
    rate, censoring, until, n = 0.8, 0.5, 2.0, 20_000
    rng = np.random.default_rng(1)
    death, seen = rng.exponential(1 / rate, n), rng.exponential(1 / censoring, n)
    time, event = pd.Series(np.minimum(death, seen)), pd.Series((death <= seen).astype(int))

    def part(t):
        area = (np.exp(-rate * t) - np.exp(-rate * until)) / rate
        return area**2 * rate * np.exp((rate + censoring) * t)

    expected = np.sqrt(quad(part, 0, until)[0] / n)
    found = survival.rmst(time, event, until=until).iloc[0]
    assert found["standard_error"] == pytest.approx(expected, rel=0.02)
    truth = (1 - np.exp(-rate * until)) / rate
    assert abs(found["rmst"] - truth) < 4 * expected


def test_a_difference_of_mean_times_adds_variances():
    found = survival.rmst_difference(TRIAL["t"], TRIAL["status"], ARM, until=20).iloc[0]
    drug, placebo = survival.rmst(TRIAL["t"], TRIAL["status"], ARM, until=20).itertuples()
    assert (found["group"], found["against"]) == ("placebo", "6-MP")
    assert found["difference"] == pytest.approx(placebo.rmst - drug.rmst)
    error = np.sqrt(placebo.standard_error**2 + drug.standard_error**2)
    assert found["standard_error"] == pytest.approx(error)
    assert found["p_value"] == pytest.approx(2 * norm.sf(abs(found["difference"]) / error))


def test_mean_time_beyond_the_last_patient_is_refused_unless_none_is_left():
    with pytest.raises(InputError, match=r"group '6-MP' is followed up to 35 only"):
        survival.rmst(TRIAL["t"], TRIAL["status"], ARM, until=40)
    placebo = TRIAL[TRIAL["Rx"] == 1]
    found = survival.rmst(placebo["t"], placebo["status"], until=40).iloc[0]
    assert found["rmst"] == pytest.approx(placebo["t"].mean())
    with pytest.raises(InputError, match="above 0 and finite"):
        survival.rmst(placebo["t"], placebo["status"], until=0)
    with pytest.raises(InputError, match="a difference needs two"):
        survival.rmst_difference(placebo["t"], placebo["status"], placebo["Rx"], until=5)
