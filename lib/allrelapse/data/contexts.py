"""Bases of the reference genome around a position, from a FASTA file of the user's."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from allrelapse import paths
from allrelapse.data.cells import refusal
from allrelapse.data.tables import CHROMOSOMES
from allrelapse.errors import InputError

MISMATCHES = 0.01
"""Share of substitutions whose reference base is not the genome's, above which it is another."""

CHROMOSOME_NAMES = {
    f"{prefix}{written}": name
    for prefix in ("", "chr", "Chr", "CHR")
    for written, name in (
        *((name, name) for name in CHROMOSOMES),
        *(("23", "X"), ("24", "Y"), ("M", "MT"), ("x", "X"), ("y", "Y"), ("m", "MT")),
    )
}
"""Our names of the chromosomes, by every name that files give them."""

_BLOCK = 100_000  # bases read at once
_EXAMPLES = 5
_BGZIP = (b"\x1f\x8b\x08\x04", b"BC")  # a gzip header with an extra field of bgzip's name


def plain(names: "pd.Series[Any]") -> "pd.Series[Any]":
    """Chromosomes as 1 to 22, X, Y and MT; missing for every other contig.

    `chr` in front goes, 23 is X, 24 is Y and M is MT.
    """
    return names.map(CHROMOSOME_NAMES).astype("object")


def trinucleotides(
    chromosome: "pd.Series[Any]", position: "pd.Series[Any]", fasta: str | Path
) -> "pd.Series[Any]":
    """The base at each position between its two neighbours, on the + strand, in upper case.

    Parameters
    ----------
    chromosome : names with or without `chr`, as in `plain`; the FASTA may have the other form
    position : counted from 1, same index
    fasta : plain text or bgzip; an index is made in the cache folder if there is none beside it

    Returns
    -------
    Text of three bases, same index; N beyond an end of the chromosome and for what is no base;
    missing where chromosome or position is missing or the FASTA lacks the chromosome.

    Raises
    ------
    InputError
        If the file is absent, no FASTA, or compressed in another way.
    """
    names = plain(chromosome)
    places = pd.to_numeric(position, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    found = np.full(len(names), pd.NA, dtype=object)
    with _opened(Path(fasta)) as genome:
        contigs = {CHROMOSOME_NAMES.get(name, name): name for name in reversed(genome.references)}
        for name, rows in names.groupby(names).indices.items():
            rows = rows[np.isfinite(places[rows])]
            if name in contigs and len(rows):
                found[rows] = _around(genome, contigs[name], places[rows].astype(np.int64))
    return pd.Series(found, chromosome.index, name="context")


def add(mutations: pd.DataFrame, fasta: str | Path) -> tuple[pd.DataFrame, str]:
    """The mutations with the context of each single-base substitution, and a note on the rest.

    What the genome says takes the place of contexts that were given. A substitution whose
    `Reference_Allele` is not the genome's base gets none; a position past the end of its
    chromosome is one of those.

    Parameters
    ----------
    mutations : with `Chromosome`, `Start_Position`, `Reference_Allele`, `Tumor_Seq_Allele2`
    fasta : as in `trinucleotides`

    Raises
    ------
    InputError
        If the FASTA cannot be read, or more than `MISMATCHES` of the substitutions in it have
        another base there: counts, the first of them, and the mend.
    """
    reference = mutations["Reference_Allele"]
    single = reference.isin(list("ACGT")) & mutations["Tumor_Seq_Allele2"].isin(list("ACGT"))
    rows = np.flatnonzero(single.to_numpy(dtype=bool))
    chosen = mutations.iloc[rows]
    read = trinucleotides(chosen["Chromosome"], chosen["Start_Position"], fasta)
    known = read.notna().to_numpy()
    middle = read.fillna("").str[1]
    wrong = known & (middle != chosen["Reference_Allele"]).to_numpy(dtype=bool)
    if wrong.sum() > MISMATCHES * known.sum():
        raise _another_genome(chosen, read, rows, wrong, int(known.sum()), fasta)
    given = mutations.get("context", pd.Series(pd.NA, mutations.index, dtype="object"))
    context = given.astype("object").to_numpy(copy=True)
    had = known & ~wrong & pd.notna(context[rows])
    other = had.copy()
    other[had] = context[rows[had]] != read.to_numpy()[had]
    context[rows[known]] = read[known]
    context[rows[wrong]] = pd.NA
    limit = f"{MISMATCHES:.0%}"
    counts = {
        f"have another reference base than the genome, so no context (at most {limit} may)": wrong,
        "are on chromosomes that the FASTA lacks": ~known,
        "had another context, which was replaced": other,
    }
    note = f"contexts of {int((known & ~wrong).sum())} of {len(rows)} substitutions from {fasta}"
    told = [note, *(f"{int(which.sum())} {what}" for what, which in counts.items() if which.any())]
    return mutations.assign(context=context), "; ".join(told)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps htslib from writing to stderr; what is wrong is told by our errors."""
    import pysam

    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)


def is_bgzip(start: bytes) -> bool:
    """Whether a file that starts so (18 bytes suffice) can be read in part, unlike plain gzip."""
    return start[:4] == _BGZIP[0] and start[12:14] == _BGZIP[1]


def _around(genome: Any, contig: str, position: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:  # noqa: ANN401
    """Three bases around each position of a contig, N beyond its ends."""
    length = genome.get_reference_length(contig)
    bases = np.full((len(position), 3), ord("N"), dtype=np.uint8)
    inside = np.flatnonzero((position >= 1) & (position <= length))
    block = (position[inside] - 1) // _BLOCK
    order = np.argsort(block, kind="stable")
    starts = np.flatnonzero(np.diff(block[order], prepend=-1))
    for rows in np.split(inside[order], starts[1:]):
        if not len(rows):
            continue
        first = int((position[rows[0]] - 1) // _BLOCK * _BLOCK)
        last = min(first + _BLOCK + 1, length)
        text = genome.fetch(contig, max(first - 1, 0), last).upper().encode()
        text = b"N" * (first == 0) + text + b"N" * 2
        bases[rows] = _window(text, position[rows] - 1 - first)
    bases[~np.isin(bases, np.frombuffer(b"ACGT", dtype=np.uint8))] = ord("N")
    return bases.view("S3").ravel().astype("U3").astype(object)


def _window(text: bytes, at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Three letters of a text from each of some places on."""
    return np.frombuffer(text, dtype=np.uint8)[at[:, None] + np.arange(3)]


def _another_genome(
    chosen: pd.DataFrame,
    read: "pd.Series[Any]",
    rows: np.ndarray[Any, Any],
    wrong: np.ndarray[Any, Any],
    compared: int,
    fasta: str | Path,
) -> InputError:
    """The error of mutations that are not of this genome, with the first of them."""
    faults = [
        f"{int(wrong.sum())} of {compared} substitutions have another reference base than the "
        "mutations say; is it another genome build? Give the FASTA on which they were called"
    ]
    for i in np.flatnonzero(wrong)[:_EXAMPLES]:
        row = chosen.iloc[i]
        faults.append(
            f"row {rows[i] + 1}, {row['Chromosome']}:{row['Start_Position']}: Reference_Allele "
            f"{row['Reference_Allele']!r}, but the FASTA has {read.iloc[i][1]!r}"
        )
    return refusal(fasta, faults)


@contextmanager
def _opened(fasta: Path) -> Iterator[Any]:
    """The FASTA, ready to be read in part."""
    import pysam
    from pysam.utils import SamtoolsError

    compressed = _checked(fasta)
    with quiet():
        try:
            index, blocks = _index(fasta, compressed)
            genome = pysam.FastaFile(
                str(fasta),
                filepath_index=str(index),
                filepath_index_compressed=str(blocks) if compressed else None,
            )
        except (OSError, ValueError, SamtoolsError) as error:
            reason = str(error).strip().splitlines()[-1:] or ["unknown format"]
            raise InputError(f"{fasta} cannot be read as FASTA: {reason[0]}") from None
        with genome:
            try:
                yield genome
            except InputError:
                raise
            except (OSError, ValueError, LookupError) as error:
                raise InputError(f"{fasta} cannot be read: {error}; is it whole?") from None


def _checked(fasta: Path) -> bool:
    """Whether the FASTA is compressed; InputError if it is none or can only be read whole."""
    try:
        with fasta.open("rb") as stream:
            start = stream.read(18)
    except OSError as error:
        raise InputError(f"{fasta} cannot be read: {error.strerror}") from None
    if is_bgzip(start):
        return True
    if start[:2] == b"\x1f\x8b":
        raise InputError(
            f"{fasta} is compressed by gzip, which cannot be read in part: unpack it (gunzip), "
            "or compress it with bgzip"
        )
    if start[:1] != b">":
        raise InputError(f"{fasta} is no FASTA: it must begin with '>' and a chromosome's name")
    return False


def _index(fasta: Path, compressed: bool) -> tuple[Path, Path]:
    """The index (and that of the compressed blocks): beside the file, or made in the cache.

    One that is older than its FASTA may be of another file and is not used.
    """
    state = fasta.stat()
    beside = (Path(f"{fasta}.fai"), Path(f"{fasta}.gzi"))
    if all(
        path.is_file() and path.stat().st_mtime_ns >= state.st_mtime_ns
        for path in beside[: 1 + compressed]
    ):
        return beside
    name = f"{fasta.resolve()}\n{state.st_size}\n{state.st_mtime_ns}"
    key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    folder = paths.cache() / "fasta"
    cached = (folder / f"{key}.fai", folder / f"{key}.gzi")
    if not all(path.is_file() for path in cached[: 1 + compressed]):
        folder.mkdir(parents=True, exist_ok=True)
        _make_index(fasta, cached, compressed)
    return cached


def _make_index(fasta: Path, places: tuple[Path, Path], compressed: bool) -> None:
    """Write the index; it appears at once, so that no other process reads half of it."""
    import pysam

    with tempfile.TemporaryDirectory(dir=places[0].parent) as folder:
        made = (Path(folder) / "index.fai", Path(folder) / "index.gzi")
        blocks = ["--gzi-idx", str(made[1])] if compressed else []
        pysam.faidx(str(fasta), "--fai-idx", str(made[0]), *blocks)
        for path, place in zip(made[: 1 + compressed], places, strict=False):
            os.replace(path, place)
