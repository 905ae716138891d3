"""What one would write without mmembed: FastAPI, open_clip and a NumPy product.

    python benchmarks/plain_server.py --data FOLDER --port 8001

Answers `GET /v1/search` and `POST /v1/embeddings` over the vectors of a collection, with the
model that made them; each request is embedded by itself, as it comes.
"""

from __future__ import annotations

import argparse
import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from PIL import Image

from mmembed.models.open_clip import BUNDLED_FOLDER
from mmembed.models.open_clip.import_open_clip import import_open_clip
from mmembed.store.sqlite import Catalog


def stored(folder: Path) -> tuple[str, list[int], Any]:
    """The model's name, and ids and float32 (n, dim) vectors of the images of a collection."""
    catalog = Catalog(folder)
    model = catalog.model()
    assert model is not None, f"{folder}: index something first"
    parts = list(catalog.all_embeddings("image"))
    catalog.close()
    ids = [one for some, _ in parts for one in some]
    return model.name, ids, np.concatenate([rows for _, rows in parts]).astype(np.float32)


def load(name: str) -> tuple[Any, Any, Any]:
    """Model, transform and tokenizer, as open_clip gives them."""
    open_clip = import_open_clip()
    name, _, pretrained = name.partition("/") if "local-dir" not in name else (name, "", "")
    if name == "bundled":
        name = f"local-dir:{BUNDLED_FOLDER}"
        vocabulary = {"bpe_path": str(BUNDLED_FOLDER / "bpe_merges.txt.gz")}
    else:
        vocabulary = {}
    model, _, transform = open_clip.create_model_and_transforms(name, pretrained or None)
    return model.eval(), transform, open_clip.get_tokenizer(name, **vocabulary)


def create_app(folder: Path) -> FastAPI:
    """Two routes, and a third that says that it is ready."""
    name, ids, vectors = stored(folder)
    model, transform, tokenizer = load(name)
    app = FastAPI()

    @torch.inference_mode()
    def embed(inputs: list[str], modality: str) -> Any:
        if modality == "image":
            files = [base64.b64decode(one.partition(",")[2]) for one in inputs]
            pictures = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
            rows = model.encode_image(torch.stack([transform(picture) for picture in pictures]))
        else:
            rows = model.encode_text(tokenizer(inputs))
        return torch.nn.functional.normalize(rows, dim=-1).numpy()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "model": name}

    @app.get("/v1/search")
    def search(q: str, k: int = 20) -> dict[str, Any]:
        scores = vectors @ embed([q], "text")[0]
        best = np.argsort(-scores)[:k]
        return {"hits": [{"id": ids[i], "score": float(scores[i])} for i in best]}

    @app.post("/v1/embeddings")
    def embeddings(body: dict[str, Any]) -> dict[str, Any]:
        rows = embed(body["input"], body.get("modality", "text"))
        return {"data": [{"index": i, "embedding": row.tolist()} for i, row in enumerate(rows)]}

    return app


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of a collection")
    parser.add_argument("--port", type=int, default=8001)
    asked = parser.parse_args()
    uvicorn.run(create_app(asked.data), port=asked.port, log_level="warning")


if __name__ == "__main__":
    main()
