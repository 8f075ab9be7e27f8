"""A run of an older version is read as it was, and says so; what no version knew is refused."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from av_td3_system.config import load
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import load_config, load_resolved, resolved_yaml
from av_td3_system.config.older_runs import ADDED, FORMER_GUARDS, REPLACED
from av_td3_system.config.refusals import setting_names
from av_td3_system.town.drivetrain import drive_demand, full_drive, resistance
from av_td3_system.town.vehicle import GRAVITY, vehicle_parameters

FIRST = Path(__file__).with_name("config_0_1_0.yaml")  # as version 0.1.0 wrote it


def test_a_run_of_the_first_version_is_read_with_a_warning_that_names_what_it_lacked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        config = load_resolved(FIRST)
    assert (config.vehicle.length, config.vehicle.wheelbase, config.environment.action_delay) == (4.5, 2.8, 0)
    (warning,) = caplog.messages
    for name in (*ADDED, *(today for today, _ in REPLACED.values())):
        assert name in warning


def test_its_car_is_the_car_of_that_version() -> None:
    p = vehicle_parameters(load_resolved(FIRST).vehicle)
    for speed in (0.5, 4.0, 8.3, 14.0):
        assert resistance(p, speed) == pytest.approx(0.15 + 0.002 * speed**2)
        for pedal in (0.2, 0.7, 1.0):
            assert drive_demand(p, speed, pedal) == pytest.approx(3.0 * pedal * (1.0 - speed / 16.0))
        assert drive_demand(p, speed, -0.5) == -4.0
        assert full_drive(p, speed) == 3.0
    assert p.throttle_lag == p.brake_lag == 0.0 and p.friction * GRAVITY > 1000.0


def test_a_complete_file_is_read_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(load_config()))
    assert load_resolved(path) == load_config() and not caplog.messages


def test_a_setting_that_there_is_no_longer_is_read_where_it_changed_nothing_and_refused_where_it_did(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(load_config()).replace("exploration:\n", "exploration:\n  restart_share: 0.0\n"))
    assert load_resolved(path) == load_config()
    path.write_text(path.read_text().replace("restart_share: 0.0", "restart_share: 0.8"))
    with pytest.raises(UserError, match=r"unknown setting exploration\.restart_share"):
        load_resolved(path)


def test_what_is_read_can_be_written_and_read_again(tmp_path: Path) -> None:
    config = load_resolved(FIRST)
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(config))
    assert load_resolved(path) == config


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  wheelbase: 2.8\n", "", r"lacks vehicle\.wheelbase"),
        ("  wheelbase: 2.8\n", "  wheelbase: 2.8\n  wings: 2\n", r"unknown setting vehicle\.wings"),
        ("  air_drag: 0.002\n", "  air_drag: much\n", r"unknown setting vehicle\.air_drag"),
        ("  max_speed: 16.0\n", "  max_speed: 16.0\n  part_throttle_speed: 9\n", r"unknown setting vehicle\.max_speed"),
    ],
)
def test_nothing_else_may_be_missing_or_unknown(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = FIRST.read_text()
    assert text.count(old) == 1
    path = tmp_path / "config.yaml"
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=message):
        load_resolved(path)


def test_every_line_of_the_tables_names_a_setting_of_today() -> None:
    today = set(setting_names())
    assert set(ADDED) <= today
    for old, (new, _) in REPLACED.items():
        assert new in today and old not in today
    lacking = today - {name for name in setting_names() if "." not in name} - set(ADDED)
    first = {f"{section}.{key}" for section, held in load.parse(FIRST.read_text()).items() for key in held}
    former = set(REPLACED) | {f"guards.{name}" for name in FORMER_GUARDS}
    assert lacking == first - former | {new for new, _ in REPLACED.values()}, "a new setting needs its line"


def test_its_guards_are_the_guards_of_that_version(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    text = FIRST.read_text()
    for old, new in (("parked_speed: 0.3", "parked_speed: 0.4"), ("gradient_spike: 10.0", "gradient_spike: 12.0")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    rules = load_resolved(path).guards.rules
    then = {name: rule for name, rule in rules.items() if rule is not None}
    assert then["parked"].threshold == 0.4 and then["gradient_spike_actor"].threshold == 12.0
    assert (then["gpu_idle"].threshold, then["gpu_busy"].threshold) == (70.0, 90.0)
    assert then["disk_full"].threshold == 1.0 and then["td_error_explosion"].persistence == 5
    assert {name for name, rule in rules.items() if rule is None} == {
        "blind_encoder", "replay_starvation", "slow_simulator", "disk_low", "memory_low", "gpu_memory_low", "gpu_hot",
    }  # fmt: skip


def test_a_rule_of_ones_own_of_that_version_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    own = "  - {name: mine, metric: train/success, threshold: 0.1, kind: below, severity: warning, window: 3}\n"
    first = "  - name: td_error_explosion"
    path.write_text(FIRST.read_text().replace(first, own + first))
    mine = load_resolved(path).guards.rules["mine"]
    assert mine is not None and (mine.metric, mine.threshold, mine.window) == ("train/success", 0.1, 3)
