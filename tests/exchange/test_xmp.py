"""Tags are merged into sidecars, whatever else these hold."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mmembed.errors import InputError
from mmembed.exchange.xmp import DC, DIGIKAM, LIGHTROOM, RDF, levels_of, with_tags

HOSTILE = ["<b>&amp;\"'", "été 🦊", "a\x01b\ud800", "x/y|z", "  ", "]]>", "line\nbreak"]
DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <!-- kept -->
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:lr="urn:another-meaning" xmlns:darktable="http://darktable.sf.net/"
    xmp:Rating="4" lr:odd="1&#10;2" darktable:xmp_version="5">
   <darktable:history><rdf:Seq><rdf:li darktable:num="0" darktable:params="00ff"/></rdf:Seq>
   </darktable:history>
   <dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/">
    <rdf:Bag><rdf:li>sea</rdf:li><rdf:li>mine</rdf:li></rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>"""


def lists(content: bytes | None) -> dict[str, list[str]]:
    """The lists of tags, as an XML parser reads them."""
    assert content is not None
    root = ElementTree.fromstring(content)
    names = {"subject": DC, "TagsList": DIGIKAM, "hierarchicalSubject": LIGHTROOM}
    return {
        name: [one.text or "" for one in root.iterfind(f".//{{{space}}}{name}/*/{{{RDF}}}li")]
        for name, space in names.items()
    }


def test_a_new_sidecar_has_three_lists() -> None:
    content = with_tags(None, ["animal > dog", "sea"])
    assert lists(content) == {
        "subject": ["animal", "dog", "sea"],
        "TagsList": ["animal/dog", "sea"],
        "hierarchicalSubject": ["animal|dog", "sea"],
    }
    assert content is not None
    assert content.startswith(b"<?xpacket begin=")
    assert with_tags(content, ["sea", "animal > dog"]) is None


def test_hostile_tags_come_back_as_xml_can_hold_them() -> None:
    found = lists(with_tags(None, HOSTILE))
    assert found["subject"][:3] == ["<b>&amp;\"'", "été 🦊", "a\ufffdb\ufffd"]
    assert found["hierarchicalSubject"][3] == "x/y-z"
    assert found["TagsList"][3] == "x-y|z"
    assert "line break" in found["subject"]
    assert levels_of(" a >  b > c>d") == ["a", "b", "c>d"]


def test_all_else_of_a_sidecar_stays() -> None:
    content = with_tags(DARKTABLE.encode(), ["sea", "dog"])
    assert content is not None
    assert lists(content) == {
        "subject": ["sea", "mine", "dog"],
        "TagsList": ["sea", "dog"],
        "hierarchicalSubject": ["sea", "dog"],
    }
    before, after = (ElementTree.fromstring(one) for one in (DARKTABLE.encode(), content))
    [old], [new] = (one.findall(f".//{{{RDF}}}Description") for one in (before, after))
    assert new.attrib == old.attrib
    assert new.attrib["{urn:another-meaning}odd"] == "1\n2"
    for child in old:
        if not child.tag.endswith("subject"):
            twin = new.find(child.tag)
            assert twin is not None
            assert ElementTree.tostring(twin) == ElementTree.tostring(child)
    assert b"<!-- kept -->" in content
    assert content.count(b'xmp:Rating="4"') == 1


def test_other_prefixes_and_no_description() -> None:
    bare = f'<R:RDF xmlns:R="{RDF}" xmlns:rdf="urn:x"/>'.encode()
    assert lists(with_tags(bare, ["dog"]))["subject"] == ["dog"]
    utf16 = DARKTABLE.replace("UTF-8", "UTF-16").encode("utf-16")
    assert lists(with_tags(utf16, ["dog"]))["subject"] == ["sea", "mine", "dog"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no XML"),
        (b"\xff\xd8\xff\xe0 a picture", "is no XML"),
        (DARKTABLE.encode()[:300], "is no XML"),
        (b"<html/>", "expected one rdf:RDF"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "has a document type"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x/>'.encode("utf-16"), "has a document type"),
        (b" " * (16 * 2**20 + 1), "is read up to"),
        (b"<x>" + b"<a/>" * 200_001 + b"</x>", "more than 200,000 signs"),
        (DARKTABLE.replace("<rdf:Seq>", "<d>" * 5_000 + "</d>" * 5_000 + "<rdf:Seq>").encode(),
         "too deep within each other"),
        (DARKTABLE.replace('xmp:Rating="4"', f'xmlns:d="{DC}" d:subject="x"').encode(),
         "is an attribute"),
        (DARKTABLE.replace("<rdf:Bag>", "").replace("</rdf:Bag>", "").encode(), "is not one list"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_tags(content, ["dog"])


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("before", [None, DARKTABLE.encode()])
def test_exiftool_reads_the_tags(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "a.jpg.xmp"
    path.write_bytes(with_tags(before, ["animal > dog", "sea"]) or b"")
    command = ["exiftool", "-s3", "-sep", ";", "-XMP-lr:HierarchicalSubject", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said == "animal|dog;sea"
