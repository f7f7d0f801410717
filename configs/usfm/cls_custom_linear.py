# Your own classes of images: set data_root. Class names: docs/adaptation.md.
_base_ = '../_base_/cls_linear.py'
