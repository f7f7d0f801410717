"""What a user imports: feature extraction with a pre-trained encoder."""

from usfm_mm.models.features import FeatureExtractor, extract_features

from .backbone import load_backbone

Encoder = FeatureExtractor  # its first name

__all__ = ['Encoder', 'FeatureExtractor', 'extract_features', 'load_backbone']
