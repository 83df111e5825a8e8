"""Cells in the dish: viability curves with planted IC50s. The lines are made up."""

import numpy as np
import pandas as pd
from numpy.random import Generator

from allrelapse.simulate.settings import Settings

IC50 = {
    "6-thioguanine": 0.8, "6-mercaptopurine": 3.0, "methotrexate": 0.03, "prednisolone": 0.1,
    "cytarabine": 0.05,
}  # fmt: skip
"""Planted IC50 of wild-type cells, µmol per litre (assumptions)."""
HILL = 1.6
FLOOR = 0.03
LINES = {"SIM-1": 1.0, "SIM-2": 2.0}
"""Made-up cell lines and how much more they stand than the first."""
DOUBLINGS = {"SIM-1": 3.0, "SIM-2": 1.5}
"""How often untreated cells double while the drug is there (assumptions)."""
FOLD: dict[str, dict[str, tuple[float, float]]] = {
    "wild type": {},
    "NT5C2 p.R367Q": {"6-thioguanine": (8, 5), "6-mercaptopurine": (10, 6)},
    "PRPS1 p.A190T": {"6-thioguanine": (12, 8), "6-mercaptopurine": (12, 8)},
    "MSH6 knock-down": {"6-thioguanine": (26, 5), "6-mercaptopurine": (9, 8)},
    "FPGS loss": {"methotrexate": (20, 15)},
    "NR3C1 loss": {"prednisolone": (10_000, 10_000)},
    "TP53 p.R248Q": {"6-thioguanine": (2, 2), "cytarabine": (3, 2.5), "methotrexate": (2, 2)},
}
"""Planted fold changes of the IC50 in the two lines. MSH6: Evensen 2018, Haematologica 103:830
(697 and UOCB1); all others are assumptions, NR3C1 beyond any dose that is tested."""


def viability(settings: Settings, rng: Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measured viability, and the planted curve of every line, genotype and drug.

    Returns
    -------
    The table drug_response, and `line`, `genotype`, `drug`, `ic50` (µmol per litre), `hill`,
    `floor`, `doublings` (of untreated cells).
    """
    planted = pd.DataFrame(
        [
            (line, genotype, drug, IC50[drug] * scale * folds.get(drug, (1, 1))[number])
            for number, (line, scale) in enumerate(LINES.items())
            for genotype, folds in FOLD.items()
            for drug in IC50
        ],
        columns=["line", "genotype", "drug", "ic50"],
    ).assign(hill=HILL, floor=FLOOR)
    planted["doublings"] = planted["line"].map(DOUBLINGS)
    steps = np.r_[0.0, 4.0 ** np.arange(settings.doses - 1)]
    wells = planted.merge(pd.DataFrame({"step": steps}), how="cross")
    wells = wells.merge(pd.DataFrame({"plate": range(1, settings.plates + 1)}), how="cross")
    wells = wells.merge(pd.DataFrame({"replicate": range(1, settings.replicates + 1)}), how="cross")
    # the middle of the doses is the wild-type IC50 of the drug
    middle = wells["drug"].map(IC50) / 4.0 ** ((settings.doses - 2) // 2)
    wells["dose"] = (wells["step"] * middle).map(lambda dose: float(f"{dose:.4g}"))
    kept = 1 / (1 + (wells["dose"] / wells["ic50"]) ** HILL)
    mean = FLOOR + (1 - FLOOR) * kept
    plate = rng.normal(1, 0.03, (len(planted), settings.plates))
    shift = np.repeat(plate[:, None, :], len(steps), axis=1).ravel().repeat(settings.replicates)
    noise = rng.normal(0, settings.viability_noise, len(wells))
    wrong = rng.random(len(wells)) < settings.outliers
    noise = np.where(wrong, rng.normal(0, 0.5, len(wells)), noise)
    # background was subtracted, so that dead wells read below 0 as often as above
    wells["viability"] = np.round(np.clip(mean * shift + noise, -1, 10), 4)
    counted = rng.normal(1, 0.03, plate.shape)  # anew, on a plate that is opened at time zero
    counted = np.repeat(counted[:, None, :], len(steps), axis=1).ravel().repeat(settings.replicates)
    wells["time_zero"] = np.round(counted / 2 ** wells["doublings"], 4)
    columns = ["line", "genotype", "drug", "dose", "viability", "time_zero", "replicate", "plate"]
    return wells[columns].astype({"replicate": "Int64", "plate": "Int64"}), planted
