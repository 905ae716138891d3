"""Tags in XMP, as sidecar files hold them: merged into what is there, and nothing taken away.

    dc:subject                every tag; of `animal > dog` both levels
    digiKam:TagsList          `animal/dog`
    lr:hierarchicalSubject    `animal|dog`

Formats: XMP Specification Part 1 (ISO 16684-1); the lists are those that digiKam, darktable and
Lightroom read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.dom import Node, minidom
from xml.dom.minidom import Document, Element
from xml.parsers.expat import ExpatError

from mmembed.errors import InputError

META = "adobe:ns:meta/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
DIGIKAM = "http://www.digikam.org/ns/1.0/"
LIGHTROOM = "http://ns.adobe.com/lightroom/1.0/"
XMLNS = "http://www.w3.org/2000/xmlns/"
LARGEST = 16 * 2**20
"""Bytes of a sidecar that is read."""
MOST_SIGNS = 200_000
"""Signs that begin or end an element; each element takes about a kilobyte of memory."""
PARTED = re.compile(r"\s+>\s+")
"""Parts the levels of a tag."""

_HEAD = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TAIL = '\n<?xpacket end="w"?>\n'
_EMPTY = (
    f'<x:xmpmeta xmlns:x="{META}">\n <rdf:RDF xmlns:rdf="{RDF}">\n'
    '  <rdf:Description rdf:about=""/>\n </rdf:RDF>\n</x:xmpmeta>'
)
_MARKS = {9: "\U000ffff1", 10: "\U000ffff2", 13: "\U000ffff3"}
_REFERENCES = {mark: f"&#{code};" for code, mark in _MARKS.items()}
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML holds."""


@dataclass(frozen=True)
class _TagList:
    """A property that lists tags."""

    space: str
    prefix: str
    name: str
    container: str
    """rdf:Bag or rdf:Seq, of a list that is new."""


_SUBJECT = _TagList(DC, "dc", "subject", "Bag")
_TAGS_LIST = _TagList(DIGIKAM, "digiKam", "TagsList", "Seq")
_HIERARCHY = _TagList(LIGHTROOM, "lr", "hierarchicalSubject", "Bag")


def with_tags(before: bytes | None, tags: Sequence[str]) -> bytes | None:
    """A sidecar with these tags, beside all that it holds; None if it has them already.

    before: the sidecar's content; None for a new one. Raises InputError, which says why, for a
    content that cannot be read or whose lists are of an unknown form.
    """
    try:
        return _merged(_parsed(_EMPTY.encode() if before is None else before), tags)
    except RecursionError:
        raise InputError("its elements are too deep within each other") from None


def _merged(document: Document, tags: Sequence[str]) -> bytes | None:
    rdf = _rdf_of(document)
    wanted = {
        _SUBJECT: [level for tag in tags for level in levels_of(tag)],
        _TAGS_LIST: ["/".join(_within(levels_of(tag), "/")) for tag in tags],
        _HIERARCHY: ["|".join(_within(levels_of(tag), "|")) for tag in tags],
    }
    changes = [_add(rdf, of, list(dict.fromkeys(texts))) for of, texts in wanted.items()]
    if not any(changes):
        return None
    root = document.documentElement
    assert root is not None
    _mark(root)
    text = root.toxml()
    for mark, reference in _REFERENCES.items():
        text = text.replace(mark, reference)
    return (_HEAD + text + _TAIL).encode()


def levels_of(tag: str) -> list[str]:
    """`animal > dog` → animal and dog, as XML can hold them."""
    clean = _UNFIT.sub("\ufffd", tag).replace("\r", " ").replace("\n", " ")
    return [level for level in PARTED.split(clean.strip()) if level] or [clean]


def _within(levels: Sequence[str], sign: str) -> list[str]:
    """A name must not hold the sign that parts names."""
    return [level.replace(sign, "-") for level in levels]


def _parsed(content: bytes) -> Document:
    if len(content) > LARGEST:
        raise InputError(f"has {len(content):,} bytes, and XMP is read up to {LARGEST:,}")
    # Entities may grow without end, and XMP has none.
    if b"<!DOCTYPE" in content.replace(b"\0", b"").upper():
        raise InputError("has a document type, as no XMP has")
    if content.count(b"<") > MOST_SIGNS:
        raise InputError(f"has more than {MOST_SIGNS:,} signs <, and XMP is read up to so many")
    try:
        return minidom.parseString(content.lstrip(b" \t\r\n"))
    except (ExpatError, ValueError, LookupError, AttributeError) as error:
        raise InputError(f"is no XML: {error}") from None


def _rdf_of(document: Document) -> Element:
    found = document.getElementsByTagNameNS(RDF, "RDF")
    if len(found) != 1:
        raise InputError("is no XMP: expected one rdf:RDF")
    rdf: Element = found[0]
    return rdf


def _add(rdf: Element, of: _TagList, texts: Sequence[str]) -> bool:
    """Add the missing texts to a list; returns whether there were any."""
    descriptions = [one for one in _elements(rdf) if _is(one, RDF, "Description")]
    if any(one.hasAttributeNS(of.space, of.name) for one in descriptions):
        raise InputError(f"its {of.prefix}:{of.name} is an attribute, and no list")
    lists = [
        one for about in descriptions for one in _elements(about) if _is(one, of.space, of.name)
    ]
    if not lists:
        _append_list(rdf, descriptions, of, texts)
        return True
    containers = [
        one for one in _elements(lists[0]) if one.namespaceURI == RDF
        and one.localName in ("Bag", "Seq", "Alt")
    ]  # fmt: skip
    if len(lists) != 1 or len(containers) != 1:
        raise InputError(f"its {of.prefix}:{of.name} is not one list")
    known = {_text(one) for one in _elements(containers[0]) if _is(one, RDF, "li")}
    missing = [text for text in texts if text not in known]
    for text in missing:
        _append_text(containers[0], text)
    return bool(missing)


def _append_list(
    rdf: Element, descriptions: Sequence[Element], of: _TagList, texts: Sequence[str]
) -> None:
    about = descriptions[0] if descriptions else _new(rdf, RDF, "rdf", "Description")
    if not descriptions:
        about.setAttributeNS(RDF, "rdf:about", "")
    container = _new(_new(about, of.space, of.prefix, of.name), RDF, "rdf", of.container)
    for text in texts:
        _append_text(container, text)


def _append_text(container: Element, text: str) -> None:
    item = _new(container, RDF, "rdf", "li")
    document = container.ownerDocument
    assert document is not None
    item.appendChild(document.createTextNode(text))


def _new(parent: Element, space: str, prefix: str, name: str) -> Element:
    """A child that says its namespace, unless the prefix means it already."""
    document = parent.ownerDocument
    assert document is not None
    child: Element = document.createElementNS(space, f"{prefix}:{name}")
    if _meaning_of(prefix, parent) != space:
        child.setAttributeNS(XMLNS, f"xmlns:{prefix}", space)
    parent.appendChild(child)
    return child


def _meaning_of(prefix: str, element: Element) -> str | None:
    """The namespace of a prefix within an element."""
    while element.nodeType == Node.ELEMENT_NODE:
        if element.hasAttributeNS(XMLNS, prefix):
            return element.getAttributeNS(XMLNS, prefix)
        element = element.parentNode  # type: ignore[assignment]
    return None


def _mark(element: Element) -> None:
    """Mark white space that a reader would change: minidom writes it as it is."""
    for attribute in element.attributes.values():
        attribute.value = attribute.value.translate(_MARKS)
    for one in element.childNodes:
        if one.nodeType == Node.TEXT_NODE:
            one.data = one.data.replace("\r", _MARKS[13])
        elif one.nodeType == Node.ELEMENT_NODE:
            _mark(one)


def _elements(parent: Element) -> Iterator[Element]:
    return (one for one in parent.childNodes if one.nodeType == Node.ELEMENT_NODE)


def _is(element: Element, space: str, name: str) -> bool:
    return element.namespaceURI == space and element.localName == name


def _text(element: Element) -> str:
    return "".join(
        one.data for one in element.childNodes
        if one.nodeType in (Node.TEXT_NODE, Node.CDATA_SECTION_NODE)
    )  # fmt: skip
