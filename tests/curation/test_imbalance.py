"""One organ that dominates the training images, and images that are left out of them."""

from collections import Counter

import pyarrow as pa
import pytest

from usfm_mm.curation.imbalance import imbalanced
from usfm_mm.curation.leave_out import paths_to_leave_out

COUNTS = {'breast': 270, 'liver': 200, 'head': 100, 'nerve': 2}


def table(counts=COUNTS, order=1):
    """Three images a patient; of each organ some are no training images."""
    rows = [
        dict(path=f'{organ}/{i}.png', organ=organ, patient=f'{organ}:{i // 3}', split='train')
        for organ, count in counts.items()
        for i in range(count)
    ]
    rows += [
        dict(path=f'{organ}/{split}.png', organ=organ, patient=split, split=split)
        for organ in counts
        for split in ('val', 'test')
    ]
    return pa.Table.from_pylist(rows[::order])


def kept(result, organ=None):
    return {
        row['path']
        for row in result.to_pylist()
        if row['split'] == 'train' and organ in (None, row['organ'])
    }


def test_others_are_thinned_in_proportion_until_the_share_is_reached():
    result = imbalanced(table(), 'breast', 0.9)
    numbers = Counter(path.split('/')[0] for path in kept(result))
    # 30 of the 302 others: 19.9 of 200, 9.9 of 100, 0.2 of 2 but one at least
    assert numbers == {'breast': 270, 'liver': 20, 'head': 10, 'nerve': 1}
    assert numbers['breast'] / numbers.total() == pytest.approx(0.9, abs=0.005)
    splits = Counter(result['split'].to_pylist())
    assert splits['val'] == splits['test'] == 4
    for organ in ('liver', 'head'):  # whole patients, but for the last one
        of = Counter(int(path.split('/')[1][:-4]) // 3 for path in kept(result, organ))
        assert sorted(of.values())[1:] == [3] * (len(of) - 1)


def test_the_organ_itself_is_thinned_where_it_has_more():
    result = imbalanced(table({'breast': 900, 'liver': 20, 'head': 10}), 'breast', 0.9)
    numbers = Counter(path.split('/')[0] for path in kept(result))
    assert numbers == {'breast': 270, 'liver': 20, 'head': 10}


def test_the_choice_is_of_seed_and_names_alone():
    chosen = kept(imbalanced(table(), 'breast', 0.9))
    assert kept(imbalanced(table(order=-1), 'breast', 0.9)) == chosen
    assert kept(imbalanced(table(), 'breast', 0.9, seed=1)) != chosen
    fewer = kept(imbalanced(table(), 'breast', 0.95))
    assert fewer < chosen
    other = table({**COUNTS, 'head': 40})  # other images of another organ
    assert kept(imbalanced(other, 'breast', 0.9), 'liver') >= kept(
        imbalanced(table(), 'breast', 0.9), 'liver'
    )


@pytest.mark.parametrize(
    ('organ', 'share', 'message'),
    [
        ('breast', 1, 'share of breast must lie between 0 and 1, got 1'),
        ('breast', float('nan'), 'share of breast must lie between 0 and 1, got nan'),
        ('lung', 0.9, 'lung is to be 90% of the training images, of breast, head, liver, nerve'),
    ],
)
def test_what_cannot_be_is_refused(organ, share, message):
    with pytest.raises(ValueError, match=message):
        imbalanced(table(), organ, share)


def test_a_table_of_something_else_is_refused(tmp_path):
    (tmp_path / 'x.csv').write_text('path,bits\na.png,3\n')
    with pytest.raises(ValueError, match=r'x\.csv has no column a: is it of "usfm check-overlap"'):
        paths_to_leave_out(tmp_path / 'x.csv')
