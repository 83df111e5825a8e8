"""What a result was made with."""

import platform
from importlib.metadata import version

import pandas as pd

PACKAGES = (
    "allrelapse",
    "numpy",
    "pandas",
    "scipy",
    "statsmodels",
    "lifelines",
    "firthmodels",
    "matplotlib",
    "papermill",
    "sigprofilerassignment",
)


def versions() -> pd.DataFrame:
    """Versions of Python and of the packages that shape results."""
    rows = [("python", platform.python_version()), *((name, version(name)) for name in PACKAGES)]
    return pd.DataFrame(rows, columns=["package", "version"])
