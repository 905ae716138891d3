"""The table of clients: what was executed, and how it went."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.roster import CLIENTS

COLUMNS = ("text", "image", "errors")
HEAD = """# Clients, tested

Each cell was executed by `make test-clients`. It runs the unchanged package of that version
against `mmembed serve` as a process of its own. The server has the built-in model, on the engine
`torch-float32`.

✓ for texts and images means that every embedding is the library's own (cosine > 0.99999; of 8-bit
integers > 0.999; of binary ones every bit). ✓ for errors means that the client raised the
exception that it has for such an answer, with the server's message in it. «By hand» are requests
as the program sends them, if there is no package to install.

The ✓ do not say:

* LangChain's `OpenAIEmbeddings` downloads a tokenizer before it sends token ids. The test
  replaces it with a tokenizer in which each byte is a token. `MMEMBED_TOKEN_VOCABULARY` tells the
  server of it.
* LlamaIndex's `CohereEmbedding` takes no names of models but Cohere's. The server ran with
  `MMEMBED_ALIASES=embed-v4.0`.
* The generated client of infinity_client cannot read our answers of status 422, which most bad
  inputs get. It fails with an `AttributeError` that does not name the fault. For other statuses
  it gives the message, such as 404 for a model and 415 for a file that is no picture. It also
  cannot read our `/models`, which lack the queue figures that it expects.

"""


class Table:
    """A plugin of pytest that keeps what the tests of clients found."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest after each phase of a test."""
        noted = dict(report.user_properties)
        if report.when == "call" and "client" in noted:
            row = self._cells.setdefault(str(noted["client"]), {"version": str(noted["version"])})
            row[str(noted["column"])] = cell(report, noted["forms"])

    def markdown(self) -> str:
        """A line for each client that was tried."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "| client | version | " + " | ".join(COLUMNS) + " |"
        yield "|---|---|" + "---|" * len(COLUMNS)
        for client in CLIENTS:
            if row := self._cells.get(client.name):
                cells = [row.get(column, "✗ not run") for column in COLUMNS]
                yield f"| {client.title} | {row['version'] or '–'} | {' | '.join(cells)} |"


def cell(report: pytest.TestReport, forms: object) -> str:
    """✓, ✗ or –, and what was called or why not."""
    if report.skipped:
        assert isinstance(report.longrepr, tuple)
        return f"– {report.longrepr[2].removeprefix('Skipped: ')}"
    assert isinstance(forms, list)
    return ("✓ " if report.passed else "✗ ") + "; ".join(forms)


def write(path: Path, table: str) -> None:
    """The page with the table."""
    path.write_text(HEAD + table, encoding="utf-8")
