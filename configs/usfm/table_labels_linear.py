# Several findings per image or clip: usfm prepare table SCANS data/mine --table T.csv --labels A B
_base_ = '../_base_/table_linear.py'
train_dataloader = dict(dataset=dict(target='labels'))
val_dataloader = test_dataloader = dict(dataset=dict(target='labels'))
model = dict(
    head=dict(
        _delete_=True,
        type='MultiLabelLinearClsHead',
        num_classes=2,
        in_channels=768,
        loss=dict(type='CrossEntropyLoss', use_sigmoid=True),
    )
)
val_evaluator = dict(_delete_=True, type='usfm_mm.LabelsMetric')
test_evaluator = val_evaluator
