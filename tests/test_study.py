import pytest
import toy
import yaml
from hypothesis import given
from hypothesis import strategies as st

from allrelapse import claims, study
from allrelapse.data import open_data
from allrelapse.errors import InputError

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
KNOWN = {"known_claims": ["c1"], "known_open_data": ["d1"]}


@pytest.fixture
def root(tmp_path):
    toy.write_study(tmp_path, toy.analysis("01_a"), toy.analysis("02_b"))
    return tmp_path


def load_with(root, *changes, **known):
    """Load the toy study with fields of its analyses changed, the first change to the first one."""
    entries = yaml.safe_load((root / "study.yaml").read_text())
    for entry, change in zip(entries["analyses"], changes, strict=False):
        entry.update(change)
    (root / "study.yaml").write_text(yaml.safe_dump(entries))
    return study.load(root / "study.yaml", **known)


def test_the_study_of_this_repository_is_sound():
    claimed, data = list(claims.ledger().index), open_data.registry()
    loaded = study.load(known_claims=claimed, known_open_data=data)
    assert [a.id for a in loaded.analyses] == sorted(a.id for a in loaded.analyses)


def test_analyses_keep_their_order_and_fields(root):
    (root / "in.csv").touch()
    change = {"inputs": ["in.csv"], "parameters": {"level": 1}, "outputs": ["tables/t.csv"]}
    loaded = load_with(root, change)
    assert [a.id for a in loaded.analyses] == ["01_a", "02_b"]
    first = loaded.analyses[0]
    assert (first.inputs, first.parameters, first.outputs) == (
        ("in.csv",),
        {"level": 1.0},
        ("tables/t.csv",),
    )
    assert loaded.results("open") == root / "results" / "open"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"notebok": "x"}, "01_a: notebok: no such field"),
        ({"notebook": "n.ipynb"}, "01_a: notebook: there is no file 'n.ipynb'"),
        ({"inputs": ["in.csv"]}, "01_a: inputs: there is no file 'in.csv'"),
        ({"inputs": ["../in.csv"]}, "01_a: inputs.1: '../in.csv' must be a path below"),
        ({"outputs": ["/t.csv"]}, "01_a: outputs.1: '/t.csv' must be a path below"),
        ({"parameters": {"levle": 1}}, "no parameter 'levle' (did you mean 'level'?)"),
        ({"parameters": {"level": "high"}}, "'level': 'high' is no float"),
        ({"parameters": {"level": True}}, "allowed: level: float = 0.95"),
        ({"parameters": {"level": float("nan")}}, "'level': nan is no float"),
        ({"claims": ["c2"]}, "01_a: claims: data/published/claims.csv has no 'c2'"),
        ({"open_data": {"required": ["d2"]}}, "01_a: open_data.required: data/open_data.yaml has"),
        ({"open_data": {"needed": []}}, "01_a: open_data.needed: no such field"),
        ({"minutes": 0}, "01_a: minutes: Input should be greater than 0"),
        ({"minutes": True}, "01_a: minutes: Input should be a valid number"),
        ({"id": "a b"}, "analysis 1: id: String should match"),
        ({"id": "02_b"}, "analysis 2: id: '02_b' is in analysis 1 already"),
        ({"title": ""}, "01_a: title: String should have at least 1 character"),
    ],
)
def test_a_fault_is_told_with_entry_and_field(change, told, root):
    with pytest.raises(InputError) as error:
        load_with(root, change, **KNOWN)
    assert told in str(error.value)
    assert "study.yaml: 1 to mend" in str(error.value)


def test_all_faults_are_told_at_once(root):
    first = {"notebook": "n.ipynb", "claims": ["c1", "c9"], "title": None}
    with pytest.raises(InputError) as error:
        load_with(root, first, {"claims": ["c1"], "colour": "red"}, known_claims=["c1"])
    text = str(error.value)
    assert "5 to mend" in text
    assert "01_a: title" in text
    assert "01_a: notebook" in text
    assert "'c9'" in text
    assert "02_b: colour" in text
    assert "02_b: claims: 'c1' is in 01_a already" in text


def test_a_key_given_twice_is_refused(root):
    file = root / "study.yaml"
    file.write_text(file.read_text() + "title: Another\n")
    with pytest.raises(InputError, match="'title' is given 2 times"):
        study.load(file)


def test_a_study_file_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml cannot be read"):
        study.load(tmp_path / "none.yaml")


def test_a_notebook_that_is_no_notebook_is_told(root):
    (root / "notebooks" / "01_a.ipynb").write_text("{")
    with pytest.raises(InputError, match=r"01_a: parameters: .* cannot be read"):
        load_with(root, {"parameters": {}})


@pytest.mark.parametrize(
    ("name", "told"), [("0", "fits more than one"), ("3", "is no analysis"), ("", "is no analysis")]
)
def test_a_short_name_must_fit_one_analysis(name, told, root):
    loaded = load_with(root)
    assert loaded.find("01").id == "01_a"
    with pytest.raises(InputError, match=told):
        loaded.find(name)


@pytest.mark.parametrize("cohort", ["", "..", "a/b", ".hidden"])
def test_a_cohort_must_be_the_name_of_a_folder(cohort, root):
    with pytest.raises(InputError, match="cohort"):
        load_with(root).results(cohort)


@given(text=st.text() | st.text("[]{}:,-&*!? \n\"'|>%@`#ab0.", max_size=40))
def test_any_text_is_read_or_refused_in_one_error(text, tmp_path_factory):
    file = tmp_path_factory.mktemp("study") / "study.yaml"
    file.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(InputError):
        study.load(file)


@pytest.mark.parametrize(
    "tagged", ["!!bool x", "!!int x", "!!timestamp x", "!!python/name:os.x", "[" * 3000]
)
def test_odd_yaml_is_one_clear_error(tagged, tmp_path):
    (tmp_path / "study.yaml").write_text(tagged)
    with pytest.raises(InputError, match=r"study\.yaml"):
        study.load(tmp_path / "study.yaml")


@given(field=st.sampled_from(sorted(study.Analysis.model_fields)), value=ANYTHING)
def test_any_value_in_any_field_is_taken_or_refused_in_one_error(field, value, tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    toy.write_study(root, toy.analysis("01_a"), toy.analysis("02_b"))
    try:
        sound = len(load_with(root, {field: value}, **KNOWN).analyses) == 2
    except InputError as error:
        sound = "01_a" in str(error) or "analysis" in str(error)
    assert sound


def chained(**changes):
    """An entry for choices of a chain, with fields of it changed."""
    choices = {"series": {"both": "all", "discovery": "the first"}}
    chain = {"chain": "kmt2a_prevalences", "claims": ["c1"], "choices": choices}
    return {"claims": ["c1"], "multiverse": [chain | changes]}


def test_choices_of_a_chain_keep_their_order_and_types(root):
    choices = {
        "alpha": {0.05: "usual", 1: "loose"},
        "cosmic_version": {"3.4": "ours", "3.6": "new"},
    }
    change = chained(chain="exomes_with_either", choices=choices)
    [chain] = load_with(root, change, **KNOWN).analyses[0].multiverse
    assert {name: list(values) for name, values in chain.choices.items()} == {
        "alpha": [0.05, 1.0],
        "cosmic_version": ["3.4", "3.6"],
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"chain": "kmt2a_prevalence"},
            "chain: there is no chain 'kmt2a_prevalence'; did you mean",
        ),
        ({"claims": ["c2"]}, "multiverse: kmt2a_prevalences: c2 is no claim of the analysis"),
        ({"claims": []}, "multiverse.1.claims: "),
        ({"choices": {}}, "multiverse.1.choices: "),
        ({"choices": {"series": {"both": "all"}}}, "series: a choice needs two values or more"),
        ({"choices": {"sires": {"a": "x", "b": "y"}}}, "'sires' (did you mean 'series'?)"),
        ({"choices": {"series": {"a": "x", "both": "y"}}}, "must be the notebook's, 'both'"),
        ({"choices": {"series": {"both": "x", 2: "y"}}}, "'series': 2 is no str"),
        ({"choices": {"series": {"both": "x", "discovery": ""}}}, "discovery: String should have"),
        ({"choice": {}}, "multiverse.1.choice: no such field"),
    ],
)
def test_a_fault_in_the_choices_is_told(change, told, root):
    with pytest.raises(InputError) as error:
        load_with(root, chained(**change), **KNOWN)
    assert told in str(error.value)
    assert "study.yaml: 1 to mend" in str(error.value)
