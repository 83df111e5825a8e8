"""Mutation spectra: counts of the 96 classes of single-base substitution per sample."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from allrelapse.data.cells import Cells, integer, read_cells, refusal
from allrelapse.data.reference import CHANNELS

PCAWG7 = ("Mutation type", "Trinucleotide")
ONE_COLUMN = ("channel", "MutationType", "Mutation Types")


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
