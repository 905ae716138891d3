"""Export the image tower to ONNX; runs where torch, transformers and onnx are.

python -m benchmarks.peers.export_onnx TRANSFORMERS_FOLDER ONNX_FOLDER
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch

from benchmarks.peers.job import allow_any_torchvision

allow_any_torchvision()
from transformers import CLIPVisionModelWithProjection  # noqa: E402


class ImageTower(torch.nn.Module):
    """float32 (n, 3, 224, 224) → float32 (n, 512), not normalised."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.tower = CLIPVisionModelWithProjection.from_pretrained(
            folder, attn_implementation="eager"
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """The projected embeddings."""
        return self.tower(pixel_values=pixels).image_embeds  # type: ignore[no-any-return]


def main() -> None:
    """Write model.onnx and the preprocessing's configuration."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        ImageTower(source).eval(),
        (torch.randn(2, 3, 224, 224),),
        str(target / "model.onnx"),
        input_names=["input"],  # rclip feeds it by this name
        output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    shutil.copy(source / "preprocessor_config.json", target)


if __name__ == "__main__":
    main()
