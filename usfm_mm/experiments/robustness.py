"""What becomes of the methods on worse test images."""

from usfm_mm.experiments.collecting import values_of
from usfm_mm.experiments.tables import Rows, cell, groups, leading, measures_of


def robustness_table(rows: Rows) -> list[dict[str, str]]:
    """A row for each method, data set, share and kind of corruption; empty where none was tested.

    Example:
        >>> row = dict(data='busi', task='seg', percent=100, method='USFM', stage='adapt', seed=0)
        >>> robustness_table([row | dict(measure='DSC', value=80.0),
        ...                   row | dict(measure='gain:3/DSC', value=60.0)])[0]['drop']
        '25.0 %'
    """
    table = []
    for data, percent, method in groups(rows):
        case = dict(data=data, percent=percent, method=method)
        own = [row for row in rows if all(row[key] == value for key, value in case.items())]
        name = leading(measures_of(own, own[0]['task']))
        clean, seeds = values_of(own, name), len({row['seed'] for row in own})
        kinds: dict[str, list[int]] = {}
        for row in own:
            corruption, _, measure = row['measure'].rpartition('/')
            kind, colon, severity = corruption.partition(':')
            if colon and measure == name and int(severity) not in kinds.setdefault(kind, []):
                kinds[kind].append(int(severity))
        for kind, severities in kinds.items():
            cells = {'data': data, 'labels': f'{percent} %', 'method': method}
            cells |= {'kind': kind, 'measure': name, 'clean': cell([*clean.values()], seeds)}
            worst: dict[int, float] = {}
            for severity in sorted(severities):
                worst = values_of(own, f'{kind}:{severity}/{name}')
                cells[f'severity {severity}'] = cell([*worst.values()], seeds)
            both = clean.keys() & worst.keys()
            before = sum(clean[seed] for seed in both)
            lost = before - sum(worst[seed] for seed in both)
            cells['drop'] = f'{100 * lost / before:.1f} %' if before else ''
            table.append(cells)
    return table
