"""Experiments: a plan in YAML becomes runs, runs become one table.

``reading`` and ``plan`` are pure; ``execution`` calls the commands that a person would type, in
processes of their own; ``collecting`` and ``tables`` read what these left in their folders.
"""
