"""What a cohort is made of, whichever form it came in."""

from allrelapse.data import cohort


def test_a_gene_with_a_newer_name_gets_the_one_that_the_study_has(tmp_path):
    """NSD2 was WHSC1 (HGNC); the abstract and the genes of GRCh37 have the older name."""
    (tmp_path / "patients.csv").write_text("patient\nA\n")
    (tmp_path / "samples.csv").write_text("sample,patient,stage\nA-R,A,relapse\n")
    (tmp_path / "mutations.csv").write_text(
        "sample,Hugo_Symbol,Chromosome,Start_Position\nA-R,NSD2,4,1962801\nA-R,TP53,17,7577538\n"
    )
    people = cohort.load(tmp_path)
    assert people.mutations["Hugo_Symbol"].to_list() == ["WHSC1", "TP53"]
    assert "mutations: NSD2 is called WHSC1 here" in people.notes
