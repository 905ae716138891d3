"""What a person does with the page, and what is seen on it."""

from __future__ import annotations

import base64
from pathlib import Path

from playwright.sync_api import Locator, Page, Request

from tests.web.pictures import HILLS, SKIES, drawn

HERE = Path(__file__).parents[1] / "web"
RED_PICTURE = drawn((480, 320), (HILLS["red"], SKIES["an evening sky"]))


class Watch:
    """What a page did that it should not have done."""

    def __init__(self, page: Page, address: str) -> None:
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.expected: tuple[str, ...] = ()
        self._address = address
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self._console(message.type, message.text))

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._address, "data:", "blob:" + self._address)):
            self.outside.append(request.url)

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.expected):
            self.errors.append(text)


def tiles(page: Page) -> Locator:
    return page.locator("#grid .tile:visible")


def bring(page: Page, event: str, *files: tuple[str, bytes]) -> None:
    """Drop or paste files, as a person would from a folder."""
    page.evaluate(
        """([event, files]) => {
          const transfer = new DataTransfer();
          for (const [name, kind, data] of files) {
            const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type: kind }));
          }
          const common = { bubbles: true, cancelable: true };
          const made = event === 'paste'
            ? new ClipboardEvent('paste', { ...common, clipboardData: transfer })
            : new DragEvent(event, { ...common, dataTransfer: transfer });
          document.body.dispatchEvent(made);
        }""",
        [
            event,
            [
                (
                    name,
                    "text/plain" if name.endswith(".txt") else "image/jpeg",
                    base64.b64encode(data).decode(),
                )
                for name, data in files
            ],
        ],
    )
