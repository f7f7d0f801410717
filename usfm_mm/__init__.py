"""Ultrasound foundation model (USFM) pre-training and adaptation for OpenMMLab.

Source: J. Jiao et al., "USFM: A universal ultrasound foundation model generalized to tasks and
organs towards label efficient image analysis", Medical Image Analysis 96, 2024.
"""

__version__ = '0.2.0'
