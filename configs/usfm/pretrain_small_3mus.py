# ViT-S/16: for a single GPU, or to try things out.
_base_ = ['../_base_/pretrain.py']
model = dict(backbone=dict(arch='small'))
