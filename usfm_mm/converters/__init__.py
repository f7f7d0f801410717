"""Released data sets, and one's own folders, brought into one layout."""

from usfm_mm.converters.busi import BUSI
from usfm_mm.converters.covid_blues import COVID_BLUES
from usfm_mm.converters.ddti import DDTI
from usfm_mm.converters.fetal_abdomen import FETAL_ABDOMEN
from usfm_mm.converters.fetal_planes import FETAL_PLANES
from usfm_mm.converters.hc18 import HC18
from usfm_mm.converters.nerve import NERVE
from usfm_mm.converters.pairs import PICMUS, USENHANCE
from usfm_mm.converters.tn3k import TN3K
from usfm_mm.converters.ultrabench import ULTRABENCH
from usfm_mm.converters.usanotai import USANOTAI
from usfm_mm.converters.usgra import USGRA

CONVERTERS = {
    converter.name: converter
    for converter in (
        *(BUSI, COVID_BLUES, DDTI, FETAL_ABDOMEN, FETAL_PLANES, HC18, NERVE),
        *(PICMUS, TN3K, USANOTAI, USENHANCE, USGRA, *ULTRABENCH),
    )
}
"""Of released data sets, by name."""
