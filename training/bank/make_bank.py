"""Make `mmembed/search/bank/texts.txt`: generic nouns and captions, one a line.

    python -m training.bank.make_bank --texts TEXTS [--out mmembed/search/bank/texts.txt]

TEXTS holds `annotations.json`, the English emoji names of Unicode CLDR, and `en_classnames.json` of
CLIP_benchmark, anywhere below it. The captions are composed by `sentences.py`. No caption of a
photograph is read. Everything is deterministic.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from .sentences import sentences

CAPTIONS = 600
CLASS_STEP = 2
"""Every so many-th ImageNet class is taken: they are many breeds and species."""
FREQUENT = 3
"""A keyword of so many emoji is an everyday word, even if none is named by it."""
_PICTOGRAMS = range(0x1F300, 0x1FB00)
_WORD = re.compile(r"[a-z]{3,}")
_NAME = re.compile(r"[a-z]{2,}(?:[ -][a-z]{2,}){0,3}")
_OF_SIGNS = re.compile(
    r"button|arrow|triangle|square|circle|sign$|symbol|flag|clock$|thirty|pointing|skin tone|hair$"
    r"|face|heart|mark|dot|index|numer|zodiac|letter|input|fingers?|hand|fist|diamond|family"
)
"""Names of emoji that are no things, or that differ in a detail alone."""
_SLANG = {
    "adorbs", "aww", "bae", "bff", "bestie", "bday", "fml", "gtg", "haha", "hehe", "hmm", "idc",
    "idk", "ikr", "lmao", "lmfao", "lol", "muah", "mwah", "nbd", "nope", "omg", "pfft", "pga",
    "rad", "rofl", "sassy", "shh", "smh", "sus", "swag", "tbh", "thx", "ttyl", "tysm", "ugh",
    "uggh", "whoa", "woah", "woohoo", "wtf", "xoxo", "yay", "yeah", "yolo", "yum", "yummy", "yup",
}  # fmt: skip
"""Keywords of emoji that nobody looks for in pictures."""


def bank_texts(texts: Path) -> list[str]:
    """Words, names of things, and captions; each once."""
    emoji = _emoji(_found(texts, "annotations.json"))
    classes = json.loads(_found(texts, "en_classnames.json").read_text("utf-8"))["imagenet1k"]
    names = [name for name in (entry["tts"][0] for entry in emoji) if _is_thing(name)]
    words = [*_words(emoji, names), *names, *classes[::CLASS_STEP]]
    return list(dict.fromkeys([*words, *sentences(CAPTIONS)]))


def _words(emoji: list[dict[str, Any]], names: list[str]) -> list[str]:
    named = {word for name in names for word in name.split()}
    counts = Counter(word for entry in emoji for word in entry["default"] if _WORD.fullmatch(word))
    chosen = {word for word, count in counts.items() if word in named or count >= FREQUENT}
    return sorted(chosen - _SLANG)


def _is_thing(name: str) -> bool:
    of_one_sex = name.startswith(("man ", "woman "))  # the same is there for a person
    return bool(_NAME.fullmatch(name)) and not of_one_sex and not _OF_SIGNS.search(name)


def _emoji(annotations: Path) -> list[dict[str, Any]]:
    found = json.loads(annotations.read_text("utf-8"))["annotations"]["annotations"]
    return [entry for sign, entry in found.items() if ord(sign[0]) in _PICTOGRAMS]


def _found(folder: Path, name: str) -> Path:
    """The file of that name; of CLDR's two, that of plain emoji rather than of derived ones."""
    paths = sorted(path for path in folder.rglob(name) if "derived" not in str(path))
    if not paths:
        raise SystemExit(f"{folder}: holds no {name}")
    return paths[0]


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("mmembed/search/bank/texts.txt"))
    arguments = parser.parse_args()
    texts = bank_texts(arguments.texts)
    arguments.out.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    print(f"{len(texts)} texts → {arguments.out}")


if __name__ == "__main__":
    main()
