"""The known defects: what broke camera TD3 for driving before, as one change of a line each.

A row says what to write in place of what, and which tests must fail then. `mutants.py` does it;
`tests/unit/test_mutants.py` sees that every text still stands in the source and every test exists.
"""

from __future__ import annotations

from typing import NamedTuple

PACKAGE = "av_td3_system"
LESSONS = "tests/integration/test_lessons.py"
TD3 = "tests/unit/agents/test_td3.py"
EXPLORATION = "tests/unit/agents/test_exploration.py"
REPLAY = "tests/unit/replay/test_frame_replay.py"
PRIORITIES = "tests/unit/replay/test_priorities.py"
FAILURES = "tests/unit/replay/test_failures.py"
METRICS = "tests/unit/evaluation/test_metrics.py"
LOOP = "tests/unit/training/test_loop.py"


class Defect(NamedTuple):
    """One mistake, put back.

    Attributes:
        name: for `--only`.
        lesson: what went wrong.
        file: relative to the package.
        old: text that stands there exactly once.
        new: the mistake.
        tests: pytest node ids without parameters; of each at least one case must fail.
    """

    name: str
    lesson: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def path(self) -> str:
        """The file, relative to the repository."""
        return f"{PACKAGE}/{self.file}"


DEFECTS = (
    Defect(
        "actor-features-for-q",
        "actor loss fed the actor's features to the critic's head",
        "agents/td3.py",
        "return self.networks.critic(features, batch.vector, torch.tanh(raw))[0], raw, mine",
        "return self.networks.critic(mine, batch.vector, torch.tanh(raw))[0], raw, mine",
        (f"{TD3}::test_q_inside_the_actor_loss_is_the_critic_to_the_last_bit",),
    ),
    Defect(
        "actor-trains-shared-encoder",
        "actor loss trained the encoder that Q is computed from",
        "agents/td3.py",
        """        with torch.no_grad():
            features = self.networks.critic_features(blocks, batch.vector, batch.surroundings)""",
        "        features = self.networks.critic_features(blocks, batch.vector, batch.surroundings)",
        (f"{TD3}::test_actor_loss_reaches_the_actor_alone",),
    ),
    Defect(
        "no-target-encoder",
        "the target was computed from the online encoder",
        "agents/td3.py",
        "features = target.critic_features(next_blocks,",
        "features = self.networks.critic_features(next_blocks,",
        (f"{TD3}::test_target_is_read_from_target_networks_alone",),
    ),
    Defect(
        "targets-jump",
        "targets moved otherwise than by Polyak averaging",
        "agents/network_set.py",
        "[(target.values, flat.values, agent.tau)]",
        "[(target.values, flat.values, 1.0)]",
        (f"{TD3}::test_targets_move_by_polyak_averaging_only",),
    ),
    Defect(
        "waypoints-by-index",
        "one index for a sparse and a dense list of waypoints",
        "environments/observation.py",
        "route_pose(world, world.route_s + (k + 1) * scales.spacing)",
        "route_pose(world, 2.0 * (world.route_s + (k + 1) * scales.spacing))",
        (f"{LESSONS}::test_waypoints_lie_ahead_on_the_route_at_every_pose",),
    ),
    Defect(
        "bonus-every-step",
        "the waypoint bonus fired on every step",
        "rewards/terms.py",
        "clip(best_now - best_before, 0.0, MAX_STEP)",
        "clip(best_now, 0.0, MAX_STEP)",
        (f"{LESSONS}::test_standing_earns_no_progress_and_a_route_pays_once",),
    ),
    Defect(
        "ground-paid-twice",
        "a route paid its progress more than once",
        "town/world.py",
        "world.route_best = max(world.route_best, world.route_s)",
        "world.route_best = world.route_s",
        (f"{LESSONS}::test_ground_driven_twice_is_paid_once",),
    ),
    Defect(
        "unsigned-deviation",
        "lateral deviation had no sign",
        "town/routes.py",
        "world.lateral = math.copysign(math.sqrt(distance), side)",
        "world.lateral = math.sqrt(distance)",
        (f"{LESSONS}::test_deviation_is_signed_and_from_the_routes_own_curve",),
    ),
    Defect(
        "nearest-lane-deviation",
        "deviation to the nearest lane of any direction: none in the oncoming lane",
        "town/routes.py",
        "world.lateral = math.copysign(math.sqrt(distance), side)",
        "world.lateral = math.copysign(math.sqrt(distance) % 3.5, side)",
        (f"{LESSONS}::test_deviation_is_signed_and_from_the_routes_own_curve",),
    ),
    Defect(
        "uncorrelated-warm-up",
        "independent actions as warm-up",
        "agents/exploration.py",
        "self._keep = math.exp(-decision_s / config.correlation_time)",
        "self._keep = 0.0",
        (f"{EXPLORATION}::test_correlation_is_in_seconds_from_the_first_action_on",),
    ),
    Defect(
        "warm-up-without-motion",
        "warm-up with a mean force of zero: the buffer held a parked car",
        "agents/exploration.py",
        "self._mean = np.array([0.0, config.throttle_mean])",
        "self._mean = np.array([0.0, 0.0])",
        (
            f"{LESSONS}::test_warm_up_covers_ground_and_reaches_both_sides",
            f"{EXPLORATION}::test_moves_forward_and_steers_to_both_sides_alike",
        ),
    ),
    Defect(
        "warm-up-to-one-side",
        "warm-up that steers to one side",
        "agents/exploration.py",
        "self._mean = np.array([0.0, config.throttle_mean])",
        "self._mean = np.array([0.3, config.throttle_mean])",
        (
            f"{LESSONS}::test_warm_up_covers_ground_and_reaches_both_sides",
            f"{EXPLORATION}::test_moves_forward_and_steers_to_both_sides_alike",
        ),
    ),
    Defect(
        "parking-pays",
        "a reward in which parking was the best policy",
        "rewards/terms.py",
        "return -idle - over",
        "return 20.0 * idle - over",
        (f"{LESSONS}::test_standing_is_worse_than_creeping_is_worse_than_driving",),
    ),
    Defect(
        "unbounded-term",
        "one term made most of the reward",
        "rewards/terms.py",
        "offset = clip(np.abs(lateral) / half_lane, 0.0, 1.0) ** 2",
        "offset = (np.abs(lateral) / half_lane) ** 2",
        (f"{LESSONS}::test_reward_of_a_decision_is_a_few_units_whatever_happens",),
    ),
    Defect(
        "shares-not-logged",
        "nobody saw that one term made most of the reward",
        "training/figures.py",
        "self._terms += np.abs(infos[",
        "self._terms += 0 * np.abs(infos[",
        (f"{LESSONS}::test_warm_up_ends_at_its_timestep_and_the_share_of_each_term_is_logged",),
    ),
    Defect(
        "dominating-term-unseen",
        "the wrong term was watched for domination",
        "monitoring/behaviour.py",
        'if term != "progress"',
        'if term == "progress"',
        ("tests/unit/monitoring/test_behaviour.py::test_a_lasting_state_is_one_alert",),
    ),
    Defect(
        "waiting-is-free",
        "waiting was safe and free",
        "rewards/terms.py",
        "return -idle - over",
        "return -over",
        (f"{LESSONS}::test_standing_is_worse_than_creeping_is_worse_than_driving",),
    ),
    Defect(
        "junction-kept-for-ever",
        "a standing car kept the junction and traffic locked up",
        "town/claims.py",
        "world.time - world.ego_granted_at) > p.patience:",
        "world.time - world.ego_granted_at) > 1e9 * p.patience:",
        ("tests/unit/town/test_claims.py::test_a_claim_of_a_standing_ego_lapses_and_the_others_go",),
    ),
    Defect(
        "discounted-potential",
        "a progress potential with gamma < 1 paid for standing still",
        "rewards/terms.py",
        "clip(best_now - best_before, 0.0, MAX_STEP)",
        "clip(0.99 * (best_now - 500.0) - (best_before - 500.0), 0.0, MAX_STEP)",
        (f"{LESSONS}::test_standing_earns_no_progress_and_a_route_pays_once",),
    ),
    Defect(
        "wall-clock-reward",
        "reward terms read the wall clock",
        "environments/vector_env.py",
        "decision = environment.tick * environment.action_repeat",
        'decision = __import__("time").perf_counter() % 1.0 + 0.01',
        (f"{LESSONS}::test_rewards_do_not_depend_on_the_computers_speed",),
    ),
    Defect(
        "setting-never-read",
        "settings that were never read, constants in the code",
        "rewards/reward.py",
        "config.comfort_weight * terms.comfort(",
        "0.05 * terms.comfort(",
        ("tests/unit/config/test_every_setting_is_read.py::test_every_field_is_read_outside_the_schema",),
    ),
    Defect(
        "typo-accepted",
        "a mistyped setting was taken without a word",
        "config/schema.py",
        'extra="forbid"',
        'extra="ignore"',
        ("tests/unit/config/test_load.py::test_a_mistake_is_one_sentence_that_names_the_setting",),
    ),
    Defect(
        "short-horizon",
        "the horizon was just above the time of a perfect drive",
        "environments/outcome.py",
        "return route_length / (environment.slowest_speed / 3.6) + environment.time_allowance",
        "return 1.05 * route_length / (environment.desired_speed / 3.6)",
        (f"{LESSONS}::test_the_horizon_is_twice_the_free_flow_time_and_a_slow_correct_driver_succeeds",),
    ),
    Defect(
        "time-limit-ends-return",
        "the time limit was treated as terminal",
        "environments/outcome.py",
        'ENDS_RETURN = ("collision", "off_road", "wrong_way")',
        'ENDS_RETURN = ("collision", "off_road", "wrong_way", "time_limit")',
        (
            f"{LESSONS}::test_only_accidents_end_the_return",
            f"{LESSONS}::test_a_time_limit_is_no_end_of_the_return_and_gives_its_true_last_observation",
        ),
    ),
    Defect(
        "over-stored-as-terminal",
        "the replay was told that every episode's end is terminal",
        "training/learner.py",
        'infos["return_ends"],',
        "over,",
        (f"{LESSONS}::test_what_is_remembered_of_an_episodes_end",),
    ),
    Defect(
        "truncation-does-not-bootstrap",
        "the replay did not bootstrap through a truncation",
        "replay/windows.py",
        "& RETURN_ENDS:",
        "& EPISODE_OVER:",
        (f"{REPLAY}::test_truncation_bootstraps_from_the_true_last_observation_and_termination_does_not",),
    ),
    Defect(
        "bootstraps-from-next-episode",
        "bootstrapped from what was seen after the reset",
        "environments/vector_env.py",
        '            infos["final_obs"] = {name: _rows(seen, over) for name, seen in self._present().items()}\n'
        "            self._begin(over)",
        "            self._begin(over)\n"
        '            infos["final_obs"] = {name: _rows(seen, over) for name, seen in self._present().items()}',
        (f"{LESSONS}::test_a_time_limit_is_no_end_of_the_return_and_gives_its_true_last_observation",),
    ),
    Defect(
        "last-observation-forgotten",
        "the true last observation was not stored",
        "training/learner.py",
        'final = infos.get("final_obs", observation)',
        "final = observation",
        (f"{LESSONS}::test_what_is_remembered_of_an_episodes_end",),
    ),
    Defect(
        "wrong-counter",
        "the start of learning was tested against the wrong counter",
        "training/loop.py",
        "exploring = self.step < self.config.learning_starts",
        "exploring = self.step // self.env.num_envs < self.config.learning_starts",
        (f"{LESSONS}::test_warm_up_ends_at_its_timestep_and_the_share_of_each_term_is_logged",),
    ),
    Defect(
        "first-frames-empty",
        "the first frames of an episode were zero",
        "environments/view.py",
        "            self._frames[w, first : self._newest] = self._frames[w, self._newest]",
        "            self._frames[w, first : self._newest] = 0",
        (f"{LESSONS}::test_a_stack_begins_with_the_first_real_frame_and_frames_are_evenly_spaced",),
    ),
    Defect(
        "remembered-frame-shared",
        "the remembered frame was overwritten by the next episode's first",
        "training/learner.py",
        'return observation["image"][:, -self._planes :].copy()',
        'return observation["image"][:, -self._planes :]',
        (f"{LOOP}::test_what_is_remembered_does_not_change_with_the_worlds_images",),
    ),
    Defect(
        "remembered-surroundings-shared",
        "the remembered surroundings were those of the next step",
        "environments/vector_env.py",
        'shared = ("image",) if not self._copy else ()',
        'shared = ("image", "surroundings") if not self._copy else ()',
        (f"{LOOP}::test_what_is_remembered_does_not_change_with_the_worlds_images",),
    ),
    Defect(
        "frame-of-an-earlier-tick",
        "the frame was not of the tick that it was handed out for",
        "environments/vector_env.py",
        "        self.worlds.advance(actions, active)\n",
        "        self.view.shift_in(self.worlds, active)\n        self.worlds.advance(actions, active)\n"
        "        self.view._render = lambda *_: None  # what follows shows the old frame again\n",
        (f"{LESSONS}::test_a_stack_begins_with_the_first_real_frame_and_frames_are_evenly_spaced",),
    ),
    Defect(
        "float-frames",
        "the replay stored frames as float32",
        "replay/frame_replay.py",
        "-(-math.prod(image_shape) // WORD)",
        "-(-math.prod(image_shape) * 4 // WORD)",
        (f"{REPLAY}::test_memory_of_a_transition",),
    ),
    Defect(
        "error-of-the-overwritten",
        "a TD error marked the transition that had taken the slot since",
        "replay/priorities.py",
        "kept = (position >= self._slots.written[env] - size) & np.isfinite(error)",
        "kept = np.isfinite(error)",
        (f"{PRIORITIES}::test_errors_come_too_late_for_what_was_overwritten",),
    ),
    Defect(
        "failures-of-the-overwritten",
        "what lay before a failure was drawn after its frames were overwritten",
        "replay/queues.py",
        "while head[env] < tail[env] and window(",
        "while False and window(",
        (f"{FAILURES}::test_it_holds_what_may_be_sampled_before_a_failure_and_nothing_else",),
    ),
    Defect(
        "priorities-never-told",
        "priorities that no update ever changed: uniform replay under another name",
        "training/loop.py",
        "                self.learner.learned()\n",
        "                pass\n",
        (f"{LOOP}::test_every_update_tells_the_replay_its_errors",),
    ),
    Defect(
        "device-reads-the-next-episode",
        "on the device a window went on into the next episode",
        "replay/device_replay.py",
        "goes_on = goes_on & ((flags[place] & EPISODE_OVER) == 0)",
        "goes_on = goes_on & True",
        ("tests/unit/replay/test_device_replay.py::test_it_is_the_replay_of_the_processor",),
    ),
    # The claims that were not true.
    Defect(
        "success-is-no-collision",
        "success was one minus the collision rate",
        "environments/tally.py",
        'success=outcome == "goal_reached"',
        'success=outcome != "collision"',
        (f"{LESSONS}::test_events_are_counted_over_the_whole_episode",),
    ),
    Defect(
        "success-rate-of-collisions",
        "the success rate was computed from collisions",
        "evaluation/metrics.py",
        "wilson_interval(sum(record.success for record in records), n)",
        "wilson_interval(sum(record.collisions == 0 for record in records), n)",
        (f"{METRICS}::test_shares_and_means",),
    ),
    Defect(
        "events-of-the-last-step",
        "lane invasions were read on the last step only",
        "environments/tally.py",
        "self.invasions += np.where(active, invasions, 0)",
        "self.invasions[:] = np.where(active, invasions, 0)",
        (f"{LESSONS}::test_events_are_counted_over_the_whole_episode",),
    ),
    Defect(
        "mean-of-rates",
        "rates per kilometre were not pooled",
        "evaluation/metrics.py",
        '"collisions_per_km": collisions.value,',
        '"collisions_per_km": sum(1000 * r.collisions / max(r.distance, 1e-9) for r in records) / len(records),',
        (f"{METRICS}::test_rates_are_pooled_over_all_kilometres",),
    ),
    Defect(
        "time-of-failures",
        "completion time counted routes that were not completed",
        "evaluation/metrics.py",
        "times = [record.time for record in records if record.success]",
        "times = [record.time for record in records]",
        (f"{METRICS}::test_completion_time_is_over_successes_and_speed_over_everything",),
    ),
    Defect(
        "distance-to-waypoint",
        "cross-track error was the distance to the nearest waypoint",
        "town/routes.py",
        "t = 0.0 if squared <= 0.0 else min(max(((x - ax) * bx + (y - ay) * by) / squared, 0.0), 1.0)",
        "t = 0.0",
        (f"{LESSONS}::test_deviation_is_signed_and_from_the_routes_own_curve",),
    ),
    Defect(
        "ttc-of-own-speed",
        "time to collision ignored the other car's speed",
        "rewards/terms.py",
        "closing_speed = speed - lead_speed",
        "closing_speed = speed",
        (f"{LESSONS}::test_time_to_collision_is_of_the_closing_speed",),
    ),
    Defect(
        "norm-of-the-batch",
        "the feature norm was that of a whole batch",
        "agents/diagnostics.py",
        "float(encoder(blocks).norm(dim=1).mean())",
        "float(encoder(blocks).norm())",
        (f"{TD3}::test_metrics_mean_what_they_say",),
    ),
    Defect(
        "one-episode-many-times",
        "the same deterministic episode counted as many samples",
        "evaluation/protocol.py",
        "if len(set(episode_seeds)) != len(episode_seeds):",
        "if False:",
        ("tests/unit/evaluation/test_protocol.py::test_the_same_episode_twice_is_refused",),
    ),
    Defect(
        "surroundings-of-the-next",
        "what the critic is told of the other vehicles belonged to another moment",
        "training/learner.py",
        """            observation.get("surroundings"),""",
        """            final.get("surroundings"),""",
        ("tests/unit/training/test_learner.py::test_an_episodes_last_transition_leads_to_its_true_last_observation",),
    ),
    Defect(
        "calibration-of-another-policy",
        "the critic was compared with the returns of one policy and the actions of another",
        "training/validation.py",
        "            agent.act_averaged,\n",
        "            agent.act,\n",
        ("tests/unit/training/test_validation.py::test_it_is_the_averaged_policy_that_drives_and_is_calibrated",),
    ),
    Defect(
        "busier-worlds-forgotten",
        "the run learned in other worlds than its settings say",
        "training/worlds.py",
        "TownVectorEnv(for_training(config), num_envs,",
        "TownVectorEnv(config, num_envs,",
        ("tests/unit/training/test_worlds.py::test_they_are_busier",),
    ),
    Defect(
        "cut-ends-the-return-elsewhere",
        "a time limit was learned as the end of all reward",
        "environments/gymnasium_batch.py",
        '"return_ends": terminated,',
        '"return_ends": over,',
        (
            "tests/unit/environments/test_gymnasium_batch.py::test_a_termination_ends_the_return_and_a_cut_does_not",
            "tests/unit/training/test_elsewhere.py::test_beyond_a_cut_is_bootstrapped_from_the_true_last_observation",
        ),
    ),
    Defect(
        "bounds-not-filled-elsewhere",
        "an environment whose actions reach to 2 was driven with half of them",
        "environments/gymnasium_batch.py",
        "(self._low + (action + 1) / 2 * self._range)",
        "action",
        ("tests/unit/environments/test_gymnasium_batch.py::test_actions_fill_the_bounds_and_observations_are_flat",),
    ),
    Defect(
        "exposure-of-the-batch",
        "all images of a batch were changed alike",
        "networks/layout.py",
        "np.float32(gain[sample] * source[i] + offset[sample])",
        "np.float32(gain[0] * source[i] + offset[0])",
        ("tests/unit/networks/test_layout.py::test_exposure_changes_all_pixels_of_a_sample_and_is_rounded_once",),
    ),
    Defect(
        "pairs-of-one-episode",
        "the gate counted a repeated episode as many pairs",
        "ladder/gate.py",
        "    seeds = [seed for seed in first if seed in second]\n",
        "    seeds = [record.episode_seed for record in before if record.episode_seed in second]\n",
        ("tests/unit/ladder/test_gate.py::test_the_same_episode_repeated_is_one_sample",),
    ),
    Defect(
        "crashes-left-out",
        "episodes in which the simulator crashed were left out",
        "evaluation/metrics.py",
        "    n = len(records)\n",
        '    records = [record for record in records if record.outcome != "simulator_failure"]\n    n = len(records)\n',
        (f"{METRICS}::test_a_simulator_failure_counts_as_a_failed_episode",),
    ),
)
