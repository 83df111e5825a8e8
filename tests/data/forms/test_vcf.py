"""VCF files written by each test; what MAF makes of them by hand, as vcf2maf does."""

import gzip
import os

import pandas as pd
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allrelapse.data import files
from allrelapse.data.cohort_file import CohortFile
from allrelapse.data.forms import vcf, vcf_file
from allrelapse.errors import InputError

HEADER = """##fileformat=VCFv4.2
##contig=<ID=chr1,length=249250621>
##contig=<ID=chr10,length=135534747>
##contig=<ID=GL000192.1,length=547496>
##FILTER=<ID=weak_evidence,Description="weak">
##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations">
##INFO=<ID=CSQ,Number=.,Type=String,Description="VEP. Format: Allele|Consequence|SYMBOL|HGVSp">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads per allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">
##FORMAT=<ID=AO,Number=A,Type=Integer,Description="Reads with it">
##FORMAT=<ID=RO,Number=1,Type=Integer,Description="Reads without">
##FORMAT=<ID=NV,Number=A,Type=Integer,Description="Reads with it">
##FORMAT=<ID=NR,Number=A,Type=Integer,Description="Reads">
##FORMAT=<ID=RD,Number=1,Type=Integer,Description="Reads without">
##FORMAT=<ID=AU,Number=2,Type=Integer,Description="A">
##FORMAT=<ID=CU,Number=2,Type=Integer,Description="C">
##FORMAT=<ID=GU,Number=2,Type=Integer,Description="G">
##FORMAT=<ID=TU,Number=2,Type=Integer,Description="T">
##FORMAT=<ID=TAR,Number=2,Type=Integer,Description="reference">
##FORMAT=<ID=TIR,Number=2,Type=Integer,Description="indel">
"""
NAMES = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
SHEET = "sample,patient,stage,vcf\nS1,P1,relapse,calls.vcf\n"


def row(*calls, chrom="chr1", pos=100, ref="C", alt="T", passed="PASS", info=".", form="GT:AD:DP"):
    fields = [chrom, pos, ".", ref, alt, ".", passed, info]
    return "\t".join(map(str, [*fields, *([form, *calls] if calls else [])]))


def text(*rows, samples=("S1",), header=HEADER):
    names = NAMES if samples else NAMES[:-1]
    return header + "\n".join(["\t".join([*names, *samples]), *rows]) + "\n"


CALL = "0/1:60,40:100"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Writes a cohort with one file of calls, and reads it."""

    def read(*rows, sheet=SHEET, samples=("S1",), header=HEADER, build=None, more=()):
        folder = tmp_path_factory.mktemp("cohort")
        (folder / "patients.csv").write_text("patient\nP1\nP2\n")
        (folder / "samples.csv").write_text(sheet)
        (folder / "calls.vcf").write_text(text(*rows, samples=samples, header=header))
        for name, content in dict(more).items():
            (folder / name).write_bytes(content)
        assert vcf.fits(folder, CohortFile())
        return vcf.read(folder, CohortFile(build=build))

    return read


def mutations(cohort, *rows, **settings):
    return cohort(*rows, **settings)[0]["mutations"]


def refused(cohort, *rows, **settings):
    with pytest.raises(InputError) as caught:
        cohort(*rows, **settings)
    return str(caught.value)


def test_a_file_gives_the_mutations_of_its_sample(cohort):
    tables, build, notes = cohort(row(CALL))
    assert build == "GRCh37"
    assert notes == ["mutations: 1, VCF files: 1"]
    assert tables["samples"].to_dict("records") == [
        {"sample": "S1", "patient": "P1", "stage": "relapse"}
    ]
    assert tables["patients"]["patient"].tolist() == ["P1", "P2"]
    found = tables["mutations"].iloc[0]
    assert found[["sample", "Chromosome", "Start_Position"]].tolist() == ["S1", "1", 100]
    assert found[["Reference_Allele", "Tumor_Seq_Allele2"]].tolist() == ["C", "T"]
    assert found[["t_alt_count", "t_depth"]].tolist() == [40, 100]
    assert found[["Hugo_Symbol", "HGVSp_Short", "Variant_Classification"]].isna().all()


def test_only_a_sheet_with_a_column_vcf_is_such_a_cohort(tmp_path):
    assert not vcf.fits(tmp_path, CohortFile())
    (tmp_path / "samples.csv").write_text("sample,patient,stage\nS1,P1,relapse\n")
    assert not vcf.fits(tmp_path, CohortFile())
    (tmp_path / "samples.csv").unlink()
    (tmp_path / "samples.tsv").write_text(SHEET.replace(",", "\t"))
    assert vcf.fits(tmp_path, CohortFile())


@pytest.mark.parametrize("ending", [".vcf.gz", ".bcf"])
def test_compressed_and_binary_files_are_read(ending, cohort, tmp_path):
    plain, packed = tmp_path / "x.vcf", tmp_path / f"x{ending}"
    plain.write_text(text(row(CALL)))
    if ending == ".bcf":
        with (
            pysam.VariantFile(str(plain)) as old,
            pysam.VariantFile(str(packed), "wb", header=old.header) as new,
        ):
            for record in old:
                new.write(record)
    else:
        pysam.tabix_compress(str(plain), str(packed))
    more = {packed.name: packed.read_bytes()}
    found = mutations(cohort, sheet=SHEET.replace("calls.vcf", packed.name), more=more)
    assert found["t_alt_count"].tolist() == [40]
    cut = {packed.name: packed.read_bytes()[:-28]}
    told = refused(cohort, sheet=SHEET.replace("calls.vcf", packed.name), more=cut)
    assert f"x{ending} is cut off" in told


def test_plain_gzip_is_refused_with_the_mend(cohort):
    more = {"x.vcf.gz": gzip.compress(text(row(CALL)).encode())}
    sheet = SHEET.replace("calls.vcf", "x.vcf.gz")
    told = refused(cohort, sheet=sheet, more=more)
    assert "x.vcf.gz is compressed by gzip, not bgzip: unpack it" in told


@pytest.mark.parametrize(
    ("given", "maf"),
    [
        ((100, "C", "T"), (100, "C", "T")),
        ((100, "CAG", "C"), (101, "AG", "-")),
        ((100, "C", "CAG"), (100, "-", "AG")),
        ((100, "CA", "TG"), (100, "CA", "TG")),
        ((100, "CAA", "TAA"), (100, "C", "T")),
        ((100, "ACT", "AGT"), (101, "C", "G")),
        ((100, "CAA", "CA"), (101, "A", "-")),
        ((100, "CAG", "TT"), (100, "CAG", "TT")),
        ((1, "AC", "C"), (1, "A", "-")),
        ((1, "C", "AC"), (1, "C", "AC")),
        ((9, "C", "AC"), (8, "-", "A")),
    ],
)
def test_alleles_and_position_become_those_of_maf(given, maf, cohort):
    assert vcf_file.maf_alleles(*given) == maf
    found = mutations(cohort, row(CALL, pos=given[0], ref=given[1], alt=given[2])).iloc[0]
    names = ["Start_Position", "Reference_Allele", "Tumor_Seq_Allele2"]
    assert tuple(found[names]) == maf


@given(st.integers(2, 99), *[st.text("ACGT", min_size=1, max_size=6)] * 2)
def test_alleles_of_maf_make_the_same_sequence(position, reference, alternative):
    around = "ACGTTGCATGCA"
    at, old, new = vcf_file.maf_alleles(position, reference, alternative)
    if reference == alternative:
        return
    start = at - position + (old == "-")
    before = around + reference + around
    place = len(around) + start
    old, new = old.strip("-"), new.strip("-")
    assert before[place : place + len(old)] == old
    changed = before[:place] + new + before[place + len(old) :]
    assert changed == around + alternative + around


def test_each_allele_of_a_row_is_a_mutation_with_its_own_reads(cohort):
    found = mutations(cohort, row("1/2:10,20,30:61", alt="T,CA"))
    assert found["Tumor_Seq_Allele2"].tolist() == ["T", "A"]
    assert found["Reference_Allele"].tolist() == ["C", "-"]
    assert found["t_alt_count"].tolist() == [20, 30]
    assert found["t_depth"].tolist() == [61, 61]


@pytest.mark.parametrize(
    ("form", "call", "reads"),
    [
        ("GT:AD:DP", "0/1:60,40:110", [40, 110]),
        ("GT:AD", "0/1:60,40", [40, 100]),
        ("GT:AD:DP", "0/1:60,40:90", [40, 100]),
        ("GT:RD:AD:DP", "0/1:60:40:100", [40, 100]),
        ("GT:RO:AO", "0/1:60:40", [40, 100]),
        ("GT:NV:NR", "0/1:40:100", [40, 100]),
        ("AU:CU:GU:TU", "0,0:60,61:0,0:40,42", [40, 100]),
        ("GT:DP", "0/1:100", [None, 100]),
        ("GT", "0/1", [None, None]),
        ("GT:AD:DP", "0/1:.:.", [None, None]),
    ],
)
def test_reads_are_found_in_the_fields_of_each_caller(form, call, reads, cohort):
    header = HEADER
    if "RD" in form:  # VarScan has one number in AD
        header = HEADER.replace("ID=AD,Number=R", "ID=AD,Number=1")
    found = mutations(cohort, row(call, form=form), header=header).iloc[0]
    told = [None if pd.isna(found[name]) else found[name] for name in ("t_alt_count", "t_depth")]
    assert told == reads


def test_reads_of_an_indel_of_strelka_are_found(cohort):
    found = mutations(cohort, row("70,71:30,33:100", ref="CA", form="TAR:TIR:DP", alt="C")).iloc[0]
    assert found[["t_alt_count", "t_depth"]].tolist() == [30, 100]


def test_fields_that_the_header_lacks_are_read_all_the_same(cohort):
    header = "".join(line for line in HEADER.splitlines(True) if "FORMAT" not in line)
    found = mutations(cohort, row(CALL), header=header).iloc[0]
    assert found[["t_alt_count", "t_depth"]].tolist() == [40, 100]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"passed": "weak_evidence"}, "1 rows that did not pass FILTER"),
        ({"chrom": "GL000192.1"}, "1 rows on other contigs left out"),
        ({"alt": "<DEL>"}, "1 alleles that are no bases"),
        ({"alt": "*"}, "1 alleles that are no bases"),
        ({"alt": "C[chr10:5["}, "1 alleles that are no bases"),
        ({"ref": "N"}, "1 alleles that are no bases"),
        ({"ref": "A" * 1001, "alt": "A"}, "1 alleles that are no bases, or over 1000"),
    ],
)
def test_what_is_no_mutation_of_ours_is_left_out_and_counted(change, told, cohort):
    tables, _, notes = cohort(row(CALL), row(CALL, **{"pos": 200, **change}))
    assert tables["mutations"]["Start_Position"].tolist() == [100]
    assert any(told in note for note in notes)


def test_rows_without_a_filter_count_as_passed(cohort):
    assert len(mutations(cohort, row(CALL, passed="."))) == 1


def test_neighbouring_substitutions_stay_together_and_are_counted(cohort):
    tables, _, notes = cohort(row(CALL, ref="CC", alt="TT"))
    assert tables["mutations"]["Reference_Allele"].tolist() == ["CC"]
    assert "VCF: 1 alleles of several bases, kept as they are" in notes


TWO = (
    "sample,patient,stage,vcf,vcf_sample\nD,P1,diagnosis,calls.vcf,{}\nR,P1,relapse,calls.vcf,{}\n"
)


def test_each_sample_of_a_file_has_its_own_column(cohort):
    rows = [row("0/1:60,40:100", "0/0:100,0:100"), row("0/0:97,3:100", "0/1:50,50:100", pos=7)]
    found = mutations(cohort, *rows, sheet=TWO.format("a", "b"), samples=("b", "a"))
    told = found.set_index(["sample", "Start_Position"])["t_alt_count"].to_dict()
    # looked for and not found is told as 0; reads of what was not called are not
    assert told == {("D", 100): 0, ("R", 100): 40, ("D", 7): 50}


def test_without_a_name_the_column_is_that_of_the_sample_or_the_only_one(cohort):
    sheet = TWO.format("", "NA")
    calls = [row("0/1:60,40:100", "0/1:50,50:100")]
    found = mutations(cohort, *calls, sheet=sheet, samples=("R", "D"))
    assert found.set_index("sample")["t_alt_count"].to_dict() == {"D": 50, "R": 40}
    assert mutations(cohort, row(CALL), samples=("TUMOUR",))["t_alt_count"].tolist() == [40]


def test_a_file_without_samples_gives_mutations_without_reads(cohort):
    found = mutations(cohort, row(), samples=())
    assert found["t_alt_count"].isna().tolist() == [True]


def test_an_unknown_column_is_refused_with_those_that_there_are(cohort):
    told = refused(cohort, row(CALL, CALL), samples=("NORMAL", "TUMOUR"))
    assert "sample S1: has no column 'S1'; name one of NORMAL, TUMOUR in vcf_sample" in told
    told = refused(cohort, row(CALL), sheet=TWO.format("x", "S1"))
    assert "line 2 of the sheet: sample D: has no column 'x'" in told


def test_rows_without_a_file_have_no_mutations(cohort):
    tables, _, _ = cohort(sheet=SHEET.replace("calls.vcf", ""))
    assert sorted(tables) == ["patients", "samples"]


ANN = (
    "T|missense_variant&splice_region_variant|MODERATE|NT5C2|ENSG|transcript|ENST|"
    "protein_coding|13/18|c.1100G>A|p.Arg367Gln|x"
)


@pytest.mark.parametrize(
    ("info", "change", "told"),
    [
        (f"ANN={ANN},T|intron_variant|x|B", {}, ["NT5C2", "p.R367Q", "Missense_Mutation"]),
        (
            "CSQ=T|stop_gained|TP53|ENSP00000269305.4:p.Arg196Ter,T|intron_variant||",
            {},
            ["TP53", "p.R196*", "Nonsense_Mutation"],
        ),
        (
            "CSQ=T|synonymous_variant|TP53|ENSP1:p.Arg196%3D",
            {},
            ["TP53", "p.R196=", "Silent"],
        ),
        (
            "CSQ=-|frameshift_variant|NF1|ENSP1:p.Lys5ArgfsTer9",
            {"ref": "CA", "alt": "C"},
            ["NF1", "p.K5Rfs*9", "Frame_Shift_Del"],
        ),
        (
            "CSQ=AGG|inframe_insertion|NF1|",
            {"alt": "CAGG"},
            ["NF1", None, "In_Frame_Ins"],
        ),
        (
            "CSQ=G|missense_variant|NF1|",  # VEP --minimal: trimmed at both ends
            {"ref": "ACT", "alt": "AGT"},
            ["NF1", None, "Missense_Mutation"],
        ),
        ("CSQ=T|odd_variant||", {}, [None, None, None]),
        ("CSQ=T", {}, [None, None, None]),
        ("CSQ=T|intron_variant|=cmd|", {}, [None, None, "Intron"]),
        (".", {}, [None, None, None]),
    ],
)
def test_gene_class_and_protein_come_from_the_first_transcript(info, change, told, cohort):
    tag = info[:3]
    header = "".join(
        line for line in HEADER.splitlines(True) if "INFO" not in line or f"ID={tag}" in line
    )
    found = mutations(cohort, row(CALL, info=info, **change), header=header).iloc[0]
    names = ["Hugo_Symbol", "HGVSp_Short", "Variant_Classification"]
    assert [None if pd.isna(found[name]) else found[name] for name in names] == told


def test_each_allele_has_its_own_annotation(cohort):
    info = "ANN=A|stop_gained||GENE_A,T|missense_variant||GENE_T"
    found = mutations(cohort, row("1/2:10,20,30:60", alt="T,A", info=info))
    assert found["Hugo_Symbol"].tolist() == ["GENE_T", "GENE_A"]


@pytest.mark.parametrize(
    ("header", "build"),
    [
        (HEADER, "GRCh37"),
        (HEADER.replace("249250621", "248956422"), "GRCh38"),
        (HEADER.replace(",length=249250621", ""), ""),
        (
            HEADER.replace(",length=249250621", "") + "##reference=file:///x/hs37d5.fa\n",
            "GRCh37",
        ),
        (HEADER.replace(",length=249250621", "") + "##reference=hg38.fa\n", "GRCh38"),
        (HEADER.replace(",length=249250621", "") + "##reference=hg19_to_hg38.fa\n", ""),
    ],
)
def test_the_genome_is_what_the_header_states(header, build, cohort):
    assert cohort(row(CALL), header=header)[1] == build


def test_genomes_that_contradict_each_other_are_refused_by_name(cohort):
    told = refused(cohort, row(CALL), header=HEADER + "##reference=hg38.fa\n")
    assert "##reference is of GRCh38, the length of chromosome 1 is of GRCh37" in told
    told = refused(cohort, row(CALL), build="GRCh38")
    assert "cohort.yaml says GRCh38" in told
    assert "calls.vcf says GRCh37" in told


def test_the_same_mutation_twice_counts_once_unless_reads_differ(cohort):
    tables, _, notes = cohort(row(CALL), row(CALL))
    assert len(tables["mutations"]) == 1
    assert "VCF: 1 rows that repeat another one, left out" in notes
    told = refused(cohort, row(CALL), row("0/1:60,41:101"))
    assert "sample S1, 1:100 C>T: is there twice with different reads" in told


@pytest.mark.parametrize(
    "name", ["/etc/calls.vcf", "../calls.vcf", "a/../calls.vcf", "none.vcf", "calls.txt", "out.vcf"]
)
def test_only_files_in_the_folder_are_read(name, cohort, tmp_path):
    told = refused(cohort, row(CALL), sheet=SHEET.replace("calls.vcf", name))
    assert f"line 2, column vcf: {name!r}" in told


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    folder = tmp_path / "cohort"
    folder.mkdir()
    (tmp_path / "calls.vcf").write_text(text(row(CALL)))
    os.symlink(tmp_path / "calls.vcf", folder / "calls.vcf")
    (folder / "samples.csv").write_text(SHEET)
    (folder / "patients.csv").write_text("patient\nP1\n")
    with pytest.raises(InputError, match="leads out of the folder"):
        vcf.read(folder, CohortFile())


def test_mutations_from_two_places_are_refused(cohort):
    more = {"mutations.csv": b"sample,Chromosome,Start_Position\nS1,1,5\n"}
    assert "mutations.csv and the column vcf of samples.csv: keep one" in refused(cohort, more=more)


def test_a_cohort_without_patients_is_refused(tmp_path):
    (tmp_path / "samples.csv").write_text(SHEET)
    with pytest.raises(InputError, match=r"no patients\.csv"):
        vcf.read(tmp_path, CohortFile())


def test_a_fault_of_the_sheet_is_told_with_its_line(cohort):
    told = refused(cohort, sheet=SHEET.replace("relapse", "later"))
    assert "line 2, column stage: 'later'" in told


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (row(CALL, pos="x"), "line 24"),
        (row(CALL).rpartition("\t")[0], "line 24"),
        ("chr1\t5\t.\tA", "line 24"),
        (row("0/1:x:y"), "line 24"),
    ],
)
def test_a_malformed_row_is_told_with_file_and_line(broken, place, cohort, capfd):
    told = refused(cohort, row(CALL, pos=5), broken)
    assert "calls.vcf" in told
    assert place in told
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("header", ["", "hello\n", "##fileformat=VCFv4.2\n##contig=<ID=\n"])
def test_what_is_no_vcf_is_refused(header, cohort):
    more = {"calls.vcf": header.encode()}
    assert "calls.vcf" in refused(cohort, more=more)


@pytest.mark.parametrize("position", [0, 400_000_000])
def test_a_position_that_no_chromosome_has_is_refused(position, cohort):
    told = refused(cohort, row(CALL), row(CALL, pos=position))
    assert f"calls.vcf has 1 fault:\n  line 24: position {position}" in told


def test_more_reads_with_a_variant_than_reads_are_refused(cohort):
    told = refused(cohort, row("0/1:40:30", form="GT:NV:NR"))
    assert "line 23: 40 reads with T, but only 30 reads in all" in told


def test_faults_of_all_files_are_told_at_once(cohort):
    sheet = SHEET + "S2,P2,relapse,x.vcf\n"
    told = refused(cohort, row(CALL, pos="x"), sheet=sheet, more={"x.vcf": b"hello"})
    assert "calls.vcf has 1 fault" in told
    assert "x.vcf has 1 fault" in told
    told = refused(cohort, sheet=sheet.replace("relapse", "later"))
    assert "line 3, column stage: 'later'" in told
    assert "line 3, column vcf: 'x.vcf' is not in the folder" in told


def test_a_sheet_without_ids_is_refused(cohort):
    assert "column sample" in refused(cohort, sheet="patient,stage,vcf\nP1,relapse,calls.vcf\n")


def test_more_rows_than_are_allowed_are_refused(cohort, monkeypatch):
    monkeypatch.setattr(files, "ROWS", 2)
    assert len(mutations(cohort, row(CALL), row(CALL, pos=2))) == 2
    told = refused(cohort, row(CALL), row(CALL, pos=2), row(CALL, pos=3))
    assert "over 2 mutations" in told


def test_htslib_stays_as_talkative_as_it_was(cohort):
    before = pysam.get_verbosity()
    cohort(row(CALL))
    refused(cohort, "x")
    assert pysam.get_verbosity() == before


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """A file of calls as text and compressed, as bytes."""
    plain = tmp_path_factory.mktemp("contents") / "calls.vcf"
    plain.write_text(text(row(CALL, info=f"ANN={ANN}"), row(CALL, pos=200)))
    packed = plain.with_name("calls.vcf.gz")
    pysam.tabix_compress(str(plain), str(packed))
    return {path.name: path.read_bytes() for path in (plain, packed)}


@pytest.mark.parametrize("name", ["calls.vcf", "calls.vcf.gz"])
@settings(max_examples=40)
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 4), st.binary(max_size=3)),
        min_size=1,
        max_size=3,
    )
)
def test_random_edits_of_a_vcf_raise_nothing_but_input_errors(cohort, contents, name, edits):
    content = contents[name]
    for where, cut, put in edits:
        at = int(where * len(content))
        content = content[:at] + put + content[at + cut :]
    try:
        tables, _, _ = cohort(sheet=SHEET.replace("calls.vcf", name), more={name: content})
    except InputError:
        return
    assert "mutations" in tables


@settings(max_examples=40)
@given(st.data())
def test_random_fields_of_a_vcf_raise_nothing_but_input_errors(cohort, data):
    words = ["", ".", "-1", "0", "1e9", "C,T", "<X>", "é", "0/9", "1|.", "9" * 30, "A;B=,;ANN"]
    fields = [
        data.draw(st.just(field) | st.sampled_from(words))
        for field in row(CALL, info=f"ANN={ANN}").split("\t")
    ]
    try:
        cohort("\t".join(fields))
    except InputError:
        return
