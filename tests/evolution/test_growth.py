"""Back-extrapolation and founders against FACTS 4.8, other libraries and exact birth and death."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gamma, gammainc, gammaincc
from scipy.stats import gumbel_r

from allrelapse.errors import InputError
from allrelapse.evolution import founding, growth
from allrelapse.evolution.founding import Seeding, founding_posterior

ALWAYS = Seeding((-np.inf,), (np.inf,), (1.0,), (0.0,))
# sensitive cells that grow by 6.5 % a day, and persisters that shrink by 2.1 %
CELLS = Seeding.by_cells(1e12, 0.065, 1e5, 0.021, 910)


def test_cells_at_diagnosis_halve_with_every_doubling_time():
    assert growth.back_extrapolate(8e10, [0, 7.4, 74], 7.4) == pytest.approx(
        [8e10, 4e10, 8e10 / 1024], rel=1e-12
    )


def test_one_cell_needs_291_9_days_and_197_to_355_by_the_bounds_of_the_doubling_time():
    # FACTS section 1 and 4.8: Li 2020's border of 9 months
    assert growth.relapse_day_of_one_cell() == pytest.approx(291.9, abs=0.05)
    assert growth.relapse_day_of_one_cell(doubling_time=[5, 9]) == pytest.approx(
        [197, 355], abs=0.5
    )


def test_one_cell_at_diagnosis_is_what_back_extrapolation_finds_on_that_day():
    day = growth.relapse_day_of_one_cell(3e11, 6.1)
    assert growth.back_extrapolate(3e11, day, 6.1) == pytest.approx(1, rel=1e-12)


def test_the_day_of_relapse_is_gumbel():
    q, n, td, pi = np.array([0.025, 0.5, 0.975]), 7.5e11, 7.4, 0.6
    law = gumbel_r(loc=np.log(pi * n) * td / np.log(2), scale=td / np.log(2))
    assert growth.relapse_day_quantile(q, n, td, pi) == pytest.approx(law.ppf(q), rel=1e-12)


def test_founder_day_has_the_mean_and_spread_of_exact_birth_and_death():
    # lines of one cell that survive are geometric (Kendall 1948): mean (aE - c) / (a - c)
    a, c, days, lines = 0.2, 0.1, 200.0, 20_000
    mean = (a * np.exp((a - c) * days) - c) / (a - c)
    cells = np.ceil(np.random.default_rng(1).exponential(mean, lines))
    born = growth.founder_day(cells, days, np.log(2) / (a - c), 1 - c / a)
    sd = 1.2825 / (a - c)
    assert born.sd[0] == pytest.approx(sd, rel=1e-4)
    assert born.mean.mean() == pytest.approx(0, abs=4 * sd / np.sqrt(lines))
    # the fourth moment of Gumbel's law is 5.4: the variance is off by sqrt(4.4 / n) of itself
    assert born.mean.var() == pytest.approx(sd**2, rel=4 * np.sqrt(4.4 / lines))


def test_a_flat_prior_gives_one_minus_exp_of_minus_the_surviving_cells():
    days, pi = np.array([150.0, 291.9, 330.0]), 0.5
    cells = growth.back_extrapolate(7.5e11, days, 7.4)
    found = growth.p_founded_before(7.5e11, days, 7.4, pi)
    assert found == pytest.approx(1 - np.exp(-pi * cells), rel=1e-12)


@given(
    st.floats(8, 12.5), st.floats(0, 900), st.floats(2, 40), st.floats(0.01, 1)
)  # fmt: skip
def test_a_flat_intensity_over_all_time_gives_back_the_flat_prior(log_burden, days, td, pi):
    n = 10**log_burden
    found = founding_posterior(n, days, td, ALWAYS, pi)
    expected = growth.p_founded_before(n, days, td, pi)
    assert found.before == pytest.approx(float(expected), rel=1e-9, abs=1e-12)
    assert np.isnan(found.bayes_factor)  # the prior is infinite on one side


@pytest.mark.parametrize("days", [220.0, 290.0, 450.0])
def test_seeding_in_proportion_to_cells_agrees_with_incomplete_gamma_functions(days):
    n, td, pi, rise, fall = 2e11, 7.4, 0.5, 0.065, 0.021
    g = np.log(2) / td

    def piece(level, rate, start, end):
        """The integral of level e^(rate (t - start)) x e^-x over t; FACTS 4.8, x = pi N e^..."""
        order, x = rate / g + 1, pi * n * np.exp(-g * (days - np.array([start, end])))
        low, high = gammainc(order, x), gammaincc(order, x)
        area = gamma(order) * (low[1] - low[0] if x[1] < 1 else high[0] - high[1])
        return level * x[0] ** (1 - order) / g * area

    first = -np.log(1e12) / rise
    odds = piece(1.0, rise, first, 0.0) / piece(1e5, -fall, 0.0, days)
    found = founding_posterior(n, days, td, CELLS, pi)
    assert found.odds == pytest.approx(odds, rel=1e-8)
    born = 1e12 * -np.expm1(rise * first) / rise, 1e5 * -np.expm1(-fall * days) / fall
    assert found.prior_odds == pytest.approx(born[0] / born[1], rel=1e-10)
    assert found.bayes_factor == pytest.approx(odds / (born[0] / born[1]), rel=1e-8)


def test_seeding_by_cells_that_die_faster_than_the_clone_grows_agrees_with_quadrature():
    # of order rate / g + 1 = -2.1: no incomplete gamma function of scipy's
    n, days, td, fall = 1e11, 250.0, 7.4, 0.29
    g = np.log(2) / td
    dying = Seeding((-50.0, 0.0), (0.0, 100.0), (1.0, 1.0), (0.0, -fall))

    def told(t):
        x = n * np.exp(-g * (days - t))
        return np.exp(-fall * max(t, 0)) * x * np.exp(-x)

    before, after = (quad(told, *ends, epsrel=1e-12)[0] for ends in ((-50, 0), (0, 100)))
    found = founding_posterior(n, days, td, dying)
    assert found.odds == pytest.approx(before / after, rel=1e-9)


def test_far_in_its_tail_the_likelihood_still_tells_odds():
    # x is 27 to 200 before diagnosis and up to 540 after it: e^-x is below 1e-87 there
    days, td = 100.0, np.log(2) * 10
    late = Seeding((-20.0, 0.0), (0.0, 10.0), (1.0, 1.0), (0.0, 0.0))
    n = 200 * np.exp(days / 10)
    odds = (np.exp(-200 * np.exp(-2)) - np.exp(-200)) / (np.exp(-200) - np.exp(-200 * np.e))
    assert founding_posterior(n, days, td, late).odds == pytest.approx(odds, rel=1e-9)


@given(st.floats(30, 600), st.floats(1, 60))
def test_the_later_the_relapse_the_likelier_a_founder_after_diagnosis(days, more):
    sooner, later = (founding_posterior(1e11, t, 7.4, CELLS, 0.6) for t in (days, days + more))
    assert later.log_odds < sooner.log_odds


def test_odds_follow_the_levels_of_seeding_and_the_bayes_factor_does_not():
    base = founding_posterior(1e11, 300, 7.4, CELLS)
    more = Seeding.by_cells(1e12, 0.065, 1e5, 0.021, 910, after=50.0)
    other = founding_posterior(1e11, 300, 7.4, more)
    assert other.odds == pytest.approx(base.odds / 50, rel=1e-9)
    assert other.bayes_factor == pytest.approx(base.bayes_factor, rel=1e-9)


def test_a_piece_that_spans_diagnosis_is_split_there():
    whole = Seeding((-80.0,), (60.0,), (3.0,), (0.01,))
    halves = Seeding((-80.0, 0.0), (0.0, 60.0), (3.0, 3.0 * np.exp(0.8)), (0.01, 0.01))
    found, expected = (founding_posterior(1e11, 280, 7.4, s) for s in (whole, halves))
    assert found.log_odds == pytest.approx(expected.log_odds, abs=1e-9)
    assert found.prior_log_odds == pytest.approx(expected.prior_log_odds, abs=1e-9)


def test_a_relapse_at_diagnosis_or_a_moment_later_was_founded_before():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert founding_posterior(1e11, 0, 7.4, ALWAYS).before == 1
        assert founding_posterior(1e11, 1e-300, 7.4, ALWAYS).before == 1


def test_no_seeding_after_diagnosis_leaves_no_doubt():
    found = founding_posterior(1e11, 300, 7.4, Seeding((-100.0,), (0.0,), (1.0,), (0.0,)))
    assert (found.before, found.odds) == (1.0, np.inf)
    assert np.isnan(found.bayes_factor)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: growth.back_extrapolate(0, 1, 1), "burden is 0"),
        (lambda: growth.back_extrapolate(1e9, -1, 7), "days is -1"),
        (lambda: growth.founder_day(1e9, 1, [7, -7]), "doubling_time is -7"),
        (lambda: growth.p_founded_before(1e9, 1, 7, 1.5), "survival is 1.5"),
        (lambda: growth.relapse_day_of_one_cell(np.inf), "detection is inf"),
        (lambda: growth.relapse_day_quantile(1), "quantile is 1"),
        (lambda: Seeding((0.0,), (1.0,), (1.0,), ()), "a number for every piece"),
        (lambda: Seeding((1.0,), (1.0,), (1.0,), (0.0,)), "ends before it starts"),
        (lambda: Seeding((0.0,), (1.0,), (0.0,), (0.0,)), "level 0"),
        (lambda: Seeding((-np.inf,), (1.0,), (1.0,), (0.1,)), "a first and a last day"),
        (lambda: Seeding.by_cells(1.0, 0.1, 1e5, 0.1, 900), "sensitive is 1"),
        (lambda: Seeding.by_cells(1e9, 0.1, 1e5, 0.1, 0), "until is 0"),
        (lambda: founding.founding_posterior(1e9, 5, 7, Seeding((9,), (99,), (1,), (0,))), "day 5"),
    ],
)
def test_what_cannot_be_is_refused_by_name(call, words):
    with pytest.raises(InputError, match=words):
        call()
