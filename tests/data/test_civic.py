"""CIViC's evidence as the snapshot and its papers have it, and small fake files."""

import hashlib

import pytest

from allrelapse.data import civic, open_data
from allrelapse.data.civic import evidence
from allrelapse.data.open_data import OpenFile
from allrelapse.errors import InputError

ITEM = {
    "gene": "NT5C2",
    "variant": "R367Q",
    "disease": "ALL",
    "drugs": "Thioguanine,Mercaptopurine",
    "evidence_type": "Predictive",
    "evidence_direction": "Supports",
    "evidence_level": "D",
    "clinical_significance": "Resistance",
    "evidence_statement": 'it is "resistant"',
    "citation_id": "23377281",
    "source_type": "PubMed",
    "citation": "Tzoneva et al., 2013, Nat. Med.",
    "rating": "4",
    "evidence_id": "630",
}


@pytest.fixture(scope="module")
def items(mirror):
    return evidence()


@pytest.fixture
def use(monkeypatch, tmp_path):
    """Put items in the place of CIViC's own."""

    def put(*items):
        text = "\n".join("\t".join(cells) for cells in (items[0], *(i.values() for i in items)))
        content = text.encode()
        (tmp_path / civic.EVIDENCE).parent.mkdir()
        (tmp_path / civic.EVIDENCE).write_bytes(content)
        file = OpenFile(
            url="https://x.org/items.tsv",
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
            licence="x",
            citation="x",
            holds="x",
        )
        monkeypatch.setattr(open_data, "registry", lambda: {civic.EVIDENCE: file})
        monkeypatch.setenv("ALLRELAPSE_MIRROR", str(tmp_path))

    return put


def test_six_of_the_twelve_genes_have_evidence(items):
    # counted in the file by its first column
    known = {"MSH2": 6, "MSH6": 6, "NT5C2": 17, "PMS2": 1, "PRPS1": 28, "TP53": 94}
    assert items["gene"].value_counts().to_dict() == known


def test_an_item_is_as_the_snapshot_has_it(items):
    # the line of evidence_id 630; Tzoneva 2013 is PubMed 23377281
    item = items[items["evidence"] == 630].iloc[0].to_dict()
    assert item == {
        "gene": "NT5C2",
        "variant": "R367Q",
        "disease": "T-cell Acute Lymphoblastic Leukemia",
        "drugs": "Thioguanine,Mercaptopurine",
        "type": "Predictive",
        "direction": "Supports",
        "level": "D",
        "significance": "Resistance",
        "rating": 4,
        "citation": "Tzoneva et al., 2013, Nat. Med.",
        "pubmed": 23377281,
        "evidence": 630,
    }


def test_nt5c2_is_said_to_resist_thiopurines_and_not_nelarabine(items):
    # Tzoneva 2013 tested both; items 633, 635 and 636 are against resistance to nelarabine
    nt5c2 = items[(items["gene"] == "NT5C2") & (items["significance"] == "Resistance")]
    drugs = nt5c2["drugs"].str.contains("Nelarabine")
    assert set(nt5c2.loc[drugs, "evidence"]) == {633, 635, 636}
    assert set(nt5c2.loc[drugs, "direction"]) == {"Does Not Support"}
    supported = nt5c2[nt5c2["direction"] == "Supports"]
    assert len(supported) == 7
    assert supported["drugs"].str.contains("Mercaptopurine").all()


def test_drugs_are_missing_where_an_item_is_about_none(items):
    assert items.loc[items["drugs"].notna(), "type"].eq("Predictive").all()
    assert items["drugs"].isna().sum() == 63


def test_items_are_sorted_and_numbered_anew(items):
    keys = list(items[["gene", "variant", "evidence"]].itertuples(index=False, name=None))
    assert keys == sorted(keys)
    assert list(items.index) == list(range(152))


def test_other_genes_can_be_asked_for(mirror):
    genes = {"JAK2", "ABL1", "RET"}
    assert set(evidence(sorted(genes))["gene"]) == genes


def test_a_gene_without_evidence_has_no_rows(use):
    use(ITEM)
    found = evidence(["FPGS"])
    assert found.empty
    assert list(found) == [name for name in civic.COLUMNS if name != "source"]


@pytest.mark.parametrize("name", ["NSD2", "WHSC1"])
def test_whsc1_is_found_under_either_name(name, use):
    use(ITEM | {"gene": name})
    assert list(evidence()["gene"]) == ["WHSC1"]


def test_quotes_within_a_cell_stay(use):
    use(ITEM | {"variant": 'the "hot" one', "evidence_id": "2"}, ITEM)
    assert list(evidence()["variant"]) == ["R367Q", 'the "hot" one']


def test_gaps_are_missing(use):
    use(ITEM | {"drugs": "", "rating": "", "clinical_significance": ""})
    assert evidence()[["drugs", "rating", "significance"]].isna().all(axis=None)


def test_the_number_of_a_conference_abstract_is_not_taken_for_pubmed_s(use):
    use(ITEM | {"source_type": "ASCO", "citation_id": "161573"})
    assert evidence()["pubmed"].isna().all()


def test_columns_that_are_absent_are_all_named(use):
    use({name: cell for name, cell in ITEM.items() if name not in ("drugs", "rating")})
    with pytest.raises(InputError, match=r"(?s)nightly.*no column drugs.*no column rating"):
        evidence()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"evidence_level": "F"}, r"line 3, column evidence_level \(ours: level\): 'F' must be"),
        ({"evidence_id": "six"}, r"evidence_id \(ours: evidence\): 'six' must be a whole number"),
        ({"evidence_id": "630"}, "630 must not occur twice"),
        ({"rating": "6"}, "6 must be in range"),
        ({"evidence_direction": "Perhaps"}, "must be one of Supports, Does Not Support"),
        ({"disease": ""}, "must not be empty"),
    ],
    ids=str,
)
def test_a_faulty_item_is_refused_with_its_place_and_what_is_allowed(change, fault, use):
    use(ITEM, ITEM | {"evidence_id": "631"} | change)
    with pytest.raises(InputError, match=fault):
        evidence()
