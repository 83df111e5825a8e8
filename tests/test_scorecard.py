"""The scorecard gathers what notebooks recorded and hides nothing."""

import json
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from allrelapse import claims, scorecard
from allrelapse.errors import InputError

STUDY = SimpleNamespace(
    title="A study", cohort="own", analyses=[SimpleNamespace(id="01_relapse_timing")]
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLRELAPSE_OUTPUT", str(tmp_path / "01_relapse_timing"))
    return tmp_path


def rows(card, claim):
    return card.table[card.table["claim"] == claim].to_dict("records")


def test_every_claim_has_a_row_before_anything_is_run(folder):
    card = scorecard.scorecard(STUDY, folder)
    assert list(card.table["claim"]) == list(claims.ledger().index)
    verdicts = card.table.set_index("claim")["verdict"]
    assert verdicts["prevalence_early"] == "no result: run it"
    assert verdicts["convergent"] == "not yet analysed"
    assert verdicts["trios"] == "not public"


def test_an_analysis_without_its_data_says_so(folder):
    card = scorecard.scorecard(STUDY, folder, not_at_hand=["01_relapse_timing"])
    assert rows(card, "prevalence_late")[0]["verdict"] == "data not at hand"


def test_evidence_from_before_a_failed_run_says_so(folder):
    claims.record("prevalence_early", "recomputed", 64.9, note="counts")
    (folder / "01_relapse_timing" / "failed").mkdir()
    [row] = rows(scorecard.scorecard(STUDY, folder), "prevalence_early")
    assert row["note"] == "[the latest run failed; this is an earlier result] counts"


def test_evidence_of_each_kind_stands_in_a_row_of_its_own(folder):
    claims.record("prevalence_early", "recomputed", 64.9, (51.1, 77.1), 57, "counts")
    claims.record(
        "prevalence_early", "replicated", 20.0, (5.0, 40.0), 6, "other | disease", data="D"
    )
    found = rows(scorecard.scorecard(STUDY, folder), "prevalence_early")
    assert [r["kind"] for r in found] == ["recomputed", "replicated"]
    assert [r["verdict"] for r in found] == ["agrees", "differs"]
    assert found[0]["found"] == "64.9 % [51.1, 77.1], n = 57"


def test_recovered_evidence_shows_what_was_planted(folder):
    about = {"interval": (5.0, 38.8), "n": 23, "data": "simulated", "truth": 21.74}
    claims.record("prevalence_early", "recovered", 17.4, **about)
    [row] = rows(scorecard.scorecard(STUDY, folder), "prevalence_early")
    assert row["found"] == "17.4 % [5, 38.8], n = 23; planted 21.7"
    assert row["verdict"] == "agrees"  # with what was planted: the paper's 65 plays no part


@pytest.mark.parametrize(
    ("claim", "shown"),
    [
        ("doubling_time", "7 days"),
        ("early_over_late", "odds ratio 7"),
        ("novel_signatures", "7 signatures"),
        ("two_step", "7 %"),
        ("signature_mutations", "7 %"),
    ],
)
def test_what_was_found_has_the_unit_of_the_claim(claim, shown, tmp_path, monkeypatch):
    analysis = claims.published_claim(claim)["analysis"]
    monkeypatch.setenv("ALLRELAPSE_OUTPUT", str(tmp_path / analysis))
    claims.record(claim, "recovered", 7.0, truth=7.0)
    here = SimpleNamespace(title="A study", cohort="own", analyses=[SimpleNamespace(id=analysis)])
    [row] = rows(scorecard.scorecard(here, tmp_path), claim)
    assert row["found"] == f"{shown}; planted 7"


def test_in_the_terminal_evidence_that_was_made_otherwise_is_marked(folder, monkeypatch):
    claims.record("prevalence_early", "recomputed", 64.9)
    assert "*" not in str(scorecard.scorecard(STUDY, folder))
    monkeypatch.setattr(scorecard, "_caution", lambda *_: "[run with level = 0.5] ")
    lines = str(scorecard.scorecard(STUDY, folder)).splitlines()
    assert [line for line in lines if "agrees *" in line] == [
        line for line in lines if line.startswith("prevalence_early ")
    ]
    assert lines[-1] == "* 01_relapse_timing: [run with level = 0.5]"


def test_evidence_that_is_not_at_hand_says_what_it_lacks(folder):
    claims.record_not_at_hand("prevalence_early", "replicated", "cohort few", "no early relapse")
    [row] = rows(scorecard.scorecard(STUDY, folder), "prevalence_early")
    assert (row["verdict"], row["note"]) == ("data not at hand", "no early relapse")


def test_markdown_html_and_json_say_the_same(folder):
    claims.record("prevalence_early", "recomputed", 64.9, (51.1, 77.1), 57, "a | b")
    card = scorecard.scorecard(STUDY, folder)
    card.write(folder)
    lines = (folder / "scorecard.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(card.table)
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert len(json.loads((folder / "scorecard.json").read_text())) == len(card.table)
    assert (folder / "scorecard.html").read_text().count("<tr ") == 1 + len(card.table)


@pytest.mark.parametrize(("cohort", "card"), [("own", "results"), ("other", "results/other")])
def test_a_claim_links_to_the_page_of_its_notebook(tmp_path, cohort, card):
    """The card of the study's own cohort lies in results, that of another in its folder."""
    page = tmp_path / "results" / cohort / "01_relapse_timing" / "notebook.html"
    page.parent.mkdir(parents=True)
    page.touch()
    scorecard.scorecard(STUDY, tmp_path / "results" / cohort).write(tmp_path / card)
    links = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: links.append(dict(attrs).get("href"))
    parser.feed((tmp_path / card / "scorecard.html").read_text())
    found = {link for link in links if link}
    assert [(tmp_path / card / link).resolve() for link in found] == [page.resolve()]


def test_hostile_text_stays_text_in_html(folder):
    claims.record("prevalence_early", "replicated", 64.9, (51.1, 77.1), 57, "<script>x</script>")
    scorecard.scorecard(STUDY, folder).write(folder)
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, _: tags.append(tag)
    parser.feed((folder / "scorecard.html").read_text())
    assert "td" in tags
    assert "script" not in tags


def test_evidence_for_an_unknown_claim_is_an_error_that_names_it(folder):
    claims.record("prevalence_early", "recomputed", 64.9)
    file = folder / "01_relapse_timing" / "claims.json"
    file.write_text(file.read_text().replace("prevalence_early", "prevalence_never"))
    with pytest.raises(InputError, match="prevalence_never"):
        scorecard.scorecard(STUDY, folder)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0001234, "0.000123"), (64.94, "64.9"), (9523.4, "9,520"), (2, "2")]
)
def test_numbers_have_three_significant_digits_and_no_surprising_exponent(value, shown, folder):
    claims.record("prevalence_early", "recomputed", value)
    [row] = rows(scorecard.scorecard(STUDY, folder), "prevalence_early")
    assert row["found"] == f"{shown} %"


def test_data_not_at_hand_is_recorded_as_such(folder):
    claims.record_not_at_hand("early_share", "replicated", "TARGET T-ALL")
    [row] = rows(scorecard.scorecard(STUDY, folder), "early_share")
    assert (row["kind"], row["data"], row["verdict"]) == (
        "replicated",
        "TARGET T-ALL",
        "data not at hand",
    )


def test_beside_the_paper_shows_only_the_notebook_s_own_claims(folder):
    claims.record("prevalence_early", "recomputed", 64.9, (51.1, 77.1), 57)
    claims.record("signature_prevalence", "replicated", 30.0, (10.0, 60.0), 10)
    assert list(scorecard.beside_the_paper("01_relapse_timing").index) == ["prevalence_early"]
