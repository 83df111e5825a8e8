"""Open tables against what their owners, SOURCES and FACTS section 3 say of them."""

import pytest

from allrelapse.data.open_tables import stjude_activities, target_clinical


@pytest.fixture(scope="module")
def clinical(mirror):
    return target_clinical()


@pytest.fixture(scope="module")
def activities(mirror):
    return stjude_activities()


def test_265_patients_with_t_all_come_by_their_target_names(clinical):
    assert clinical.index.is_unique
    assert clinical.index.str.fullmatch("PA[A-Z]{4}").sum() == 265
    assert clinical["sex"].value_counts().to_dict() == {"male": 202, "female": 63}


def test_times_are_years_and_ages_days(clinical):
    # AALL0434 enrolled patients of 1 to 30 years
    assert clinical["age_days"].between(365, 31 * 365).all()
    assert clinical["os_years"].max() < 10


def test_flags_are_events_in_spite_of_their_published_name(clinical):
    # GRIN2's manual: os.censor is 1 for deceased, efs.censor 1 for an event
    assert clinical["os_event"].sum() == 14
    assert clinical["efs_event"].sum() == 27
    died = clinical[clinical["os_event"] == 1]
    assert (died["efs_event"] == 1).all()


def test_no_event_comes_after_death(clinical):
    timed = clinical.dropna(subset=["os_years", "efs_years"])
    assert len(timed) == 262
    assert (timed["efs_years"] <= timed["os_years"]).all()


def test_patients_without_follow_up_are_kept_as_missing(clinical):
    lacking = clinical[clinical["os_years"].isna()]
    assert set(lacking.index) == {"PATCDZ", "PATWNL", "PAUBRD"}
    assert lacking["efs_event"].isna().all()


def test_residual_disease_disagrees_with_its_published_class_in_seven(clinical):
    above = clinical["mrd_day29"] > 0.1
    assert (above != clinical["mrd_positive"]).sum() == 7


def test_934_genomes_come_with_46_signatures_in_cosmic_names(activities):
    assert activities.exposures.shape == (934, 46)
    assert {"SBS1", "SBS7a", "SBS10b", "SBS86", "SBS87"} <= set(activities.exposures)
    assert activities.exposures.columns.str.fullmatch(r"SBS[1-9]\d*[a-d]?").all()


def test_samples_and_exposures_are_in_step(activities):
    assert activities.samples.index.equals(activities.exposures.index)
    assert activities.samples.index.is_unique


def test_372_samples_are_of_all_and_nine_of_29_relapses(activities):
    samples = activities.samples
    assert samples["is_all"].sum() == 372
    assert samples["relapse"].sum() == 29
    assert (samples["is_all"] & samples["relapse"]).sum() == 9
    assert samples["lineage"].value_counts().to_dict() == {"other": 562, "B-ALL": 344, "T-ALL": 28}


def test_the_thiopurine_signature_is_in_two_relapses_of_all_only(activities):
    found = activities.exposures["SBS87"]
    assert found[found > 0].to_dict() == {"SJETV136_R": 300, "SJINF002_R": 694}


def test_sbs86_is_in_one_relapse_and_one_diagnosis(activities):
    found = activities.exposures["SBS86"]
    assert found[found > 0].to_dict() == {"SJBALL030144_D1": 299, "SJETV048_R": 1114}
