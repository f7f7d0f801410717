# USFM, paper 3.2 and 4.2: ViT-B/16, 224 px, 200 epochs, bf16, 8 GPUs x 128 images.
# Set the data root here, or run tools/train.py configs/usfm/pretrain_3mus.py --data-root DIR.
_base_ = ['../_base_/pretrain.py']
