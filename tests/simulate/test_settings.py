"""Settings of the simulated cohort: documented, and refused by name where they make no sense."""

import pytest

from allrelapse.errors import InputError
from allrelapse.simulate import Settings, make, settings_table
from allrelapse.simulate.settings import Phase, read


def phase(start, end, name="phase"):
    return {"name": name, "start": start, "end": end, "drugs": ["thiopurine"]}


def test_all_faults_are_told_at_once_each_by_name():
    values = {
        "patients": 0, "birth": -1, "leukemias": 3, "phases": [], "purity": "much",
        "survival_5y": (0.2, 0.5, 1.5), "hazard_ratios": {"NT5C2": -1}, "censoring": (9, 3),
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        make(values)
    lines = str(caught.value).splitlines()
    assert lines[0] == "settings of the simulated cohort:"
    assert {line.split(":")[0].strip() for line in lines[1:]} == {
        "patients", "birth", "leukemias", "phases", "purity", "survival_5y.2",
        "hazard_ratios.NT5C2", "censoring",
    }  # fmt: skip
    assert "leukemias: no such setting; `allrelapse simulate --list`" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"phases": [phase(1, 30)]}, "phases: phases must follow each other from day 0"),
        ({"phases": [phase(0, 30), phase(40, 60)]}, "phases: each phase must start on the day"),
        ({"phases": [phase(0, 30), phase(20, 60)]}, "phases: phases must follow each other"),
        ({"phases": [phase(0, 30) | {"drugs": ["aspirin"]}]}, "phases.0.drugs.0: Input should be"),
        ({"phases": [phase(0, 30, "")]}, "phases.0.name"),
        ({"horizon": 700}, "horizon must lie after the last of the phases"),
        ({"serial_samples": 63}, "serial_samples: at least 4 for each of serial_patients"),
        ({"death": 0.2}, "death must be below birth"),
        ({"detection": float("inf")}, "detection: Input should be a finite number"),
        ({"death": float("nan")}, "death: Input should be a finite number"),
        ({"ancestors": {"minor": 0}}, "ancestors: one of the weights must be above 0"),
        ({"ancestors": {"father": 1}}, "ancestors.father"),
        ({"escape_of": {"TP35": 0.1}}, "escape_of: TP35 is none of"),
        ({"hazard_ratios": {"age": 2}}, "hazard_ratios: age is none of"),
        ({1: 2}, "1: Keys should be strings"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, words):
    with pytest.raises(InputError) as caught:
        make(values)
    assert words in str(caught.value)


def test_what_is_not_given_stays_as_it_is():
    assert make({}) == Settings()
    changed = make({"patients": 12, "phases": [phase(0, 30), phase(30, 60)]})
    assert changed.phases[1] == Phase(name="phase", start=30, end=60, drugs=("thiopurine",))
    assert changed.model_copy(update={"patients": 103, "phases": Settings().phases}) == Settings()


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        Settings().patients = 3


def test_settings_are_read_from_yaml(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("patients: 200\nsurvival_5y: [0.2, 0.4, 0.6]\nhazard_ratios: {TP53: 3}\n")
    found = make(read(path))
    assert (found.patients, found.survival_5y) == (200, (0.2, 0.4, 0.6))
    assert dict(found.hazard_ratios) == {"TP53": 3}


@pytest.mark.parametrize("text", ["- patients\n", "patients\n", "3\n"])
def test_yaml_that_is_no_list_of_names_and_values_is_refused(text, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="lines such as `patients: 200` are needed"):
        read(path)


def test_every_setting_says_what_it_is_in_which_unit_and_where_it_comes_from():
    table = settings_table().set_index("setting")
    assert list(table.index) == list(Settings.model_fields)
    assert table["meaning"].str.len().gt(5).all()
    assert table["source"].str.len().gt(0).all()
    pure = {"persisters_kill", "depth_dispersion", "survival_shape", "serial_precision"}
    assert set(table.index[table["unit"].eq("")]) == pure  # a correlation, shapes, a precision


def test_defaults_that_the_paper_gives_are_the_paper_s():
    """FACTS section 1: 103 patients, 208 serial samples in 16, doubling in 7.4 days, 7.5e11."""
    table = settings_table().set_index("setting")
    given = {"patients": 103, "serial_patients": 16, "serial_samples": 208, "doubling": 7.4}
    for name, value in {**given, "marrow": 7.5e11}.items():
        assert table.loc[name, "default"] == value
        assert table.loc[name, "source"].startswith("Li 2020")
    # Rheingold 2024 (FACTS section 2), B-ALL
    assert table.loc["survival_5y", "default"] == (0.258, 0.495, 0.664)


def test_the_table_shows_phases_and_weights_in_words():
    table = settings_table().set_index("setting")["default"]
    assert table["phases"].startswith("induction 0-36, consolidation 36-134, re-induction 134-197")
    assert table["hazard_ratios"] == "NT5C2 1.89, TP53 2.36, T lineage 1.6"
