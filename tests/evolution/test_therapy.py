"""Resistance under therapy against closed forms, mpmath and published numbers."""

import math
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allrelapse.errors import InputError
from allrelapse.evolution.branching import mean_living_lineages
from allrelapse.evolution.therapy import (
    Phase,
    lineages_by_phase,
    p_convergent,
    resistant_lineages,
    survival_by_phase,
    two_step,
)

RATES = st.floats(0.01, 1)


def test_a_pool_that_declines_for_ever_has_the_closed_form():
    """u r N0 pi/(d - r), pi = 1 - c/a."""
    endless = Phase(math.inf, r=0.05, d=0.09, a=0.2, c=0.05)
    closed = 1e-8 * 0.05 * 1e9 * 0.75 / 0.04
    assert resistant_lineages([endless], 1e-8, 1e9) == pytest.approx(closed, rel=1e-12)
    long = Phase(2000, r=0.05, d=0.09, a=0.2, c=0.05)
    assert resistant_lineages([long], 1e-8, 1e9) == pytest.approx(closed, rel=1e-8)


def test_growth_from_one_cell_without_therapy_gives_the_lineages_at_detection():
    """Deterministic growth to M: the formula of Iwasa 2006 for large M."""
    r, d, a, c, M = 0.3, 0.1, 0.25, 0.15, 1e12
    days = math.log(M) / (r - d)
    found = resistant_lineages([Phase(days, r, d, a, c)], 1e-10, 1)
    assert found == pytest.approx(float(mean_living_lineages(M, 1e-10, r, d, a, c)), rel=1e-6)


def test_several_phases_agree_with_one_integral_of_many_digits():
    """The integral of u r N(t) S(t), S from the integrated rates of Kendall, by mpmath."""
    schedule = [
        Phase(30, 0.2, 0.3, 0.2, 0.25),
        Phase(60, 0.1, 0.05, 0.3, 0.1),
        Phase(20, 1, 2, 0.1, 0.1),
    ]
    edges = np.cumsum([0, *(p.days for p in schedule)])

    def at(t):
        return schedule[min(int(np.searchsorted(edges, float(t), side="right")) - 1, 2)]

    def pieces(start):
        return [start, *[e for e in edges if e > start]]

    def net(start, end, grows):
        parts = [start, *[e for e in edges if start < e < end], end]
        return sum(grows(at((x + y) / 2)) * (y - x) for x, y in pairwise(parts))

    def survival(t):
        total = mpmath.quad(
            lambda s: at(s).a * mpmath.exp(-net(t, s, lambda p: p.a - p.c)), pieces(t), maxdegree=3
        )
        return 1 / (mpmath.exp(-net(t, edges[-1], lambda p: p.a - p.c)) + total)

    with mpmath.workdps(15):
        oracle = mpmath.quad(
            lambda t: at(t).r * mpmath.exp(net(0, t, lambda p: p.r - p.d)) * survival(t),
            list(edges),
            maxdegree=3,
        )
    found = resistant_lineages(schedule, 1e-6, 1e5)
    assert found == pytest.approx(0.1 * float(oracle), rel=1e-6)


@settings(max_examples=25)
@given(a=RATES, c=RATES, d=RATES, cut=st.floats(0.05, 0.95))
def test_a_phase_cut_in_two_is_the_same_phase(a, c, d, cut):
    whole = [Phase(90, 0.1, d, a, c), Phase(50, 0.1, 0.05, 0.2, 0.1)]
    halves = [Phase(90 * cut, 0.1, d, a, c), Phase(90 * (1 - cut), 0.1, d, a, c), whole[1]]
    found = resistant_lineages(halves, 1e-7, 1e8)
    assert found == pytest.approx(resistant_lineages(whole, 1e-7, 1e8), rel=1e-8)
    assert survival_by_phase(halves)[0] == pytest.approx(survival_by_phase(whole)[0], rel=1e-9)


@settings(max_examples=20)
@given(unit=st.floats(0.01, 100))
def test_the_unit_of_time_does_not_matter(unit):
    days, rates = np.array([30, 200]), np.array([[0.1, 0.3, 0.2, 0.25], [0.05, 0.07, 0.3, 0.1]])
    schedule = [Phase(t, *x) for t, x in zip(days, rates, strict=True)]
    scaled = [Phase(t / unit, *x) for t, x in zip(days, rates * unit, strict=True)]
    found = resistant_lineages(scaled, 1e-7, 1e8)
    assert found == pytest.approx(resistant_lineages(schedule, 1e-7, 1e8), rel=1e-8)


def test_lineages_are_told_by_the_phase_in_which_they_arise():
    schedule = [Phase(10, 0, 0.3, 0.2, 0.1, "induction"), Phase(50, 0.1, 0.1, 0.2, 0.1)]
    table = lineages_by_phase(schedule, 1e-7, 1e8)
    assert list(table["phase"]) == ["induction", "2"]
    assert list(table["start"]) == [0, 10]
    assert table["cells"].tolist() == pytest.approx([1e8, 1e8 * math.exp(-3)])
    assert table["lineages"].iloc[0] == 0  # no division, no mutation
    assert table["lineages"].sum() == resistant_lineages(schedule, 1e-7, 1e8)


def test_two_steps_have_the_published_mean():
    """FACTS: 1e8 persisters, u 1e-8, .1 per day, 100 days, pi .5, no net growth: 5."""
    assert two_step(1e8, 1e-8, 0.1, 0.5, 0, 100) == pytest.approx(5, rel=1e-12)
    assert two_step(1e8, 1e-8, 0.1, 0.5, 1e-9, 100) == pytest.approx(5, rel=1e-6)
    closed = 1e8 * 1e-8 * 0.1 * 0.5 * (1 - math.exp(-2)) / 0.02
    assert two_step(1e8, 1e-8, 0.1, 0.5, -0.02, 100) == pytest.approx(closed, rel=1e-12)


def test_two_steps_are_therapy_of_persisters_whose_mutants_last():
    """For an endless schedule of decline pi is exact, and both are one integral."""
    whole = resistant_lineages([Phase(math.inf, 0.05, 0.07, 0.2, 0.1)], 1e-8, 1e8)
    assert two_step(1e8, 1e-8, 0.05, 0.5, -0.02, 1e6) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("mean", [1e-9, 5e-4, 2e-3, 0.7, 5, 800])
def test_convergence_is_the_poisson_chance_of_a_second_success(mean):
    with mpmath.workdps(40):
        m = mpmath.mpf(mean)
        oracle = 1 - m * mpmath.exp(-m) / (1 - mpmath.exp(-m))
    assert p_convergent(mean) == pytest.approx(float(oracle), rel=1e-8)


GOOD = Phase(10, 0.1, 0.2, 0.2, 0.1, "induction")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: resistant_lineages([], 1e-8, 1), "schedule: at least one phase"),
        (lambda: resistant_lineages([GOOD], 2, 1), "u 2: must be a probability"),
        (lambda: resistant_lineages([GOOD], 0, -1), "cells -1: must be a number"),
        (
            lambda: resistant_lineages([Phase(10, 0.1, -1, 0, 0, "x")], 0, 1),
            r"phase 1 \(x\), d -1: must be a rate",
        ),
        (lambda: resistant_lineages([Phase(0, 0, 0, 0, 0)], 0, 1), "phase 1, days 0: must be"),
        (
            lambda: resistant_lineages([Phase(math.inf, 1, 1, 0, 0)], 0, 1),
            "phase 1: only the last phase may be endless",
        ),
        (lambda: two_step(-1, 0, 0, 0, 0, 0), "persisters -1: must be 0 or more"),
        (lambda: two_step(1, 0, 0, 2, 0, 0), "survives 2: must be a probability"),
        (lambda: p_convergent(0), "mean 0: must be a mean number"),
    ],
)
def test_values_out_of_range_are_refused_by_name(call, told):
    with pytest.raises(InputError, match=told):
        call()
