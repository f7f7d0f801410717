"""Packages that only some parts need."""

import pytest

from usfm_mm.io.optional import optional_import


def test_names_the_purpose_and_the_command():
    with pytest.raises(
        ModuleNotFoundError, match=r"drawing maps needs the package nowhere_: pip install '"
    ):
        optional_import('nowhere_.deep', 'drawing maps', 'usfm-mm[vis]')


def test_what_a_package_itself_lacks_is_not_taken_for_the_package(tmp_path, monkeypatch):
    (tmp_path / 'half_there.py').write_text('import nowhere_')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match='No module named'):
        optional_import('half_there', 'x', 'x')
