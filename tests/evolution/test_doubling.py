"""Doubling times from serial samples: against scipy, lifelines, brute force and planted truth."""

import warnings

import numpy as np
import pandas as pd
import pytest
from lifelines import LogNormalAFTFitter
from scipy.stats import betabinom, binom, chi2, linregress, t

from allrelapse.errors import InputError
from allrelapse.evolution.doubling import (
    doubling_time,
    doubling_time_from_mrd,
    reads_log_likelihood,
)

ERROR, PRECISION = 1e-4, 2e4


def planted(seed, patients, samples=13, depth=5000, median=7.4, sd=0.15, variants=1):
    """Reads of relapses that double in lognormal times, sampled since diagnosis; and the times."""
    rng = np.random.default_rng(seed)
    td = median * np.exp(sd * rng.standard_normal(patients))
    parts = []
    for i, days in enumerate(td):
        last = rng.uniform(100, 250)
        day = np.sort(np.r_[last, rng.uniform(0, last, samples - 1)])
        share = np.minimum(rng.uniform(0.1, 0.9) * 2 ** ((day - last) / days), 1)
        for variant in range(variants):
            mean = ERROR + (1 - ERROR) * share / 2 / 4**variant
            p = rng.beta(mean * PRECISION, (1 - mean) * PRECISION)
            n = rng.poisson(depth, samples)
            columns = {"patient": f"P{i}", "variant": variant, "day": day}
            parts.append(pd.DataFrame({**columns, "t_alt_count": rng.binomial(n, p), "t_depth": n}))
    return pd.concat(parts, ignore_index=True), td


def line(day, share):
    """Doubling time from a straight line through logarithms."""
    return np.log(2) / linregress(day, np.log(share)).slope


def test_the_likelihood_of_reads_is_scipys_beta_binomial():
    k, n, v = np.array([0, 0, 3, 700, 5000]), 5000, np.array([1e-4, 0.02, 1e-3, 0.13, 0.97])
    ours = reads_log_likelihood(k, n, v, precision=PRECISION)
    law = betabinom(n, v * PRECISION, (1 - v) * PRECISION).logpmf(k)
    ways = betabinom(n, 1, 1).logpmf(k) - reads_log_likelihood(k, n, 0.5, precision=2.0)
    assert ours + ways == pytest.approx(law, rel=1e-8, abs=1e-8)


def test_the_likelihood_of_reads_without_overdispersion_is_binomial():
    k, v = np.array([0, 7, 90]), np.array([0.001, 0.05, 0.9])
    difference = reads_log_likelihood(k, 100, v, precision=np.inf) - binom(100, v).logpmf(k)
    ways = reads_log_likelihood(k, 100, 0.5, precision=np.inf) - binom(100, 0.5).logpmf(k)
    assert difference == pytest.approx(ways, abs=1e-9)


def test_planted_doubling_times_are_found_and_their_intervals_hold_them():
    table, td = planted(1, 24)
    found = doubling_time(table)
    held = found.patients["lower"].le(td) & found.patients["upper"].ge(td)
    assert binom.cdf(held.sum(), 24, 0.95) > 0.01
    assert found.interval[0] < 7.4 < found.interval[1]
    # over 30 sets of 16 patients, the spread found and that of the true times differ by .01 (sd)
    assert found.spread == pytest.approx(np.log(td).std(), abs=0.03)
    assert (found.interval[1] - found.interval[0]) / found.median < 0.15


def test_dropping_zeros_and_half_counts_lengthen_what_the_likelihood_finds():
    # FACTS section 4: 7.4 became 13.6 without zeros and 16.5 with half-counts
    table, td = planted(2, 16)
    share = 2 * table["t_alt_count"] / table["t_depth"]
    half = 2 * table["t_alt_count"].clip(lower=0.5) / table["t_depth"]
    table = table.assign(share=share, half=half)
    dropped, halves = [], []
    for _, rows in table.groupby("patient"):
        seen = rows[rows["t_alt_count"] > 0]
        dropped.append(line(seen["day"], seen["share"]))
        halves.append(line(rows["day"], rows["half"]))
    truth = np.median(td)
    assert np.median(dropped) > 1.2 * truth
    assert np.median(halves) > 1.5 * truth
    found = doubling_time(table)
    assert found.median == pytest.approx(truth, rel=0.08)


def test_the_profile_interval_is_that_of_brute_force():
    table, _ = planted(3, 1, samples=8)
    day, k, n = (table[name].to_numpy() for name in ("day", "t_alt_count", "t_depth"))
    x = np.linspace(np.log(4), np.log(16), 250)
    y0 = np.linspace(-6, 0.5, 200)
    y = y0[:, None] + np.log(2) / np.exp(x)[:, None, None] * (day - day.max())
    v = ERROR + (1 - ERROR) * np.exp(np.minimum(y, 0)) / 2
    height = betabinom.logpmf(k, n, v * PRECISION, (1 - v) * PRECISION).sum(axis=2).max(axis=1)
    inside = x[height > height.max() - chi2.ppf(0.95, 1) / 2]
    expected = np.exp([x[height.argmax()], inside[0], inside[-1]])
    found = doubling_time(table).patients.iloc[0]
    ours = found[["doubling_days", "lower", "upper"]].to_numpy(float)
    assert ours == pytest.approx(expected, rel=2 * (x[1] - x[0]))


def test_a_level_share_of_cells_is_not_told_from_growth_without_end():
    day, n = np.arange(0, 80, 10.0), 5000
    k = np.array([50, 47, 55, 51, 49, 46, 54, 50])
    table = pd.DataFrame({"patient": "P", "day": day, "t_alt_count": k, "t_depth": n})
    found = doubling_time(table).patients.loc["P"]
    assert not found["growing"]
    assert found["upper"] == np.inf
    assert 50 < found["lower"] < np.inf


def test_zeros_alone_say_nothing():
    table = pd.DataFrame({"patient": "P", "day": [0, 50, 90], "t_alt_count": 0, "t_depth": 900})
    found = doubling_time(table)
    assert found.patients.loc["P", ["doubling_days", "lower", "upper"]].tolist() == [
        np.inf, 0, np.inf
    ]  # fmt: skip


def test_one_positive_sample_after_zeros_bounds_the_doubling_time_from_above_only():
    table = pd.DataFrame(
        {"patient": "P", "day": [0, 30, 60], "t_alt_count": [0, 0, 1000], "t_depth": 5000}
    )
    found = doubling_time(table).patients.loc["P"]
    # 40 % of cells, and less than 3 reads in 5000 a month before: 8 doublings or more
    assert found["lower"] == 0
    assert found["growing"]
    assert 30 / 10 < found["upper"] < 30 / 7


def test_logistic_growth_is_followed_into_saturation():
    day = np.arange(0.0, 100, 5)
    share = 1 / (1 + np.exp(-(day - 50) * np.log(2) / 6))
    n = 10**6
    rows = {
        "day": day,
        "t_alt_count": np.round(n * (ERROR + (1 - ERROR) * share / 2)),
        "t_depth": n,
    }
    table = pd.DataFrame({"patient": "P", **rows})
    found = doubling_time(table, shape="logistic").patients.loc["P"]
    assert found["doubling_days"] == pytest.approx(6, rel=0.005)
    wrong = doubling_time(table, shape="exponential").patients.loc["P"]
    assert wrong["doubling_days"] > 6.5


def test_exponential_growth_ends_when_all_cells_carry_the_variant():
    day, n = np.arange(0.0, 100, 5), 10**6
    share = np.minimum(2 ** ((day - 70) / 6), 1)
    reads = np.round(n * (ERROR + (1 - ERROR) * share / 2))
    table = pd.DataFrame({"patient": "P", "day": day, "t_alt_count": reads, "t_depth": n})
    found = doubling_time(table).patients.loc["P"]
    assert found["doubling_days"] == pytest.approx(6, rel=0.005)


def test_variants_have_levels_of_their_own_and_one_doubling_time():
    table, td = planted(4, 1, variants=3)
    together = doubling_time(table).patients.iloc[0]
    assert together["lower"] < td[0] < together["upper"]
    alone = doubling_time(table[table["variant"] == 0]).patients.iloc[0]
    widths = [np.log(row["upper"] / row["lower"]) for row in (together, alone)]
    assert widths[0] < widths[1]
    # at one level, variants of a quarter and a sixteenth of the reads do not fit
    one_level = doubling_time(table.drop(columns="variant"))
    curves = doubling_time(table).curves["log_likelihood"], one_level.curves["log_likelihood"]
    assert curves[0].max() > curves[1].max() + 100


def test_the_same_variant_twice_doubles_the_log_likelihood():
    table, _ = planted(5, 1)
    twice = pd.concat([table, table.assign(variant=1)])
    once, both = (doubling_time(rows).patients.iloc[0] for rows in (table, twice))
    assert both["doubling_days"] == pytest.approx(once["doubling_days"], rel=1e-3)
    ratio = np.log(once["upper"] / once["lower"]) / np.log(both["upper"] / both["lower"])
    assert ratio == pytest.approx(np.sqrt(2), rel=0.1)


def test_the_order_of_rows_and_the_first_day_do_not_matter():
    table, _ = planted(6, 3)
    moved = table.sample(frac=1, random_state=1).assign(day=lambda rows: rows["day"] + 30)
    one, other = doubling_time(table), doubling_time(moved)
    assert other.median == pytest.approx(one.median, rel=1e-3)
    assert other.patients.loc["P1", "upper"] == pytest.approx(one.patients.loc["P1", "upper"])


def tobit(day, percent, below):
    """Slope and spread of a left-censored lognormal regression by lifelines."""
    table = pd.DataFrame({"percent": percent, "seen": ~below, "day": day})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = LogNormalAFTFitter().fit_left_censoring(table, "percent", "seen")
    slope = fit.params_.loc[("mu_", "day")]
    return slope, np.exp(fit.params_.loc[("sigma_", "Intercept")])


def test_censored_residual_disease_gives_the_slope_of_lifelines():
    rng = np.random.default_rng(7)
    day = np.linspace(0, 70, 30)
    percent = 30 * 2 ** ((day - 70) / 6) * np.exp(0.5 * rng.standard_normal(30))
    below = percent < 0.1
    percent = np.where(below, 0.1, percent)
    slope, sd = tobit(day, percent, below)
    table = pd.DataFrame({"patient": "P", "day": day, "mrd_percent": percent, "mrd_below": below})
    found = doubling_time_from_mrd(table, noise=sd)
    assert found.patients.loc["P", "doubling_days"] == pytest.approx(np.log(2) / slope, rel=1e-3)
    filled = doubling_time_from_mrd(table.assign(mrd_below=False), noise=sd)
    assert filled.patients.loc["P", "doubling_days"] > 1.2 * np.log(2) / slope


def test_precisely_known_doubling_times_have_the_median_spread_and_interval_of_student():
    td = np.array([5.0, 6.1, 7.3, 8.8, 6.6, 9.5, 7.0])
    pairs = {
        "patient": np.repeat([f"P{i}" for i in range(7)], 2),
        "day": np.tile([0.0, 40.0], 7),
        "mrd_percent": np.column_stack([40 * 2 ** (-40 / td), np.full(7, 40.0)]).ravel(),
        "mrd_below": False,
    }
    found = doubling_time_from_mrd(pd.DataFrame(pairs), noise=0.002)
    logs = np.log(td)
    interval = t.interval(0.95, 6, logs.mean(), logs.std(ddof=1) / np.sqrt(7))
    assert found.median == pytest.approx(np.exp(logs.mean()), rel=2e-3)
    assert found.spread == pytest.approx(logs.std(), rel=0.01)
    assert found.interval == pytest.approx(tuple(np.exp(interval)), rel=3e-3)


def test_patients_who_tell_little_do_not_move_the_median():
    table, _ = planted(8, 6)
    silent = pd.DataFrame({"day": [0.0, 40.0], "t_alt_count": 0, "t_depth": 5000, "variant": 0})
    more = pd.concat([table, *(silent.assign(patient=f"S{i}") for i in range(3))])
    one, other = doubling_time(table), doubling_time(more)
    assert other.median == pytest.approx(one.median, rel=0.01)


GOOD = {"patient": "P", "day": [0.0, 9.0], "t_alt_count": [0, 9], "t_depth": 99}
FLOW = {"patient": "P", "day": [0.0, 9.0], "mrd_percent": [1.0, 2.0], "mrd_below": False}


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"t_alt_count": [0, 100]}, {}, "row 2: t_alt_count"),
        ({"t_depth": [99, None]}, {}, "row 2: t_depth is missing"),
        ({"day": 5.0}, {}, "patient P has one day only"),
        ({}, {"level": 1}, "level is 1"),
        ({}, {"shape": "linear"}, "shape is 'linear'"),
        ({}, {"error": 0.7}, "error is 0.7"),
        ({}, {"precision": 0}, "precision is 0"),
    ],
)
def test_reads_that_cannot_be_are_refused(change, options, words):
    with pytest.raises(InputError, match=words):
        doubling_time(pd.DataFrame(GOOD | change), **options)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"mrd_percent": [0.0, 2.0]}, {}, "row 1: mrd_percent"),
        ({"mrd_percent": [1.0, 200.0]}, {}, "row 2: mrd_percent"),
        ({}, {"noise": 0}, "noise is 0"),
    ],
)
def test_residual_disease_that_cannot_be_is_refused(change, options, words):
    with pytest.raises(InputError, match=words):
        doubling_time_from_mrd(pd.DataFrame(FLOW | change), **options)


def test_absent_columns_are_named():
    with pytest.raises(InputError, match="t_depth is absent"):
        doubling_time(pd.DataFrame(GOOD).drop(columns="t_depth"))
