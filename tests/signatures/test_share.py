"""Shares of a signature between two groups, against tables of counts and planted shares."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, hypergeom

from allrelapse import signatures
from allrelapse.errors import InputError
from tests.signatures.test_refit import FEW, draw

DISJOINT = pd.DataFrame(np.kron(np.eye(2), np.full((48, 1), 1 / 48)), columns=["other", "target"])


def disjoint(*samples):
    """Samples of the disjoint signatures, from (other, target) mutations per channel."""
    return pd.DataFrame({f"s{i}": np.repeat(pair, 48) for i, pair in enumerate(samples)})


def in_first(counts, number):
    """The first samples are the first group."""
    return pd.Series(np.arange(counts.shape[1]) < number, counts.columns)


def test_the_ratio_of_disjoint_signatures_is_that_of_the_pooled_counts():
    counts = disjoint([1, 2], [2, 1], [3, 2], [4, 4])
    odds, _ = signatures.share_odds_ratio(counts, DISJOINT, "target", in_first(counts, 2))
    assert odds.value == pytest.approx((3 / 3) / (6 / 7), rel=1e-3)


def test_p_is_the_share_of_all_ways_to_deal_the_groups():
    # One group holds all three samples with the target: one deal of C(8, 3) is as extreme, and its
    # mirror image is not, as the groups differ in size.
    counts = disjoint([1, 3], [1, 3], [1, 3], *[[4, 0]] * 5)
    first = in_first(counts, 3)
    odds, p = signatures.share_odds_ratio(counts, DISJOINT, "target", first, permutations=1999)
    exact = hypergeom.pmf(3, 8, 3, 3)
    assert np.isinf(odds.value)
    assert odds.lower > 1
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact / 2000))


def test_a_share_of_none_gives_zero_or_infinity_with_a_bound_on_one_side():
    counts = disjoint(*[[1, 1]] * 6, *[[2, 0]] * 6)
    first = in_first(counts, 6)
    odds, _ = signatures.share_odds_ratio(counts, DISJOINT, "target", first)
    swapped, _ = signatures.share_odds_ratio(counts, DISJOINT, "target", ~first)
    assert (odds.value, odds.upper) == (np.inf, np.inf)
    assert (swapped.value, swapped.lower) == (0, 0)
    assert odds.lower > 1
    assert swapped.upper == pytest.approx(1 / odds.lower, rel=0.01)


def test_two_groups_without_the_target_have_no_ratio():
    counts = disjoint(*[[2, 0]] * 6)
    odds, p = signatures.share_odds_ratio(counts, DISJOINT, "target", in_first(counts, 3))
    assert np.isnan(odds.value)
    assert odds.interval == (0, np.inf)
    assert p == 1


def test_equal_groups_are_rejected_in_10_per_cent_although_patients_differ():
    # a third of the patients have much of the target, and one has half of all mutations: a test
    # that takes mutations for independent rejects most of these
    rejected = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        size = rng.permutation([1000, *rng.integers(20, 120, 14)])
        share = np.where(rng.random(15) < 1 / 3, rng.uniform(0.2, 0.6, 15), 0)
        parts = [
            draw({"SBS5": n * (1 - f), "SBS87": n * f}, seed=rng.integers(10**6)).to_numpy()
            for n, f in zip(size, share, strict=True)
        ]
        counts = pd.DataFrame(np.hstack(parts), FEW.index, [f"s{i}" for i in range(15)])
        _, p = signatures.share_odds_ratio(
            counts, FEW[["SBS1", "SBS5", "SBS87"]], "SBS87", in_first(counts, 7), permutations=39
        )
        rejected += p <= 0.1
    assert binom.sf(rejected - 1, 60, 0.1) > 1e-3
    assert rejected > 0


def test_samples_of_one_patient_swap_groups_among_themselves_only():
    # five pairs, in each of which the relapse alone has the target: 1 of 2^5 deals is as extreme
    counts = disjoint(*[[1, 3]] * 5, *[[4, 0]] * 5)
    first = in_first(counts, 5)
    unit = pd.Series([f"p{i % 5}" for i in range(10)], counts.columns)
    how = {"unit": unit, "permutations": 1999}
    _, p = signatures.share_odds_ratio(counts, DISJOINT, "target", first, **how)
    assert p == pytest.approx(2 / 32, abs=0.025)  # the mirror image is as extreme


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"target": "SBS999"}, "'SBS999'"),
        ({"level": 95}, "level is 95"),
        ({"permutations": -1}, "permutations is -1"),
        ({"first": pd.Series(True, ["s0", "s1"])}, "two groups that both have mutations"),
    ],
)
def test_what_cannot_be_compared_is_refused(option, words):
    counts = draw({"SBS5": 9}, samples=2)
    about = {"target": "SBS87", "first": in_first(counts, 1)} | option
    with pytest.raises(InputError, match=words):
        signatures.share_odds_ratio(counts, FEW, **about)
