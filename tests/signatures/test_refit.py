"""Refit against scipy's optimisers, closed forms and planted exposures."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from allrelapse import signatures
from allrelapse.data import reference
from allrelapse.errors import InputError
from allrelapse.signatures import kernel, poisson

COSMIC = reference.cosmic()
FEW = COSMIC[["SBS1", "SBS2", "SBS5", "SBS13", "SBS18", "SBS86", "SBS87"]]


def draw(exposures, catalogue=FEW, seed=0, samples=1):
    """Poisson counts, 96 x samples, of given exposures (dict of mutations)."""
    mean = catalogue[list(exposures)] @ pd.Series(exposures)
    rng = np.random.default_rng(seed)
    counts = rng.poisson(mean.to_numpy()[:, None], size=(96, samples))
    names = [f"s{i}" for i in range(samples)]
    return pd.DataFrame(counts, index=catalogue.index, columns=names)


def test_dense_refit_reaches_the_likelihood_of_a_general_optimiser():
    counts = draw({"SBS1": 40, "SBS5": 120, "SBS87": 60})
    x, w = counts.to_numpy()[:, 0], FEW.to_numpy()

    def loss(e):
        mean = w @ e + 1e-12
        return mean.sum() - x @ np.log(mean)

    start = np.full(w.shape[1], x.sum() / w.shape[1])
    best = minimize(loss, start, bounds=[(0, None)] * w.shape[1], method="L-BFGS-B", tol=1e-12)
    fit = signatures.refit(counts, FEW, sparse=False)
    assert fit.log_likelihood.iloc[0] >= -best.fun - 1e-3
    assert fit.exposures.to_numpy()[0] == pytest.approx(best.x, abs=0.5)


def test_disjoint_signatures_have_their_own_counts_as_exposures():
    w = pd.DataFrame(np.kron(np.eye(3), np.full((32, 1), 1 / 32)), columns=["a", "b", "c"])
    counts = pd.DataFrame({"s": np.repeat([1, 2, 0], 32)})
    fit = signatures.refit(counts, w, sparse=False)
    assert fit.exposures.loc["s"].to_numpy() == pytest.approx([32, 64, 0], abs=1e-3)
    assert fit.reconstruction["s"] == pytest.approx(1)


def test_dense_exposures_sum_to_the_number_of_mutations():
    counts = draw({"SBS5": 300, "SBS87": 50}, samples=5)
    fit = signatures.refit(counts, COSMIC, sparse=False)
    assert fit.exposures.sum(axis=1).to_numpy() == pytest.approx(counts.sum().to_numpy(), rel=1e-4)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_fitted_likelihood_is_within_tolerance_of_a_long_em_run(seed):
    rng = np.random.default_rng(seed)
    w = rng.dirichlet(np.full(96, 0.3), size=6).T
    x = rng.poisson(w @ rng.gamma(0.5, 100, size=6)).astype(float)[None]
    if x.sum() == 0:
        return
    e = np.full((1, 6), x.sum() / 6)
    for _ in range(20_000):
        e = e * ((x / np.maximum(e @ w.T, 1e-12)) @ w)
    fitted = poisson.fit(x, w)
    gain = poisson.log_likelihood(x, e @ w.T) - poisson.log_likelihood(x, fitted @ w.T)
    assert gain[0] <= kernel.slack(x[0]) + 1e-6


def duality_gap(counts, w, exposures):
    """Bound of the distance to the maximum log-likelihood: Lindsay 1983, Ann Stat 11:86."""
    ratio = (counts / np.maximum(exposures @ w.T, 1e-12)) @ w
    best = np.maximum(ratio.max(axis=1) - 1, 0) * counts.sum(axis=1)
    return best - np.sum(exposures * (ratio - 1), axis=1)


def test_sparse_refit_finds_the_planted_signatures_in_a_genome():
    counts = draw({"SBS1": 300, "SBS5": 1500, "SBS87": 700}, COSMIC, seed=3)
    active = signatures.refit(counts, COSMIC).exposures.loc["s0"].loc[lambda e: e > 0]
    assert {"SBS5", "SBS87"} <= set(active.index)
    assert active["SBS87"] == pytest.approx(700, rel=0.25)
    assert len(active) <= 6


def test_sparse_refit_keeps_no_signature_that_is_not_missed():
    counts = draw({"SBS5": 800, "SBS18": 400}, samples=8, seed=5)
    fit = signatures.refit(counts, FEW, threshold=6.63)
    x, w = counts.to_numpy(float).T, FEW.to_numpy()
    for i, row in enumerate(fit.exposures.to_numpy()):
        for k in np.flatnonzero(row):
            if (row > 0).sum() > 1:
                others = w[:, (row > 0) & (np.arange(7) != k)]
                mean = poisson.fit(x[[i]], others) @ others.T
                loss = fit.log_likelihood.iloc[i] - poisson.log_likelihood(x[[i]], mean)[0]
                assert 2 * loss >= 6.63 - 1e-3


def test_an_executor_gives_the_same_numbers():
    counts = draw({"SBS1": 20, "SBS87": 30}, samples=600)
    alone = signatures.refit(counts, FEW)
    with ThreadPoolExecutor(2) as pool:
        together = signatures.refit(counts, FEW, executor=pool)
    pd.testing.assert_frame_equal(alone.exposures, together.exposures)


def test_order_of_channels_does_not_matter():
    counts = draw({"SBS1": 50, "SBS87": 60})
    shuffled = counts.sample(frac=1, random_state=1)
    a = signatures.refit(counts, FEW, sparse=False).exposures
    b = signatures.refit(shuffled, FEW, sparse=False).exposures
    pd.testing.assert_frame_equal(a, b)


def test_a_sample_without_mutations_has_no_exposures_and_no_cosine():
    counts = draw({"SBS5": 100}).assign(empty=0)
    for sparse in (True, False):
        fit = signatures.refit(counts, FEW, sparse=sparse)
        assert (fit.exposures.loc["empty"] == 0).all()
        assert np.isnan(fit.reconstruction["empty"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: c.assign(s0=c["s0"] * 0.5 + 0.25), "s0"),
        (lambda c: c.assign(s0=-1), "whole numbers"),
        (lambda c: c.assign(s0=np.nan), "whole numbers"),
        (lambda c: c.iloc[1:], "channels"),
        (lambda c: pd.concat([c, c], axis=1), "twice"),
        (lambda c: c.iloc[:, :0], "no columns"),
    ],
)
def test_counts_that_are_none_are_refused_by_name(damage, message):
    with pytest.raises(InputError, match=message):
        signatures.refit(damage(draw({"SBS5": 50})), FEW)


def test_unnormalised_signatures_are_refused_by_name():
    with pytest.raises(InputError, match="SBS87"):
        signatures.refit(draw({"SBS5": 50}), FEW.assign(SBS87=FEW["SBS87"] * 2))


@pytest.mark.parametrize("mutations", [1, 100, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("evenness", [0.05, 5])
def test_any_spectrum_is_fitted_to_the_proven_optimum(mutations, evenness):
    # spectra that no mixture of signatures explains, from one mutation to a hundred million
    rng = np.random.default_rng(int(mutations))
    x = rng.poisson(mutations * rng.dirichlet(np.full(96, evenness), size=20)).astype(float)
    w = COSMIC.to_numpy()
    exposures = poisson.fit(x, w)
    gap = duality_gap(x, w, exposures)[x.sum(axis=1) > 0]
    assert (gap <= np.maximum(0.02, 1e-7 * x.sum(axis=1))[x.sum(axis=1) > 0]).all()
