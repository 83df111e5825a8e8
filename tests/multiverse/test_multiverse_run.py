"""Specifications are expanded, computed once, kept, and put together; whatever comes between."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pandas as pd
import pytest
import toy
import yaml
from scipy.stats.contingency import odds_ratio

from allrelapse import claims, cohorts, scorecard, study, verify
from allrelapse.errors import InputError
from allrelapse.multiverse import run, specifications, status, therapy
from allrelapse.simulate import settings
from allrelapse.simulate.write import write
from allrelapse.study import Chain

TABLES = {"weakest": "least", "middle": "any", "strongest": "any", "borderline": "half down"}
RATIO = {"exact": "cautious", "logit": "usual"}
PUBLISHED = {
    "chain": "published_early_against_others",
    "claims": ["early_over_very_early"],  # and not the other that the chain knows
    "choices": {"table": TABLES, "ratio": RATIO},
}
GAINED = {
    "chain": "gained_prevalences",
    "claims": ["prevalence_early"],
    "choices": {
        "reads": {3: "few errors", 4: "fewer", 5: "fewest"},
        "first_cut": {9.0: "Li", 6.0: "earlier", 12.0: "later"},
        "last_cut": {36.0: "Li", 30.0: "earlier", 42.0: "later"},
        "method": {"beta": "exact", "wilson": "score", "jeffreys": "Bayesian"},
    },
}


def made_study(root, *chains):
    """A study with one analysis and its choices."""
    named = sorted({claim for chain in chains for claim in chain["claims"]})
    needs = {"optional": ["patients"]}
    entry = toy.analysis("01_a", claims=named, multiverse=list(chains), cohort=needs)
    toy.write_study(root, entry)
    content = {"title": "Toy", "cohort": "few", "analyses": [entry]}
    (root / "study.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return study.load(root / "study.yaml")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A simulated cohort of 12, in its folder."""
    folder = tmp_path_factory.mktemp("cohorts") / "few"
    write(folder, 1, settings.make({"patients": 12}), csv=False)
    return folder


def ready(root, few, *chains):
    made = made_study(root, *chains)
    cohorts.prepare(made, str(few), say=lambda _: None)
    return made


def go(made, **options):
    return run.run(made, "few", cores=1, at_hand=lambda _: None, say=lambda _: None, **options)


def wait_for_the_first(kept, process):
    """Until a specification is kept, or the process has ended."""
    while not list(kept.glob("*.json")):
        assert process.poll() is None
        time.sleep(0.005)


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.suffix in {".csv", ".json"}}


# --- specifications -------------------------------------------------------------------------------


def test_every_combination_is_a_specification_and_the_first_is_the_usual_one():
    found = specifications.expand(Chain(**PUBLISHED), {"lib": "1"})
    assert [tuple(s.choices.values()) for s in found] == [(t, r) for t in TABLES for r in RATIO]
    assert [s.usual for s in found] == [True] + [False] * 7
    assert len({s.key for s in found}) == 8


@pytest.mark.parametrize("change", ["code", "choice", "chain"])
def test_a_key_changes_with_all_that_a_result_comes_from(change):
    chain, known = dict(PUBLISHED), {"lib": "1"}
    [before, *_] = specifications.expand(Chain(**chain), known)
    assert specifications.expand(Chain(**chain), dict(known))[0].key == before.key
    if change == "code":
        known = {"lib": "2"}
    elif change == "choice":
        chain["choices"] = {"level": {0.95: "usual", 0.99: "sure"}}
    else:
        chain |= {"chain": "kmt2a_early_against_very_early", "choices": {"ratio": RATIO}}
    assert specifications.expand(Chain(**chain), known)[0].key != before.key


# --- running --------------------------------------------------------------------------------------


def test_all_specifications_come_to_one_table_with_the_verdict_of_the_claims_rule(tmp_path, few):
    found = go(ready(tmp_path, few, PUBLISHED))
    assert (found.computed, found.kept, dict(found.without)) == (8, 0, {})
    table = pd.read_csv(found.folder / "specifications.csv")
    assert set(table["claim"]) == {"early_over_very_early"}
    assert table["usual"].sum() == 1
    # the tables that fit, from the facts: early 37/57, and very early 2/12, 3/18, 4/24 or 1/6
    fits = [odds_ratio([[37, 20], [k, n - k]]) for k, n in ((2, 12), (3, 18), (4, 24), (1, 6))]
    ends = [fit.confidence_interval(0.95).low for fit in fits]
    exact = table[table["ratio"] == "exact"].set_index("table")["lower"]
    assert exact["weakest"] == pytest.approx(min(ends[:3]))
    assert exact["strongest"] == pytest.approx(max(ends[:3]))
    assert exact["borderline"] == pytest.approx(ends[3])
    assert list(table["verdict"]) == ["agrees" if low > 1 else "differs" for low in table["lower"]]
    one = table[(table["table"] == "middle") & (table["ratio"] == "logit")].iloc[0]
    middle = sorted(zip(ends[:3], ((2, 12), (3, 18), (4, 24)), strict=True))[1][1]
    k, n = middle  # Gart: half a patient added to each cell
    assert one["value"] == pytest.approx(37.5 * (n - k + 0.5) / (20.5 * (k + 0.5)))


def test_what_was_kept_is_not_computed_again_and_tables_stay_the_same(tmp_path, few):
    made = ready(tmp_path, few, PUBLISHED)
    folder = go(made).folder
    before = contents(folder)
    kept = sorted((made.results("few") / ".multiverse").glob("*.json"))
    kept[0].unlink()
    kept[1].write_text(kept[1].read_text()[:40])  # as a full disk would leave it
    (kept[0].parent / ".x.1.partial").touch()
    (kept[0].parent / "gone.json").write_text("{}")  # of a choice that is no more
    found = go(made)
    assert (found.computed, found.kept) == (2, 6)
    assert contents(folder) == before
    assert sorted(kept[0].parent.iterdir()) == kept
    assert go(made).computed == 0


def test_a_killed_run_leaves_nothing_by_halves_and_the_next_goes_on(tmp_path, few):
    made = ready(tmp_path, few, GAINED)
    command = [sys.executable, "-m", "allrelapse", "multiverse", "--study", tmp_path / "study.yaml"]
    kept, folder = made.results("few") / ".multiverse", made.results("few") / "multiverse"
    process = subprocess.Popen([*map(str, command), "--cohort", str(few), "--cores", "2"])
    wait_for_the_first(kept, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(list(kept.glob("*.json")))
    assert 1 <= done < 81
    assert not folder.exists()
    time.sleep(1.5)  # its worker ends with it
    late = len(list(kept.glob("*.json")))
    time.sleep(0.5)
    assert len(list(kept.glob("*.json"))) == late < 81
    found = go(made)
    assert found.kept == late
    assert found.computed == 81 - late
    other = tmp_path / "other"
    other.mkdir()
    whole = go(ready(other, few, GAINED))
    assert contents(folder)["specifications.csv"] == contents(whole.folder)["specifications.csv"]


def test_ctrl_c_ends_all_and_says_so(tmp_path, few):
    made = ready(tmp_path, few, GAINED)
    command = [sys.executable, "-m", "allrelapse", "multiverse", "--study", tmp_path / "study.yaml"]
    kept = made.results("few") / ".multiverse"
    process = subprocess.Popen(
        [*map(str, command), "--cohort", str(few), "--cores", "2"], stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    wait_for_the_first(kept, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all of the group
    _, told = process.communicate(timeout=200)
    assert process.returncode == 130
    assert "what was finished is kept" in told
    assert "Traceback" not in told
    assert not (made.results("few") / "multiverse").exists()


def test_planted_shares_follow_the_cut_offs(tmp_path, few):
    found = go(ready(tmp_path, few, GAINED))
    table = pd.read_csv(found.folder / "specifications.csv")
    people = cohorts.read(tmp_path / "results" / "few" / "cohort")
    altered = people.truth["patients"].set_index("patient")["altered"]
    months = people.patients.set_index("patient")["relapse_day"] / (365.25 / 12)
    assert (table["kind"] == "recovered").all()
    for (first, last), part in table.groupby(["first_cut", "last_cut"]):
        expected = 100 * altered[months.between(first, last)].mean()
        assert part["truth"].to_numpy() == pytest.approx(expected)


def test_only_one_claim_may_be_asked_for(tmp_path, few):
    made = ready(tmp_path, few, PUBLISHED, GAINED)
    assert go(made, claim="early_over_very_early").computed == 8
    table = pd.read_csv(made.results("few") / "multiverse" / "specifications.csv")
    assert set(table["claim"]) == {"early_over_very_early"}
    with pytest.raises(InputError, match="'two_step'; there are some for early_over_very_early"):
        go(made, claim="two_step")


def test_data_that_are_not_at_hand_leave_the_rest(tmp_path, few, monkeypatch):
    monkeypatch.setenv("ALLRELAPSE_MIRROR", str(tmp_path))
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # the discard port: nobody listens
    therapy.stjude.cache_clear()  # other tests of this process may have read it
    absent = {
        "chain": "stjude_absent",
        "claims": ["signature_absent_relapses"],
        "choices": {"least": {0.0: "any", 0.05: "some"}},
    }
    found = go(ready(tmp_path, few, PUBLISHED, absent))
    assert list(found.without) == ["stjude_absent"]
    assert (found.computed, found.kept) == (8, 0)
    assert set(found.robustness["claim"]) == {"early_over_very_early"}


# --- the scorecard --------------------------------------------------------------------------------


def test_the_scorecard_shows_labels_that_are_current_and_says_which_are_stale(
    tmp_path, few, monkeypatch
):
    made = ready(tmp_path, few, PUBLISHED)
    monkeypatch.setenv("ALLRELAPSE_OUTPUT", str(made.results("few") / "01_a"))
    claims.record("early_over_very_early", "recomputed", 8.95, (1.67, 91.9), 103)
    folder = made.results("few")

    def shown():
        table = scorecard.scorecard(made, folder).table.set_index("claim")
        return table.get("robustness")

    assert shown() is None
    [words] = go(made).robustness["words"]
    assert words == "sensitive to table (6 of 8)" or words.startswith(("robust", "fragile", "sens"))
    assert shown()["early_over_very_early"] == words
    assert shown()["trios"] == ""
    card = scorecard.scorecard(made, folder)
    card.write(folder)
    for name in ("scorecard.md", "scorecard.html", "scorecard.json"):
        assert words in (folder / name).read_text()
    assert words in str(card)
    (folder / "01_a" / "claims.json").unlink()
    claims.record_not_at_hand("early_over_very_early", "recomputed", "published counts")
    assert shown()["early_over_very_early"] == ""  # no verdict, so none that could hold
    (folder / "01_a" / "claims.json").unlink()
    claims.record("early_over_very_early", "recomputed", 8.95, (1.67, 91.9), 103)
    with (folder / "multiverse" / "robustness.csv").open("a") as stream:
        stream.write("\n")
    assert shown()["early_over_very_early"].startswith("not known: run `make multiverse`")


def test_a_multiverse_is_current_until_anything_that_it_came_from_changes(tmp_path, few):
    made = ready(tmp_path, few, PUBLISHED)
    folder = made.results("few") / "multiverse"
    assert status.state(folder, made) == ""
    go(made)
    assert status.state(folder, made) == "current"
    assert verify._multiverse(made, folder).state == "current"
    (folder / "mine.txt").touch()
    assert verify._multiverse(made, folder).state == "changed by hand"
    (folder / "mine.txt").unlink()
    fewer = {"table": dict(list(TABLES.items())[:3]), "ratio": RATIO}
    other = made_study(tmp_path, PUBLISHED | {"choices": fewer})
    assert status.state(folder, other) == "study.yaml changed"
    receipt = json.loads((folder / "receipt.json").read_text())
    receipt["made_from"]["lib"] = "another"
    (folder / "receipt.json").write_text(json.dumps(receipt))
    assert status.state(folder, made) == "lib changed"
    assert verify._multiverse(made, folder).state == "stale"
    (folder / "receipt.json").write_text("[]")
    assert status.state(folder, made) == "its receipt is unreadable"


def test_a_study_without_choices_says_so(tmp_path, few):
    with pytest.raises(InputError, match="no choices are declared"):
        go(SimpleNamespace(analyses=[], results=lambda _: tmp_path / "few"))
