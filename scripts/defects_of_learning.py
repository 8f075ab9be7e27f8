"""Known defects of what learns: agents, networks, replay, training loop; a row changes one line."""

from __future__ import annotations

from scripts.defect import Defect

LESSONS = "tests/integration/test_lessons.py"
LEARNER = "tests/unit/training/test_learner.py"
TD3 = "tests/unit/agents/test_td3.py"
EXPLORATION = "tests/unit/agents/test_exploration.py"
REPLAY = "tests/unit/replay/test_frame_replay.py"
PRIORITIES = "tests/unit/replay/test_priorities.py"
FAILURES = "tests/unit/replay/test_failures.py"
LOOP = "tests/unit/training/test_loop.py"

LEARNING = (
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
        "rates-fall-between-targets",
        "learning rates depended on how many updates are made at once",
        "agents/network_set.py",
        "whole = updates - updates % self._agent.policy_delay",
        "whole = updates",
        (
            f"{TD3}::test_updates_equal_the_slow_reference",
            f"{TD3}::test_learning_rates_fall_with_the_updates_made_and_go_on_after_a_restart",
        ),
    ),
    Defect(
        "steering-may-jump-alone",
        "the cost of changing one's mind saw one of two commands",
        "agents/action_costs.py",
        "agent.action_change_cost * change.square().sum(dim=1).mean()",
        "agent.action_change_cost * change[:, 0].square().mean()",
        (f"{TD3}::test_updates_equal_the_slow_reference",),
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
        "shares-not-logged",
        "nobody saw that one term made most of the reward",
        "training/figures.py",
        "self._terms += np.abs(infos[",
        "self._terms += 0 * np.abs(infos[",
        (f"{LESSONS}::test_warm_up_ends_at_its_timestep_and_the_share_of_each_term_is_logged",),
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
        "last-observation-forgotten",
        "the true last observation was not stored",
        "training/explorer.py",
        'final = infos.get("final_obs", observation)',
        "final = observation",
        (f"{LESSONS}::test_what_is_remembered_of_an_episodes_end",),
    ),
    Defect(
        "wrong-counter",
        "the start of learning was tested against the wrong counter",
        "training/driving.py",
        "exploring=step < learner.config.learning_starts",
        "exploring=step // env.num_envs < learner.config.learning_starts",
        (f"{LESSONS}::test_warm_up_ends_at_its_timestep_and_the_share_of_each_term_is_logged",),
    ),
    Defect(
        "remembered-frame-shared",
        "the remembered frame was overwritten by the next episode's first",
        "training/explorer.py",
        'return observation["image"][:, -self._planes :].copy()',
        'return observation["image"][:, -self._planes :]',
        (f"{LOOP}::test_what_is_remembered_does_not_change_with_the_worlds_images",),
    ),
    Defect(
        "float-frames",
        "the replay stored frames as float32",
        "replay/frame_replay.py",
        "-(-math.prod(shape.image_shape) // WORD)",
        "-(-math.prod(shape.image_shape) * 4 // WORD)",
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
    Defect(
        "norm-of-the-batch",
        "the feature norm was that of a whole batch",
        "agents/diagnostics.py",
        "float(features.norm(dim=1).mean())",
        "float(features.norm())",
        (f"{TD3}::test_metrics_mean_what_they_say",),
    ),
    Defect(
        "surroundings-of-the-next",
        "what the critic is told of the other vehicles belonged to another moment",
        "training/explorer.py",
        "seen, last = self.sight(observation, self._wanted), self.sight(final, wanted)",
        "seen, last = self.sight({**observation, 'surroundings': final.get('surroundings')}, self._wanted), "
        "self.sight(final, wanted)",
        (f"{LEARNER}::test_an_episodes_last_transition_leads_to_its_true_last_observation",),
    ),
    Defect(
        "nothing-is-recalled-anew",
        "targets knew the policy of the moment of driving alone",
        "training/learner.py",
        "if self._recalls and len(self.agent.policy_action):",
        "if self._recalls and not len(self.agent.policy_action):",
        (f"{LEARNER}::test_targets_recall_what_the_policy_wants_on_the_next_observation",),
    ),
    Defect(
        "recalled-of-the-present",
        "targets took what the policy wanted a step earlier",
        "replay/windows.py",
        "next_policy[sample] = slots.policy[e, (p + steps) % size]",
        "next_policy[sample] = slots.policy[e, p % size]",
        ("tests/unit/replay/test_frame_replay.py::test_equals_a_list_of_episodes",),
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
        "settings = curriculum_of(config), for_training(config)",
        "settings = curriculum_of(config), config",
        ("tests/unit/training/test_worlds.py::test_they_are_busier",),
    ),
    Defect(
        "exposure-of-the-batch",
        "all images of a batch were changed alike",
        "networks/layout.py",
        "np.float32(gain[sample] * source[i] + offset[sample])",
        "np.float32(gain[0] * source[i] + offset[0])",
        ("tests/unit/networks/test_layout.py::test_exposure_changes_all_pixels_of_a_sample_and_is_rounded_once",),
    ),
)
