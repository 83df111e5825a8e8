"""Extraction from planted matrices and from the simulated cohort."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_samples

from allrelapse import signatures, simulate
from allrelapse.data import reference
from allrelapse.errors import InputError
from allrelapse.signatures.extract import (
    THINNED,
    _choose,
    _held_out,
    _stream,
    consensus,
    silhouettes,
)

COSMIC = reference.cosmic()
THREE = ["SBS4", "SBS7a", "SBS22a"]
QUICK = {"replicates": 4, "splits": 2}


def drawn(names=THREE, samples=60, seed=0):
    """Counts of samples with a few hundred mutations of each of some known signatures."""
    rng = np.random.default_rng(seed)
    exposures = rng.gamma(0.6, 400, size=(len(names), samples))
    counts = rng.poisson(COSMIC[names].to_numpy() @ exposures)
    return pd.DataFrame(counts, COSMIC.index, [f"s{i}" for i in range(samples)])


@pytest.fixture(scope="module")
def planted():
    counts = drawn()
    return counts, signatures.extract(counts, range(2, 6), replicates=8, splits=3)


def test_number_and_shape_of_planted_signatures_are_found(planted):
    _, found = planted
    assert found.rank == 3
    cosines = signatures.cosine(found.signatures, COSMIC[THREE])
    assert sorted(cosines.idxmax(axis=1)) == sorted(THREE)
    assert cosines.max(axis=1).min() > 0.97


def test_tables_are_labelled_and_add_up(planted):
    counts, found = planted
    assert list(found.signatures) == ["A", "B", "C"] == list(found.exposures)
    assert list(found.signatures.index) == list(reference.CHANNELS)
    assert found.signatures.sum().to_numpy() == pytest.approx(1)
    assert list(found.exposures.index) == list(counts)
    assert found.exposures.sum(axis=1).to_numpy() == pytest.approx(counts.sum(), abs=0.1)
    assert found.exposures.sum().is_monotonic_decreasing


def test_exposures_are_the_most_likely_ones_of_the_counts_themselves(planted):
    counts, found = planted
    wanted = signatures.refit(counts, found.signatures, sparse=False).exposures
    pd.testing.assert_frame_equal(found.exposures, wanted)


def test_the_table_of_ranks_shows_what_the_rule_used(planted):
    _, found = planted
    table = found.stability
    assert list(table.index) == [2, 3, 4, 5]
    assert table.index[table["chosen"]].tolist() == [3]
    assert table.loc[3, "behind"] == 0
    assert (table["held_out"].loc[3] - table["held_out"] - table["behind"]).abs().max() < 1e-6
    assert (table["behind"] > 2 * table["behind_se"]).drop(3).all()
    assert found.silhouettes.min() == table.loc[3, "min_silhouette"] > 0.9


def test_results_depend_on_the_seed_alone():
    counts = drawn(samples=20)
    with ThreadPoolExecutor(1) as one:
        first = signatures.extract(counts, [2, 3], executor=one, **QUICK)
    again = signatures.extract(counts, [2, 3], **QUICK)
    assert first.signatures.to_numpy().tobytes() == again.signatures.to_numpy().tobytes()
    assert first.stability.to_numpy(float).tobytes() == again.stability.to_numpy(float).tobytes()
    other = signatures.extract(counts, [2, 3], seed=1, **QUICK)
    assert not other.stability["held_out"].equals(first.stability["held_out"])
    alone = signatures.extract(counts, [3], **QUICK).stability.loc[3, "held_out"]
    assert alone == first.stability.loc[3, "held_out"]


def test_order_of_channels_does_not_matter():
    counts = drawn(samples=20)
    shuffled = counts.sample(frac=1, random_state=1)
    a, b = (signatures.extract(c, [3], **QUICK) for c in (counts, shuffled))
    pd.testing.assert_frame_equal(a.signatures, b.signatures)
    pd.testing.assert_frame_equal(a.exposures, b.exposures)


def test_a_sample_without_mutations_has_none_explained():
    counts = drawn(samples=20).assign(empty=0)
    found = signatures.extract(counts, [3], **QUICK)
    assert (found.exposures.loc["empty"] == 0).all()


def test_silhouettes_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    clusters = rng.dirichlet(np.full(96, 0.2), size=3)[:, None] + rng.gamma(1, 0.01, (3, 7, 96))
    flat, labels = clusters.reshape(-1, 96), np.repeat(range(3), 7)
    wanted = silhouette_samples(flat, labels, metric="cosine").reshape(3, 7).mean(axis=1)
    assert silhouettes(clusters) == pytest.approx(wanted, abs=1e-9)


def test_consensus_undoes_any_order_of_signatures():
    rng = np.random.default_rng(1)
    truth = rng.dirichlet(np.full(96, 0.2), size=4)
    replicates = np.stack([rng.permutation(truth) + rng.gamma(1, 1e-3, (4, 96)) for _ in range(9)])
    clusters = consensus(replicates)
    assert clusters.shape == (4, 9, 96)
    nearest = [[int(np.argmin(np.abs(truth - w).sum(axis=1))) for w in c] for c in clusters]
    assert sorted(set(map(tuple, nearest))) == [(i,) * 9 for i in range(4)]


def test_of_unstable_ranks_the_most_stable_is_chosen():
    # one process, drawn again: whatever a second signature shows is chance
    rng = np.random.default_rng(2)
    counts = rng.poisson(np.outer(COSMIC["SBS5"], np.full(30, 500)))
    table = pd.DataFrame(counts, COSMIC.index, range(30))
    found = signatures.extract(table, [2, 3, 4], **QUICK)
    assert found.stability["min_silhouette"].max() < 0.8
    assert found.rank == found.stability["min_silhouette"].idxmax()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: c.assign(s0=0.5), "whole numbers"),
        (lambda c: c.assign(s0=-1), "whole numbers"),
        (lambda c: c.assign(s0=np.nan), "whole numbers"),
        (lambda c: c.iloc[1:], "96 channels"),
        (lambda c: c.rename(index={"A[C>A]A": "ACA>A"}), "ACA>A"),
        (lambda c: pd.concat([c, c], axis=1), "twice"),
        (lambda c: pd.concat([c, c.iloc[:1]]), "twice"),
        (lambda c: c.iloc[:, :0], "no columns"),
        (lambda c: c.iloc[:, :2], "smaller ranks"),
        (lambda c: c * 0, "smaller ranks"),
    ],
)
def test_counts_that_are_none_are_refused_by_name(damage, message):
    with pytest.raises(InputError, match=message):
        signatures.extract(damage(drawn(samples=5)), [3], **QUICK)


@pytest.mark.parametrize(
    "settings",
    [{"ranks": []}, {"ranks": [1, 2]}, {"ranks": [27]}, {"ranks": [2.5]}, {"replicates": 1}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match=r"ranks are|replicates is"):
        signatures.extract(drawn(samples=40), **settings)


@pytest.fixture(scope="module")
def cohort():
    drawn_from = simulate.cohort(seed=1)
    counts = signatures.gained_spectra(drawn_from.mutations, drawn_from.samples)
    return counts, signatures.extract(counts, [3, 4, 5], replicates=20, splits=5)


def test_both_therapy_signatures_come_out_of_the_simulated_cohort(cohort):
    counts, found = cohort
    assert counts.shape == (96, 206)
    assert found.rank == 4
    assert found.stability.loc[4, "min_silhouette"] >= 0.85
    cosines = signatures.cosine(found.signatures, COSMIC[["SBS86", "SBS87"]]).max()
    assert cosines["SBS86"] >= 0.95
    assert cosines["SBS87"] >= 0.95


def test_held_out_likelihood_and_its_standard_error_are_those_by_hand():
    # two spectra, two splits; ranks 2 and 3, both stable
    widths = {2: np.array([0.9, 0.95]), 3: np.array([0.85, 0.9, 0.9])}
    held_out = np.array([[-10.0, -20.0, -31.0], [-8.0, -21.0, -26.0]])
    table = _choose(widths, held_out)
    assert table["held_out"].tolist() == [-61, -55]
    assert table["chosen"].tolist() == [False, True]
    assert table.loc[2, "behind"] == 6
    # the paired differences are 2, -1 and 5, with standard deviation 3; their sum has 3 * 3^.5
    assert table.loc[2, "behind_se"] == pytest.approx(3 * np.sqrt(3))


def test_held_out_mutations_are_predicted_at_their_own_scale():
    # with one signature and one spectrum the prediction is a quarter of what was kept
    counts = np.full((4, 96), 100.0)
    predicted = _held_out(counts, 2, 0, 0)
    kept = _stream(0, 0, THINNED, 0).binomial(100, 0.8, size=(4, 96))
    best = np.sum((100 - kept) * np.log(20) - 20, axis=1)
    assert predicted == pytest.approx(best, rel=0.01)


def test_therapy_signatures_are_novel_where_the_reference_lacks_them_only(cohort):
    _, found = cohort
    targets = ["SBS86", "SBS87"]
    known = signatures.match(found, COSMIC)
    assert not known["novel"].any()
    names = known.index[known["best"].isin(targets)]
    hidden = signatures.match(found, COSMIC.drop(columns=targets))
    assert sorted(hidden.index[hidden["novel"]]) == sorted(names)
    assert len(names) == 2
    assert hidden["mixture_cosine"][names].max() < 0.88
    assert hidden["mixture_cosine"].drop(names).min() > 0.95
