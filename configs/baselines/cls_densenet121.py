# DenseNet-121 from scratch: mmpretrain's own, trained and judged as the others are.
_base_ = ['../_base_/cls_data.py', 'mmpretrain::_base_/models/densenet/densenet121.py']
model = dict(
    head=dict(
        num_classes=2,
        loss=dict(_delete_=True, type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
    )
)
