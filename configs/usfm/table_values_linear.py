# Numbers per image or clip: usfm prepare table SCANS data/mine --table T.csv --values EF
_base_ = '../_base_/table_linear.py'
metainfo = dict(classes=('value',))
train_dataloader = dict(dataset=dict(target='values', metainfo=metainfo))
val_dataloader = test_dataloader = dict(dataset=dict(target='values', metainfo=metainfo))
data_preprocessor = dict(num_classes=1)
model = dict(
    head=dict(_delete_=True, type='usfm_mm.RegressionHead', num_classes=1, in_channels=768)
)
val_evaluator = dict(_delete_=True, type='usfm_mm.ValuesMetric')
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(save_best='R2'))
