"""Plates of wells with a dose and a response, for the tests of fits and of their pictures."""

import numpy as np
import pandas as pd

DOSES = np.r_[0.0, 0.1 * 3.0 ** np.arange(8)]  # 0.1 to 218.7
PLAIN = {"outliers": 0.0, "uneven": False}  # least squares and nothing else


def plate(ic50=3.0, hill=1.5, bottom=0.1, *, noise=0.0, repeats=3, tops=(1.0,), seed=0):
    """Wells of one curve, on as many plates as there are heights."""
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame({"dose": np.repeat(DOSES, repeats), "plate": number}).assign(
            viability=lambda t, top=top: (
                top / (1 + (t["dose"] / ic50) ** hill) * (1 - bottom) + top * bottom
            )
        )
        for number, top in enumerate(tops, 1)
    ]
    table = pd.concat(parts, ignore_index=True)
    table["viability"] += noise * rng.standard_normal(len(table))
    return table
