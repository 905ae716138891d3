"""Reads pictures with the right answers: folders of classes, and manifests of labels or
captions."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from mmembed.counted import counted
from mmembed.errors import InputError, ManifestError
from mmembed.ingest import Scan, make_plan, manifests, scan
from mmembed.item_failures import text_of
from mmembed.types import Failure


@dataclass(frozen=True)
class LabelledImages:
    """Images, each with the class that it is of."""

    paths: tuple[str, ...]
    classes: tuple[str, ...]
    """The class of each image: the name of its folder, or its label in the manifest."""
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaptionedImages:
    """Images, each with one caption or several."""

    paths: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


def read_labelled(data: Path, images: Path | None = None) -> LabelledImages:
    """A folder with one folder per class, at any depth below, or a manifest with a column of file
    names and one of labels. The manifest's file names are relative to `images`.

    Raises InputError if the data is missing or holds no images, and ManifestError.
    """
    _check_images(data, images)
    if data.is_dir():
        return _class_folders(data)
    if not data.exists():
        raise InputError(f"{data}: no such file or folder")
    labels = manifests.read_labels(data, images)
    if not labels:
        raise ManifestError(f"{data}: names no images")
    return LabelledImages(tuple(labels), tuple(labels.values()))


def _check_images(data: Path, images: Path | None) -> None:
    if images is None:
        return
    if data.is_dir():
        raise InputError(f"{data}: is a folder; --images goes with a manifest, leave it out")
    if not images.is_dir():
        raise InputError(f"{images}: no such folder of images")


def _class_folders(data: Path) -> LabelledImages:
    files = scan([data])
    root = os.path.abspath(data)
    classes = {path: os.path.relpath(path, root).split(os.sep)[:-1] for path in files.files}
    loose = [path for path, folders in classes.items() if not folders]
    if len(loose) == len(classes):
        what = f"{counted(len(loose), 'image')}, but none in a folder" if loose else "no images"
        raise InputError(
            f"{data}: holds {what}; expected a folder per class with its images in it, "
            "or name a manifest with the columns file_name and label"
        )
    reason = f"lies in no class folder of {data}"
    skipped = [Failure(path, "InputError", f"{path}: {reason}") for path in loose]
    return LabelledImages(
        paths=tuple(path for path, folders in classes.items() if folders),
        classes=tuple(folders[0] for folders in classes.values() if folders),
        failures=(*files.failures, *skipped),
        notes=_notes(files),
    )


def read_captioned(
    data: Path, images: Path | None = None, only: Path | None = None
) -> CaptionedImages:
    """A manifest with a column of file names and one of captions, in which an image may come
    several times. Or a folder of images with captions as indexing finds them.

    The manifest's file names are relative to `images`. `only` names the images to take, one a line.
    Raises InputError, and ManifestError if no image has a caption.
    """
    _check_images(data, images)
    if data.is_dir():
        images_of_data = _folder(data)
    elif data.exists():
        images_of_data = _manifest(data, images)
    else:
        raise InputError(f"{data}: no such file or folder")
    if only is not None:
        images_of_data = _narrowed(images_of_data, only, data)
    return _with_captions(images_of_data, data)


def _folder(data: Path) -> CaptionedImages:
    files = scan([data])
    if not files.files:
        raise InputError(f"{data}: holds no images")
    plan = make_plan(files, {}, ())
    return CaptionedImages(
        tuple(source.path for source in plan.work),
        tuple(source.captions for source in plan.work),
        tuple(plan.failures),
        _notes(files),
    )


def _manifest(data: Path, images: Path | None) -> CaptionedImages:
    by_path = manifests.read_manifest(data, images)
    if not by_path:
        raise ManifestError(f"{data}: names no images")
    return CaptionedImages(
        tuple(by_path), tuple(tuple(words.captions) for words in by_path.values())
    )


def _narrowed(captioned: CaptionedImages, only: Path, data: Path) -> CaptionedImages:
    wanted = set(read_lines(only))
    names = [_name_in(wanted, path) for path in captioned.paths]
    taken = [i for i, name in enumerate(names) if name is not None]
    if not taken:
        raise InputError(f"{only}: none of its {len(wanted)} names is an image of {data}")
    lost = len(wanted.difference(name for name in names if name is not None))
    note = f"{only}: {lost} of its {len(wanted)} names are not in {data}"
    return replace(
        captioned,
        paths=tuple(captioned.paths[i] for i in taken),
        captions=tuple(captioned.captions[i] for i in taken),
        notes=(*captioned.notes, note) if lost else captioned.notes,
    )


def _name_in(wanted: set[str], path: str) -> str | None:
    """The name in a list that matches this file: any number of its last parts."""
    parts = path.split(os.sep)
    tails = (os.sep.join(parts[start:]) for start in range(len(parts) - 1, -1, -1))
    return next((tail for tail in tails if tail in wanted), None)


def _with_captions(captioned: CaptionedImages, data: Path) -> CaptionedImages:
    kept = [i for i, captions in enumerate(captioned.captions) if captions]
    if not kept:
        raise ManifestError(
            f"{data}: none of {len(captioned.paths)} images has a caption; expected a column named "
            f"{manifests.CAPTION_COLUMNS[1]} (or {manifests.CAPTION_COLUMNS[0]}), or name.txt "
            "beside name.jpg"
        )
    bare = [
        path
        for path, captions in zip(captioned.paths, captioned.captions, strict=True)
        if not captions
    ]
    skipped = [
        Failure(path, "ManifestError", f"{path}: has no caption") for path in map(text_of, bare)
    ]
    return replace(
        captioned,
        paths=tuple(captioned.paths[i] for i in kept),
        captions=tuple(captioned.captions[i] for i in kept),
        failures=(*captioned.failures, *skipped),
    )


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank, stripped. Raises InputError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    clean = [line.strip() for line in lines if line.strip()]
    if not clean:
        raise InputError(f"{path}: is empty")
    return clean


def _notes(files: Scan) -> tuple[str, ...]:
    passed = [(files.linked, "linked folders"), (files.hidden, "hidden files or folders")]
    return tuple(f"{count} {what} were not looked into" for count, what in passed if count)
