# ViT-H/16 (arch 'huge', 630 M parameters) with parameters, gradients and optimizer state sharded
# over the GPUs by FSDP, through mmengine's FlexibleRunner; blocks are recomputed in the backward
# pass. Runs under a launcher only: tools/dist_train.sh configs/usfm/pretrain_huge_3mus.py 8
_base_ = ['../_base_/pretrain.py']
runner_type = 'usfm_mm.QuietFlexibleRunner'
model = dict(backbone=dict(arch='huge', drop_path_rate=0.3, with_cp=True))
strategy = dict(
    type='FSDPStrategy',
    model_wrapper=dict(
        use_orig_params=True,  # paramwise_cfg needs the parameters' own names
        auto_wrap_policy=dict(  # a block of ViT-H has 19.7 M parameters
            type='torch.distributed.fsdp.wrap.size_based_auto_wrap_policy',
            min_num_params=15_000_000,
        ),
    ),
    state_dict_cfg='full',
)
