"""COSMIC's reference signatures, read as text from the installed `sigprofilerassignment`."""

import importlib.util
import math
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from allrelapse.data.cells import number, read_cells
from allrelapse.errors import InputError

SUBSTITUTIONS = ("C>A", "C>G", "C>T", "T>A", "T>C", "T>G")

CHANNELS: tuple[str, ...] = tuple(
    f"{before}[{substitution}]{after}"
    for before in "ACGT"
    for substitution in SUBSTITUTIONS
    for after in "ACGT"
)
"""The 96 classes of single-base substitution in the order of COSMIC's files."""

ARTEFACTS: frozenset[str] = frozenset(f"SBS{i}" for i in (27, 43, *range(45, 61), 95))
"""Signatures that COSMIC calls possible sequencing artefacts.

Source: https://cancer.sanger.ac.uk/signatures/sbs/ (proposed aetiology of each).
"""

MISMATCH_REPAIR: frozenset[str] = frozenset(f"SBS{i}" for i in (6, 14, 15, 20, 21, 26, 44))
"""Signatures that COSMIC attributes to defective DNA mismatch repair.

Source: https://cancer.sanger.ac.uk/signatures/sbs/ (proposed aetiology of each).
"""

LEUKAEMIA: frozenset[str] = MISMATCH_REPAIR | {f"SBS{i}" for i in (1, 2, 5, 13, 18, 86, 87)}
"""Candidates for a relapsed leukaemia: usual ones, lost mismatch repair, and those of therapy."""


def cosmic(version: str = "3.4", build: str = "GRCh37", exome: bool = False) -> pd.DataFrame:
    """COSMIC's signatures of single-base substitutions, 96 x k, each column a distribution.

    Parameters
    ----------
    version : of COSMIC's catalogue, one of `versions(build)`
    build : reference genome whose trinucleotide frequencies the signatures follow
    exome : for mutations called in exomes, which have other frequencies

    Returns
    -------
    Rows `channel` in the order of `CHANNELS`, columns `signature`, values >= 0; each column sums
    to 1 but for rounding (below 1e-15).

    Raises
    ------
    InputError
        If there is no such version or build; the message lists what there is.

    Source: COSMIC Mutational Signatures, Alexandrov et al. 2020, Nature 578:94.
    """
    version = str(version)  # 3.4 is a number to whoever types it
    if version not in versions(build):
        have = ", ".join(versions(build))
        raise InputError(f"no COSMIC version {version!r} for {build}; there are {have}")
    path = _folder() / build / f"COSMIC_v{version}_SBS_{build}{'_exome' if exome else ''}.txt"
    cells = read_cells(path, delimiter="\t")
    values = [[number(cell) for cell in row[1:]] for row in cells.rows]
    table = pd.DataFrame(values, [row[0] for row in cells.rows], cells.header[1:])
    if sorted(table.index) != sorted(CHANNELS):
        raise InputError(
            f"{path} does not hold the 96 channels; install sigprofilerassignment anew"
        )
    table = table.loc[list(CHANNELS)].rename_axis(index="channel", columns="signature")
    return table / table.apply(math.fsum)


def versions(build: str = "GRCh37") -> list[str]:
    """The versions of COSMIC's catalogue that are installed for a genome, oldest first.

    Raises
    ------
    InputError
        If there is no such genome; the message lists what there is.
    """
    folder = _folder()
    builds = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if build not in builds:
        raise InputError(f"no COSMIC signatures for {build!r}; there are {', '.join(builds)}")
    pattern = re.compile(rf"COSMIC_v([0-9.]+)_SBS_{re.escape(build)}\.txt")
    found = [m[1] for path in (folder / build).iterdir() if (m := pattern.fullmatch(path.name))]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def named(signatures: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Columns of a catalogue for signature names of any version, in the catalogue's order.

    A name that a later version split stands for all its parts: SBS40 for SBS40a, b and c. A word
    alone is one name.

    Raises
    ------
    InputError
        If a name is in the catalogue neither whole nor in parts.
    """
    have = [str(signature) for signature in signatures]
    wanted: set[str] = set()
    for name in [names] if isinstance(names, str) else names:
        parts = {s for s in have if re.fullmatch(rf"{re.escape(name)}[a-z]?", s)}
        if not parts:
            raise InputError(f"no signature {name!r}; there are {', '.join(have)}")
        wanted |= {name} if name in parts else parts
    return [s for s in have if s in wanted]


def _folder() -> Path:
    """Where the package keeps its tables; it is not imported, which would take seconds."""
    spec = importlib.util.find_spec("SigProfilerAssignment")
    if spec is None or spec.origin is None:
        raise InputError("sigprofilerassignment, which holds COSMIC's signatures, is not installed")
    return Path(spec.origin).parent / "data" / "Reference_Signatures"
