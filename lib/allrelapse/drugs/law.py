"""The four-parameter log-logistic law of dose and response.

Of a well with dose d on plate p, the viability is expected to be

    top_p · (bottom + (1 − bottom) · 1 / (1 + (d / IC50)^hill)),

with a height of its own for each plate (wells seeded alike, read alike), and a bottom that is a
fraction of that height. With one plate these are the usual four parameters.

Source: Ritz et al. 2015, PLoS One 10:e0146021 (log-logistic models for dose and response).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def law(dose: ArrayLike, ic50: float, hill: float, bottom: float = 0.0, top: float = 1.0) -> Array:
    """Viability expected at each dose, a fraction of that of untreated cells.

    Parameters
    ----------
    dose : µmol per litre, 0 or more, any shape
    ic50 : dose in the middle between top and bottom (the *relative* IC50), µmol per litre
    hill : slope, above 0
    bottom : what remains at the highest doses, as a fraction of `top`
    """
    ratio = np.asarray(dose, float) / ic50
    return np.asarray(top * (bottom + (1 - bottom) / (1 + ratio**hill)))


def dose_for(viability: ArrayLike, ic50: ArrayLike, hill: ArrayLike, bottom: ArrayLike) -> Array:
    """The dose at which viability falls to a fraction of that of untreated cells.

    It is infinite where the curve does not fall so far.

    Parameters
    ----------
    viability : between 0 and 1, as a fraction of the top
    ic50, hill, bottom : as in `law`; all four broadcast

    Source: solve `law(dose) = viability` with a top of 1.
    """
    aim, low = np.broadcast_arrays(np.asarray(viability, float), np.asarray(bottom, float))
    lost = np.divide(1 - aim, aim - low, out=np.full(aim.shape, np.inf), where=aim > low)
    return np.asarray(np.asarray(ic50, float) * lost ** (1 / np.asarray(hill, float)))


def absolute_ic50(ic50: ArrayLike, hill: ArrayLike, bottom: ArrayLike) -> Array:
    """The dose that halves the viability of untreated cells, from the parameters of `law`.

    Source: Sebaugh 2011, Pharm Stat 10:128 (absolute and relative IC50).
    """
    return dose_for(0.5, ic50, hill, bottom)
