"""Claims, evidence, verdicts."""

import json
import math

import pytest

from allrelapse import claims
from allrelapse.errors import InputError

ALWAYS = {"interval": (50.0, 80.0), "n": 57, "note": "a note"}


@pytest.fixture(autouse=True)
def output(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLRELAPSE_OUTPUT", str(tmp_path))
    return tmp_path


def test_every_fact_of_the_abstract_is_in_the_ledger():
    ledger = claims.ledger()
    assert [claims.value(f"prevalence_{g}") for g in ("very_early", "early", "late")] == [
        17,
        65,
        32,
    ]
    assert (claims.value("trios"), claims.value("signature_prevalence")) == (103, 27)
    assert claims.value("signature_mutations") == 46
    assert ledger["source"].notna().all()
    assert ledger.loc[ledger["tolerance"].notna(), "why"].notna().all()


@pytest.mark.parametrize(
    ("claim", "kind", "value", "interval", "expected"),
    [
        ("prevalence_early", "recomputed", 64.9, (51.0, 77.0), "agrees"),
        ("prevalence_early", "recomputed", 60.0, (51.0, 77.0), "differs"),  # interval is no excuse
        ("prevalence_early", "replicated", 83.3, (36.0, 99.6), "agrees"),
        ("prevalence_early", "replicated", 20.0, (10.0, 35.0), "differs"),
        ("early_over_late", "recomputed", 3.8, (1.4, 10.6), "agrees"),
        ("early_over_late", "recomputed", 3.8, (0.9, 10.6), "differs"),
        ("signature_absent_cancers", "replicated", 0.0, (0.0, 0.13), "agrees"),
        ("signature_absent_cancers", "replicated", 5.0, (0.13, 24.9), "differs"),  # 1 of 20
        ("signature_absent_cancers", "replicated", 0.36, (0.17, 0.66), "differs"),
    ],
)
def test_verdicts_follow_the_rules(claim, kind, value, interval, expected):
    assert claims.record(claim, kind, value, interval, 10, "note") == expected


def test_recovered_evidence_is_compared_with_the_planted_truth_alone():
    agreed = claims.record("prevalence_early", "recovered", 30.0, (20.0, 40.0), 9, truth=35.0)
    missed = claims.record("prevalence_early", "recovered", 65.0, (60.0, 70.0), 9, truth=35.0)
    assert (agreed, missed) == ("agrees", "differs")


def test_recorded_evidence_reads_back_as_it_was(output):
    claims.record(
        "early_over_very_early", "replicated", math.inf, (1.5, math.inf), 22, "n", data="d"
    )
    text = (output / "claims.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    [entry] = claims.read(output / "claims.json")
    assert (entry["value"], entry["interval"], entry["n"]) == (math.inf, (1.5, math.inf), 22)


def test_the_same_evidence_again_replaces_and_other_data_adds(output):
    claims.record("prevalence_early", "replicated", 70.0, data="a", **ALWAYS)
    claims.record("prevalence_early", "replicated", 60.0, data="a", **ALWAYS)
    claims.record("prevalence_early", "replicated", 75.0, data="b", **ALWAYS)
    assert [e["value"] for e in claims.read(output / "claims.json")] == [60.0, 75.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"claim": "no_such"}, "no claim"),
        ({"kind": "guessed"}, "kind"),
        ({"value": math.nan}, "no estimate"),
        ({"interval": (70.0, 60.0)}, "no estimate"),
        ({"value": 90.0}, "no estimate"),
        ({"kind": "recovered"}, "planted truth"),
        ({"truth": 3.0}, "planted truth"),
        ({"claim": "two_step"}, "no published number"),
    ],
)
def test_evidence_that_makes_no_sense_is_refused_and_nothing_is_written(arguments, message, output):
    sound = {
        "claim": "prevalence_early",
        "kind": "recomputed",
        "value": 65.0,
        "interval": (50.0, 80.0),
    }
    with pytest.raises(InputError, match=message):
        claims.record(**(sound | arguments))
    assert not (output / "claims.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"claim": "x"}]', "null"])
def test_a_damaged_claims_file_is_one_clear_error(text, output):
    (output / "claims.json").write_text(text)
    with pytest.raises(InputError, match=r"claims\.json"):
        claims.read(output / "claims.json")
