"""What a user imports: feature extraction with a pre-trained encoder."""

from .features import Encoder, extract_features, load_backbone

__all__ = ['Encoder', 'extract_features', 'load_backbone']
