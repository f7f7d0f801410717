"""What a user imports: loading a model, and asking it about pictures."""

from usfm_mm.inference.explain import occlude
from usfm_mm.inference.predict import classify, enhance, segment
from usfm_mm.inference.rebuild import reconstruct
from usfm_mm.models.features import FeatureExtractor, extract_features, similar

from .backbone import load_backbone
from .model import LoadedModel, load_model

Encoder = FeatureExtractor  # its first name

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
    'segment',
    'similar',
]
