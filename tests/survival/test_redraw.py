"""Cohorts redrawn from a fitted Cox model, and intervals that allow for them."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from allrelapse import survival
from allrelapse.errors import InputError
from allrelapse.survival.redraw import redrawn

ABOUT = {"time": "time", "event": "event"}


def exponential(n, ratio, rng):
    """Patients of whom half have x; hazards 1 and `ratio`, follow-up of 0 to 3."""
    x = np.arange(n) % 2
    death, seen = rng.exponential(size=n) / ratio**x, rng.uniform(0, 3, n)
    return pd.DataFrame(
        {"time": np.minimum(death, seen), "event": (death <= seen).astype(int), "x": x}
    )


def test_redrawn_events_follow_the_hazard_and_censoring_stays():
    """With a known baseline t, deaths are exponential; who was censored is censored there."""
    table = exponential(400, 2.0, np.random.default_rng(3))
    times, events = table["time"].to_numpy(), table["event"].to_numpy()
    grid = np.linspace(0.01, 50, 5000)
    drawn, dead = redrawn(
        times,
        events,
        np.log(2.0) * table["x"].to_numpy(),
        (grid, grid),
        200,
        np.random.default_rng(1),
    )
    assert drawn.shape == dead.shape == (200, 400)
    censored = events == 0
    assert (drawn[:, censored] <= times[censored]).all()
    assert (drawn[:, censored] == times[censored])[dead[:, censored] == 0].all()
    # dying before being censored at c: 1 - exp(-rate c)
    rate = 2.0 ** table["x"].to_numpy()[censored]
    chance = 1 - np.exp(-rate * times[censored])
    error = np.sqrt((chance * (1 - chance)).sum() / 200)
    assert dead[:, censored].sum(axis=1).mean() == pytest.approx(chance.sum(), abs=4 * error)
    # no one leaves later than the last patient did; those who died may leave after their death
    assert drawn.max() <= times.max()
    assert (drawn[:, ~censored] > times[~censored]).any()


def test_without_censoring_redrawn_times_have_the_law_of_the_baseline():
    times = np.random.default_rng(2).exponential(size=50)
    grid = np.linspace(0.001, 40, 40_000)
    drawn, dead = redrawn(
        times, np.ones(50, int), np.zeros(50), (grid, grid), 400, np.random.default_rng(1)
    )
    # nobody is followed beyond the last time: the law is told up to there
    last = times.max()
    assert (drawn[dead == 0] == last).all()
    assert (dead == 0).mean() == pytest.approx(np.exp(-last), abs=0.003)
    assert kstest(drawn[dead == 1], lambda t: (1 - np.exp(-t)) / (1 - np.exp(-last))).pvalue > 0.01


def test_with_many_events_redrawn_intervals_are_those_of_the_profile():
    table = exponential(600, 1.5, np.random.default_rng(1))
    usual = survival.firth(table, covariates=["x"], **ABOUT).coefficients.iloc[0]
    again = survival.firth(table, covariates=["x"], redraws=200, **ABOUT).coefficients.iloc[0]
    assert again["log_hazard"] == usual["log_hazard"]
    ends = np.log([[row["lower"], row["upper"]] for row in (usual, again)])
    assert ends[1] == pytest.approx(ends[0], abs=0.4 * usual["standard_error"])


def test_p_values_and_intervals_agree_and_the_seed_decides():
    table = exponential(60, 1.5, np.random.default_rng(4))
    how = {"covariates": ["x"], "redraws": 30, **ABOUT}
    row = survival.firth(table, **how).coefficients.iloc[0]
    level = 1 - row["p_value"]
    edge = survival.firth(table, level=level, **how).coefficients.iloc[0]
    assert min(abs(np.log([edge["lower"], edge["upper"]]))) == pytest.approx(0, abs=1e-6)
    assert survival.firth(table, seed=1, **how).coefficients["lower"][0] != row["lower"]
    assert survival.firth(table, **how).coefficients["lower"][0] == row["lower"]


def test_cohorts_without_events_cannot_be_learned_from(monkeypatch):
    def silent(times, events, *_):
        return np.tile(times, (20, 1)), np.zeros((20, len(events)), int)

    monkeypatch.setitem(survival.firth.__globals__, "redrawn", silent)
    table = exponential(60, 1.5, np.random.default_rng(4))
    with pytest.raises(InputError, match="events: too few to redraw cohorts; take redraws=0"):
        survival.firth(table, covariates=["x"], redraws=20, **ABOUT)


def test_few_events_and_many_covariates_shift_the_interval_towards_one():
    """Estimates are too far from 1 there, as the benchmark shows; intervals make up for it."""
    rng, moved = np.random.default_rng(8), []
    for _ in range(8):
        table = exponential(40, 3.0, rng).assign(**{f"z{k}": rng.normal(size=40) for k in range(4)})
        how = {"covariates": ["x", "z0", "z1", "z2", "z3"], **ABOUT}
        usual = survival.firth(table, **how).coefficients.iloc[0]
        again = survival.firth(table, redraws=40, **how).coefficients.iloc[0]
        moved.append(np.log(again["lower"] * again["upper"] / usual["lower"] / usual["upper"]) / 2)
    assert np.mean(moved) < -2 * np.std(moved) / np.sqrt(8)
