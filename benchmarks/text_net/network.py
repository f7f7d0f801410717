"""The network: residual blocks down to a sixteenth and up again to a quarter of the size."""

from torch import Tensor, nn
from torch.nn import functional as F


def _conv(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Module:
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Residual(nn.Module):
    """Two convolutions beside a way past them."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = _conv(channels, channels, dilation=dilation)
        self.second = _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to the same."""
        return F.relu(x + self.second(F.relu(self.first(x))))


class TextNet(nn.Module):
    """Logits of text for cells of 4 x 4 pixels; 197,417 weights."""

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = 16, 24, 32, 48
        self.stem = nn.Sequential(_conv(1, half, stride=2), nn.ReLU())
        self.to_quarter = self._down(half, quarter)
        self.to_eighth = self._down(quarter, eighth)
        self.to_sixteenth = self._down(eighth, sixteenth, dilation=2)
        self.up_eighth = nn.Sequential(_conv(sixteenth, eighth, 1), nn.ReLU())
        self.at_eighth = Residual(eighth)
        self.up_quarter = nn.Sequential(_conv(eighth, quarter, 1), nn.ReLU())
        self.at_quarter = Residual(quarter)
        self.out = nn.Conv2d(quarter, 1, 1)
        assert self.out.bias is not None
        nn.init.constant_(self.out.bias, -2.0)  # most cells have no text

    @staticmethod
    def _down(inputs: int, outputs: int, dilation: int = 1) -> nn.Module:
        return nn.Sequential(
            _conv(inputs, outputs, stride=2), nn.ReLU(), Residual(outputs),
            Residual(outputs, dilation),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Grey [B, 1, H, W] in [0, 1], sides multiples of 16, to logits [B, 1, H / 4, W / 4]."""
        quarter = self.to_quarter(self.stem(3 * (x - 0.3)))
        eighth = self.to_eighth(quarter)
        sixteenth = self.to_sixteenth(eighth)
        up = F.interpolate(self.up_eighth(sixteenth), scale_factor=2.0, mode='nearest')
        eighth = self.at_eighth(eighth + up)
        up = F.interpolate(self.up_quarter(eighth), scale_factor=2.0, mode='nearest')
        return self.out(self.at_quarter(quarter + up))
