"""What became of a checkpoint that was loaded."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class LoadReport:
    """What became of a checkpoint.

    Attributes:
        source: File or address.
        layout: Key of ````LAYOUTS`` or ``VIT_LAYOUTS````.
        loaded: The model's weights that were filled.
        fresh: The model's weights that keep their initial values, with the reason.
        unused: The checkpoint's weights that were left out, with the reason.
        resized: The model's weights whose shape or place was changed on the way, with what was
            done.
    """

    source: str
    layout: str
    loaded: list[str] = field(default_factory=list)
    fresh: dict[str, str] = field(default_factory=dict)
    unused: dict[str, str] = field(default_factory=dict)
    resized: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Short table: one line for each reason."""
        lines = [
            f'Loaded {self.source}',
            f'  layout   {self.layout}',
            f'  loaded   {len(self.loaded)} weights',
        ]
        for title in ('resized', 'fresh', 'unused'):
            for reason, names in _by_reason(getattr(self, title)):
                lines.append(f'  {title:<8} {names}: {reason}')
        return '\n'.join(lines)


def _by_reason(entries: dict[str, str]) -> Iterable[tuple[str, str]]:
    """Reasons, each with its weights, shortened to a few names."""
    groups: dict[str, list[str]] = {}
    for name, reason in entries.items():
        groups.setdefault(reason, []).append(name)
    for reason, names in groups.items():
        more = f' and {len(names) - 3} more' if len(names) > 3 else ''
        yield reason, ', '.join(names[:3]) + more
