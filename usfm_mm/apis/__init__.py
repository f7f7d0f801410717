"""What a user imports: loading a model, and asking it about pictures.

Models exported to ONNX need no torch, and so nothing here imports it before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from usfm_mm.inference.explain import occlude, rollout
from usfm_mm.inference.extract import extract_features, similar
from usfm_mm.inference.predict import classify, enhance, segment
from usfm_mm.inference.rebuild import reconstruct

from .loading import load_model

if TYPE_CHECKING:
    from usfm_mm.models.features import FeatureExtractor

    from .backbone import load_backbone
    from .model import LoadedModel

    Encoder = FeatureExtractor

_LATER = {
    'Encoder': ('usfm_mm.models.features', 'FeatureExtractor'),  # its first name
    'FeatureExtractor': ('usfm_mm.models.features', 'FeatureExtractor'),
    'LoadedModel': ('usfm_mm.apis.model', 'LoadedModel'),
    'load_backbone': ('usfm_mm.apis.backbone', 'load_backbone'),
}

__all__ = [
    'Encoder',
    'FeatureExtractor',
    'LoadedModel',
    'classify',
    'enhance',
    'extract_features',
    'load_backbone',
    'load_model',
    'occlude',
    'reconstruct',
    'rollout',
    'segment',
    'similar',
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module, there = _LATER[name]
    return getattr(import_module(module), there)
