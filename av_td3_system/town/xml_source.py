"""XML of maps: read without trusting it, and numbers taken out of it with the road they belong to."""

from __future__ import annotations

import codecs
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from av_td3_system.config.errors import UserError

Element = ElementTree.Element

LARGEST_FILE = 64 * 2**20  # bytes; CARLA's Town10 has 4 MiB
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding=["']([A-Za-z0-9._-]+)["']""")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
PACKED = {b"\x1f\x8b": "gzip", b"PK": "zip", b"BZ": "bzip2", b"\xfd7": "xz"}  # first bytes of compressed files


class _NoDocumentType(ElementTree.TreeBuilder):
    """Refuses a DTD before any entity of it can be declared (billion laughs, external files)."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise UserError(
            f"the map declares a document type ({name!r}), which is not read",
            hint="remove the <!DOCTYPE ...> line; OpenDRIVE files need none",
        )


@contextmanager
def name_file(name: str) -> Iterator[None]:
    """Puts the name of the map before the message of every `UserError` raised inside that lacks it."""
    try:
        yield
    except UserError as error:
        if name in error.message:
            raise
        raise UserError(f"{name}: {error.message}", hint=error.hint) from error


def refuse(road: str, reason: str, hint: str = "check the file with an OpenDRIVE checker") -> UserError:
    """The error for a road that cannot be honoured."""
    return UserError(f"road {road!r}: {reason}", hint=hint)


def read_xml(path: Path) -> Element:
    """The root element of a file, names without their namespaces.

    Raises:
        UserError: missing, larger than `LARGEST_FILE`, compressed, not well-formed, or with a document type.
    """
    try:
        with path.open("rb") as file:
            start, size = file.read(2), path.stat().st_size
            if size > LARGEST_FILE:
                raise UserError(
                    f"{path.name} has {size / 2**20:.0f} MiB; at most {LARGEST_FILE // 2**20} MiB are read",
                    hint="cut the part to drive in out of the map",
                )
            if start in PACKED:
                raise UserError(
                    f"{path.name} is compressed ({PACKED[start]})", hint="unpack it and give the .xodr file"
                )
            file.seek(0)
            root = ElementTree.parse(file, parser=ElementTree.XMLParser(target=_NoDocumentType())).getroot()
    except OSError as error:
        raise UserError(f"cannot read the map {str(path)!r}: {error.strerror}", hint="check the path") from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UserError(f"{path.name} is not well-formed XML: {error}", hint="export the map again") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def text_of(path: Path) -> str:
    """What a file says, in whatever encoding it declares; to be sent or written as UTF-8, which it then declares.

    Raises:
        UserError: missing, or not of the encoding that it declares.
    """
    try:
        written = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the map {str(path)!r}: {error.strerror}", hint="check the path") from error
    declared = _DECLARED.match(written)
    encoding = next((name for mark, name in _MARKS.items() if written.startswith(mark)), None)
    try:
        text = written.decode(encoding or (declared[1].decode() if declared else "utf-8"))
    except (LookupError, ValueError) as error:
        raise UserError(f"{path.name} is not well-formed XML: {error}", hint="export the map again") from error
    return re.sub(r"""(<\?xml[^>]*?encoding=["'])[A-Za-z0-9._-]+(["'])""", r"\1UTF-8\2", text, count=1)


def number(element: Element, name: str, road: str, default: float | None = None) -> float:
    """A finite number from an attribute.

    Raises:
        UserError: missing without a default, or no finite number.
    """
    text = element.get(name)
    if text is None:
        if default is None:
            raise refuse(road, f"<{element.tag}> has no {name!r}")
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise refuse(road, f"{name}={text!r} of <{element.tag}> is not a finite number")
    return value


def integer(element: Element, name: str, road: str) -> int:
    """A whole number from an attribute.

    Raises:
        UserError: missing, or no whole number.
    """
    value = number(element, name, road)
    if value != int(value):
        raise refuse(road, f"{name}={element.get(name)!r} of <{element.tag}> is not a whole number")
    return int(value)


def is_true(element: Element, name: str) -> bool:
    """Whether an attribute of OpenDRIVE's boolean types says so; missing is no."""
    return element.get(name, "false").strip().lower() in ("true", "1", "yes")
