"""Birth and death against Kendall's closed forms and Iwasa's law (FACTS section 4)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, expon, kstest

from allrelapse.simulate.kinetics import MANY, grown, mutants_at, times_on_exponential

Z = 4  # standard errors that a Monte Carlo mean may lie off
DRAWS = 40_000


def kendall(n, birth, death, days):
    """Mean, variance and P(none left) after some days, of n cells (FACTS 4.9, Kendall 1948)."""
    net = birth - death
    if net == 0:
        return n, 2 * n * birth * days, (birth * days / (1 + birth * days)) ** n
    up, down = np.exp(net * days), np.exp(-net * days)
    none = (death * (1 - down) / (birth - death * down)) ** n
    return n * up, n * (birth + death) / net * up * (up - 1), none


def within(observed, expected, standard_error):
    return abs(observed - expected) <= Z * standard_error


CASES = [
    (1, 0.2, 0.1, 10.0),
    (7, 0.105, 0.04, 20.0),
    (20, 0.3, 0.0, 5.0),
    (30, 0.1, 0.2, 15.0),
    (4, 0.0, 0.1, 10.0),
    (3, 0.15, 0.15, 20.0),
    (3, 0.15, 0.15 + 1e-12, 20.0),
]


@pytest.mark.parametrize(("n", "birth", "death", "days"), CASES)
def test_mean_variance_and_extinction_are_kendall_s(n, birth, death, days):
    drawn = grown(np.full(DRAWS, n), birth, death, days, np.random.default_rng(1))
    mean, variance, none = kendall(n, birth, death if death - birth != 1e-12 else birth, days)
    assert within(drawn.mean(), mean, np.sqrt(variance / DRAWS))
    fourth = ((drawn - drawn.mean()) ** 4).mean()
    assert within(drawn.var(), variance, np.sqrt((fourth - drawn.var() ** 2) / DRAWS))
    assert within((drawn == 0).mean(), none, np.sqrt(none * (1 - none) / DRAWS))


def test_one_cell_leaves_a_geometric_number():
    birth, death, days = 0.2, 0.1, 5.0
    drawn = grown(np.ones(DRAWS), birth, death, days, np.random.default_rng(2))
    up = np.exp((birth - death) * days)
    none = death * (up - 1) / (birth * up - death)
    more = birth / death * none
    law = (1 - none) * (1 - more) * more ** np.arange(6)
    seen = np.array([(drawn == k).sum() for k in range(1, 7)])
    expected = DRAWS * np.r_[none, law, 1 - none - law.sum()]
    assert chisquare(np.r_[(drawn == 0).sum(), seen, (drawn > 6).sum()], expected).pvalue > 1e-4


@pytest.mark.parametrize("doublings", [30, 75, 400])
def test_long_growth_is_exponential_about_its_mean_without_overflow(doublings):
    """Of large supercritical families size / mean is 0 or exponential, of mean 1 / (1 - c/a)."""
    birth, death = 0.5, 0.2
    days = doublings * np.log(2) / (birth - death)
    drawn = grown(np.ones(DRAWS), birth, death, days, np.random.default_rng(3))
    assert np.isfinite(drawn).all()
    lost = death / birth
    assert within((drawn == 0).mean(), lost, np.sqrt(lost * (1 - lost) / DRAWS))
    alive = drawn[drawn > 0] / 2.0**doublings
    assert kstest(alive, expon(scale=1 / (1 - lost)).cdf).pvalue > 1e-4


def test_growth_beyond_all_bounds_stays_finite():
    assert np.isfinite(grown(1.0, 2.0, 0.0, 1e6, np.random.default_rng(4)))
    assert np.isfinite(grown(1e12, 2.0, 0.0, 1e6, np.random.default_rng(4)))


def test_no_time_changes_nothing_and_no_cells_stay_none():
    cells = np.array([0, 1, 17, 1e6, 1e20])
    rng = np.random.default_rng(5)
    np.testing.assert_array_equal(grown(cells, 0.3, 0.1, 0.0, rng), cells)
    assert grown(0, 0.3, 0.1, 50.0, rng) == 0


def test_many_cells_go_on_where_the_exact_law_ends():
    """Just below MANY cells the exact law scatters by so little that the mean agrees with it."""
    birth, death, days = 0.15, 0.06, 10.0
    mean, variance, _ = kendall(MANY, birth, death, days)
    assert np.sqrt(variance) / mean < 0.002
    exact = grown(np.full(2000, MANY - 1), birth, death, days, np.random.default_rng(6))
    assert within(exact.mean(), mean, np.sqrt(variance / 2000))
    assert exact.std() == pytest.approx(np.sqrt(variance), rel=Z / np.sqrt(2 * 2000))
    assert grown(MANY, birth, death, days, np.random.default_rng(6)) == pytest.approx(mean)


@pytest.mark.parametrize("cells", [1e6, 1e12])
def test_many_cells_that_dwindle_to_few_do_so_by_chance(cells):
    birth, death = 0.05, 0.071
    days = np.log(cells / 2) / (death - birth)  # two are left on average
    drawn = grown(np.full(DRAWS, cells), birth, death, days, np.random.default_rng(7))
    mean, variance, none = kendall(cells, birth, death, days)
    assert within(drawn.mean(), mean, np.sqrt(variance / DRAWS))
    assert within((drawn == 0).mean(), none, np.sqrt(none * (1 - none) / DRAWS))


RATE = st.floats(0, 1)


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=5), RATE, RATE, st.floats(0, 2000),
    st.integers(0, 2**32),
)  # fmt: skip
def test_cells_are_whole_finite_and_never_below_zero(cells, birth, death, days, seed):
    drawn = grown(cells, birth, death, days, np.random.default_rng(seed))
    assert np.isfinite(drawn).all()
    assert (drawn >= 0).all()
    assert (drawn == np.round(drawn)).all()
    assert not drawn[np.array(cells) == 0].any()


def test_arrays_of_different_shapes_are_broadcast():
    drawn = grown(np.ones((3, 1)), 0.3, [0.0, 0.1], 4.0, np.random.default_rng(8))
    assert drawn.shape == (3, 2)


# F of neutral mutants for death / birth of .5 and .9 (FACTS 4.1); Mu = 1 then gives .0774 (4.4)
@pytest.mark.parametrize(("ratio", "factor"), [(0.0, 1.0), (0.5, 1.386294), (0.9, 2.558428)])
def test_chance_of_a_resistant_lineage_is_iwasa_s(ratio, factor):
    draws, size, mean = 15_000, 1e9, 0.4
    rng = np.random.default_rng(9)
    found = [len(mutants_at(size, mean / size, 0.2, 0.2 * ratio, rng)) for _ in range(draws)]
    expected = 1 - np.exp(-mean * factor)
    error = np.sqrt(expected * (1 - expected) / draws)
    assert within(np.mean(np.array(found) > 0), expected, error)
    lineages = mean * factor  # their number is Poisson
    assert within(np.mean(found), lineages, np.sqrt(lineages / draws))
    assert within(np.var(found), lineages, np.sqrt((2 * lineages**2 + lineages) / draws))


def test_numbers_of_mutants_without_death_follow_luria_and_delbrueck():
    draws, size = 15_000, 1e7
    rng = np.random.default_rng(10)
    total = np.array([mutants_at(size, 1 / size, 1.0, 0.0, rng).sum() for _ in range(draws)])
    law = np.array([0.36787944, 0.18393972, 0.10729817, 0.06897740, 0.04745389])  # FACTS 4.4
    seen = [(total == k).sum() for k in range(5)]
    expected = draws * np.r_[law, 1 - law.sum()]
    assert chisquare([*seen, (total > 4).sum()], expected).pvalue > 1e-4


def test_no_mutation_is_older_than_the_first_cell():
    """Without death twenty cells have had 19 divisions, not the twenty of the limit."""
    draws, size, rate = 3000, 20.0, 1.0
    rng = np.random.default_rng(13)
    found = [len(mutants_at(size, rate, 0.2, 0.0, rng)) for _ in range(draws)]
    mean = rate * (size - 1)
    assert within(np.mean(found), mean, np.sqrt(mean / draws))


def test_no_mutants_without_mutation():
    assert mutants_at(1e12, 0.0, 0.1, 0.04, np.random.default_rng(11)).size == 0


@pytest.mark.parametrize("rate", [0.05, 0.0, -0.021, -0.8, 1e-13])
def test_times_have_a_density_that_grows_as_the_exponential(rate):
    start, end = 36.0, 134.0
    times = times_on_exponential(start, end, rate, 5000, np.random.default_rng(12))

    def law(time):
        if abs(rate) < 1e-9:
            return (time - start) / (end - start)
        return np.expm1(rate * (time - start)) / np.expm1(rate * (end - start))

    assert ((times >= start) & (times <= end)).all()
    assert kstest(times, law).pvalue > 1e-4
