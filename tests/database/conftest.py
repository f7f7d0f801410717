"""Fixtures of the builder's tests."""

import pytest

from support.made_up import without_text_search


@pytest.fixture(scope='module')
def no_text_search():
    """Leave the search for text out: a network that takes most of the time and finds none here."""
    with without_text_search():
        yield
