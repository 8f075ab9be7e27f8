"""Layers of settings: which one wins, and how each mistake is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from av_td3_system.config import load
from av_td3_system.config.errors import UserError
from av_td3_system.config.load import config_hash, load_config, load_resolved, resolved_yaml
from av_td3_system.config.schema import Config, RewardConfig


def _write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_each_layer_wins_over_the_one_below(tmp_path: Path) -> None:
    low = _write(tmp_path, "agent: {gamma: 0.5, tau: 0.5, batch_size: 10, n_step: 10}", "low.yaml")
    high = _write(tmp_path, "agent: {tau: 0.6, batch_size: 11, n_step: 11}", "high.yaml")
    config = load_config(
        "td3",
        files=[low, high],
        overrides=["agent.batch_size=12", "agent.n_step=12"],
        flags={"agent.n_step": 13, "run.seed": None},
    )
    agent = config.agent
    assert (agent.gamma, agent.tau, agent.batch_size, agent.n_step) == (0.5, 0.6, 12, 13)
    assert config.run.seed == Config().run.seed, "a flag that was not given changes nothing"


def test_later_overrides_win() -> None:
    assert load_config(overrides=["run.seed=1", "run.seed=2"]).run.seed == 2


def test_a_rule_of_ones_own_can_be_given_in_parts_and_taken_away_again() -> None:
    parts = ["mine.threshold=1", "mine.metric=train/q_value", "mine.unit=reward", "mine.severity=warning"]
    given = [f"guards.rules.{part}" for part in parts]
    assert load_config(overrides=given).guards.rules["mine"] is not None
    assert load_config(overrides=[*given, "guards.rules.mine=null"]).guards.rules["mine"] is None
    assert load_config(overrides=["guards.rules.parked=null"]).guards.rules["parked"] is None


def test_the_plan_finds_learning_starts_in_the_preset() -> None:
    preset = Path(load.__file__).with_name("td3_config.yaml").read_text()
    assert "learning_starts: 1000" in preset
    assert load_config("td3").exploration.learning_starts == 1000


def test_ddpg_differs_from_td3_only_in_what_makes_it_ddpg() -> None:
    td3, ddpg = load_config("td3"), load_config("ddpg")
    agent = ddpg.agent
    assert (agent.twin_critics, agent.policy_noise, agent.policy_delay) == (False, 0.0, 1)
    same = {"twin_critics": True, "policy_noise": td3.agent.policy_noise, "policy_delay": td3.agent.policy_delay}
    assert agent.model_copy(update=same) == td3.agent
    assert ddpg.run.algo == "ddpg"
    assert ddpg.model_copy(update={"agent": td3.agent, "run": td3.run}) == td3


def test_the_paper_preset_takes_back_every_improvement() -> None:
    config = load_config("td3", files=["td3_paper.yaml"])
    agent, network = config.agent, config.network
    assert (agent.gamma, agent.tau, agent.batch_size) == (0.99, 0.005, 256)
    assert (agent.actor_lr, agent.critic_lr, agent.exploration_noise) == (3e-4, 3e-4, 0.1)
    assert (agent.policy_noise, agent.noise_clip, agent.policy_delay, agent.twin_critics) == (0.2, 0.5, 2, True)
    assert (agent.n_step, agent.updates_per_step) == (1, 1.0)
    assert not network.shared_encoder
    assert (network.random_shift, network.exposure_jitter, agent.policy_average) == (0, 0.0, 1.0)
    preset = load.parse(Path(load.__file__).with_name("td3_config.yaml").read_text())
    paper = load.parse(Path(load.__file__).with_name("td3_paper.yaml").read_text())
    for section in ("agent", "network", "camera", "exploration"):
        kept = set(preset.get(section, {})) - set(paper[section])
        assert not kept, f"td3_paper.yaml leaves {section}.{kept} as the recommended preset has it"


def test_plain_ddpg_is_the_paper_preset_over_ddpg() -> None:
    agent = load_config("ddpg", files=["td3_paper"]).agent
    assert (agent.n_step, agent.updates_per_step, agent.twin_critics, agent.policy_delay) == (1, 1.0, False, 1)


def test_a_file_or_override_chooses_the_algorithm(tmp_path: Path) -> None:
    file = _write(tmp_path, "run: {algo: ddpg}")
    assert not load_config(files=[file]).agent.twin_critics
    assert not load_config(overrides=["run.algo=ddpg"]).agent.twin_critics
    assert load_config("td3", files=[file]).run.algo == "td3", "the flag wins"


def test_settings_may_refer_to_each_other() -> None:
    config = load_config(overrides=["agent.actor_lr=1e-3", "agent.critic_lr=${agent.actor_lr}"])
    assert config.agent.critic_lr == 0.001


def test_whole_floats_are_whole_numbers_and_lists_fill_tuples() -> None:
    config = load_config(overrides=["run.max_timesteps=1e4", "traffic.vehicles=[1, 2, 3]"])
    assert config.run.max_timesteps == 10_000
    assert config.traffic.vehicles == (1, 2, 3)


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("agent.gama=0.9", "unknown setting agent.gama", "did you mean agent.gamma?"),
        ("learning_starts=5", "unknown setting learning_starts", "did you mean exploration.learning_starts?"),
        ("nonsense=1", "unknown setting nonsense", "agent"),
        ("traffic.foo=1", "unknown setting traffic.foo", "known here: traffic.vehicles, "),
        ("agent.gamma=1", "agent.gamma is 1, but must be below 1", "0.99"),
        ("agent.tau=0", "agent.tau is 0, but must be above 0", "0.005"),
        ("run.num_envs=1000", "run.num_envs is 1000, but must be at most 256", ""),
        ("agent.gamma=high", 'agent.gamma is "high", but must be a number', ""),
        ("run.seed=true", "run.seed is true, but must be a whole number", ""),
        ("run.seed='7'", 'run.seed is "7", but must be a whole number', ""),
        ("run.seed=1.5", "run.seed is 1.5, but must be a whole number", ""),
        ("agent.bfloat16=1", "agent.bfloat16 is 1, but must be true or false", ""),
        ("agent.gamma=.inf", "agent.gamma is Infinity, but must be", ""),
        ("agent.gamma=", "agent.gamma is empty, but must be a number", ""),
        ("agent=3", "agent is 3, but must be a section", "gamma"),
        ("run.scenario=4", "run.scenario is 4, but must be one of 0, 1, 2", ""),
        ("run.algo=sac", 'run.algo is "sac", but must be one of td3, ddpg', ""),
        ("traffic.vehicles=[1, 2]", "traffic.vehicles has too few values", "[20, 50, 100]"),
        ("traffic.length=[5, 4]", "traffic.length: the lower end 5.0 is above the upper end 4.0", ""),
        ("replay={on_device: true, file: frames}", "replay.on_device: goes with neither", "replay.on_device=false"),
        ("replay.prioritized=true", "replay.prioritized: is unbiased with the Huber loss alone", "critic_loss=huber"),
        ("network.shared_encoder=true", "network.shared_encoder: must be false where the critic", "critic_input"),
        (
            "network.critic_input=image",
            "a critic of the image",
            "agent.perception_weight=0 agent.target_action=computed network.critic_way=false",
        ),
        ("environment.weathers=[]", "environment.weathers", ""),
        ("traffic.vehicles=[-50,0,0]", "traffic.vehicles.0 is -50, but must be at least 0", ""),
        ("reward.progress_weight=1e308", "reward.progress_weight", ""),
        ("agent.actor_lr=1e300", "agent.actor_lr", ""),
        ("guards.rules={mine: {threshold: 1}}", "guards.rules.mine lacks metric", "a rule of your own"),
        ("guards.rules.parkd.threshold=1", "guards.rules.parkd lacks metric", "did you mean parked?"),
        ("guards.rules.parkd=null", "--set: there is no rule guards.rules.parkd", "did you mean parked?"),
        ("remedies.rules.divergense=null", "there is no rule remedies.rules.divergense", "did you mean divergence?"),
        ("agent.gamma", "is not of the form section.setting=value", "--set"),
        ("agent.gamma=[", "is not valid YAML", ""),
        ("agent.tau=${agent.nothing}", "agent.tau", "${...}"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_setting(override: str, message: str, hint: str) -> None:
    with pytest.raises(UserError) as refusal:
        load_config(overrides=[override])
    assert message in refusal.value.message
    assert "\n" not in refusal.value.message
    assert hint in refusal.value.hint


def test_a_critic_of_the_image_cannot_recall() -> None:
    seeing = ["network.critic_input=image", "agent.perception_weight=0", "network.critic_way=false"]
    with pytest.raises(UserError, match="looks at the next image") as refusal:
        load_config(overrides=[*seeing, "agent.target_action=recalled"])
    assert refusal.value.hint == "agent.target_action=computed"


def test_a_critic_of_the_image_is_not_told_of_the_way() -> None:
    seeing = ["network.critic_input=image", "agent.perception_weight=0", "agent.target_action=computed"]
    with pytest.raises(UserError) as refusal:
        load_config(overrides=[*seeing, "network.critic_way=true"])
    assert refusal.value.hint == "network.critic_way=false"


def test_ddpg_with_two_critics_is_refused_with_its_hint() -> None:
    with pytest.raises(UserError, match=r"agent\.twin_critics") as refusal:
        load_config("ddpg", overrides=["agent.twin_critics=true"])
    assert "ddpg_config.yaml" in refusal.value.hint


def test_the_source_of_a_mistake_is_named(tmp_path: Path) -> None:
    file = _write(tmp_path, "agent: {gamma: 7}")
    with pytest.raises(UserError) as from_file:
        load_config(files=[file])
    assert from_file.value.message.startswith(str(file))
    with pytest.raises(UserError) as from_flag:
        load_config(files=[_write(tmp_path, "run: {scenario: 1}")], flags={"run.scenario": 9})
    assert from_flag.value.message.startswith("--scenario: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agent: [", "not valid YAML in line [12]"),
        ("agent:\n  gamma: 0.9\n tau: 1", "not valid YAML in line 3"),
        ("agent:\n  gamma: 0.9\n  gamma: 0.8", "gamma is given twice"),
        ("- 1\n- 2", "holds no settings"),
        ("just words", "holds no settings"),
        ("agent: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("agent: &a {x: *a}", "refer"),
        ("1: 2", "unknown setting 1"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    file = _write(tmp_path, text)
    with pytest.raises(UserError, match=message) as refusal:
        load_config(files=[file])
    assert "\n" not in refusal.value.message


def test_missing_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_config(files=[tmp_path / "nowhere.yaml"])
    with pytest.raises(UserError, match="is a directory"):
        load_config(files=[tmp_path])
    binary = tmp_path / "policy.yaml"
    binary.write_bytes(b"\xf0\x00\xff" * 10)
    with pytest.raises(UserError, match="cannot be read"):
        load_config(files=[binary])
    large = _write(tmp_path, "#" * (load.MAX_FILE_BYTES + 1))
    with pytest.raises(UserError, match="too large"):
        load_config(files=[large])


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_config(files=[_write(tmp_path, "")]) == load_config()


@pytest.mark.parametrize("algo", ["td3", "ddpg"])
def test_a_run_starts_again_from_its_resolved_file_alone(tmp_path: Path, algo: str) -> None:
    config = load_config(algo, overrides=["agent.actor_lr=1e-5", "environment.blank_image=true"])
    path = _write(tmp_path, resolved_yaml(config), "config.yaml")
    assert load_resolved(path) == config
    assert config_hash(load_resolved(path)) == config_hash(config)


def test_a_resolved_file_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    path = _write(tmp_path, resolved_yaml(load_config()) + "telemetry: {on: true}\n", "config.yaml")
    with pytest.raises(UserError, match="unknown setting telemetry"):
        load_resolved(path)


@pytest.mark.parametrize("lost", ["", "camera", "camera.frame_interval"])
def test_a_resolved_file_that_lacks_a_setting_is_refused_by_name(tmp_path: Path, lost: str) -> None:
    settings = load.parse(resolved_yaml(load_config()))
    section, _, key = lost.partition(".")
    if key:
        del settings[section][key]
    elif section:
        del settings[section]
    text = load.yaml.safe_dump(settings) if lost else ""
    with pytest.raises(UserError, match=f"lacks {lost or 'run'}"):
        load_resolved(_write(tmp_path, text, "config.yaml"))


def test_the_hash_follows_every_change_of_a_setting() -> None:
    first = config_hash(load_config())
    assert first == config_hash(load_config())
    assert len(first) == 64
    assert first != config_hash(load_config(overrides=["reward.terminal=21"]))


def test_the_published_agent_is_paid_as_the_schema_says() -> None:
    """No price that the recommended preset adds is in it."""
    assert load_config(files=["td3_paper.yaml"]).reward == RewardConfig()


@pytest.mark.parametrize(
    "setting", ["curriculum.stages={from: 0}", "environment.weathers={a: 1}", "guards.rules=[1]", "agent=[1]"]
)
def test_a_mapping_for_a_list_and_the_reverse_are_refused_in_words(setting: str) -> None:
    with pytest.raises(UserError, match="mapping stands where a list"):
        load_config(overrides=[setting])
