"""Reads the texts of the bank: those of the package, or a user's file in their place."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from mmembed.errors import InputError

FEWEST, MOST = 100, 10_000
"""Texts in a bank: the mean of fewer says little; more need memory and give nothing."""
LONGEST = 300
"""Characters in one text."""
NAMED = "MMEMBED_BANK"
OFF = "off"


def chosen_texts(setting: str) -> tuple[str, ...]:
    """The texts of the setting: of a file, of the package if it is empty, none for `off`. Raises
    InputError."""
    if setting.lower() == OFF:
        return ()
    return texts_of(Path(setting).expanduser()) if setting else shipped_texts()


def shipped_texts() -> tuple[str, ...]:
    """The texts that the package brings."""
    file = resources.files("mmembed.search.bank") / "texts.txt"
    return tuple(file.read_text("utf-8").splitlines())


def texts_of(path: Path) -> tuple[str, ...]:
    """The distinct texts of a UTF-8 file, one a line; empty lines are skipped. Raises InputError,
    which names the file, the line and the limit."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{NAMED}: {path} is not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise InputError(f"{NAMED}: {path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if len(line.strip()) > LONGEST:
            raise InputError(
                f"{NAMED}: {path}, line {number}: {len(line.strip())} characters, limit {LONGEST}; "
                "a bank holds words and short captions"
            )
    texts = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not FEWEST <= len(texts) <= MOST:
        raise InputError(
            f"{NAMED}: {path} holds {len(texts)} different texts, one a line; expected {FEWEST} to "
            f"{MOST}. To search without a bank, set {NAMED}=off"
        )
    return texts
