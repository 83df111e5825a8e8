"""Closed forms of a growing leukaemia against published numbers, mpmath, and limits."""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from allrelapse.errors import InputError
from allrelapse.evolution import kernel
from allrelapse.evolution.branching import (
    fixation,
    mean_lasting_lineages,
    mean_living_lineages,
    mean_resistant,
    mutant_number_pmf,
    p_extinct,
    p_no_mutation,
    p_no_resistance_by,
    p_resistant_at_detection,
    size_variance,
)

EXACT = 1e-8
RATES = st.floats(0.01, 1)
RATIOS = st.floats(0, 0.98)


@pytest.mark.parametrize(
    ("b", "factor"), [(0, 1), (0.5, 1.386294361), (0.9, 2.558427881), (0.99, 4.651687057)]
)
def test_living_lineages_without_an_effect_on_fitness_have_the_published_factor(b, factor):
    """Iwasa, Nowak & Michor 2006: -ln(1 - b)/b."""
    assert mean_living_lineages(1e6, 1e-6, 1, b) == pytest.approx(factor, rel=EXACT)


@pytest.mark.parametrize(("b", "p"), [(0, 0.095163), (0.5, 0.129449), (0.9, 0.225736)])
def test_resistance_at_detection_has_the_published_chance(b, p):
    found = p_resistant_at_detection(1e9, 1e-10, 0.2, 0.2 * b)
    assert found == pytest.approx(p, abs=5e-7)


@pytest.mark.parametrize(
    ("r", "d", "a", "c"),
    [
        (0.14, 0.04, 0.12, 0.05),
        (0.14, 0.139, 0.14, 0.1),
        (1, 0, 0.5, 0),
        (0.3, 0.1, 0.1, 0.2),
        (0.3, 0.1, 0.2, 0.2),
        (1.0, 0.99999, 1.0, 0.999),
    ],
)
def test_effects_on_fitness_agree_with_an_integral_of_many_digits(r, d, a, c):
    """Integral of the formula of Iwasa 2006 by mpmath, over the age of the mutation."""
    with mpmath.workdps(30):
        net = mpmath.mpf(a) - mpmath.mpf(c)

        def seeded(s):
            growth = (1 - mpmath.exp(-net * s)) / net if net else s
            return mpmath.exp(-(mpmath.mpf(r) - d) * s) / (mpmath.exp(-net * s) + a * growth)

        corners = [0, 0.1, 1, 10, 100, 1000, 1e4, 1e5, 1e6, mpmath.inf]
        oracle = mpmath.quad(seeded, corners) * r
    assert mean_living_lineages(1e6, 1e-6, r, d, a, c) == pytest.approx(float(oracle), rel=EXACT)


def test_lineages_that_last_are_another_number_than_those_alive():
    """FACTS of Bozic & Nowak 2014: Poisson of mean M u, however many die."""
    assert mean_lasting_lineages(1e9, 1e-9, 0.2, 0.19) == pytest.approx(1)
    assert mean_living_lineages(1e9, 1e-9, 0.2, 0.19) > 3
    assert mean_lasting_lineages(1e9, 1e-9, 0.2, 0.1, 0.1, 0.2) == 0


@pytest.mark.parametrize(
    ("M", "r", "d", "u", "p"),
    [
        (1000, 1, 0, 1e-3, 0.368063488259),
        (1e4, 1, 0.5, 1e-4, 0.135443561392),
        (1e6, 0.14, 0.13, 1e-7, 0.246612326864),
    ],
)
def test_no_mutation_on_the_way_has_the_published_chance(M, r, d, u, p):
    assert p_no_mutation(M, r, d, u) == pytest.approx(p, rel=1e-10)


def test_no_mutation_of_a_huge_leukaemia_keeps_its_digits():
    """The formula itself by mpmath with 60 digits."""
    M, r, d, u = 10**11, 0.14, 0.13, 1e-12
    with mpmath.workdps(60):
        r_, d_, u_ = (mpmath.mpf(x) for x in (r, d, u))
        p, q = r_ * (1 - u_) / (r_ + d_), d_ / (r_ + d_)
        root = mpmath.sqrt(1 - 4 * p * q)
        s1, s2, b = (1 + root) / (2 * p), (1 - root) / (2 * p), d_ / (r_ * (1 - u_))
        oracle = (s1 - s2) / (s1**M - s2**M) / ((1 - b) / (1 - b**M))
    assert p_no_mutation(M, r, d, u) == pytest.approx(float(oracle), rel=EXACT)


def test_no_mutation_of_pure_birth_is_a_power():
    """Without death M - 1 divisions lead to M cells."""
    assert p_no_mutation(50, 1, 0, 0.01) == pytest.approx(0.99**49, rel=1e-12)


def test_no_mutation_on_a_short_way_is_that_of_the_chain():
    """Sensitive cells from 1 to 5 by a linear system: births, deaths, and mutations that end it."""
    r, d, u, M = 1.0, 0.5, 0.05, 5

    def reached(stop):
        steps, end = np.zeros((M - 1, M - 1)), np.zeros(M - 1)
        total = r * (1 - u) + d + stop
        for n in range(1, M):
            if n > 1:
                steps[n - 1, n - 2] = d / total
            if n < M - 1:
                steps[n - 1, n] = r * (1 - u) / total
        end[-1] = r * (1 - u) / total
        return np.linalg.solve(np.eye(M - 1) - steps, end)[0]

    assert p_no_mutation(M, r, d, u) == pytest.approx(reached(r * u) / reached(0), rel=1e-12)


LAWS = [
    ({"m": 1}, [0.36787944, 0.18393972, 0.10729817, 0.06897740, 0.04745389]),
    ({"m": 1, "rho": 0.5}, [0.36787944, 0.12262648, 0.06948834]),
    ({"m": 1, "b": 0.9}, [0.0774263683]),
    ({"m": 3, "sampled": 0.1}, [0.464158883]),
]


@pytest.mark.parametrize(("law", "published"), LAWS)
def test_the_number_of_mutants_has_the_published_law(law, published):
    """Ma, Sandri & Sarkar 1992; Koch 1982; Stewart 1990, to the digits that are given."""
    found = mutant_number_pmf(10, **law)[: len(published)]
    np.testing.assert_allclose(found, published, atol=6e-9)


def test_the_recursion_of_ma_sandri_and_sarkar_gives_the_same_law():
    """p_n = m/n times the sum of p_i/(n - i + 1)."""
    m, law = 10, [np.exp(-10.0)]
    for n in range(1, 400):
        law.append(m / n * sum(p / (n - i + 1) for i, p in enumerate(law)))
    found = mutant_number_pmf(399, m)
    np.testing.assert_allclose(found, law, rtol=EXACT)
    assert np.searchsorted(np.cumsum(found), 0.5) == 36  # the published median


@pytest.mark.parametrize(("m", "b"), [(2.0, 0.5), (0.3, 0.95)])
def test_the_law_with_death_has_the_published_generating_function(m, b):
    """G(z) = exp{-m (1 - z)/(z - b) ln((1 - b)/(1 - z))}."""
    law = mutant_number_pmf(2000, m, b=b)
    for z in (0.0, 0.3, 0.7, 0.97):
        published = np.exp(-m * (1 - z) / (z - b) * np.log((1 - b) / (1 - z)))
        assert law @ z ** np.arange(2001) == pytest.approx(published, rel=EXACT)


def test_a_sample_is_the_law_thinned():
    """Binomial thinning of the whole law, cell by cell."""
    from scipy.stats import binom

    whole = mutant_number_pmf(6000, 0.5, b=0.4, rho=0.8)
    cells = np.arange(6001)
    for n in (0, 1, 3):
        thinned = whole @ binom.pmf(n, cells, 0.2)
        found = mutant_number_pmf(3, 0.5, b=0.4, rho=0.8, sampled=0.2)[n]
        assert found == pytest.approx(thinned, rel=1e-4)  # the tail above 6,000 is cut


def test_the_law_and_the_chance_of_resistance_are_the_same_model():
    law = mutant_number_pmf(0, 0.7, b=0.6)
    assert 1 - law[0] == pytest.approx(p_resistant_at_detection(7e8, 1e-9, 0.1, 0.06), rel=EXACT)


@pytest.mark.parametrize(
    ("r", "d", "u", "t", "p"), [(1, 0.5, 1e-3, 12, 0.7354598990), (1, 0, 1e-3, 7, 0.4771827505)]
)
def test_no_resistance_by_a_day_has_the_published_chance(r, d, u, t, p):
    assert p_no_resistance_by(t, r, d, u) == pytest.approx(p, rel=EXACT)


def test_no_resistance_by_any_day_agrees_with_a_taylor_solver_of_many_digits():
    """The backward equations, both of them, by mpmath."""
    r, d, u, a, c = 0.9, 0.3, 2e-3, 0.7, 0.2
    with mpmath.workdps(20):
        solved = mpmath.odefun(
            lambda s, y: [
                r * (1 - u) * y[0] ** 2 + r * u * y[0] * y[1] + d - (r + d) * y[0],
                a * y[1] ** 2 + c - (a + c) * y[1],
            ],
            0,
            [1, 0],
        )
        oracle = float(solved(6)[0])
    assert p_no_resistance_by([0, 6], r, d, u, a, c) == pytest.approx([1, oracle], rel=EXACT)


def test_mean_resistant_is_the_solution_of_its_equation():
    """dE/dt = u r exp(g_S t) + g_R E, by a difference quotient."""
    rates = {"u": 1e-3, "r": 0.5, "d": 0.1, "a": 0.4, "c": 0.1}
    low, middle, high = mean_resistant([9.999, 10, 10.001], **rates)
    slope = 1e-3 * 0.5 * np.exp((0.5 * 0.999 - 0.1) * 10) + 0.3 * middle
    assert (high - low) / 0.002 == pytest.approx(slope, rel=1e-6)


def test_birth_and_death_have_the_published_kernel():
    a, c, t, n = 0.3, 0.1, 7.0, 3
    e = np.exp(-(a - c) * t)
    assert p_extinct(n, a, c, t) == pytest.approx((c * (1 - e) / (a - c * e)) ** n, rel=1e-12)
    variance = n * (a + c) / (a - c) / e * (1 / e - 1)
    assert size_variance(n, a, c, t) == pytest.approx(variance, rel=1e-12)
    assert size_variance(n, a, a, t) == pytest.approx(2 * n * a * t, rel=1e-12)
    assert p_extinct(1, a, a, t) == pytest.approx(a * t / (1 + a * t), rel=1e-12)


def test_fixation_has_haldanes_chance():
    assert fixation(0.01) == pytest.approx(0.0197364, abs=5e-8)
    assert fixation([0, -0.2]) == pytest.approx([0, 0])


@given(r=RATES, b=RATIOS, u=st.floats(1e-12, 1e-3), more=st.floats(1, 100))
def test_more_cells_and_more_mutations_make_resistance_likelier(r, b, u, more):
    M = 1e6
    here = p_resistant_at_detection(M, u, r, r * b)
    assert p_resistant_at_detection(M * more, u, r, r * b) >= here
    assert p_resistant_at_detection(M, min(u * more, 0.5), r, r * b) >= here
    assert p_no_mutation(M * more, r, r * b * 0.9, u) <= p_no_mutation(M, r, r * b * 0.9, u)


@given(r=RATES, b=RATIOS, a=RATES, beta=st.floats(0, 1.5), unit=st.floats(0.01, 100))
def test_the_unit_of_time_does_not_matter(r, b, a, beta, unit):
    rates = np.array([r, r * b, a, a * beta])
    assume(rates[1] < rates[0])
    here = mean_living_lineages(1e9, 1e-9, *rates)
    assert mean_living_lineages(1e9, 1e-9, *(rates * unit)) == pytest.approx(here, rel=1e-7)
    once = p_no_resistance_by(5.0, r, r * b, 1e-3, a, a * beta)
    again = p_no_resistance_by(5.0 / unit, r * unit, r * b * unit, 1e-3, a * unit, a * beta * unit)
    assert again == pytest.approx(once, rel=1e-7)


@given(r=RATES, b=RATIOS)
def test_without_mutations_nothing_resists(r, b):
    assert p_resistant_at_detection(1e12, 0, r, r * b) == 0
    assert p_no_mutation(1e6, r, r * b, 0) == pytest.approx(1)
    small = p_resistant_at_detection(1e9, 1e-20, r, r * b)
    assert small == pytest.approx(mean_living_lineages(1e9, 1e-20, r, r * b), rel=1e-9)


@given(birth=RATES, death=st.floats(0, 2), days=st.floats(0, 500), end=st.floats(0.01, 1))
def test_survival_in_pieces_is_survival_at_once(birth, death, days, end):
    whole = kernel.survival(birth, death, days, end)
    second = float(kernel.survival(birth, death, 0.4 * days, end))
    assume(second > 1e-200)
    assert kernel.survival(birth, death, 0.6 * days, second) == pytest.approx(whole, rel=1e-9)
    assert 0 <= whole <= 1


def test_a_mutant_of_almost_equal_rates_is_no_special_case():
    near = mean_living_lineages(1e9, 1e-9, 0.2, 0.1, 0.2, 0.1 + 1e-13)
    assert near == pytest.approx(mean_living_lineages(1e9, 1e-9, 0.2, 0.1), rel=1e-9)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: p_resistant_at_detection(0, 1e-9, 1, 0), "M 0: must be a number of cells"),
        (lambda: p_resistant_at_detection(1e9, 1.0, 1, 0), "u 1.0: must be a probability"),
        (lambda: p_resistant_at_detection(1e9, 1e-9, 1, 1), "d 1: must be below r = 1"),
        (lambda: p_resistant_at_detection(1e9, 1e-9, 1, 0, -1), "a -1: must be a rate"),
        (lambda: p_resistant_at_detection(1e9, 1e-9, 1, 0, 1, np.inf), "c inf: must be a rate"),
        (lambda: p_no_mutation(1e9, 1, 0.5, 0.6), "u 0.6: must be below 1 - d/r = 0.5"),
        (lambda: mutant_number_pmf(-1, 1), "n_max -1: must be a whole number"),
        (lambda: mutant_number_pmf(1, 1, b=1), "b 1: must be deaths per division"),
        (lambda: mutant_number_pmf(1, 1, rho=0), "rho 0: must be a ratio"),
        (lambda: mutant_number_pmf(1, 1, sampled=0), "sampled 0: must be a share"),
        (lambda: p_no_resistance_by(-1, 1, 0, 0.1), "t -1: must be days"),
    ],
)
def test_values_out_of_range_are_refused_by_name(call, told):
    with pytest.raises(InputError, match=told.replace(".", r"\.")):
        call()
