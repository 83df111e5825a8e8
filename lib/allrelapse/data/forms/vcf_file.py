"""One VCF file: its genome, and the mutations of each sample in it, with their reads."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allrelapse.data.cells import readable, refusal
from allrelapse.data.contexts import CHROMOSOME_NAMES, is_bgzip, quiet
from allrelapse.data.forms.annotation import INDEL_CLASSES, Annotator, annotator
from allrelapse.errors import InputError

CHR1 = {249_250_621: "GRCh37", 248_956_422: "GRCh38"}
"""Genome by the length of its chromosome 1 (Genome Reference Consortium)."""

REFERENCE_NAMES = {
    "GRCh37": re.compile(r"hg19|grch37|b37|hs37|g1k_v37", re.IGNORECASE),
    "GRCh38": re.compile(r"hg38|grch38|hs38", re.IGNORECASE),
}

Row = tuple[Any, ...]
Reads = tuple[int | None, int | None]
_TIERS = ("AU", "CU", "GU", "TU")
_LONGEST = 1000  # bases of an allele in our tables
_LAST = 300_000_000  # position in our tables
_BASES = re.compile(rf"[ACGT]{{1,{_LONGEST}}}")
_END_OF_BGZIP = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@dataclass(frozen=True)
class Taker:
    """A sample, the line of the sheet that names its file, and its column there if given."""

    line: int
    sample: str
    column: str


def rows(
    path: Path, takers: list[Taker], builds: dict[str, str], left: Counter[str]
) -> Iterator[Row]:
    """The mutations of each of the samples in a file."""
    import pysam

    _check_whole(path)
    records = 0
    with quiet():
        try:
            with pysam.VariantFile(str(path)) as stream:
                if told := _build(stream.header, path):
                    builds[str(path)] = told
                columns = [_column(stream.header, taker, path) for taker in takers]
                annotate = annotator(stream.header)
                for record in stream:
                    alleles = _alleles(record, left)
                    for taker, column in zip(takers, columns, strict=True):
                        for i in alleles:
                            yield from _row(record, i, taker.sample, column, annotate, left)
                    records += 1
        except InputError:
            raise
        # htslib knows many ways in which a file can be broken, and pysam raises as many types
        except Exception as error:
            raise refusal(path, [f"{_place(path, records)}: {error or 'is malformed'}"]) from None


def _check_whole(path: Path) -> None:
    """InputError if the file was cut off, which htslib takes for its end, or is plain gzip."""
    with readable(path), path.open("rb") as stream:
        start = stream.read(18)
        if start[:2] == b"\x1f\x8b" and not is_bgzip(start):
            mend = "unpack it (gunzip), or compress it with bgzip"
            raise InputError(f"{path} is compressed by gzip, not bgzip: {mend}")
        if not is_bgzip(start):
            return
        stream.seek(max(path.stat().st_size - len(_END_OF_BGZIP), 0))
        if stream.read() != _END_OF_BGZIP:
            raise InputError(f"{path} is cut off: its end is missing; copy it again")


def _place(path: Path, records: int) -> str:
    """Where reading stopped: the line of a text file, the record of a binary one."""
    if path.suffix == ".bcf":
        return f"record {records + 1}"
    try:
        with gzip.open(path) if path.suffix in (".gz", ".bgz") else path.open("rb") as stream:
            header = 0
            while stream.readline(1_000_000).startswith(b"#"):
                header += 1
    except (OSError, EOFError, zlib.error):
        return f"record {records + 1}"
    return f"line {header + records + 1}" if header else "line 1"


def _build(header: Any, path: Path) -> str:  # noqa: ANN401
    """The genome that a file states, by its `##reference` or the length of chromosome 1."""
    told = {}
    for record in header.records:
        if record.key == "reference" and record.value:
            names = [name for name, known in REFERENCE_NAMES.items() if known.search(record.value)]
            if len(names) == 1:
                told["##reference"] = names[0]
    for name in ("1", "chr1"):
        if name in header.contigs and header.contigs[name].length in CHR1:
            told["the length of chromosome 1"] = CHR1[header.contigs[name].length]
    if len(set(told.values())) > 1:
        words = ", ".join(f"{what} is of {build}" for what, build in told.items())
        raise refusal(path, [f"header: {words}: correct the wrong one"])
    return next(iter(told.values()), "")


def _column(header: Any, taker: Taker, path: Path) -> str | None:  # noqa: ANN401
    """The sample's column in a file, None in a file without any."""
    have = list(header.samples)
    if taker.column or taker.sample in have:
        name = taker.column or taker.sample
    elif len(have) <= 1:
        return have[0] if have else None
    else:
        name = ""
    if name not in have:
        raise refusal(
            path,
            [
                f"line {taker.line} of the sheet: sample {taker.sample}: has no column "
                f"{name or taker.sample!r}; name one of {', '.join(have[:20]) or 'none'} "
                "in vcf_sample"
            ],
        )
    return name


def _alleles(record: Any, left: Counter[str]) -> list[int]:  # noqa: ANN401
    """The alternative alleles of a record that can be mutations of ours, counted from 1."""
    if set(record.filter.keys()) - {"PASS"}:
        left["rows that did not pass FILTER, left out"] += 1
        return []
    if record.chrom not in CHROMOSOME_NAMES:
        left["rows on other contigs left out"] += 1
        return []
    usable = []
    for i, alternative in enumerate(record.alts or (), 1):
        given = (record.ref.upper(), alternative.upper())
        if not all(map(_BASES.fullmatch, given)) or given[0] == given[1]:
            left[f"alleles that are no bases, or over {_LONGEST} of them, left out"] += 1
            continue
        usable.append(i)
        made = maf_alleles(record.pos, *given)[1:]
        if max(map(len, made)) > 1 and "-" not in made:
            left["alleles of several bases, kept as they are"] += 1
    return usable


def _row(
    record: Any,  # noqa: ANN401
    i: int,
    sample: str,
    column: str | None,
    annotate: Annotator,
    left: Counter[str],
) -> Iterator[Row]:
    """The mutation of a sample by the i-th alternative allele, if the sample has it."""
    given = (record.ref.upper(), record.alts[i - 1].upper())
    reads: Reads = (None, None)
    if column is not None:
        call = record.samples[column]
        reads = _reads(call, i, len(record.alts) + 1, given)
        if not _taken(call, i, reads):
            left["alleles that are not called in their sample left out"] += 1
            return
    position, *alleles = maf_alleles(record.pos, *given)
    if not 0 < position <= _LAST:
        raise ValueError(f"position {record.pos} is on no chromosome")
    found, depth = reads
    if found is not None and depth is not None and found > depth:
        raise ValueError(f"{found} reads with {given[1]}, but only {depth} reads in all")
    gene, kind, protein = annotate(record, i)
    if kind in INDEL_CLASSES:
        kind += "_Ins" if len(given[1]) > len(given[0]) else "_Del"
    yield sample, gene, CHROMOSOME_NAMES[record.chrom], position, *alleles, protein, *reads, kind


def maf_alleles(position: int, reference: str, alternative: str) -> tuple[int, str, str]:
    """Position and alleles as MAF has them, of a VCF's.

    Bases that both share go, at the end first. A deletion starts at the first base that is lost,
    an insertion at the base before it, `-` stands for no bases.

    >>> maf_alleles(10, "CAG", "C")
    (11, 'AG', '-')
    >>> maf_alleles(10, "C", "CAG")
    (10, '-', 'AG')
    """
    while len(reference) > 1 and len(alternative) > 1 and reference[-1] == alternative[-1]:
        reference, alternative = reference[:-1], alternative[:-1]
    while reference and alternative and reference[0] == alternative[0]:
        position, reference, alternative = position + 1, reference[1:], alternative[1:]
    while reference and alternative and reference[-1] == alternative[-1]:
        if len(reference) == 1 and position == 1:
            break  # no base is before this insertion
        reference, alternative = reference[:-1], alternative[:-1]
    return position - (not reference), reference or "-", alternative or "-"


def _taken(call: Any, i: int, reads: Reads) -> bool:  # noqa: ANN401
    """Whether a sample has the allele, or was looked at there and has no read with it."""
    if "GT" not in call or i in (call.allele_indices or ()):
        return True
    return reads[0] == 0 and bool(reads[1])


def _reads(
    call: Any,  # noqa: ANN401
    i: int,
    alleles: int,
    given: tuple[str, str],
) -> Reads:
    """Reads with the i-th allele, and all reads, of a sample; None where it is not told.

    From AD (GATK and most others; with RD: VarScan), AO and RO (freebayes), NV and NR (Platypus),
    or AU, CU, GU, TU, TIR and TAR (Strelka, first tier). All reads are DP, or the reads of all
    alleles if DP is absent or smaller.
    """
    told: dict[str, list[int | None]] = {
        name: _numbers(call[name])
        for name in ("AD", "RD", "AO", "RO", "NV", "NR", "DP", "TIR", "TAR", *_TIERS)
        if name in call
    }
    first = {name: numbers[0] for name, numbers in told.items() if numbers}
    ad, ao, nv, nr = (told.get(name, []) for name in ("AD", "AO", "NV", "NR"))
    if len(ad) == alleles:
        found, parts = ad[i], ad
    elif len(ad) == 1 and "RD" in first:
        found, parts = ad[0], [ad[0], first["RD"]]
    elif len(ao) == alleles - 1:
        found, parts = ao[i - 1], [*ao, first.get("RO")]
    elif len(nv) == alleles - 1:
        found, parts = nv[i - 1], nr[i - 1 : i]
    elif "TIR" in first:
        found, parts = first["TIR"], [first["TIR"], first.get("TAR")]
    else:
        found = first.get(f"{given[1]}U")
        parts = [first.get(name) for name in _TIERS]
    known = [part for part in parts if part is not None]
    totals = [first.get("DP"), sum(known) if known else None]
    return found, max((total for total in totals if total is not None), default=None)


def _numbers(value: Any) -> list[int | None]:  # noqa: ANN401
    """The whole numbers of a field, also where it comes as text, as the header lacks the field."""
    if not isinstance(value, tuple):
        value = str(value).split(",")
    texts = [str(part) for part in value]
    return [int(part) if part.isdecimal() and len(part) < 19 else None for part in texts]
