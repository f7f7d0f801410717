"""One module per command; ``tools/NAME.py`` and ``usfm NAME`` call its ``main``."""
