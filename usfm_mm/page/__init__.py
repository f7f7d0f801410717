"""A page in the browser that asks models about pictures: pure functions beside a thin layout."""
