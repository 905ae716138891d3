"""open_clip's ViT with a text transformer, written as the folder of a transformers CLIPModel."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

LINEAR = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1",
          "mlp.c_proj": "mlp.fc2", "attn.out_proj": "self_attn.out_proj"}  # fmt: skip
PLAIN = {
    "logit_scale": "logit_scale",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
}
TRANSPOSED = {
    "visual.proj": "visual_projection.weight",
    "text_projection": "text_projection.weight",
}
BLOCKS = {"visual.transformer.resblocks.": "vision_model.encoder.layers.",
          "transformer.resblocks.": "text_model.encoder.layers."}  # fmt: skip
MERGES = 49152 - 256 - 2  # as many as open_clip takes of the file, after its first line
START, END = "<|startoftext|>", "<|endoftext|>"


def write_transformers(folder: Path, model: Any) -> None:
    """config.json, model.safetensors, the preprocessing and the vocabulary."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = renamed(model.state_dict())
    write_json(folder / "config.json", configuration(model))
    write_json(folder / "preprocessor_config.json", preprocessing(model))
    write_vocabulary(folder)
    save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})


def renamed(state: dict[str, Any]) -> dict[str, Any]:
    """The tensors under transformers' names; attention's joint projection is split in three."""
    result: dict[str, Any] = {}
    for name, value in state.items():
        prefix = next((start for start in BLOCKS if name.startswith(start)), None)
        if prefix is not None:
            number, _, rest = name.removeprefix(prefix).partition(".")
            for part, tensor in block_tensors(rest, value).items():
                result[f"{BLOCKS[prefix]}{number}.{part}"] = tensor.contiguous()
        elif name in TRANSPOSED:
            result[TRANSPOSED[name]] = value.T.contiguous()
        elif name in PLAIN:
            result[PLAIN[name]] = value.contiguous()
        elif name != "attn_mask":
            raise ValueError(f"{name}: has no place in a CLIPModel")
    return result


def block_tensors(name: str, value: Any) -> dict[str, Any]:
    """One tensor of a residual block under its new names."""
    if name.startswith("attn.in_proj_"):
        kind = name.removeprefix("attn.in_proj_")
        parts = value.chunk(3)
        return {f"self_attn.{part}_proj.{kind}": x for part, x in zip("qkv", parts, strict=True)}
    layer, _, kind = name.rpartition(".")
    return {f"{LINEAR[layer]}.{kind}": value}


def configuration(model: Any) -> dict[str, Any]:
    """The CLIPConfig of an open_clip model with plain GELU."""
    visual, text = model.visual, model.transformer
    size, patch = visual.image_size, visual.patch_size
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": visual.output_dim,
        "vision_config": {
            "image_size": size[0] if isinstance(size, tuple) else size,
            "patch_size": patch[0] if isinstance(patch, tuple) else patch,
            **tower(visual.transformer, visual.output_dim),
        },
        "text_config": {
            "vocab_size": model.vocab_size,
            "max_position_embeddings": model.context_length,
            "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407,
            **tower(text, visual.output_dim),
        },
    }  # fmt: skip


def tower(transformer: Any, dim: int) -> dict[str, Any]:
    """What both towers' configurations say."""
    block = transformer.resblocks[0]
    return {
        "hidden_size": transformer.width,
        "intermediate_size": block.mlp.c_fc.out_features,
        "num_hidden_layers": transformer.layers,
        "num_attention_heads": block.attn.num_heads,
        "hidden_act": "gelu",
        "layer_norm_eps": block.ln_1.eps,
        "projection_dim": dim,
    }


def preprocessing(model: Any) -> dict[str, Any]:
    """CLIPImageProcessor's settings: shortest side, bicubic, middle, as open_clip does it."""
    config = model.visual.preprocess_cfg
    size = config["size"]
    side = size if isinstance(size, int) else size[0]
    return {
        "image_processor_type": "CLIPImageProcessor",
        "feature_extractor_type": "CLIPFeatureExtractor",
        "processor_class": "CLIPProcessor",
        "do_convert_rgb": True, "do_resize": True, "do_center_crop": True,
        "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255,
        "size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side},
        "resample": 3,
        "image_mean": list(config["mean"]), "image_std": list(config["std"]),
    }  # fmt: skip


def write_vocabulary(folder: Path) -> None:
    """CLIP's vocabulary and merges, from the file that open_clip brings along."""
    from open_clip.tokenizer import bytes_to_unicode, default_bpe

    with gzip.open(default_bpe(), "rt", encoding="utf-8") as opened:
        text = opened.read()
    merges = text.split("\n")[1 : MERGES + 1]
    letters = list(bytes_to_unicode().values())
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += ["".join(merge.split()) for merge in merges] + [START, END]
    numbers = {word: number for number, word in enumerate(words)}
    write_json(folder / "vocab.json", numbers)
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", "utf-8")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    names = {"tokenizer_class": "CLIPTokenizer", "processor_class": "CLIPProcessor"}
    limits = {"model_max_length": 77, "do_lower_case": True}
    write_json(folder / "tokenizer_config.json", names | special | limits)
    write_json(folder / "special_tokens_map.json", special)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """UTF-8, indented."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), "utf-8")
