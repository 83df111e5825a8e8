"""The detection limit: its power in simulated spectra, and what it must obey."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from allrelapse import signatures
from allrelapse.data import reference
from allrelapse.errors import InputError
from allrelapse.signatures.detection import LOST
from tests.signatures.test_refit import FEW

WIDE = reference.cosmic().drop(columns=sorted(reference.ARTEFACTS))
MIX = FEW[["SBS1", "SBS5", "SBS18"]] @ [0.2, 0.6, 0.2]


def spectra(size, share=0.0, samples=1, seed=1):
    rng = np.random.default_rng(seed)
    mean = size * ((1 - share) * MIX + share * FEW["SBS87"])
    counts = rng.poisson(mean.to_numpy()[:, None], (96, samples))
    return pd.DataFrame(counts, FEW.index, [f"s{i}" for i in range(samples)])


def power_at(limit, size, samples=400, table=FEW, **options):
    counts = spectra(size, limit, samples, seed=3)
    found = signatures.presence(counts, table, "SBS87", level=None, replicates=0, **options)
    return (found["p_value"] < 0.01).sum()


@pytest.mark.parametrize("size", [100, 1000])
def test_a_simulated_limit_is_found_with_the_power_asked_for(size):
    # Monte Carlo errors of the limit (400 draws) and of the check (400 draws) together.
    one = spectra(size)
    options = {"overdispersed": False}
    limit = signatures.detection_limit(one, FEW, "SBS87", replicates=400, **options)
    assert power_at(limit["limit"].iloc[0], size, **options) / 400 == pytest.approx(0.8, abs=0.08)


@pytest.mark.parametrize("candidates", [7, 67])
@pytest.mark.parametrize("size", [200, 1000, 5000])
def test_the_quick_limit_is_near_the_power_asked_for(size, candidates):
    table = FEW if candidates == 7 else WIDE
    assert table.shape[1] == candidates
    options = {"overdispersed": False}
    limit = signatures.detection_limit(spectra(size, samples=20), table, "SBS87", **options)
    hits = power_at(limit["limit"].median(), size, 300, table, **options)
    assert 0.68 < hits / 300 < 0.9  # .80, and Monte Carlo errors of limit and power


def test_with_disjoint_signatures_the_limit_solves_the_binomial_deviance():
    # other makes both halves alike, target the first half only: of n mutations a share (1 + f) / 2
    # falls there, and the deviance from 1/2 is 2 n KL.
    w = pd.DataFrame({"other": np.full(96, 1 / 96), "target": np.repeat([1 / 48, 0], 48)})
    counts = pd.DataFrame({"s": np.full(96, 10)})
    limit = signatures.detection_limit(counts, w, "target", overdispersed=False)["limit"]["s"]
    p = (1 + limit) / 2
    deviance = 2 * 960 * (p * np.log(2 * p) + (1 - p) * np.log(2 * (1 - p)))
    root = norm.isf(0.01) + norm.ppf(0.8) + LOST * np.log10(2)
    assert deviance == pytest.approx(root**2, rel=0.02)


def test_more_mutations_and_fewer_candidates_lower_the_limit():
    limits = [
        signatures.detection_limit(spectra(n), FEW, "SBS87")["limit"].iloc[0]
        for n in (100, 1000, 10_000)
    ]
    assert limits[0] > limits[1] > limits[2] > 0
    assert signatures.detection_limit(spectra(1000), WIDE, "SBS87")["limit"].iloc[0] > limits[1]


def test_overdispersion_raises_the_limit():
    rng = np.random.default_rng(4)
    noisy = rng.poisson(3000 * MIX.to_numpy() * rng.gamma(16, 1 / 16, 96))
    counts = pd.DataFrame({"s": noisy}, FEW.index)
    plain = signatures.detection_limit(counts, FEW, "SBS87", overdispersed=False)
    corrected = signatures.detection_limit(counts, FEW, "SBS87")
    assert corrected["dispersion"].iloc[0] > 1.2
    assert corrected["limit"].iloc[0] > plain["limit"].iloc[0]


def test_where_no_share_would_be_found_there_is_no_limit():
    counts = pd.concat([spectra(3), spectra(0).set_axis(["empty"], axis=1)], axis=1)
    limit = signatures.detection_limit(counts, FEW, "SBS87")["limit"]
    assert np.isnan(limit["empty"])
    assert np.isnan(limit["s0"])


def test_limits_repeat_with_the_seed_and_do_not_depend_on_the_other_samples():
    counts = spectra(300, samples=3)
    first = signatures.detection_limit(counts, FEW, "SBS87", replicates=50, seed=2)
    again = signatures.detection_limit(counts, FEW, "SBS87", replicates=50, seed=2)
    pd.testing.assert_frame_equal(first, again)
    for replicates in (0, 50):
        options = {"replicates": replicates, "seed": 2}
        alone = signatures.detection_limit(counts[["s1"]], FEW, "SBS87", **options)
        together = signatures.detection_limit(counts, FEW, "SBS87", **options)
        pd.testing.assert_frame_equal(alone, together.loc[["s1"]])


@pytest.mark.parametrize("option", [{"replicates": -1}, {"replicates": 2.5}, {"seed": -1}])
def test_draws_that_cannot_be_are_refused(option):
    name = next(iter(option))
    with pytest.raises(InputError, match=f"{name} is .*whole number from 0"):
        signatures.detection_limit(spectra(10), FEW, "SBS87", **option)


@pytest.mark.parametrize(("power", "false_positives"), [(0.8, 0.9), (1.0, 0.01), (0.8, 0.0)])
def test_impossible_demands_are_refused(power, false_positives):
    with pytest.raises(InputError, match="0 < false_positives < power < 1"):
        signatures.detection_limit(
            spectra(10), FEW, "SBS87", power=power, false_positives=false_positives
        )


def test_the_median_over_all_samples_counts_those_without_a_limit_as_above_every_share():
    # a: of .1, .2, .4 the median is .2; with one that shows none, .1 .2 .4 -, it is (.2 + .4) / 2.
    # b: of .1, .3 it is .2; with three that show none, the third of five is none.
    # c: with as many that show none as do, half of the way to no limit is no limit.
    shares = {"a": [0.4, None, 0.1, 0.2], "b": [None, 0.1, None, 0.3, None], "c": [0.5, None]}
    rows = [(group, limit) for group, limits in shares.items() for limit in limits]
    table = pd.DataFrame(rows, columns=["cohort", "limit"])
    found = signatures.median_limits(table, ["cohort"])
    assert found["samples"].to_dict() == {"a": 4, "b": 5, "c": 2}
    assert found["any_share"].to_dict() == {"a": 3, "b": 2, "c": 1}
    assert found["median_limit"].tolist() == pytest.approx([20, 20, 50])
    assert found["half_limit"].tolist() == pytest.approx([30, np.nan, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (pd.DataFrame({"limit": [0.1]}), "lack cohort"),
        (pd.DataFrame({"limit": [12.0], "cohort": "a"}), "fractions from 0 to 1"),
    ],
)
def test_limits_without_groups_or_in_percent_are_refused(limits, told):
    with pytest.raises(InputError, match=told):
        signatures.median_limits(limits, ["cohort"])
