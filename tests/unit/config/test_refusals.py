"""The names that refusals speak of are those of the schema."""

from __future__ import annotations

from av_td3_system.config.refusals import setting_names
from av_td3_system.config.schema import Config


def test_every_setting_is_known_by_its_dotted_name() -> None:
    names = list(setting_names())
    dumped = Config().model_dump()
    expected = [
        path for section, fields in dumped.items() for path in (section, *(f"{section}.{key}" for key in fields))
    ]
    assert names == expected
