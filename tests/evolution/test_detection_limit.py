"""The limit of detection keeps both errors of Currie."""

import numpy as np
import pytest
from scipy.stats import betabinom

from allrelapse.errors import InputError
from allrelapse.evolution.detection import detection_limit

ERROR, PRECISION = 1e-4, 2e4


@pytest.mark.parametrize(("depth", "percent"), [(500, 2.6), (5_000, 0.43), (50_000, 0.16)])
def test_the_limit_is_as_computed_before(depth, percent):
    """A variant of one copy in two, % of cells; the published digits are of a coarse grid."""
    cells = 2 * (detection_limit(depth) - ERROR) / (1 - ERROR)
    assert 100 * cells == pytest.approx(percent, rel=0.04)


def test_errors_alone_are_found_seldom_and_variants_at_the_limit_mostly():
    depth = 3000
    limit = float(detection_limit(depth))
    reads = np.arange(60)
    errors = betabinom.sf(reads - 1, depth, ERROR * PRECISION, (1 - ERROR) * PRECISION)
    needed = reads[errors < 1e-3][0]
    found = betabinom.sf(needed - 1, depth, limit * PRECISION, (1 - limit) * PRECISION)
    assert found == pytest.approx(0.95, abs=1e-6)


def test_more_reads_find_less():
    limits = detection_limit([[100, 1000], [10_000, 100_000]])
    assert (np.diff(limits.ravel()) < 0).all()


@pytest.mark.parametrize("wrong", [{"depth": 0}, {"error": 0.0}, {"precision": 0}, {"power": 1}])
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(InputError, match=r"must be|give"):
        detection_limit(**{"depth": 100} | wrong)
