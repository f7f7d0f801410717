"""Configs: the command line's options, changes that concern several places, provenance."""
