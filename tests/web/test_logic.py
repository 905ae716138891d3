"""The page's pure logic in node, and what its files may not hold."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.web.gestures import HERE

WEB = HERE.parents[1] / "web"


@pytest.mark.slow
def test_the_pure_logic() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed; the page's logic is tested with `node --test`")
    files = sorted(str(file) for file in HERE.glob("*.test.mjs"))
    run = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]


def test_the_page_has_no_inline_code_and_no_outside_addresses() -> None:
    for file in WEB.glob("*.*"):
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), file.name
        assert "innerHTML" not in text, file.name
        assert not re.search(r"<script>|\sstyle=|\son\w+=\"", text), file.name


MAY_IMPORT = {
    "state": {"state"},
    "ui": {"ui"},
    "load": {"load", "state", "ui"},
    "views": {"views", "load", "state", "ui"},
}
"""A folder of the page, and the folders that its files import from."""


def test_folders_import_downwards_alone() -> None:
    upwards = [
        f"{file.relative_to(WEB)} imports {imported.relative_to(WEB)}"
        for folder, allowed in MAY_IMPORT.items()
        for file in (WEB / folder).rglob("*.js")
        for path in re.findall(r"^import .*? from '(.*)';", file.read_text("utf-8"), re.M | re.S)
        if (imported := (file.parent / path).resolve()).relative_to(WEB).parts[0] not in allowed
    ]
    assert upwards == []
