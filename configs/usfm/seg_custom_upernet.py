# Your own images and masks: set data_root. Classes: docs/adaptation.md.
_base_ = '../_base_/seg_upernet.py'
