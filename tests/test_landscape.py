"""Burden at diagnosis and relapse: counts by hand, ratios by closed forms, scatter allowed for."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from allrelapse import landscape
from allrelapse.data import tables
from allrelapse.errors import InputError
from allrelapse.exact import Estimate


def test_burden_counts_by_when_mutations_are_seen():
    when = ["shared"] * 3 + ["relapse only"] * 2 + ["diagnosis only"]
    seen = pd.DataFrame({"patient": ["A"] * 6 + ["B"], "when": [*when, "shared"]})
    table = landscape.burden(seen).set_index("patient")
    assert table.loc["A"].to_dict() == {
        "shared": 3, "diagnosis only": 1, "relapse only": 2, "diagnosis": 4, "relapse": 5,
    }  # fmt: skip
    assert table.loc["B", ["diagnosis", "relapse"]].to_list() == [1, 1]


def test_sensitivity_is_the_chance_of_enough_reads():
    samples = tables.complete(
        pd.DataFrame(
            {
                "sample": ["A-D", "A-R"],
                "patient": "A",
                "stage": ["diagnosis", "relapse"],
                "day": [0, 500],
                "purity": [0.9, 0.2],
            }
        ),
        "samples",
    )
    mutations = tables.complete(
        pd.DataFrame(
            {"sample": ["A-D", "A-R"], "Chromosome": "1", "Start_Position": 1, "t_depth": [60, 30]}
        ),
        "mutations",
    )
    row = landscape.sensitivity(mutations, samples).iloc[0]
    assert row["diagnosis"] == pytest.approx(binom.sf(2, 60, 0.45))
    assert row["relapse"] == pytest.approx(1 - binom.cdf(2, 30, 0.1))


def pairs(rng, n=60, ratio=3.0, shape=None):
    base = rng.gamma(2, 40, n)
    noise = 1 if shape is None else rng.gamma(shape, 1 / shape, (2, n))
    return [pd.Series(rng.poisson(m), dtype=float) for m in base * np.array([[1], [ratio]]) * noise]


def test_the_ratio_is_that_of_all_counts():
    diagnosis, relapse = pairs(np.random.default_rng(1))
    found = landscape.rate_ratio(diagnosis, relapse)
    assert found.ratio.value == pytest.approx(relapse.sum() / diagnosis.sum())
    assert found.dispersion == pytest.approx(1, abs=0.6)
    assert found.patients == 60


def test_pearsons_dispersion_by_hand():
    diagnosis, relapse = pairs(np.random.default_rng(2), shape=3)
    total = diagnosis + relapse
    p = relapse.sum() / total.sum()
    pearson = ((relapse - total * p) ** 2 / (total * p * (1 - p))).sum() / 59
    assert landscape.rate_ratio(diagnosis, relapse).dispersion == pytest.approx(pearson)


def test_a_relapse_that_shows_half_of_its_mutations_counts_double():
    diagnosis, relapse = pairs(np.random.default_rng(3))
    seen = pd.DataFrame({"diagnosis": 0.8, "relapse": 0.4}, index=diagnosis.index)
    plain, mended = landscape.rate_ratio(diagnosis, relapse), None
    mended = landscape.rate_ratio(diagnosis, relapse, seen=seen)
    assert mended.ratio.value == pytest.approx(2 * plain.ratio.value)
    assert mended.typical.value == pytest.approx(2 * plain.typical.value)


def test_intervals_hold_the_truth_where_counts_scatter():
    """95 % intervals over 150 drawn cohorts, counts with nine times Poisson's variance or so."""
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(150):
        found = landscape.rate_ratio(*pairs(rng, n=30, shape=4))
        inside += found.ratio.lower <= 3 <= found.ratio.upper
    assert 0.95 - 4 * np.sqrt(0.05 * 0.95 / 150) <= inside / 150 <= 1


def test_the_typical_ratio_has_the_interval_of_a_median():
    """Of ten sorted values the second and ninth hold the median with 97.9 %: 1 - 2 x 11 / 1,024."""
    after = pd.Series([9.5, 3, 81, 40, 5, 22, 7, 60, 13, 100]) - 0.5
    found = landscape.rate_ratio(pd.Series(np.full(10, 0.5)), after).typical
    assert found.value == pytest.approx(np.sqrt(13 * 22))
    assert (found.lower, found.upper) == pytest.approx((5, 81))


def test_ratios_are_told_with_their_intervals():
    row = landscape.RateRatio(Estimate(2, 1.5, 3), Estimate(1, 0.25, np.inf), 9, 0.0001, 7)
    table = landscape.told(pd.DataFrame([{"patients": "B"} | row.as_row()]))
    assert table.iloc[0].to_list() == ["B", 7, "2.00 [1.50, 3.00]", "1.00 [0.25, inf]", "< .001"]


def test_equal_counts_have_ratio_one():
    same = pd.Series([10.0, 20, 30])
    found = landscape.rate_ratio(same, same)
    assert (found.ratio.value, found.typical.value, found.p_value) == (pytest.approx(1), 1, 1)


def test_counts_that_are_none_are_refused():
    with pytest.raises(InputError, match="counts of 0 or more"):
        landscape.rate_ratio(pd.Series([1.0, np.nan]), pd.Series([1.0, 2]))
    with pytest.raises(InputError, match="mutations of both samples"):
        landscape.rate_ratio(pd.Series([0.0, 0]), pd.Series([3.0, 2]))
    with pytest.raises(InputError, match="two or more patients"):
        landscape.rate_ratio(pd.Series([0.0, 0]), pd.Series([0.0, 2]))


def test_a_sample_in_which_nothing_could_be_seen_is_left_out():
    diagnosis, relapse = pairs(np.random.default_rng(5), n=20)
    seen = pd.DataFrame({"diagnosis": 0.9, "relapse": 0.9}, index=diagnosis.index)
    seen.loc[3, "relapse"] = 0.0
    assert landscape.rate_ratio(diagnosis, relapse, seen=seen).patients == 19


def test_panels_and_mixtures_tell_no_rate_per_base():
    samples = pd.DataFrame({"stage": ["diagnosis", "relapse", "germline"]})
    assert landscape.are_exomes(samples.assign(platform=["exome", "exome", "genome"]))
    assert not landscape.are_exomes(samples.assign(platform=[None, "genome", None]))
    for platforms in (["panel"] * 3, ["exome", "genome", "genome"]):
        with pytest.raises(InputError, match="genomes or exomes alone"):
            landscape.are_exomes(samples.assign(platform=platforms))


def test_the_fence_is_tukeys_on_the_log_scale():
    """Of log(1 + x) = 0, 1, 2, 3, 4 the quartiles are 1 and 3, so the fence is at 3 + 3."""
    usual = pd.Series(np.expm1([0.0, 1, 2, 3, 4]))
    assert landscape.hypermutation_limit(usual) == pytest.approx(np.expm1(6))
    judged = landscape.hypermutated(pd.Series([402.0, 403.0]), reference=usual)
    assert judged.to_list() == [False, True]
    with pytest.raises(InputError, match="four or more"):
        landscape.hypermutation_limit(usual.head(3))
