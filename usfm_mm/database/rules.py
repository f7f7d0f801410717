"""The rule file: what an image's path and DICOM fields say about its organ, centre and device.

YAML with the sections ``exclude``, ``organ``, ``center``, ``device`` and ``patient``. What no rule
takes from a header or a path does not reach the database. The format: docs/database.md.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydicom.datadict import keyword_dict

LABELS = ('organ', 'center', 'device', 'patient')
DEFAULT_RULES = Path(__file__).with_name('default_rules.yaml')
UNKNOWN = 'unknown'

_SECTIONS = ('exclude', *LABELS)
_KEYS = ('path', 'field', 'matches', 'value')
_MAX_LABEL = 64


class RulesError(ValueError):
    """A rule file that cannot be used; the message names the file, the rule and the remedy."""


@dataclass(frozen=True)
class Rule:
    """One rule of one section.

    Attributes:
        label: The section: 'organ', 'center', 'device' or 'patient'.
        path: Searched in the path, which starts with the source's own name; None takes any.
        field: DICOM keyword whose text ``matches`` is searched in; None takes any file.
        matches: None takes any text that is not empty.
        value: The label; None for the group named as the section, or else the field's whole text.
    """

    label: str
    path: re.Pattern | None
    field: str | None
    matches: re.Pattern | None
    value: str | None

    def apply(self, path: str, fields: Mapping[str, str]) -> str | None:
        """The label's raw text, or None where the rule does not fit."""
        groups: dict[str, str | None] = {}
        text = ''
        if self.path is not None:
            found = self.path.search(path)
            if found is None:
                return None
            groups |= found.groupdict()
        if self.field is not None:
            text = fields.get(self.field, '').strip()
            found = self.matches.search(text) if self.matches is not None else None
            if not text or (self.matches is not None and found is None):
                return None
            groups |= found.groupdict() if found is not None else {}
        if self.value is not None:
            return self.value
        return groups.get(self.label) if self.label in groups else text or None


@dataclass(frozen=True)
class Rules:
    """A rule file's content: in every section the first rule that fits decides."""

    exclude: tuple[re.Pattern, ...]
    rules: tuple[Rule, ...]

    def excludes(self, path: str, whole: str = '') -> bool:
        """Is the file to be left unread?

        Args:
            path: Of the file, from its source's own name on.
            whole: Another, absolute path of it, of which it is not known where its source began:
                any folder may have been the source.

        >>> rules = Rules((re.compile('^masks/'),), ())
        >>> rules.excludes('busi/1.png'), rules.excludes('busi/1.png', '/data/masks/1.png')
        (False, True)
        """
        parts = whole.strip('/').split('/') if self.exclude else []
        paths = [path, *('/'.join(parts[i:]) for i in range(len(parts)))]
        return any(pattern.search(each) for pattern in self.exclude for each in paths)

    def find(self, label: str, path: str, fields: Mapping[str, str]) -> str | None:
        """Organ, centre, device or patient of a file, None where no rule fits.

        An organ comes out as lower-case words joined by underscores; centre and device without
        control characters; all with at most 64 characters. A patient comes out as it is: hash it.

        Args:
            label: 'organ', 'center', 'device' or 'patient'.
            path: Of the file, starting with its source's own name, with forward slashes.
            fields: Text of DICOM fields by keyword.
        """
        for rule in self.rules:
            if rule.label != label:
                continue
            text = rule.apply(path, fields)
            if text and text.strip():
                return text.strip() if label == 'patient' else _clean(label, text)
        return None

    @property
    def keywords(self) -> frozenset[str]:
        """The DICOM fields that the rules look at."""
        return frozenset(rule.field for rule in self.rules if rule.field is not None)


def read_rules(path: Path | None = None) -> Rules:
    """Read a rule file, the package's own by default.

    Raises:
        RulesError: It is not YAML, or a section, key, keyword or regular expression is wrong.
        OSError: It cannot be read.
    """
    path = path or DEFAULT_RULES
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RulesError(f'{path} is not YAML: {error}') from error
    if not isinstance(content, dict):
        raise RulesError(f'{path} must have the sections {", ".join(_SECTIONS)}, some or all')
    _check_names(f'{path}: section', content, _SECTIONS)
    for section, entries in content.items():
        if not isinstance(entries, list | None):
            raise RulesError(f'{path}: {section} must be a list, each entry after a "- "')
    try:
        exclude = tuple(_pattern('exclude', text) for text in content.get('exclude') or ())
        rules = tuple(
            _rule(label, number, entry)
            for label in LABELS
            for number, entry in enumerate(content.get(label) or (), 1)
        )
    except RulesError as error:
        raise RulesError(f'{path}: {error}') from error
    return Rules(exclude, rules)


def _rule(label: str, number: int, entry: object) -> Rule:
    where = f'{label}, rule {number}'
    if not isinstance(entry, dict) or not entry:
        raise RulesError(f'{where} must have the keys {", ".join(_KEYS)}, some or all')
    _check_names(f'{where}: key', entry, _KEYS)
    if 'path' not in entry and 'field' not in entry:
        raise RulesError(f'{where} needs a "path" or a "field" to look at')
    field = entry.get('field')
    if field is not None and field not in keyword_dict:
        close = difflib.get_close_matches(str(field), keyword_dict, n=1)
        hint = f': did you mean {close[0]}?' if close else ''
        raise RulesError(f'{where}: {field!r} is not a DICOM keyword{hint}')
    if 'matches' in entry and field is None:
        raise RulesError(f'{where}: "matches" needs the "field" that it is searched in')
    path = _pattern(where, entry['path']) if 'path' in entry else None
    matches = _pattern(where, entry['matches']) if 'matches' in entry else None
    grouped = any(label in pattern.groupindex for pattern in (path, matches) if pattern)
    value = entry.get('value')
    if value is None and field is None and not grouped:
        raise RulesError(f'{where} needs a "value", or a group (?P<{label}>…) in its path')
    return Rule(label, path, field, matches, None if value is None else str(value))


def _pattern(where: str, text: object) -> re.Pattern:
    try:
        return re.compile(str(text), re.IGNORECASE)
    except re.error as error:
        raise RulesError(f'{where}: {text!r} is not a regular expression: {error}') from error


def _check_names(where: str, given: Mapping, known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            raise RulesError(f'{where} {name!r} is unknown; there are {", ".join(known)}')


def _clean(label: str, text: str) -> str | None:
    printable = ''.join(c if c.isprintable() else ' ' for c in text)
    if label == 'organ':
        return re.sub(r'\W+', '_', printable.lower()).strip('_')[:_MAX_LABEL] or None
    return ' '.join(printable.split())[:_MAX_LABEL] or None
