"""The compiled functions: one layout each, whatever tables come in."""

import numpy as np
import pandas as pd

from allrelapse import signatures
from allrelapse.signatures import gibbs, kernel, nmf
from tests.signatures.test_refit import FEW, draw


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
        signatures.share_odds_ratio(table.iloc[:, :2], FEW, "SBS87")
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
