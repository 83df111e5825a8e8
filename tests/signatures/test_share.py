"""Shares of a signature between two groups, against tables of counts and planted shares."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, chi2_contingency

from allrelapse import signatures
from allrelapse.errors import InputError
from tests.signatures.test_refit import FEW, draw

DISJOINT = pd.DataFrame(np.kron(np.eye(2), np.full((48, 1), 1 / 48)), columns=["other", "target"])


def pair(a, b):
    """Two samples of the disjoint signatures, from (other, target) mutations per channel."""
    return pd.DataFrame({"a": np.repeat(a, 48), "b": np.repeat(b, 48)})


def test_p_of_disjoint_signatures_is_that_of_the_g_test():
    odds, p_value = signatures.share_odds_ratio(pair([1, 2], [3, 2]), DISJOINT, "target")
    table = [[96, 48], [96, 144]]
    expected = chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
    assert p_value == pytest.approx(expected, rel=1e-3)
    assert odds.value == pytest.approx((96 / 48) / (96 / 144), rel=1e-3)


def test_interval_of_disjoint_signatures_is_close_to_woolf_s_in_large_samples():
    odds, _ = signatures.share_odds_ratio(pair([10, 20], [30, 20]), DISJOINT, "target")
    spread = 1.96 * np.sqrt(1 / 480 + 1 / 960 + 1 / 1440 + 1 / 960)
    assert np.log(odds.interval) == pytest.approx(np.log(3) + np.array([-spread, spread]), abs=0.01)


def test_a_share_of_none_gives_an_infinite_odds_ratio_with_a_finite_lower_limit():
    odds, p_value = signatures.share_odds_ratio(pair([1, 1], [1, 0]), DISJOINT, "target")
    assert np.isinf(odds.value)
    assert np.isinf(odds.upper)
    assert odds.lower > 5
    assert p_value < 1e-6
    swapped, _ = signatures.share_odds_ratio(pair([1, 0], [1, 1]), DISJOINT, "target")
    assert (swapped.value, swapped.lower) == (0, 0)
    assert swapped.upper == pytest.approx(1 / odds.lower, rel=0.01)


def test_equal_shares_are_rejected_in_5_per_cent_although_sizes_differ():
    rejected, compare = 0, signatures.share_odds_ratio
    for seed in range(100):
        few = draw({"SBS5": 100, "SBS87": 30}, seed=seed)
        many = draw({"SBS5": 400, "SBS87": 120}, seed=seed + 1000).add_prefix("many_")
        rejected += compare(few.join(many), FEW, "SBS87", level=None)[1] < 0.05
    assert rejected > 0
    assert binom.sf(rejected - 1, 100, 0.05) > 1e-3


def test_samples_that_cannot_be_compared_are_refused():
    with pytest.raises(InputError, match="two samples"):
        signatures.share_odds_ratio(draw({"SBS5": 9}), FEW, "SBS87")
    with pytest.raises(InputError, match="'SBS999'"):
        signatures.share_odds_ratio(draw({"SBS5": 9}, samples=2), FEW, "SBS999")
