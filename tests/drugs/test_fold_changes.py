"""Fold changes: shared-parameter tests against curve_fit and the F law, bounds, and calibration."""

import numpy as np
import pandas as pd
import pytest
from drug_plates import DOSES, PLAIN, plate
from scipy.optimize import curve_fit
from scipy.stats import f as fisher_f
from statsmodels.stats.multitest import multipletests

from allrelapse import drugs
from allrelapse.drugs import fold
from allrelapse.errors import InputError


def stacked(first, second, parallel, equal):
    """Sum of squares and freedom of both curves fitted at once by scipy."""
    both = pd.concat([first.assign(curve=0), second.assign(curve=1)])
    dose, curve = both["dose"].to_numpy(), both["curve"].to_numpy()

    def law(dose, top0, top1, bottom, hill, ic50, *rest):
        rest = list(rest)
        ratio = 1.0 if equal else rest.pop()
        other = (bottom, hill) if parallel else rest
        low = np.where(curve, other[0], bottom)
        slope = np.where(curve, other[1], hill)
        top, middle = np.where(curve, top1, top0), np.where(curve, ic50 * ratio, ic50)
        return top * (low + (1 - low) / (1 + (dose / middle) ** slope))

    start = [1, 1, 0.1, 1.5, 3] + ([] if parallel else [0.1, 1.5]) + ([] if equal else [2])
    found, _ = curve_fit(law, dose, both["viability"], start, xtol=1e-12, ftol=1e-12)
    squares = ((law(dose, *found) - both["viability"]) ** 2).sum()
    return squares, len(both) - len(start), found


def test_without_noise_the_fold_change_comes_back():
    found = drugs.fold_change(plate(ic50=37.0, tops=(0.7,)), plate(tops=(1.0, 1.3)), **PLAIN)
    assert found.status == "measured"
    assert found.fold.value == pytest.approx(37 / 3, rel=1e-8)
    assert found.p_value < 1e-12


@pytest.mark.parametrize("parallel", [True, False])
def test_the_test_is_the_f_of_nested_fits(parallel):
    first, second = plate(noise=0.07, seed=1), plate(ic50=3.4, noise=0.07, seed=2)
    full, freedom, parameters = stacked(first, second, parallel, equal=False)
    same, _, _ = stacked(first, second, parallel, equal=True)
    loose, rest, _ = stacked(first, second, False, equal=False)
    shared, _, _ = stacked(first, second, True, equal=False)
    found = drugs.fold_change(second, first, parallel=parallel, **PLAIN)
    p_value = fisher_f.sf((same - full) / (full / freedom), 1, freedom)
    assert 0.01 < p_value < 0.9
    assert found.p_value == pytest.approx(p_value, rel=1e-4)
    assert found.fold.value == pytest.approx(parameters[-1], rel=1e-5)
    p_value = fisher_f.sf((shared - loose) / 2 / (loose / rest), 2, rest)
    assert found.p_parallel == pytest.approx(p_value, rel=1e-4)


def test_the_interval_ends_where_the_test_would_say_p_05():
    base, other = plate(noise=0.06, seed=1), plate(ic50=12.0, noise=0.06, seed=2)
    found = drugs.fold_change(other, base, **PLAIN)
    for end in found.fold.interval:
        # doses in units of the end make the curves equal under the hypothesis
        moved = other.assign(dose=other["dose"] / end)
        assert drugs.fold_change(moved, base, **PLAIN).p_value == pytest.approx(0.05, abs=1e-4)


def test_which_curve_is_the_reference_turns_the_ratio_round():
    base, other = plate(noise=0.05, seed=3), plate(ic50=15.0, noise=0.05, seed=4)
    one, two = drugs.fold_change(other, base), drugs.fold_change(base, other)
    value, lower, upper = two.fold
    assert tuple(one.fold) == pytest.approx((1 / value, 1 / upper, 1 / lower), rel=1e-4)
    assert two.p_parallel == pytest.approx(one.p_parallel, rel=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_a_curve_beyond_the_doses_gives_a_bound_and_no_number(seed):
    base, flat = plate(noise=0.05, seed=seed), plate(ic50=1e6, noise=0.05, seed=seed + 10)
    found = drugs.fold_change(flat, base)
    assert found.status == fold.MORE
    value, lower, upper = found.fold
    assert value == upper == np.inf
    middle = drugs.fit_curve(base).relative
    assert lower == pytest.approx(DOSES[-1] / middle, rel=0.1)  # the highest dose, no further
    assert found.p_value < 1e-6
    none = drugs.fold_change(base, flat)
    assert none.status == fold.NO_REFERENCE
    assert np.isnan(none.fold.value)
    dead = plate(ic50=1e-4, noise=0.05, seed=seed + 20)
    less = drugs.fold_change(dead, base)
    assert less.status == fold.LESS
    assert less.fold.value == less.fold.lower == 0
    assert less.fold.upper == pytest.approx(DOSES[1] / middle, rel=0.1)


def test_curves_of_other_shape_are_told():
    base = plate(noise=0.04, seed=1)
    steep = plate(ic50=10.0, hill=4.0, noise=0.04, seed=2)
    assert drugs.fold_change(steep, base).p_parallel < 1e-3
    alike = plate(ic50=10.0, noise=0.04, seed=2)
    assert drugs.fold_change(alike, base).p_parallel > 0.01


def test_a_curve_of_few_wells_counts_by_the_well_beside_one_of_many():
    few = plate(ic50=12.0, noise=0.02, repeats=1, seed=1)
    many = plate(noise=0.02, repeats=6, seed=2)
    fold_ = drugs.fold_change(few, many).fold
    assert fold_.value == pytest.approx(4, rel=0.2)
    assert fold_.lower < 4 < fold_.upper
    assert fold_.upper / fold_.lower < 1.6


def test_a_table_has_every_genotype_in_each_line_and_reasons_for_gaps():
    genotypes = {"wild type": 3.0, "a": 3.0, "b": 30.0}
    parts = [
        plate(ic50=ic50, noise=0.04, seed=number).assign(line=line, drug="x", genotype=name)
        for line in ("L1", "L2")
        for number, (name, ic50) in enumerate(genotypes.items())
    ]
    table = pd.concat(parts, ignore_index=True)
    lone = table[(table["line"] == "L1") & (table["genotype"] == "a")].assign(line="L3")
    short = lone[lone["dose"] < 1].assign(line="L1", genotype="c")
    found = drugs.fold_changes(pd.concat([table, lone, short], ignore_index=True))
    names = list(zip(found["line"], found["genotype"], strict=True))
    pairs = [("L1", "a"), ("L1", "b"), ("L1", "c"), ("L2", "a"), ("L2", "b"), ("L3", "a")]
    assert names == pairs
    assert found["status"].iloc[2].startswith("not fitted: 3 doses")
    assert found["status"].iloc[5] == "reference not fitted: no wild type here"
    whole = found.dropna(subset="p_value")
    assert whole["fold"].round(-1).tolist() == [0, 10, 0, 10]
    adjusted = multipletests(whole["p_value"], method="fdr_bh")[1]
    assert whole["q_value"].to_numpy() == pytest.approx(adjusted)
    with pytest.raises(InputError, match="no 'parent'"):
        drugs.fold_changes(table, "parent")
    with pytest.raises(InputError, match="no column drug"):
        drugs.fold_changes(table.drop(columns="drug"))


def test_the_test_is_wrong_as_often_as_it_says():
    """P < .1 in 120 pairs of equal IC50, within 3 standard errors; few wells, uneven heights."""
    p_values = []
    for seed in range(120):
        base = plate(noise=0.06, repeats=1, tops=(1.0, 0.8), seed=seed)
        same = plate(noise=0.06, repeats=1, tops=(1.2, 0.9), seed=seed + 1000)
        p_values.append(drugs.fold_change(same, base, **PLAIN).p_value)
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=3 * np.sqrt(0.09 / 120))
