"""Files are read without trusting them: packed, huge, oddly encoded or in a namespace."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from av_td3_system.cli import main
from av_td3_system.config.errors import UserError
from av_td3_system.town import xml_source
from av_td3_system.town.opendrive import read_opendrive

Write = Callable[..., Path]
Make = Callable[..., str]


@pytest.mark.parametrize("pack", ["gzip", "zip", "bzip2", "xz"])
def test_a_compressed_map_is_refused_by_the_name_of_its_packing(
    write_map: Write, make_road: Make, tmp_path: Path, pack: str
) -> None:
    plain, packed = write_map(make_road()), tmp_path / "packed.xodr"
    if pack == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(plain)
    else:
        packed.write_bytes({"gzip": gzip, "bzip2": bz2, "xz": lzma}[pack].compress(plain.read_bytes()))
    with pytest.raises(UserError, match=rf"packed\.xodr is compressed \({pack}\)"):
        read_opendrive(packed)


def test_a_huge_file_is_refused_unread(write_map: Write, make_road: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_map(make_road() + "<!--" + "x" * 2**20 + "-->")
    read_opendrive(path)
    monkeypatch.setattr(xml_source, "LARGEST_FILE", 2**20)
    with pytest.raises(UserError, match="at most 1 MiB"):
        read_opendrive(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_byte_order_marks_and_encodings_are_read(write_map: Write, make_road: Make, encoding: str) -> None:
    path = write_map(make_road("straße"))
    declared = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    path.write_bytes(f'<?xml version="1.0" encoding="{declared}"?>{path.read_text("utf-8")}'.encode(encoding))
    assert list(read_opendrive(path).roads) == ["straße"]
    assert "straße" in xml_source.text_of(path)
    path.write_text(xml_source.text_of(path), "utf-8")
    assert list(read_opendrive(path).roads) == ["straße"], "and says so when it is written again"


def test_a_map_that_is_not_of_its_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "town.xodr"
    for written in ('<a name="ß"/>'.encode("iso-8859-1"), b'<?xml version="1.0" encoding="klingon"?><a/>'):
        path.write_bytes(written)
        with pytest.raises(UserError, match="not well-formed"):
            xml_source.text_of(path)
    with pytest.raises(UserError, match="cannot read the map"):
        xml_source.text_of(tmp_path / "none.xodr")


def test_namespaces_do_not_matter(write_map: Write, make_road: Make) -> None:
    path = write_map(make_road())
    bare = read_opendrive(path)
    path.write_text(path.read_text().replace("<OpenDRIVE>", '<OpenDRIVE xmlns="http://code.asam.net/schema">'))
    assert read_opendrive(path).roads["1"].sections[0].lanes.keys() == bare.roads["1"].sections[0].lanes.keys()


def test_a_bad_map_ends_the_command_with_code_2_and_says_where(
    write_map: Write, make_road: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_map(make_road("7", -1.0), name="broken.xodr")
    assert main(["town", str(path), "--picture", str(tmp_path / "a.png")]) == 2
    said = capsys.readouterr().err
    assert "broken.xodr: road '7': has length -1 m" in said and "hint" in said
