"""The rule file."""

import pytest

from support.made_up import rules_file
from usfm_mm.database.rules import RulesError, read_rules


def rules(tmp_path, text):
    return read_rules(rules_file(tmp_path, text))


def test_first_rule_that_fits_decides(tmp_path):
    found = rules(
        tmp_path,
        """
organ:
  - {path: '/neck/', value: Thyroid Gland}
  - {path: '/(?P<organ>[^/]+)/[^/]*$'}
  - {field: BodyPartExamined}
""",
    )
    assert found.find('organ', 'a/neck/1.png', {}) == 'thyroid_gland'
    assert found.find('organ', 'a/Fetal Head/1.png', {}) == 'fetal_head'
    assert found.find('organ', '1.dcm', {'BodyPartExamined': ' BREAST '}) == 'breast'
    assert found.find('organ', '1.dcm', {'BodyPartExamined': ' '}) is None
    assert found.find('center', 'a/neck/1.png', {}) is None


def test_path_and_field_must_both_fit(tmp_path):
    found = rules(
        tmp_path,
        "center: [{path: '^pacs/', field: InstitutionName, matches: 'mercy', value: A}]",
    )
    assert found.find('center', 'pacs/1', {'InstitutionName': 'The MERCY hospital'}) == 'A'
    assert found.find('center', 'other/1', {'InstitutionName': 'The MERCY hospital'}) is None
    assert found.find('center', 'pacs/1', {'InstitutionName': 'another'}) is None
    assert found.keywords == {'InstitutionName'}


def test_labels_are_cleaned_and_patients_are_not(tmp_path):
    found = rules(
        tmp_path,
        """
device: [{field: ManufacturerModelName}]
patient: [{field: PatientID, matches: '(?P<patient>[^#]+)#'}]
""",
    )
    assert found.find('device', '', {'ManufacturerModelName': 'EPIQ\x00\n 7' + 'x' * 99}) == (
        'EPIQ 7' + 'x' * 58
    )
    assert found.find('patient', '', {'PatientID': 'Ab 1#x'}) == 'Ab 1'


def test_exclude(tmp_path):
    found = rules(tmp_path, r"exclude: ['_mask(_\d+)?\.png$', '(^|/)masks/']")
    assert found.excludes('a/b_mask_1.png')
    assert found.excludes('masks/1.png')
    assert not found.excludes('a/unmasks/1.png')


def test_default_takes_coded_body_parts_only():
    found = read_rules()
    assert found.find('organ', 'a/1.dcm', {'BodyPartExamined': 'thyroid'}) == 'thyroid'
    assert found.find('organ', 'a/1.dcm', {'BodyPartExamined': 'thyroid of Mrs Doe'}) is None
    assert found.excludes('BUSI/benign (1)_mask_1.png')


def test_public_sets(project_root):
    found = read_rules(project_root / 'configs/database/public.yaml')
    busi = 'data/BUSI/Dataset_BUSI_with_GT/benign/benign (1).png'
    assert found.find('organ', busi, {}) == 'breast'
    assert found.find('organ', 'data/USAnotAI/train/bowel--0056.png', {}) == 'bowel'
    assert found.find('patient', 'data/HC18/training_set/013_2HC.png', {}) == '013'
    assert found.find('patient', 'data/TimTrack/dataset 1/S2_R20_step_425.png', {}) == 'S2'
    clip = 'data/COVID-BLUES/lus_videos/patient_10_R2_2.mp4'
    assert found.find('organ', clip, {}) == 'lung'
    assert found.find('patient', clip, {}) == 'patient_10'
    assert found.find('center', clip, {}) == 'COVID-BLUES'
    masks = ('tn3k/trainval-mask/0001.jpg', 'tn3k/test-mask/0.jpg', 'train/1_10_mask.tif')
    assert all(rules.excludes(path) for path in masks for rules in (found, read_rules()))
    assert not any(found.excludes(path) for path in (clip, 'tn3k/test-image/0001.jpg', 'unmask/1'))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('- a', 'must have the sections'),
        ('organ: [', 'is not YAML'),
        ('organs: []', "section 'organs' is unknown"),
        ("organ: [{paths: 'x', value: a}]", "organ, rule 1: key 'paths' is unknown"),
        ('organ: 3', 'organ must be a list'),
        ('exclude: masks', 'exclude must be a list'),
        ('organ: [thyroid]', 'organ, rule 1 must have the keys'),
        ('organ: [{path: x, value: a}, {}]', 'organ, rule 2 must have the keys'),
        ('organ: [{value: a}]', 'needs a "path" or a "field"'),
        ("organ: [{path: '(', value: a}]", 'not a regular expression'),
        ("organ: [{path: 'x'}]", 'needs a "value"'),
        ("organ: [{path: 'x', value: a}, {field: BodyPart}]", 'did you mean BodyPartExamined'),
        ("device: [{path: 'x', matches: 'y', value: a}]", 'needs the "field"'),
        ("exclude: ['[']", 'exclude: .* is not a regular expression'),
    ],
)
def test_faults(tmp_path, text, message):
    with pytest.raises(RulesError, match=message):
        rules(tmp_path, text)
