"""The compiled functions: one layout each, whatever tables come in."""

import numpy as np
import pandas as pd
import pytest

from allrelapse import signatures
from allrelapse.signatures import gibbs, kernel, nmf
from tests.signatures.test_refit import COSMIC, FEW, draw


def test_every_compiled_function_is_compiled_for_one_layout_only():
    # Two layouts would double the time to compile. And processes that fill numba's cache at the
    # same time may then read each other's code for the other layout, and crash.
    counts = draw({"SBS1": 30, "SBS87": 30}, samples=3)
    columnwise = pd.DataFrame(np.asfortranarray(counts.to_numpy()), counts.index, counts.columns)
    for table in (counts, columnwise, counts.astype(float), counts.iloc[:, ::2]):
        signatures.refit(table, FEW, threshold=6, replicates=3)
        signatures.refit(table, FEW, sparse=False, forbidden=["SBS2"])
        signatures.presence(table, FEW, "SBS87", replicates=3)
        signatures.detection_limit(table, FEW, "SBS87", replicates=3)
        first = pd.Series([True, False], table.columns[:2])
        signatures.share_odds_ratio(table.iloc[:, :2], FEW, "SBS87", first, permutations=2)
        signatures.exposure_draws(table, FEW, replicates=5)
        signatures.extract(table, ranks=[2], replicates=3)
    compiled = {
        f"{module.__name__}.{name}": f
        for module in (kernel, gibbs, nmf)
        for name, f in vars(module).items()
        if hasattr(f, "py_func")
    }
    assert len(compiled) > 25
    several = {name: f.signatures for name, f in compiled.items() if len(f.signatures) > 1}
    assert not several


@pytest.mark.parametrize("mutations", [30, 300, 3000])
def test_the_loss_without_a_signature_is_never_below_its_bound(mutations):
    # the bound of `losses` spares fits: it must not spare one that would have been dropped
    rng = np.random.default_rng(mutations)
    w = np.ascontiguousarray(COSMIC.to_numpy().T[rng.permutation(COSMIC.shape[1])[:12]])
    none = np.zeros(12, np.bool_)
    compared = 0
    for _ in range(40):
        x = rng.poisson(mutations * rng.dirichlet(np.ones(12)) @ w).astype(float)
        e = np.full(12, mutations / 12)
        now = kernel.maximise(x, w, np.zeros(96), e, ~none, 1e-4)
        taken = np.flatnonzero(e > 0)
        loss = kernel.losses(x, w, e, none, now, np.inf)[0][taken]
        z = kernel.significance(x, w, e, taken)
        assert (loss >= 2 * (z - np.log1p(z)) - 1e-3).all()
        compared += len(taken)
    assert compared > 100
