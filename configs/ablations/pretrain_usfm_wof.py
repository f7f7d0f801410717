# USFM-woF (paper 4.1.4): without the frequency mask and without the frequency loss.
_base_ = ['../_base_/pretrain.py']
for loader in (_base_.train_dataloader, _base_.val_dataloader, _base_.test_dataloader):
    loader.dataset.pipeline[-2].num_stopped = 0
del loader
model = dict(frequency_weight=0.0)
val_evaluator = test_evaluator = dict(frequency_weight=0.0)
