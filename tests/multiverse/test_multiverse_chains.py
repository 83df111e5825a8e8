"""What chains do beside calling the methods: choosing, correcting, leaving out."""

import pandas as pd
import pytest
from scipy.stats import binom

from allrelapse.data import cohort
from allrelapse.evolution import convergence, origin
from allrelapse.multiverse import given as shared
from allrelapse.multiverse.chains import MODULES, open_signatures
from allrelapse.multiverse.given import Given
from allrelapse.parameters import of_functions
from allrelapse.study import CHAINS

PEOPLE = cohort.Cohort("few", pd.DataFrame({"patient": ["P1"]}))


def control_hits(**choices):
    """Hits in two made-up sets of 4 and 2 controls, in their order."""
    p = {"a": [0.01, 0.02, 0.04, 0.9], "b": [0.03, 0.5]}
    rows = [(data, value) for data, values in p.items() for value in values]
    given = Given(PEOPLE)
    table = pd.DataFrame(rows, columns=["data", "p_value"])
    given._kept[open_signatures._control_tests, "3.4", False] = table
    found = open_signatures.controls(given, **choices)
    return [round(one.value * one.n / 100) for one in found]


@pytest.mark.parametrize(
    ("choices", "hits"),
    [
        ({}, [2, 0]),  # q of a: .04, .04, .053; of b: .06
        ({"correction": "holm"}, [1, 0]),  # .04, .06, .08; .06
        ({"alpha": 0.07}, [3, 1]),
        ({"alpha": 0.065, "family": "all"}, [3, 1]),  # q of all six: .06 for the first four
        ({"alpha": 0.065, "family": "all", "correction": "holm"}, [1, 0]),  # .06, .1, ...
    ],
)
def test_controls_are_corrected_within_their_family(choices, hits):
    assert control_hits(**choices) == hits


def test_a_step_is_computed_once_for_each_of_its_choices():
    calls = []

    def step(given, choice):
        calls.append(choice)
        return choice

    given = Given(PEOPLE)
    assert [given.once(step, c) for c in (1, 2, 1)] == [1, 2, 1]
    assert calls == [1, 2]


def test_without_hypermutators_all_tables_lack_their_patients():
    names = ["P1", "P2"]
    samples = pd.DataFrame({"sample": ["S1", "S2"], "patient": names})
    people = cohort.Cohort(
        "few",
        pd.DataFrame({"patient": names}),
        samples,
        pd.DataFrame({"sample": ["S1", "S2", "S2"]}),
        truth={"patients": pd.DataFrame({"patient": names}), "settings": pd.DataFrame({"x": [1]})},
    )
    given = Given(people)
    given._kept[(shared.hypermutated,)] = pd.Index(["P1"])
    assert given.once(shared.fewer, True) is given
    left = given.once(shared.fewer, False).people
    assert list(left.patients["patient"]) == list(left.samples["patient"]) == ["P2"]
    assert list(left.mutations["sample"]) == ["S2", "S2"]
    assert list(left.truth["patients"]["patient"]) == ["P2"]
    assert len(left.truth["settings"]) == 1


def test_patients_whose_day_is_not_known_keep_their_group():
    patients = pd.DataFrame({"relapse_day": [300.0, None], "timing": ["early", "late"]})
    assert list(shared.with_timing(patients, 12, 36)["timing"]) == ["very early", "late"]


def test_every_chain_is_a_function_and_takes_its_choices_by_keyword():
    declared = of_functions(CHAINS)
    names = {name: [m for m in MODULES if hasattr(m, name)] for name in declared}
    assert declared
    assert all(len(modules) == 1 for modules in names.values())
    assert all(p.default is not None for ps in declared.values() for p in ps.values())


def test_choices_are_read_from_the_source(tmp_path):
    text = "import x\ndef f(a, *, b: float = 0.5, c: str = 'q'):\n    pass\ndef _g(*, d=1): 0\n"
    (tmp_path / "m.py").write_text(text)
    assert {name: list(map(str, ps.values())) for name, ps in of_functions(tmp_path).items()} == {
        "f": ["b: float = 0.5", "c: str = 'q'"]
    }


def test_relapses_with_two_different_hits_are_candidates_of_convergence():
    rows = [
        ("P1", "NT5C2", "relapse only", 1, "Missense_Mutation"),
        ("P1", "NT5C2", "relapse only", 2, "Missense_Mutation"),
        ("P2", "TP53", "relapse only", 3, "Missense_Mutation"),
        ("P2", "TP53", "shared", 4, "Missense_Mutation"),
        ("P3", "TP53", "relapse only", 5, "Missense_Mutation"),
        ("P3", "TP53", "relapse only", 6, "Silent"),
        ("P4", "TP53", "relapse only", 7, "Nonsense_Mutation"),
        ("P4", "TTN", "relapse only", 8, "Missense_Mutation"),
        ("P5", "TP53", "relapse only", 9, "Splice_Site"),
        ("P5", "FPGS", "relapse only", 10, "Frame_Shift_Del"),
    ]
    names = ["patient", "Hugo_Symbol", "when", "Start_Position", "Variant_Classification"]
    seen = pd.DataFrame(rows, columns=names).assign(
        Chromosome="1", Reference_Allele="C", Tumor_Seq_Allele2="T"
    )
    found = convergence.several_hits(seen)
    assert list(found["patient"].unique()) == ["P1", "P5"]
    assert list(found["gene"]) == ["NT5C2", "NT5C2", "TP53", "FPGS"]
    assert found["variant"].iloc[0] == "1:1 C>T"


def test_the_share_of_a_route_has_the_interval_of_a_binomial_if_all_are_alike():
    low, high = binom(40, 0.3).ppf([0.025, 0.975])
    expected = (30, 100 * low / 40, 100 * high / 40)
    assert origin.route_share(pd.Series([0.3] * 40)) == pytest.approx(expected)
