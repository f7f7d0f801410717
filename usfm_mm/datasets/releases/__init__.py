"""Released data sets, and one's own folders, brought into one layout."""

from usfm_mm.datasets.releases.busi import BUSI
from usfm_mm.datasets.releases.hc18 import HC18
from usfm_mm.datasets.releases.pairs import PICMUS, USENHANCE
from usfm_mm.datasets.releases.usanotai import USANOTAI
from usfm_mm.datasets.releases.usgra import USGRA

RELEASES = {release.name: release for release in (BUSI, HC18, USANOTAI, USGRA)}
RELEASES |= {release.name: release for release in (USENHANCE, PICMUS)}
