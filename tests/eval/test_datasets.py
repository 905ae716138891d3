"""Manifests and folders that cannot be measured, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmembed.errors import InputError, ManifestError
from mmembed.eval import read_captioned, read_labelled
from tests.conftest import MakePicture
from tests.eval.encoders import write


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (
            "a.csv",
            "image,words\nx.png,hello\n",
            "none of 1 images has a caption; expected a column",
        ),
        ("a.csv", "picture,caption\nx.png,hello\n", r"a\.csv: no file name; expected a column"),
        ("a.csv", "image,caption\n", "names no images"),
        ("a.txt", "x.png hello\n", r"expected one of \.jsonl"),
    ],
)
def test_manifests_that_do_not_fit(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        read_captioned(write(tmp_path / name, content))


def test_label_manifests_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"a\.csv:2: no label; expected a column named label"):
        read_labelled(write(tmp_path / "a.csv", "image,caption\nx.png,hello\n"))
    with pytest.raises(ManifestError, match=r"a\.csv:3: x\.png is labelled 'a' before"):
        read_labelled(write(tmp_path / "a.csv", "image,label\nx.png,a\nx.png,b\n"))


def test_folders_that_do_not_fit(photos: Path, picture: MakePicture) -> None:
    with pytest.raises(InputError, match="holds no images; expected a folder per class"):
        read_labelled(photos)
    with pytest.raises(InputError, match="holds no images"):
        read_captioned(photos)
    picture()
    with pytest.raises(InputError, match="holds 1 image, but none in a folder"):
        read_labelled(photos)
    for read in (read_labelled, read_captioned):
        with pytest.raises(InputError, match="no such file or folder"):
            read(photos / "nowhere")
        with pytest.raises(InputError, match="--images goes with a manifest"):
            read(photos, photos)
