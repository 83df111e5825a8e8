"""Where the clock starts: after the relapse, at a landmark, and what comes first."""

import numpy as np
import pandas as pd
import pytest

from allrelapse import survival
from allrelapse.errors import InputError

YEAR = 365.25
PATIENTS = pd.DataFrame(
    {
        "patient": ["A", "B", "C", "D"],
        "timing": ["early", "late", "very early", None],
        "relapse_day": [YEAR, 4 * YEAR, 100, np.nan],
        "follow_up_day": [3 * YEAR, 5 * YEAR, 100, 900],
        "status": ["dead", "alive", "dead", "alive"],
        "second_relapse_day": [2 * YEAR, np.nan, np.nan, np.nan],
        "transplant_day": [1.5 * YEAR, 4.5 * YEAR, np.nan, np.nan],
    }
)
TABLE = survival.after_relapse(PATIENTS)


def test_follow_up_is_counted_from_the_relapse():
    assert list(TABLE["patient"]) == ["A", "B", "C"]  # of D nothing is known
    assert list(TABLE["years"]) == pytest.approx([2, 1, 0])
    assert list(TABLE["dead"]) == [1, 0, 1]
    assert list(TABLE["years_since_diagnosis"]) == pytest.approx([3, 5, 100 / YEAR])
    assert TABLE["second_relapse"][0] == pytest.approx(1)
    assert list(TABLE["transplant"][:2]) == pytest.approx([0.5, 0.5])
    assert list(TABLE["timing"]) == ["early", "late", "very early"]


def test_the_first_of_several_events_is_taken():
    first = survival.first_event(TABLE, ["second_relapse", "transplant"])
    assert list(first["cause"]) == ["transplant", "transplant", "death"]
    assert list(first["time"]) == pytest.approx([0.5, 0.5, 0])
    first = survival.first_event(TABLE, ["second_relapse"])
    assert list(first["cause"].fillna("none")) == ["second_relapse", "none", "death"]
    assert list(first["time"]) == pytest.approx([1, 1, 0])


def test_of_two_events_at_once_the_one_named_first_counts_and_death_last():
    table = pd.DataFrame({"a": [1.0], "b": [1.0], "years": [1.0], "dead": [1]})
    assert list(survival.first_event(table, ["b", "a"])["cause"]) == ["b"]


def test_an_event_after_the_end_of_follow_up_is_refused():
    table = pd.DataFrame({"a": [1.0, 3.0], "years": [1.0, 2.0], "dead": [1, 0]})
    with pytest.raises(InputError, match="column a, row 1: after the end of follow-up"):
        survival.first_event(table, ["a"])


def test_patients_of_whom_nothing_is_known_are_told():
    with pytest.raises(InputError, match="nobody has all of relapse_day, follow_up_day, status"):
        survival.after_relapse(PATIENTS.assign(status=None))
    with pytest.raises(InputError, match="no column status"):
        survival.after_relapse(PATIENTS.drop(columns="status"))
    with pytest.raises(InputError, match="row 1, column follow_up_day: before relapse_day"):
        survival.after_relapse(PATIENTS.assign(follow_up_day=[800, 900, 200, 900]))


def test_at_a_landmark_only_who_is_followed_further_counts_and_the_clock_starts_anew():
    table = pd.DataFrame(
        {"years": [0.5, 1.0, 2.0, 3.0], "dead": [1, 1, 1, 0], "transplant": [0.2, np.nan, 1.5, 0.9]}
    )
    moved = survival.landmark(table, at=1, exposure="transplant")
    assert list(moved["years"]) == [1, 2]  # the one who died on the day is no longer at risk
    assert list(moved["dead"]) == [1, 0]
    assert list(moved["exposed"]) == [0, 1]  # a transplant after the landmark is not known yet
    pd.testing.assert_frame_equal(survival.landmark(table, at=0), table)


def test_a_landmark_beyond_all_patients_is_refused():
    with pytest.raises(InputError, match="before the last time 2"):
        survival.landmark(TABLE, at=2)


def test_counted_from_diagnosis_timing_seems_to_matter_where_it_does_not():
    """Immortal time, FACTS section 5: rejected in 100 % of runs, and in 5.6 % from relapse."""
    rng, runs = np.random.default_rng(6), 200
    wrong, right = 0, 0
    for _ in range(runs):
        relapse = rng.lognormal(6.6, 0.8, 100)
        after, seen = rng.exponential(900, 100), rng.uniform(365, 3650, 100)
        timing = pd.Series(np.digitize(relapse, [274, 1095]))
        time = pd.Series(np.minimum(after, seen))
        dead = pd.Series((after <= seen).astype(int))
        wrong += survival.logrank(time + relapse, dead, timing).p_value < 0.05
        right += survival.logrank(time, dead, timing).p_value < 0.05
    assert wrong / runs > 0.98
    assert right / runs < 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_transplant_seems_to_help_where_it_does_not_until_a_landmark_is_set():
    rng, n = np.random.default_rng(7), 500
    death = rng.exponential(2, n)
    planned = rng.gamma(4, 0.25, n)
    table = pd.DataFrame({"years": death, "dead": 1})
    table["transplant"] = np.where(planned < death, planned, np.nan)
    naive = table.assign(ever=table["transplant"].notna())
    about = {"time": "years", "event": "dead"}
    biased = survival.cox(naive, covariates=["ever"], **about).coefficients.iloc[0]
    assert biased["upper"] < 0.6
    moved = survival.landmark(table, at=1, exposure="transplant")
    fair = survival.cox(moved, covariates=["exposed"], **about).coefficients.iloc[0]
    assert abs(fair["log_hazard"]) < 4 * fair["standard_error"]
