"""Mutation spectra: counts of the 96 classes of single-base substitution per sample."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from allrelapse.data import contexts
from allrelapse.data.cells import Cells, integer, read_cells, refusal
from allrelapse.data.reference import CHANNELS
from allrelapse.data.tables import READS

PCAWG7 = ("Mutation type", "Trinucleotide")
ONE_COLUMN = ("channel", "MutationType", "Mutation Types")
NEEDED = ("Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2")

_OTHER_STRAND = str.maketrans("ACGT", "TGCA")


def _both_strands() -> dict[str, str]:
    """The channel of a substitution written as `C>A at ACA`, on either strand."""
    known = {}
    for channel in CHANNELS:
        before, reference, alternative, after = (channel[i] for i in (0, 2, 4, 6))
        known[f"{reference}>{alternative} at {before}{reference}{after}"] = channel
        turned = f"{reference}>{alternative} at {after}{reference}{before}"
        known[turned.translate(_OTHER_STRAND)] = channel
    return known


_CHANNEL_OF = _both_strands()


def read_spectra(path: str | Path) -> pd.DataFrame:
    """Counts of the 96 channels, 96 x n, rows in the order of `CHANNELS`.

    Parameters
    ----------
    path : CSV or TSV with one row per channel in any order and one column per sample. The
        channel is named as PCAWG7 does (columns `Mutation type`, as C>A, and `Trinucleotide`, as
        ACA), as SigProfiler does (`MutationType`, as A[C>A]A), or so in our own column `channel`.

    Returns
    -------
    Whole numbers of mutations (int64); index `channel`, columns `sample`.

    Raises
    ------
    InputError
        If the file is no such table, has no samples, or a channel or sample is absent, unknown or
        twice there, or a count is negative, missing or no whole number; names line and column.
    """
    cells = read_cells(path)
    channels, first = _channels(cells, path)
    faults = _channel_faults(channels, cells.lines)
    samples = cells.header[first:]
    if not samples:
        faults.append("no samples: at least one column of counts is needed")
    counts, found = _counts(cells, first)
    if faults or found:
        raise refusal(path, faults + found)
    table = pd.DataFrame(counts, channels, pd.Index(samples, name="sample"))
    return table.loc[list(CHANNELS)].rename_axis(index="channel")


def from_mutations(
    mutations: pd.DataFrame, fasta: str | Path | None = None, *, reads: int = READS
) -> pd.DataFrame:
    """Counts of the 96 channels, 96 x n, of the mutations that each sample has.

    Counted are substitutions of a single base with a known context, on the strand on which the
    reference base is C or T. Rows with fewer than `reads` reads in `t_alt_count` (looked for,
    not found) are not; rows without a count are.

    Parameters
    ----------
    mutations : MAF- or VCF-like table: `sample` (or `Tumor_Sample_Barcode`), `Chromosome`,
        `Start_Position`, `Reference_Allele`, `Tumor_Seq_Allele2`; `context`, three bases of the
        + strand, if there is no `fasta`
    fasta : reference genome from which contexts are read, see `contexts.add`
    reads : with the variant, from which it counts as there

    Returns
    -------
    Whole numbers of mutations (int64); index `channel` in the order of `CHANNELS`, columns
    `sample`, sorted; a sample of which no row counts has zeros.

    Raises
    ------
    InputError
        If a column is absent, a row has no sample, or the FASTA is not the genome of the table.
    """
    name = "sample" if "sample" in mutations else "Tumor_Sample_Barcode"
    needed = [name, *NEEDED, *(["context"] if fasta is None else [])]
    if absent := [column for column in needed if column not in mutations]:
        mend = {"context": "add it, or give a FASTA"}
        words = (
            f"column {column.replace(name, 'sample')} is absent: {mend.get(column, 'add it')}"
            for column in absent
        )
        raise refusal("mutations", list(words))
    if mutations[name].isna().any():
        row = int(np.flatnonzero(mutations[name].isna())[0]) + 1
        raise refusal("mutations", [f"row {row}, column {name}: is empty, must name a sample"])
    table = mutations.assign(
        Reference_Allele=mutations["Reference_Allele"].astype("string").str.upper(),
        Tumor_Seq_Allele2=mutations["Tumor_Seq_Allele2"].astype("string").str.upper(),
    )
    if fasta is not None:
        table, _ = contexts.add(table, fasta)
    found = channel(table["Reference_Allele"], table["Tumor_Seq_Allele2"], table["context"])
    if "t_alt_count" in table:
        few = (table["t_alt_count"] < reads).fillna(value=False)
        found = found.mask(few.to_numpy(dtype=bool))
    return _tallied(found, table[name].astype(str))


def channel(
    reference: "pd.Series[Any]", alternative: "pd.Series[Any]", context: "pd.Series[Any]"
) -> "pd.Series[Any]":
    """The channel of each mutation, as `A[C>A]A`; missing if it has none.

    Parameters
    ----------
    reference, alternative : alleles on the + strand; only single bases have a channel
    context : three bases of the + strand with the reference base in the middle, same index
    """
    texts = [part.astype("string") for part in (reference, alternative, context)]
    key = texts[0] + ">" + texts[1] + " at " + texts[2]
    return key.astype("object").map(_CHANNEL_OF).astype("object").rename("channel")


def _tallied(found: "pd.Series[Any]", sample: "pd.Series[Any]") -> pd.DataFrame:
    """How often each sample has each channel."""
    column, names = pd.factorize(sample, sort=True)
    row = pd.Index(CHANNELS).get_indexer(pd.Index(found))
    cell = row[row >= 0] * len(names) + column[row >= 0]
    counts = np.bincount(cell, minlength=len(CHANNELS) * len(names)).astype(np.int64)
    return pd.DataFrame(
        counts.reshape(len(CHANNELS), len(names)),
        pd.Index(CHANNELS, name="channel"),
        pd.Index(names, dtype="object", name="sample"),
    )


def _channels(cells: Cells, path: str | Path) -> tuple[list[str], int]:
    """The channel of each row as `A[C>A]A`, and the first column of counts."""
    if tuple(cells.header[:2]) == PCAWG7:
        return [_channel(mutation, context) for mutation, context, *_ in cells.rows], 2
    if cells.header[0] in ONE_COLUMN:
        return [row[0] for row in cells.rows], 1
    begin = ", ".join(cells.header[:2])
    forms = "Mutation type and Trinucleotide (PCAWG7), MutationType (SigProfiler) or channel"
    raise refusal(path, [f"line 1: begins with columns {begin}; must begin with {forms}"])


def _channel(mutation: str, context: str) -> str:
    """`A[C>A]T` of C>A at ACT, or both as they are where they do not fit together."""
    if len(context) != 3 or context[1:2] != mutation[:1]:
        return f"{mutation} at {context}"
    return f"{context[0]}[{mutation}]{context[2]}"


def _channel_faults(channels: list[str], lines: list[int]) -> list[str]:
    times = Counter(channels)
    faults = [
        f"line {line}: {channel!r} is none of the 96 channels, written as A[C>A]A"
        for line, channel in zip(lines, channels, strict=True)
        if channel not in CHANNELS
    ]
    faults += [
        f"line {line}: channel {channel} occurs {times[channel]} times, must occur once"
        for line, channel in zip(lines, channels, strict=True)
        if times[channel] > 1
    ]
    absent = [channel for channel in CHANNELS if channel not in times]
    return faults + [f"channel {channel} is absent: add its row" for channel in absent]


def _counts(
    cells: Cells, first: int
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.int64]], list[str]]:
    """The counts, and every cell that is none."""
    counts = np.zeros((len(cells.rows), len(cells.header) - first), dtype=np.int64)
    faults = []
    for i, row in enumerate(cells.rows):
        for j, text in enumerate(row[first:]):
            try:
                counts[i, j] = count = integer(text)
            except ValueError:
                count = -1
            if count < 0:
                place = f"line {cells.lines[i]}, column {cells.header[first + j]}"
                faults.append(f"{place}: {text!r} must be a whole number of mutations, 0 or more")
    return counts, faults
