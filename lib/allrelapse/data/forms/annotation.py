"""Gene, class and protein change of a variant, as SnpEff (ANN) or VEP (CSQ) wrote them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Annotation = tuple[str | None, str | None, str | None]
Annotator = Callable[[Any, int], Annotation]
_TEXT = re.compile(r"[^=+@$\-\x00-\x1f\x7f][^$\x00-\x1f\x7f]{0,199}")  # as in our tables

CLASSES: Mapping[str, str] = {
    "missense_variant": "Missense_Mutation",
    "stop_gained": "Nonsense_Mutation",
    "stop_lost": "Nonstop_Mutation",
    "start_lost": "Translation_Start_Site",
    "splice_acceptor_variant": "Splice_Site",
    "splice_donor_variant": "Splice_Site",
    "frameshift_variant": "Frame_Shift",
    "inframe_insertion": "In_Frame",
    "conservative_inframe_insertion": "In_Frame",
    "disruptive_inframe_insertion": "In_Frame",
    "inframe_deletion": "In_Frame",
    "conservative_inframe_deletion": "In_Frame",
    "disruptive_inframe_deletion": "In_Frame",
    "protein_altering_variant": "In_Frame",
    "splice_region_variant": "Splice_Region",
    "synonymous_variant": "Silent",
    "stop_retained_variant": "Silent",
    "5_prime_UTR_variant": "5'UTR",
    "3_prime_UTR_variant": "3'UTR",
    "non_coding_transcript_exon_variant": "RNA",
    "intron_variant": "Intron",
    "upstream_gene_variant": "5'Flank",
    "downstream_gene_variant": "3'Flank",
    "intergenic_region": "IGR",
    "intergenic_variant": "IGR",
}
"""MAF's class of a consequence; `Frame_Shift` and `In_Frame` still lack `_Ins` or `_Del`."""

INDEL_CLASSES = ("Frame_Shift", "In_Frame")
AMINO_ACIDS = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G",
    "His": "H", "Ile": "I", "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S",
    "Thr": "T", "Trp": "W", "Tyr": "Y", "Val": "V", "Sec": "U", "Ter": "*", "Xaa": "X",
}  # fmt: skip


def annotator(header: Any) -> Annotator:  # noqa: ANN401
    """How gene, class and protein change are read: from ANN (SnpEff), CSQ (VEP), or not at all."""
    if "ANN" in header.info:
        fields = {"Allele": 0, "Consequence": 1, "SYMBOL": 3, "HGVSp": 10}
        return lambda record, i: _annotation(record, i, "ANN", fields)
    if "CSQ" in header.info:
        names = str(header.info["CSQ"].description).rpartition("Format:")[2].strip(' ".').split("|")
        order = {name.strip(): place for place, name in enumerate(names)}
        return lambda record, i: _annotation(record, i, "CSQ", order)
    return lambda record, i: (None, None, None)


def _annotation(record: Any, i: int, key: str, fields: Mapping[str, int]) -> Annotation:  # noqa: ANN401
    """Gene, MAF's class and protein change by the first transcript of an allele."""
    if key not in record.info:
        return None, None, None
    entries = record.info[key]
    entries = entries.split(",") if isinstance(entries, str) else entries
    alternative = record.alts[i - 1]
    # VEP writes an indel's allele without the base before it
    spellings = {alternative, alternative[1:] or "-"}
    for entry in entries:
        parts = str(entry).split("|")
        told = {name: parts[place] for name, place in fields.items() if place < len(parts)}
        if told.get("Allele") in spellings or len(record.alts) == 1:
            consequences = told.get("Consequence", "").split("&")
            kind = next((CLASSES[name] for name in consequences if name in CLASSES), None)
            return _text(told.get("SYMBOL", "")), kind, _protein(told.get("HGVSp", ""))
    return None, None, None


def _protein(text: str) -> str | None:
    """`p.R367Q` of `ENSP00000339479.4:p.Arg367Gln`."""
    change = text.rpartition(":")[2].replace("%3D", "=")
    return _text(re.sub("|".join(AMINO_ACIDS), lambda found: AMINO_ACIDS[found[0]], change))


def _text(text: str) -> str | None:
    """A text that our tables take, or None."""
    return text if _TEXT.fullmatch(text) else None
