"""How well a model folder finds the gallery's pictures and names their subjects.

python -m training.evaluate_gallery [--model mmembed/bundled] [--gallery fixtures/gallery]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from .clip import open_clip
from .make_fixtures import gallery_scenes
from .scenes.captions import article
from .scenes.catalogue import SUBJECTS
from .tokens import MERGES_FILE, load_tokenizer

QUERIES = ("dog", "a red car", "sunset", "a boat on a lake", "something to eat",
           "a snowy landscape", "people", "flowers", "musical instrument",
           "night sky with the moon", "rain in the city", "a cat", "fruit on a table", "a castle",
           "pencil drawing", "a bicycle")  # fmt: skip
PROMPTS = ("a photo of {}", "a picture of {}", "a drawing of {}", "an illustration of {}")


class Searcher:
    """A model folder with its tokenizer and preprocessing."""

    def __init__(self, folder: Path) -> None:
        model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
        self.model, self.preprocess = model.eval(), preprocess
        self.tokenizer = load_tokenizer(folder / MERGES_FILE)

    @torch.no_grad()
    def images(self, paths: list[Path]) -> Tensor:
        """float32 (n, dim), unit-norm."""
        inputs = torch.stack([self.preprocess(Image.open(path).convert("RGB")) for path in paths])
        parts = [self.model.encode_image(part, normalize=True) for part in torch.split(inputs, 64)]
        return torch.cat(parts)

    @torch.no_grad()
    def texts(self, texts: list[str]) -> Tensor:
        """float32 (n, dim), unit-norm."""
        encoded: Tensor = self.model.encode_text(self.tokenizer(texts), normalize=True)
        return encoded


def recall(texts: Tensor, images: Tensor) -> dict[int, float]:
    """Share of texts whose own image, of the same row, is among the first 1, 5 and 10."""
    similar = texts @ images.T
    rank = (similar > similar.diagonal()[:, None]).sum(1)
    return {k: (rank < k).float().mean().item() for k in (1, 5, 10)}


def subject_accuracy(searcher: Searcher, images: Tensor) -> tuple[float, float]:
    """Zero-shot top-1 and top-5 of the subject among all subjects, landscapes left out."""
    names = list(SUBJECTS)
    labels = [searcher.texts([p.format(article(name)) for p in PROMPTS]).mean(0) for name in names]
    weights = torch.nn.functional.normalize(torch.stack(labels), dim=-1)
    scenes = gallery_scenes()
    rows = [row for row, scene in enumerate(scenes) if scene.subject]
    truth = torch.tensor([names.index(scenes[row].subject) for row in rows])
    best = (images[rows] @ weights.T).topk(5).indices
    hits = best == truth[:, None]
    return hits[:, 0].float().mean().item(), hits.any(1).float().mean().item()


def name_found(searcher: Searcher, images: Tensor) -> float:
    """Share of subjects of which a picture is among the first three for the bare name."""
    shown: dict[str, set[int]] = {}
    for row, scene in enumerate(gallery_scenes()):
        for name in (scene.subject, scene.companion):
            shown.setdefault(name, set()).add(row)
    shown.pop("")
    best = (searcher.texts(list(shown)) @ images.T).topk(3).indices.tolist()
    hits = [not rows.isdisjoint(three) for rows, three in zip(shown.values(), best, strict=True)]
    return sum(hits) / len(hits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("mmembed/bundled"))
    parser.add_argument("--gallery", type=Path, default=Path("fixtures/gallery"))
    arguments = parser.parse_args()
    searcher = Searcher(arguments.model.resolve())
    captions = sorted(arguments.gallery.glob("*.txt"), key=lambda path: path.stem[-3:])
    paths = [next(p for p in arguments.gallery.glob(f"{c.stem}.*") if p != c) for c in captions]
    images = searcher.images(paths)
    own = recall(searcher.texts([path.read_text().strip() for path in captions]), images)
    print(f"{len(paths)} pictures:", " ".join(f"R@{k} {share:.3f}" for k, share in own.items()))
    first, five = subject_accuracy(searcher, images)
    print(f"zero-shot subject of {len(SUBJECTS)}: top-1 {first:.3f}, top-5 {five:.3f}")
    print(f"bare name finds its picture among the first three: {name_found(searcher, images):.3f}")
    for query in QUERIES:
        best = (searcher.texts([query]) @ images.T)[0].topk(3).indices
        print(f"{query:26}", ", ".join(paths[index].stem for index in best))


if __name__ == "__main__":
    main()
