"""Simulated resistance against the closed forms (FACTS 4.1, 4.3, 4.4, 4.6); Z errors at most."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betaln

from allrelapse.errors import InputError
from allrelapse.evolution import lineages
from allrelapse.evolution.branching import (
    mutant_number_pmf,
    p_no_mutation,
    p_resistant_at_detection,
)
from allrelapse.evolution.kernel import survival
from allrelapse.evolution.simulator import PATIENTS, exact, simulate, under_therapy
from allrelapse.evolution.therapy import Phase, resistant_lineages
from allrelapse.signatures import workers

Z = 4  # Monte Carlo errors that a share may lie off
DRAWS = 100_000


def z_scores(hits, p):
    """How many binomial errors the shares of hits (draws x events) lie from the chances p."""
    draws = len(hits)
    return (hits.sum(axis=0) - draws * p) / np.sqrt(draws * p * (1 - p))


def against_law(found, law):
    """Z of 0 to 4 cells, and of what lies below the quartiles, for the chances of 0, 1, ..."""
    total = np.cumsum(law)
    quartiles = [k for q in (0.25, 0.5, 0.75) if (k := np.searchsorted(total, q)) < len(law)]
    events = np.column_stack([found[:, None] == np.arange(5), found[:, None] <= quartiles])
    p = np.r_[law[:5], total[quartiles]]
    likely = DRAWS * p * (1 - p) > 20
    return z_scores(events[:, likely], p[likely])


# M, M u, b = d/r, fitness (a - c)/(r - d) with c/a = b
@pytest.mark.parametrize(
    ("size", "mean", "b", "fitness"),
    [
        (1e6, 1, 0, 1),
        (1e12, 0.1, 0.5, 1),
        (1e9, 1, 0.9, 1),
        (1e9, 10, 0, 1),
        (1e9, 1, 0, 2),
        (1e6, 3, 0.5, 0.8),
        (1e12, 1, 0.9, 1.25),
    ],
)
def test_numbers_of_resistant_cells_follow_the_law_of_luria_and_delbrueck(size, mean, b, fitness):
    """FACTS 4.4; mutants of another fitness there have the same deaths per division."""
    r = 0.14
    found = simulate(size, DRAWS, mean / size, r, b * r, fitness * r, fitness * b * r, seed=1)
    law = mutant_number_pmf(5000, mean, b, 1 / fitness)
    assert np.abs(against_law(found, law)).max() < Z


@pytest.mark.parametrize(
    ("d", "a", "c"),
    [(0.04, 0.12, 0.04), (0.13, 0.16, 0.13), (0.1, 0.1, 0.1), (0.1, 0.1, 0.2), (0.1, 0.0, 0.2)],
)
def test_resistance_at_detection_is_as_likely_as_iwasa_says(d, a, c):
    """FACTS 4.1, with mutants that are fitter, less fit, critical, dwindling, or never divide."""
    found = simulate(1e11, DRAWS, 5e-12, 0.14, d, a, c, seed=2)
    p = p_resistant_at_detection(1e11, 5e-12, 0.14, d, a, c)
    assert abs(z_scores(found > 0, p)) < Z


@pytest.mark.parametrize("b", [0, 0.5])
def test_small_lineages_that_are_counted_by_size_leave_the_law_as_it_is(b):
    """200 mutations a patient at 1e12 cells, so that lineages are not drawn one by one."""
    found = simulate(1e12, DRAWS, 2 * lineages.MANY / 1e12, 0.1, 0.1 * b, seed=3)
    law = mutant_number_pmf(5000, 2 * lineages.MANY, b)
    z = against_law(found, law)
    assert len(z) == 3
    assert np.abs(z).max() < Z


def test_lineages_counted_by_size_or_drawn_one_by_one_have_one_law(monkeypatch):
    """With rates that change, where no closed form of the law is at hand; 20 quantiles."""
    arguments = ([Phase(60, 0.2, 0.1, 0.2, 0.12), Phase(40, 0.1, 0.3, 0.15, 0.1)], 1e6, 5_000)
    some = under_therapy(*arguments, 1e-6, seed=4)
    assert len(lineages.plan(*arguments[:2], 1e-6).few) > 0
    monkeypatch.setattr(lineages, "MANY", np.inf)
    others = under_therapy(*arguments, 1e-6, seed=5)
    for one, other in ((some.lineages, others.lineages), (some.cells, others.cells)):
        steps = np.quantile(np.r_[one, other], np.linspace(0.05, 0.95, 20))
        shares = [(x[:, None] <= steps).mean(axis=0) for x in (one, other)]
        p = np.mean(shares, axis=0)
        error = np.sqrt(p * (1 - p) * 2 / 5_000)
        assert np.abs((shares[0] - shares[1]) / error).max() < Z


def test_numbers_beyond_those_of_64_bits_do_not_wrap():
    """Mutants divide ten times as fast: P(a lineage > x) = B(1/10, x + 1)/10 (FACTS 4.4).

    Two lineages exceed x together only with a chance of 5e-5, a seventh of the error.
    """
    found = simulate(1e12, DRAWS, 1e-12, 1, 0, 10, 0, seed=6)
    assert np.all(np.isfinite(found) & (found >= 0) & (found == np.floor(found)))
    p = 1 - np.exp(-np.exp(betaln(0.1, 2.0**63 + 1)) / 10)
    assert abs(z_scores(found > 2.0**63, p)) < Z


def test_growth_beyond_all_bounds_stays_finite():
    found = simulate(1e15, 2000, 1e-18, 0.1, 0.0999, 1, 0, seed=7)
    assert np.isfinite(found).all()
    assert found.max() > 1e290


def test_the_same_seed_gives_the_same_patients_on_any_number_of_threads(monkeypatch):
    phases = [Phase(50, 0.1, 0.2, 0.1, 0.05), Phase(20, 0.1, 0.05, 0.1, 0.05)]

    def all_of_them(seed, executor=None):
        drawn = under_therapy(phases, 1e6, 80_000, 1e-6, seed=seed, executor=executor)
        return [
            simulate(1e9, 80_000, 1e-9, 0.1, 0.05, seed=seed, executor=executor),
            exact(20, 80_000, 0.01, 0.1, 0.05, seed=seed, executor=executor),
            drawn.cells,
            drawn.lineages,
        ]

    first = all_of_them(1)
    monkeypatch.setattr(workers, "cores", lambda: 5)
    with ThreadPoolExecutor(1) as single:
        for again in (all_of_them(1), all_of_them(1, single)):
            assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))
    assert not any(np.array_equal(x, y) for x, y in zip(first, all_of_them(2), strict=True))


def test_a_longer_run_begins_with_the_shorter_and_does_not_repeat_itself():
    """Chunks of patients have random numbers of their own."""
    long, short = (simulate(1e9, n, 1e-9, 0.1, 0.05, seed=8) for n in (200_000, 90_000))
    assert np.array_equal(long[:90_000], short)
    chunks = long[: 3 * PATIENTS].reshape(3, -1)
    assert not any(np.array_equal(x, y) for x, y in combinations(chunks, 2))


def test_without_mutation_or_cells_nothing_is_resistant():
    assert not simulate(1e12, 1000, 0, 0.1, 0.04).any()
    assert not exact(100, 100, 0, 0.1, 0.04).any()
    assert not under_therapy([Phase(9, 0.1, 0.2, 0.1, 0.1)], 0, 1000, 0.1).lineages.any()


@pytest.mark.parametrize(("size", "u", "d"), [(50, 0.02, 0.5), (300, 1e-3, 0), (3, 0.4, 0.1)])
def test_every_cell_followed_there_is_no_mutation_as_often_as_theory_has_it(size, u, d):
    """FACTS 4.3, exact at any size; mutants that neither divide nor die keep count of mutations."""
    found = exact(size, DRAWS, u, 1, d, 0, 0, seed=9)
    assert abs(z_scores(found == 0, p_no_mutation(size, 1, d, u))) < Z


@pytest.mark.parametrize(("a", "c"), [(1.0, 0.3), (0.7, 0.4), (0.2, 0.5)])
def test_every_cell_followed_resistance_is_as_likely_as_in_the_limit(a, c):
    """FACTS 4.1 for u << 1 << M; at M = 1000 it is off by less than a fifth of the error."""
    found = exact(1000, 10_000, 5e-4, 1, 0.3, a, c, seed=10)
    assert abs(z_scores(found > 0, p_resistant_at_detection(1000, 5e-4, 1, 0.3, a, c))) < Z


SCHEDULE = [
    Phase(30, 0.1, 0.35, 0.08, 0.12, "induction"),
    Phase(60, 0.12, 0.06, 0.12, 0.06, "rest"),
    Phase(50, 0.1, 0.1, 0.09, 0.09, "standstill"),
    Phase(100, 0.05, 0.08, 0.1, 0.0, "maintenance"),
]
SECOND_LINE = [Phase(60, 0.1, 0.1, 0.2, 0.02), Phase(30, 0.1, 0.3, 0.05, 0.2)]  # hits mutants
CASES = [  # with .5 to 1.5 lineages for u = 1e-7
    (SCHEDULE, 1e8),
    (SCHEDULE[:1], 1e8),
    (SCHEDULE[1:3], 1e5),
    (SECOND_LINE, 2e6),
]


@pytest.mark.parametrize(("phases", "cells"), CASES)
def test_lineages_under_therapy_are_poisson_with_the_mean_of_the_integral(phases, cells):
    """FACTS 4.6; the numbers of lineages have light tails, so their mean is a fair test."""
    mean, draws = resistant_lineages(phases, 3e-6, cells), DRAWS // 4
    found = under_therapy(phases, cells, draws, 3e-6, seed=11).lineages
    assert abs(found.mean() - mean) < Z * np.sqrt(mean / draws)
    assert abs(found.var() - mean) < Z * np.sqrt((2 * mean**2 + mean) / draws)


def test_a_declining_pool_leaves_as_many_lineages_as_the_closed_form_says():
    """N0 u r pi/(d - r) after a long time (FACTS 4.6)."""
    found = under_therapy([Phase(2000, 0.1, 0.3, 0.2, 0.1)], 1e8, DRAWS, 1e-8, seed=12)
    assert abs(z_scores(found.lineages == 0, np.exp(-0.1 * 0.5 / 0.2))) < Z


@pytest.mark.parametrize("seen", [0.5, 0.05])
@pytest.mark.parametrize(("phases", "cells"), CASES)
def test_cells_under_therapy_have_the_law_of_birth_and_death(phases, cells, seen):
    """E (1 - seen)^cells is the chance that none is left by a further phase of death alone.

    It is a closed form of the whole law (FACTS 4.6) and has a bounded error.
    """
    death = Phase(1, 0, 0, 0, -np.log(seen))
    p = np.exp(-resistant_lineages([*phases, death], 1e-7, cells))
    missed = (1 - seen) ** under_therapy(phases, cells, DRAWS, 1e-7, seed=13).cells
    assert abs(missed.mean() - p) < Z * missed.std() / np.sqrt(DRAWS)


@pytest.mark.parametrize("growth", [0.3, -0.2, 1e-9, 0.0])
@pytest.mark.parametrize("days", [1e-6, 1e-3, 3e-3, 5e-3, 1.0, 100.0])
def test_the_fate_of_a_mutant_is_compiled_to_twelve_digits(growth, days):
    """Series stand in for differences near 0; `kernel` and numpy have both without loss."""
    birth, later, grown = 0.4, 1.7, 0.8
    alive, stop = lineages._fate(days, birth, growth, later, grown)
    expected = survival(birth, birth - growth, days, 1 / later)
    assert alive == pytest.approx(expected, rel=1e-12)
    assert stop == pytest.approx(expected * np.exp(-growth * days) / grown, rel=1e-12)
    chance = min(days / 100, 0.9)
    assert lineages._surprise(chance) == pytest.approx(-np.log1p(-chance), rel=1e-12)


@pytest.mark.parametrize("cuts", [(20,), (7, 13)])
def test_cutting_a_phase_in_two_leaves_the_law_of_the_cells(cuts):
    """Chances of 0 to 4 cells by quadrature of Kendall's law (FACTS 4.9), Poisson-compounded."""
    r, d, a, c, u, cells = 0.2, 0.5, 0.3, 0.1, 1e-6, 2e6

    def born(t, size):
        up = np.exp((a - c) * (20 - t))
        alive, stop = (a - c) * up / (a * up - c), (a - c) / (a * up - c)
        return u * r * cells * np.exp((r - d) * t) * alive * stop * (1 - stop) ** (size - 1)

    jump = [size * quad(born, 0, 20, (size,))[0] for size in range(1, 5)]
    law = [np.exp(-resistant_lineages([Phase(20, r, d, a, c)], u, cells))]
    for n in range(1, 5):
        law.append(sum(jump[k - 1] * law[n - k] for k in range(1, n + 1)) / n)
    phases = [Phase(days, r, d, a, c) for days in cuts]
    found = under_therapy(phases, cells, DRAWS, u, seed=14).cells
    assert np.abs(z_scores(found[:, None] == np.arange(5), np.array(law))).max() < Z


GOOD = {"size": 100, "replicates": 10, "u": 0.01, "r": 0.1, "d": 0.05}


@pytest.mark.parametrize("function", [simulate, exact])
@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0.5},
        {"size": np.inf},
        {"size": np.nan},
        {"replicates": 0},
        {"replicates": 1.5},
        {"u": 1},
        {"u": -0.1},
        {"u": np.nan},
        {"r": np.inf},
        {"d": 0.1},
        {"d": -0.1},
        {"a": -0.1},
        {"c": np.nan},
        {"seed": -1},
    ],
)
def test_a_value_out_of_range_is_named(function, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        function(**GOOD | wrong)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(InputError, match="lineages"):
        simulate(1e18, 1, 1e-3, 0.1, 0.04)
    with pytest.raises(InputError, match="use simulate"):
        exact(1e9, 1, 1e-9, 0.1, 0.04)
    with pytest.raises(InputError, match="use simulate"):
        exact(1e5, 1, 1e-9, 0.1, 0.04, 0.3, 0.04)
    with pytest.raises(InputError, match="never reached"):
        exact(100, 1, 0.7, 0.1, 0.04)
    with pytest.raises(InputError, match="endless"):
        under_therapy([Phase(np.inf, 0.1, 0.3, 0.2, 0.1)], 1e8, 10, 1e-8)
    with pytest.raises(InputError, match="phase"):
        under_therapy([], 1e8, 10, 1e-8)
