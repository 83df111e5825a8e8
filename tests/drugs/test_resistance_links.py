"""Who resists what: counted from the published tables by hand."""

import pandas as pd

from allrelapse.data import published
from allrelapse.drugs import links

SITES, FOLDS = published.read("resistance_sites"), published.read("fold_changes")


def item(gene, variant, drugs, direction="Supports", significance="Resistance", **other):
    row = {"gene": gene, "variant": variant, "drugs": drugs, "direction": direction}
    row |= {"significance": significance, "type": "Predictive"}
    return row | {"disease": "T-cell Acute Lymphoblastic Leukemia"} | other


def test_variants_are_counted_once_and_only_what_leukaemia_was_tested_for():
    evidence = pd.DataFrame(
        [
            item("NT5C2", "R367Q", "Mercaptopurine,Thioguanine"),
            item("NT5C2", "R367Q", "Thioguanine", "Does Not Support"),
            item("NT5C2", "K359Q", "Thioguanine", "Does Not Support"),
            item("NT5C2", "K359Q", "Nelarabine,Arabinosylguanine", "Does Not Support"),
            item("NT5C2", "D407A", "Cytarabine", significance="Sensitivity/Response"),
            item("NT5C2", "S445F", "Thioguanine", disease="Breast Cancer"),
            item("NT5C2", "S445F", None, type="Prognostic"),
            item("NT5C2", "S445F", "Cisplatin"),
        ]
    )
    found = links.resistance_links(SITES, FOLDS, evidence).set_index(["gene", "drug_class"])
    thiopurine = found.loc[("NT5C2", "thiopurine")]
    assert (thiopurine["resist"], thiopurine["tested"], thiopurine["unit"]) == (1, 2, "variants")
    assert tuple(found.loc[("NT5C2", "nucleoside analogue"), ["resist", "tested"]]) == (0, 2)
    assert thiopurine["basis"] == links.MEASURED


def test_without_civic_the_published_tables_say_what_is_inferred_and_what_assumed():
    found = links.resistance_links(SITES, FOLDS).set_index(["gene", "drug_class"])
    # Evensen 2018: the IC50 rose in 697 and UOCB1, not in Reh and RS4;11
    msh6 = found.loc[("MSH6", "thiopurine")]
    assert (msh6["resist"], msh6["tested"], msh6["unit"]) == (2, 4, "lines")
    assert found.loc[("FPGS", "methotrexate"), "basis"] == links.INFERRED
    assert found.loc[("NT5C2", "thiopurine"), "basis"] == links.INFERRED
    assert found.loc[("CREBBP", "glucocorticoid"), "basis"] == links.ASSUMED
    assert found.loc[("WHSC1", "glucocorticoid"), "basis"] == links.ASSUMED
    several = found.loc[("TP53", links.SEVERAL)]
    assert several["basis"] == links.INFERRED
    assert "resistant to several drugs" in several["source"]
    assert found.drop(("MSH6", "thiopurine"))["tested"].isna().all()


def test_every_class_has_a_place_in_the_picture():
    found = links.resistance_links(SITES, FOLDS)
    assert set(found["drug_class"]) <= set(links.ORDER)
    assert not found.duplicated(["gene", "drug_class"]).any()
