"""Figures of results: the numbers and outlines that are drawn."""

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from usfm_mm.visualization.confusion import confusion_panel
from usfm_mm.visualization.figures import class_colours, figure_to_array
from usfm_mm.visualization.tiles import PREDICTION_COLOUR, TRUTH_COLOUR, Tile, tile_panel


def disc(row: int, column: int, label: int = 1) -> np.ndarray:
    y, x = np.mgrid[:40, :60]
    return np.where((y - row) ** 2 + (x - column) ** 2 <= 64, label, 0)


def tile(**masks: np.ndarray) -> Tile:
    return Tile(np.full((40, 60), 80, np.uint8), 'an image', **masks)


def outlines(axes) -> dict[str, list[np.ndarray]]:
    """Vertices of the outlines on a tile, by colour."""
    lines: dict[str, list[np.ndarray]] = {}
    for contour in axes.collections:
        vertices = np.concatenate([path.vertices for path in contour.get_paths()])
        lines.setdefault(to_hex(contour.get_edgecolor()[0]), []).append(vertices)
    return lines


def test_truth_is_yellow_and_prediction_green():
    panel = tile_panel(
        {'': [tile(truth=disc(20, 20), prediction=disc(18, 40))]}, ['background', 'lesion']
    )
    lines = outlines(panel.axes[0])
    assert set(lines) == {TRUTH_COLOUR, PREDICTION_COLOUR}
    # Half-way between inside and outside of a disc of radius 8.
    for colour, centre in ((TRUTH_COLOUR, (20, 20)), (PREDICTION_COLOUR, (40, 18))):
        (vertices,) = lines[colour]
        radius = np.linalg.norm(vertices - centre, axis=1)
        assert 7.5 < radius.min() <= radius.max() < 8.6
    legend = [text.get_text() for text in panel.legends[0].get_texts()]
    assert legend == ['truth', 'prediction']
    pixels = figure_to_array(panel).reshape(-1, 3) / 255
    for colour in (TRUTH_COLOUR, PREDICTION_COLOUR):
        assert (np.abs(pixels - to_rgb(colour)).max(1) < 0.02).any()


def test_each_class_has_its_colour():
    names = ['background', 'artery', 'liver', 'vein']
    masks = disc(20, 10) + disc(20, 30, 2)
    panel = tile_panel({'': [tile(truth=masks, prediction=disc(22, 30, 2))]}, names)
    lines = outlines(panel.axes[0])
    colours = class_colours(3)
    assert {colour: len(found) for colour, found in lines.items()} == {colours[0]: 1, colours[1]: 2}
    handles = panel.legends[0].legend_handles
    shown = {handle.get_label(): to_hex(handle.get_color()) for handle in handles}
    assert [shown[name] for name in names[1:]] == colours
    assert list(shown)[-2:] == ['truth', 'prediction']
    assert handles[-2].get_linestyle() != handles[-1].get_linestyle()


@pytest.mark.parametrize('count', [2, 5, 12])
def test_colours_are_distinct_and_bright(count):
    colours = np.array([to_rgb(colour) for colour in class_colours(count)])
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert distance[~np.eye(count, dtype=bool)].min() > 0.15
    assert colours.max(1).min() > 0.5


def test_empty_masks_have_no_outline_and_full_ones_a_closed_one():
    empty, full = np.zeros((40, 60), int), np.ones((40, 60), int)
    panel = tile_panel({'': [tile(truth=full, prediction=empty)]}, ['background', 'lesion'])
    lines = outlines(panel.axes[0])
    assert set(lines) == {TRUTH_COLOUR}
    (vertices,) = lines[TRUTH_COLOUR]
    assert vertices.min(0).tolist() == [-0.5, -0.5]
    assert vertices.max(0).tolist() == [59.5, 39.5]
    # The frame of background doesn't shift or shrink the image.
    assert panel.axes[0].get_xlim() == (-0.5, 59.5)
    assert panel.axes[0].get_ylim() == (39.5, -0.5)


def test_groups_begin_new_rows_and_nothing_overlaps():
    groups = {'Lowest': [tile()] * 8, 'none': [], 'Highest': [tile()] * 3}
    panel = tile_panel(groups, title='A title')
    assert [text.get_text() for text in panel.texts] == ['A title', 'Lowest', 'Highest']
    assert [axes.get_title() for axes in panel.axes] == ['an image'] * 11
    boxes = [axes.get_position(original=True) for axes in panel.axes]
    rows = [round(box.y0, 6) for box in boxes]
    assert [rows.count(row) for row in dict.fromkeys(rows)] == [6, 2, 3]
    assert sorted(rows, reverse=True) == rows
    for n, box in enumerate(boxes):
        assert 0 <= box.x0 < box.x1 <= 1
        assert 0 <= box.y0 < box.y1 <= 1
        assert not any(box.overlaps(other) for other in boxes[:n])
    np.testing.assert_array_equal(panel.axes[3].get_images()[0].get_array(), tile().image)


def test_tiles_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match='no image'):
        tile_panel({'a': []})
    with pytest.raises(ValueError, match=r"'an image': the mask is \(4, 4\)"):
        tile_panel({'': [tile(truth=np.zeros((4, 4)))]})


def test_confusion_shows_counts_and_row_shares():
    confusion = np.array([[3, 1, 0], [0, 0, 0], [1, 2, 5]])
    panel = confusion_panel(confusion, ['benign', 'malignant', 'normal'], 'title')
    axes = panel.axes[0]
    np.testing.assert_allclose(
        axes.get_images()[0].get_array(), [[75, 25, 0], [0, 0, 0], [12.5, 25, 62.5]]
    )
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    # Position is (column, row); the class without images has no numbers.
    assert texts == {
        (0, 0): '3\n75 %',
        (1, 0): '1\n25 %',
        (2, 0): '0',
        (0, 2): '1\n12 %',
        (1, 2): '2\n25 %',
        (2, 2): '5\n62 %',
    }
    assert [t.get_text() for t in axes.get_xticklabels()] == ['benign', 'malignant', 'normal']
    rows = [t.get_text() for t in axes.get_yticklabels()]
    assert rows == ['benign (4)', 'malignant (0)', 'normal (8)']
    assert figure_to_array(panel).std() > 0
    with pytest.raises(ValueError, match='K names'):
        confusion_panel(confusion, ['a', 'b'])


@pytest.mark.parametrize('names', [['background', 'lesion'], ['background', 'a', 'b']])
def test_the_legend_names_only_what_is_drawn(names):
    def legend(**masks):
        panel = tile_panel({'': [tile(), tile(**masks)]}, names)
        return [text.get_text() for own in panel.legends for text in own.get_texts()]

    several = names[1:] if len(names) > 2 else []
    assert legend(truth=disc(20, 20)) == (several or ['truth'])
    assert legend(prediction=disc(20, 20)) == (several or ['prediction'])
    both = legend(truth=disc(20, 20), prediction=disc(20, 20))
    assert both == [*several, 'truth', 'prediction']
    assert legend() == []
