"""Exact small-sample inference against definitions, scipy and published numbers."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, binom, nchypergeom_fisher, norm

from allrelapse import exact
from allrelapse.errors import InputError


@pytest.mark.parametrize(("k", "n"), [(0, 10), (2, 12), (37, 57), (9, 9)])
def test_proportion_interval_is_the_beta_quantile(k, n):
    value, lower, upper = exact.proportion(k, n)
    assert value == k / n
    assert lower == pytest.approx(beta.ppf(0.025, k, n - k + 1) if k else 0)
    assert upper == pytest.approx(beta.ppf(0.975, k + 1, n - k) if k < n else 1)


def test_no_hit_in_2669_controls_leaves_rates_below_0138_per_cent():
    # FACTS section 3
    assert 100 * exact.proportion(0, 2669).upper == pytest.approx(0.138, abs=5e-4)


def test_odds_ratio_limits_leave_2_5_per_cent_in_each_tail():
    x1, n1, x2, n2 = 37, 57, 3, 18
    low, high = exact.odds_ratio(x1, n1, x2, n2)[1:]
    margins = (n1 + n2, n1, x1 + x2)
    assert nchypergeom_fisher.sf(x1 - 1, *margins, low) == pytest.approx(0.025, rel=1e-4)
    assert nchypergeom_fisher.cdf(x1, *margins, high) == pytest.approx(0.025, rel=1e-4)


def test_odds_ratio_of_a_zero_cell_is_infinite_with_a_finite_lower_limit():
    value, low, high = exact.odds_ratio(5, 10, 0, 12)
    assert np.isinf(value)
    assert np.isinf(high)
    assert 1 < low < 2


def test_fisher_p_of_target_exomes_is_a_hundredth():
    assert exact.fisher_p(5, 10, 0, 12) == pytest.approx(0.0096, abs=5e-5)  # FACTS section 3


@pytest.mark.parametrize(("n1", "n2"), [(6, 4), (8, 8)])
def test_risk_difference_interval_covers_at_least_95_per_cent_everywhere(n1, n2):
    x1, x2 = np.arange(n1 + 1), np.arange(n2 + 1)
    limits = np.array([[exact.risk_difference(a, n1, b, n2)[1:] for b in x2] for a in x1])
    worst = 1.0
    for p1 in np.linspace(0.01, 0.99, 29):
        for p2 in np.linspace(0.01, 0.99, 29):
            weight = np.outer(binom.pmf(x1, n1, p1), binom.pmf(x2, n2, p2))
            inside = (limits[..., 0] <= p1 - p2 + 1e-6) & (p1 - p2 - 1e-6 <= limits[..., 1])
            worst = min(worst, (weight * inside).sum())
    assert worst >= 0.95 - 5e-4  # the nuisance proportion is searched on a grid of 201
    assert worst < 0.99  # an interval that always covered would say nothing


def test_risk_difference_changes_sign_when_groups_are_swapped():
    value, low, high = exact.risk_difference(5, 10, 1, 12)
    assert exact.risk_difference(1, 12, 5, 10) == pytest.approx((-value, -high, -low), abs=1e-5)


def test_risk_difference_of_one_patient_each_is_nearly_unknown():
    # 1 - .025 by hand: with delta the whole tail is delta itself
    assert exact.risk_difference(0, 1, 0, 1)[1:] == pytest.approx((-0.975, 0.975), abs=1e-5)


@pytest.mark.parametrize("counts", [(3, 2), (-1, 5), (0, 0)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(InputError, match="cannot be"):
        exact.proportion(*counts)


def test_q_values_are_benjamini_hochberg_by_hand():
    p = pd.Series([0.01, 0.04, 0.03, 0.5], ["a", "b", "c", "d"])
    # largest first: .5; .04 x 4/3; .03 x 4/2, but no more than the next; .01 x 4
    expected = {"a": 0.04, "b": 0.16 / 3, "c": 0.16 / 3, "d": 0.5}
    assert exact.q_values(p).to_dict() == pytest.approx(expected)


def test_holm_is_the_largest_of_the_steps_so_far_by_hand():
    p = pd.Series([0.01, 0.04, 0.03, 0.5], ["a", "b", "c", "d"])
    expected = {"a": 0.04, "c": 0.09, "b": 0.09, "d": 0.5}  # .01 x 4; .03 x 3; .04 x 2 < .09; .5
    assert exact.holm(p).to_dict() == pytest.approx(expected)


def test_the_score_interval_of_a_proportion_is_wilsons_closed_form():
    z, k, n = norm.ppf(0.975), 4, 23
    middle = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    expected = (k / n, middle - half, middle + half)
    assert exact.proportion(k, n, method="wilson") == pytest.approx(expected)


@pytest.mark.parametrize("level", [0.95, 0.975])
@pytest.mark.parametrize("counts", [(37, 57, 2, 12), (5, 6, 0, 4), (0, 3, 0, 4)])
def test_the_logit_odds_ratio_is_woolfs_with_half_a_patient_in_each_cell(counts, level):
    x1, n1, x2, n2 = counts
    cells = np.array([x1, n1 - x1, x2, n2 - x2]) + 0.5
    log = np.log(cells[0] * cells[3] / cells[1] / cells[2])
    half = norm.ppf((1 + level) / 2) * np.sqrt((1 / cells).sum())
    expected = np.exp([log, log - half, log + half])
    assert exact.odds_ratio_logit(*counts, level=level) == pytest.approx(expected)
