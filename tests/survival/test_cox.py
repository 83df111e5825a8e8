"""Hazard ratios against FACTS section 5, R, lifelines, closed forms and direct maximisation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from lifelines.datasets import load_leukemia, load_lung
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2
from statsmodels.duration.hazard_regression import PHReg

from allrelapse import survival
from allrelapse.errors import InputError

TRIAL = load_leukemia()
LUNG = load_lung()[["time", "status", "age", "sex", "wt.loss"]].dropna()
THREE = ["age", "sex", "wt.loss"]
ABOUT = {"time": "t", "event": "status"}
TOY = {"time": "time", "event": "event", "covariates": ["x"]}
ROWS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 1), st.integers(0, 3)), min_size=6, max_size=20
)


def toy(rows):
    return pd.DataFrame(rows, columns=["time", "event", "x"])


def test_an_estimate_off_the_top_of_the_likelihood_is_refused(monkeypatch):
    fit = PHReg.fit

    def astray(self, **settings):
        found = fit(self, **settings)
        found.params = found.params + 0.1  # a quarter of a standard error
        return found

    monkeypatch.setattr(PHReg, "fit", astray)
    with pytest.raises(InputError, match="not at its top"):
        survival.cox(TRIAL, covariates=["Rx"], **ABOUT)


@pytest.mark.parametrize(
    ("ties", "slope", "error"),
    # R's coxph(Surv(t, status) ~ Rx, ties = ...): slopes as in FACTS section 5
    [("efron", 1.572, 0.4124), ("breslow", 1.509, 0.4096), ("exact", 1.628, 0.4331)],
)
def test_the_trial_has_the_coefficients_of_r(ties, slope, error):
    row = survival.cox(TRIAL, covariates=["Rx"], ties=ties, **ABOUT).coefficients.iloc[0]
    assert row["log_hazard"] == pytest.approx(slope, abs=5e-4)
    assert row["standard_error"] == pytest.approx(error, abs=5e-5)


@pytest.mark.parametrize("strata", [[], ["sex"]])
def test_efron_is_that_of_lifelines(strata):
    names = ["Rx", "logWBC"]
    ours = survival.cox(TRIAL, covariates=names, strata=strata, **ABOUT)
    other = CoxPHFitter().fit(
        TRIAL[["t", "status", *names, *strata]], "t", "status", strata=strata or None
    )
    found = ours.coefficients.set_index("covariate")
    assert list(found["log_hazard"]) == pytest.approx(list(other.summary["coef"]), abs=1e-5)
    assert list(found["standard_error"]) == pytest.approx(list(other.summary["se(coef)"]), abs=1e-5)
    ends = list(other.summary["exp(coef) upper 95%"])
    assert list(found["upper"]) == pytest.approx(ends, rel=1e-4)
    assert ours.loglik == pytest.approx(other.log_likelihood_, abs=1e-5)
    test = other.log_likelihood_ratio_test()
    assert ours.p_value == pytest.approx(test.p_value, rel=1e-4)


def test_a_partial_likelihood_solved_by_hand():
    # u / (2u + 1) * 1 / (u + 1) is largest at u = 1 / sqrt(2)
    table = toy([(1, 1, 1), (2, 1, 0), (3, 1, 1)])
    for ties in survival.TIES:
        found = survival.cox(table, ties=ties, **TOY).coefficients.iloc[0]
        assert found["hazard_ratio"] == pytest.approx(1 / np.sqrt(2), rel=1e-4)  # exact: BFGS


def test_an_exponential_ratio_is_recovered():
    # of n events without censoring, half in each group: log ratio of rates has variance 4 / n
    rng, n = np.random.default_rng(3), 300
    x = np.repeat([0, 1], n // 2)
    table = pd.DataFrame({"time": rng.exponential(1 / np.exp(0.3 * x)), "event": 1, "x": x})
    found = survival.cox(table, **TOY).coefficients.iloc[0]
    assert found["standard_error"] == pytest.approx(np.sqrt(4 / n), rel=0.1)
    assert abs(found["log_hazard"] - 0.3) < 4 * found["standard_error"]


@settings(max_examples=12)
@given(ROWS, st.integers(1, 50))
def test_units_change_what_they_should_and_nothing_else(rows, factor):
    table = toy(rows)
    try:
        found = survival.cox(table, **TOY)
    except InputError:
        assume(False)
    slope = found.coefficients["log_hazard"][0]
    moved = table.assign(time=factor * table["time"], x=5 - 2 * table["x"])[::-1]
    other = survival.cox(moved, **TOY)
    assert other.coefficients["log_hazard"][0] == pytest.approx(-slope / 2, abs=1e-5)
    assert other.loglik == pytest.approx(found.loglik, abs=1e-7)
    assert other.p_value == pytest.approx(found.p_value, abs=1e-6)


@settings(max_examples=12)
@given(st.permutations(range(8)), st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_without_ties_the_three_ways_agree(times, x):
    table = pd.DataFrame({"time": times, "event": 1, "x": x})
    try:
        slopes = [
            survival.cox(table, ties=ties, **TOY).coefficients["log_hazard"][0]
            for ties in survival.TIES
        ]
    except InputError:
        assume(False)
    assert slopes == pytest.approx([slopes[0]] * 3, abs=1e-4)


def test_an_estimate_is_found_where_steps_from_zero_would_overshoot():
    # of 400 such cohorts the only one in which statsmodels' Newton runs off from zero
    rng, n = np.random.default_rng([7, 100, 67]), 100
    x = (rng.random((n, 3)) < [0.2, 0.15, 0.12]).astype(int)
    death = rng.exponential(1, n) / np.exp(x @ np.log([1.89, 2.36, 1.6]))
    seen = rng.uniform(0.3, 3, n)
    table = pd.DataFrame(x, columns=list("abc"))
    table = table.assign(time=np.minimum(death, seen), event=(death <= seen).astype(int))
    found = survival.cox(table, time="time", event="event", covariates=list("abc"))
    other = CoxPHFitter().fit(table, "time", "event")
    assert list(found.coefficients["log_hazard"]) == pytest.approx(list(other.params_), abs=2e-3)


def penalised(table):
    """Firth's likelihood of one covariate, from statsmodels' partial likelihood (Breslow)."""
    model = PHReg(table["time"], table[["x"]], table["event"], ties="breslow")

    def value(slope):
        at = np.array([slope])
        return model.loglike(at) + np.linalg.slogdet(-model.hessian(at))[1] / 2

    return value


@pytest.mark.parametrize(
    "rows",
    [
        # every event in x = 1, none in x = 0: the ratio would be infinite
        [(1, 1, 1), (2, 1, 1), (2, 0, 1), (4, 1, 1), (5, 0, 0), (5, 0, 0), (6, 0, 0), (7, 0, 1)],
        [(1, 1, 2), (1, 1, 0), (3, 0, 3), (4, 1, 1), (4, 0, 0), (6, 1, 2), (7, 1, 0), (9, 0, 1)],
    ],
    ids=["separated", "with ties"],
)
def test_firth_is_at_the_top_of_the_penalised_likelihood_and_so_is_its_profile(rows):
    table = toy(rows)
    value = penalised(table)
    best = minimize_scalar(lambda b: -value(b), bounds=(-8, 8), method="bounded")
    found = survival.firth(table, **TOY)
    row = found.coefficients.iloc[0]
    assert row["log_hazard"] == pytest.approx(best.x, abs=1e-4)
    assert found.loglik - found.loglik_null == pytest.approx(-best.fun - value(0), abs=1e-6)
    assert row["p_value"] == pytest.approx(chi2.sf(2 * (-best.fun - value(0)), 1), rel=1e-4)
    assert found.p_value == pytest.approx(row["p_value"], rel=1e-4)

    def excess(b):
        return value(b) + best.fun + chi2.ppf(0.95, 1) / 2

    ends = brentq(excess, -12, best.x), brentq(excess, best.x, 12)
    assert np.log([row["lower"], row["upper"]]) == pytest.approx(ends, abs=1e-3)


def test_firth_with_many_events_is_nearly_the_usual_estimate():
    about = {"time": "time", "event": "status", "covariates": THREE}
    usual, small = (f(LUNG, **about).coefficients for f in (survival.cox, survival.firth))
    gap = (usual["log_hazard"] - small["log_hazard"]).abs() / usual["standard_error"]
    assert gap.max() < 0.1
    assert list(small["standard_error"]) == pytest.approx(list(usual["standard_error"]), rel=0.02)


def test_separation_is_told_and_firth_is_named():
    table = toy([(1, 1, 1), (2, 1, 1), (3, 0, 0), (4, 0, 0), (5, 0, 1)])
    for ties in survival.TIES:
        with pytest.raises(InputError, match=r"columns x: some combination .* use `firth`"):
            survival.cox(table, ties=ties, **TOY)
    assert np.isfinite(survival.firth(table, **TOY).coefficients["log_hazard"]).all()


def test_separation_by_two_covariates_together_is_found():
    # neither alone is the largest at every event, but 2 a + b is
    a = [2, 0, 1, 0, 0, 1]
    b = [0, 3, 0, 1, 0, 0]
    table = pd.DataFrame({"time": range(6), "event": [1, 1, 1, 0, 0, 0], "a": a, "b": b})
    assert all(np.diff(table.eval("2 * a + b")[:3]) <= 0)
    with pytest.raises(InputError, match="columns a, b"):
        survival.cox(table, time="time", event="event", covariates=["a", "b"])


def test_tied_events_that_differ_separate_only_under_the_exact_likelihood():
    table = toy([(1, 1, 2), (1, 1, 1), (2, 0, 0), (3, 0, 0), (4, 0, 0)])
    assert np.isfinite(survival.cox(table, **TOY).coefficients["log_hazard"][0])
    with pytest.raises(InputError, match="use `firth`"):
        survival.cox(table, ties="exact", **TOY)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"event": 0}, "column event: no event in 6 rows"),
        ({"x": 1}, "column x: is 1 in every row"),
        ({"x": [0, 1, 0, 1, np.nan, 1]}, "column x, row 4: nan must be a number"),
        ({"x": list("abcdef")}, "column x: could not convert"),
        ({"time": [1, 2, np.nan, 3, 4, 5]}, "column time, row 2: nan must be a finite"),
    ],
)
def test_faults_of_a_table_are_named(changed, words):
    table = toy([(k, k % 2, k % 3) for k in range(6)]).assign(**changed)
    with pytest.raises(InputError) as told:
        survival.cox(table, **TOY)
    assert words in str(told.value)


def test_absent_and_redundant_columns_and_unknown_ties_are_refused():
    table = toy([(k, k % 2, k % 3) for k in range(6)])
    with pytest.raises(InputError, match="no column age; the table has time, event, x"):
        survival.cox(table, time="time", event="event", covariates=["age"])
    with pytest.raises(InputError, match="one is a sum of others"):
        survival.cox(table.assign(y=1 - table["x"]), **(TOY | {"covariates": ["x", "y"]}))
    with pytest.raises(InputError, match="there are efron, breslow, exact"):
        survival.cox(table, ties="any", **TOY)
    with pytest.raises(InputError, match="at least one column"):
        survival.firth(table, **(TOY | {"covariates": []}))


def test_proportionality_is_the_test_of_r():
    # R >= 3.6, survival >= 3.0: cox.zph(coxph(Surv(time, status) ~ age + sex + wt.loss, lung))
    found = survival.proportionality(LUNG, time="time", event="status", covariates=THREE)
    expected = [0.5077, 2.5489, 0.0144, 3.0051]
    assert list(found.tests["chi_squared"]) == pytest.approx(expected, abs=5e-5)
    assert list(found.tests["degrees_of_freedom"]) == [1, 1, 1, 3]


def test_the_same_patients_in_two_strata_double_the_evidence():
    twice = pd.concat([LUNG.assign(half="a"), LUNG.assign(half="b")], ignore_index=True)
    about = {"time": "time", "event": "status", "covariates": ["age", "sex"]}
    one = survival.proportionality(LUNG, **about).tests
    two = survival.proportionality(twice, strata=["half"], **about).tests
    assert list(two["chi_squared"]) == pytest.approx(list(2 * one["chi_squared"]), rel=1e-6)


def crossing(n=200, seed=5):
    """Ratio 4 before time 1 and 1/4 after it."""
    rng = np.random.default_rng(seed)
    x = np.arange(n) % 2
    early, late = rng.exponential(1 / (0.5 * 4.0**x)), rng.exponential(1 / (0.5 * 0.25**x))
    return pd.DataFrame({"time": np.where(early < 1, early, 1 + late), "event": 1, "x": x})


@pytest.mark.parametrize("transform", survival.TRANSFORMS)
def test_an_effect_that_turns_round_is_seen_on_every_scale(transform):
    found = survival.proportionality(crossing(), transform=transform, **TOY)
    assert found.tests["p_value"][0] < 1e-3


def test_residuals_follow_the_effect_and_average_to_the_coefficient():
    table = crossing()
    residuals = survival.proportionality(table, **TOY).residuals
    slope = survival.cox(table, **TOY).coefficients["log_hazard"][0]
    assert residuals["log_hazard"].mean() == pytest.approx(slope, abs=1e-6)  # there are no ties
    by = residuals.groupby(residuals["time"] < 1)["log_hazard"].mean()
    assert by[True] > 0.5
    assert by[False] < -0.5


def test_one_event_says_nothing_about_change_in_time():
    table = toy([(1, 0, 0), (2, 1, 1), (3, 0, 2), (4, 0, 0)])
    with pytest.raises(InputError, match="too few times of events"):
        survival.proportionality(table, **TOY)
    with pytest.raises(InputError, match="there are km, rank, identity, log"):
        survival.proportionality(table, transform="square", **TOY)
    early = toy([(0, 1, 0), (2, 1, 1), (3, 1, 0), (4, 0, 1)])
    with pytest.raises(InputError, match="time 0 has no logarithm"):
        survival.proportionality(early, transform="log", **TOY)
