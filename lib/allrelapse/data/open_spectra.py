"""Open mutation spectra: TARGET exomes at diagnosis and relapse, and control genomes."""

import re
from dataclasses import dataclass

import pandas as pd

from allrelapse.data import open_data
from allrelapse.data.spectra import read_spectra
from allrelapse.errors import InputError

EXOMES = "pcawg7/WES_Other.96.csv"
PCAWG = "pcawg7/WGS_PCAWG.96.csv"
GENOMES = "pcawg7/WGS_Other.96.csv"

# TARGET barcode: program-disease-patient-sample type and vial. Types 03 and 09 are primary blood
# and marrow, 04 is recurrent marrow, 40 recurrent blood (https://ocg.cancer.gov, code tables).
BARCODE = re.compile(r"(?P<disease>\w+)::TARGET-\d\d-(?P<patient>[A-Z]{6})-(?P<type>\d\d)[A-Z]")
STAGE = {"03": "diagnosis", "09": "diagnosis", "04": "relapse", "40": "relapse"}


@dataclass(frozen=True)
class Exomes:
    """Mutation counts of exomes, and what the samples are.

    Attributes
    ----------
    counts : 96 x n, mutations
    samples : n rows, index `sample`; `patient`, `stage` (diagnosis or relapse)
    """

    counts: pd.DataFrame
    samples: pd.DataFrame


def target_exomes(disease: str = "ALL") -> Exomes:
    """The exomes of one TARGET disease whose barcode tells diagnosis or relapse.

    Parameters
    ----------
    disease : `ALL` (12 diagnosis, 10 relapse; 2 patients with both) or `AML`

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.
    InputError
        If the file is damaged or has no such disease.

    Source: TARGET, dbGaP phs000218; spectra of Alexandrov et al. 2020, Nature 578:94. The exomes
    need exome signatures.
    """
    spectra = read_spectra(open_data.fetch(EXOMES))
    parts = pd.Series(spectra.columns, spectra.columns).str.extract(BARCODE)
    chosen = parts[(parts["disease"] == disease) & parts["type"].isin(STAGE)]
    if chosen.empty:
        have = ", ".join(sorted(parts["disease"].dropna().unique()))
        raise InputError(f"no TARGET exomes of {disease!r}; there are {have}")
    samples = chosen[["patient"]].assign(stage=chosen["type"].map(STAGE)).rename_axis("sample")
    return Exomes(spectra[chosen.index], samples)


def all_exomes() -> pd.DataFrame:
    """274 exomes of ALL, at diagnosis or relapse, most without saying which: 96 x 274, mutations.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.

    Source: Alexandrov et al. 2020, Nature 578:94. The exomes need exome signatures.
    """
    spectra = read_spectra(open_data.fetch(EXOMES))
    return spectra.loc[:, spectra.columns.str.startswith("ALL::")]


def all_genomes() -> pd.DataFrame:
    """34 genomes of ALL at diagnosis: 96 x 34, mutations.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.

    Source: Alexandrov et al. 2020, Nature 578:94.
    """
    spectra = read_spectra(open_data.fetch(GENOMES))
    return spectra.loc[:, spectra.columns.str.startswith("ALL::")]


def other_genomes() -> pd.DataFrame:
    """1,831 genomes of other cancers than ALL, outside PCAWG: 96 x 1831, mutations.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.

    Source: Alexandrov et al. 2020, Nature 578:94.
    """
    spectra = read_spectra(open_data.fetch(GENOMES))
    return spectra.loc[:, ~spectra.columns.str.startswith("ALL::")]


def other_exomes() -> pd.DataFrame:
    """Exomes of other cancers than ALL but those known as relapses: 96 x 9370, mutations.

    Whether a patient had been treated before is not in the file; only TARGET's barcodes tell
    relapses. The exomes need exome signatures.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.

    Source: Alexandrov et al. 2020, Nature 578:94.
    """
    spectra = read_spectra(open_data.fetch(EXOMES))
    names = pd.Series(spectra.columns, spectra.columns)
    relapse = names.str.extract(BARCODE)["type"].map(STAGE) == "relapse"
    return spectra.loc[:, ~(names.str.startswith("ALL::") | relapse)]


def pcawg_genomes() -> pd.DataFrame:
    """2,780 genomes of the Pan-Cancer Analysis of Whole Genomes: 96 x 2780, mutations.

    Raises
    ------
    DataNotAtHandError
        If the file cannot be had.

    Source: Alexandrov et al. 2020, Nature 578:94.
    """
    return read_spectra(open_data.fetch(PCAWG))
