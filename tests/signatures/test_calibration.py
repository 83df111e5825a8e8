"""Reliability tables and the Brier score against sums by hand."""

import numpy as np
import pytest

from allrelapse import exact, signatures
from allrelapse.errors import InputError


def test_brier_score_is_the_mean_square_by_hand():
    assert signatures.brier([0.9, 0.2, 0.5], [1, 0, 0]) == pytest.approx((0.01 + 0.04 + 0.25) / 3)


def test_reliability_counts_events_per_bin_with_exact_intervals():
    found = signatures.reliability([0.05, 0.15, 0.19, 1.0], [0, 1, 0, 1], bins=10)
    assert found["start"].tolist() == [0, 0.1, 0.9]
    assert found["events"].tolist() == [1, 2, 1]
    assert found["predicted"].tolist() == pytest.approx([0.05, 0.17, 1.0])
    middle = found.loc[1, ["observed", "lower", "upper"]].to_list()
    assert middle == pytest.approx(list(exact.proportion(1, 2)))


def test_probabilities_from_which_events_are_drawn_are_found_calibrated():
    rng = np.random.default_rng(0)
    p = rng.random(5000)
    found = signatures.reliability(p, rng.random(5000) < p, level=0.999)
    assert found["predicted"].between(found["lower"], found["upper"]).all()


@pytest.mark.parametrize(
    ("p", "true"), [([0.5], [1, 0]), ([], []), ([1.2], [1]), ([0.5], [2]), ([np.nan], [1])]
)
def test_what_is_no_probability_is_refused(p, true):
    with pytest.raises(InputError, match="must"):
        signatures.brier(p, true)
