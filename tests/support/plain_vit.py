"""A small ViT in plain PyTorch, with the names that timm, DeiT, MAE and DINOv2 give it."""

import zlib

import torch
from torch import nn

DIM, HEADS, BLOCKS = 48, 6, 2  # as TinyUSFM, more heads than width / 64


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(DIM, 96), nn.Linear(96, DIM)

    def forward(self, x):
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)

    def forward(self, x):
        split = self.qkv(x).unflatten(-1, (3, HEADS, DIM // HEADS)).permute(2, 0, 3, 1, 4)
        q, k, v = split.unbind(0)
        weight = (q @ k.transpose(-2, -1) * (DIM // HEADS) ** -0.5).softmax(-1)
        return self.proj((weight @ v).transpose(1, 2).flatten(2))


class Scale(nn.Module):
    """DINOv2's LayerScale."""

    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(DIM))

    def forward(self, x):
        return self.gamma * x


class Block(nn.Module):
    def __init__(self, scaled=False):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIM, 1e-6), nn.LayerNorm(DIM, 1e-6)
        self.attn, self.mlp = Attention(), Mlp()
        self.ls1, self.ls2 = (Scale(), Scale()) if scaled else (nn.Identity(), nn.Identity())

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    def __init__(self, patch=16):
        super().__init__()
        self.proj = nn.Conv2d(3, DIM, patch, patch)


class Vit(nn.Module):
    """ViT with the names of timm's, which DeiT's, MAE's and TinyUSFM's code share."""

    def __init__(self, side=4, mae=False, classes=0, blocks=BLOCKS, patch=16, scaled=False):
        super().__init__()
        self.patch_embed = PatchEmbed(patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, DIM))
        self.pos_embed = nn.Parameter(torch.zeros(1, side**2 + 1, DIM))
        self.blocks = nn.ModuleList(Block(scaled) for _ in range(blocks))
        self.norm = nn.LayerNorm(DIM, 1e-6)
        if classes:
            self.head = nn.Linear(DIM, classes)
        if mae:
            self.mask_token = nn.Parameter(torch.zeros(1, 1, DIM))
            self.decoder_pos_embed = nn.Parameter(torch.zeros(1, side**2 + 1, DIM))
            self.decoder_embed, self.decoder_pred = nn.Linear(DIM, DIM), nn.Linear(DIM, 768)
            self.decoder_blocks, self.decoder_norm = nn.ModuleList([Block()]), nn.LayerNorm(DIM)
        for name, parameter in self.named_parameters():
            # By its name: the encoder's are the same, whatever stands beside it.
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)

    def forward(self, x):
        tokens = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), tokens), 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def maps(self, x):
        """Output of each block as a map, without the last norm."""
        found = []
        handles = [b.register_forward_hook(lambda *of: found.append(of[2])) for b in self.blocks]
        self(x)
        for handle in handles:
            handle.remove()
        side = round((found[0].shape[1] - 1) ** 0.5)
        return [value[:, 1:].transpose(1, 2).unflatten(2, (side, side)) for value in found]
