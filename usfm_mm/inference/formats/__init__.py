"""Answers as files: one module per format, each of which writes whole files or none."""
