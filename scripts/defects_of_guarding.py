"""Defects of guards and remedies: a guard that sees nothing, a remedy that is forgotten or never ends."""

from __future__ import annotations

from scripts.defect import Defect

LOOP = "tests/unit/training/test_loop.py"
HEALTH = "tests/unit/training/test_health.py"
REMEDIES = "tests/unit/training/test_remedies.py"

GUARDING = (
    Defect(
        "guard-sees-nothing",
        "reward shares were written down but never reached the guard that watches them",
        "training/recorder.py",
        """        for tag, value in figures.items():
            self._unchecked[tag].append(value)
""",
        "",
        (f"{LOOP}::test_every_metric_that_a_default_rule_watches_reaches_the_guards",),
    ),
    Defect(
        "features-measured-on-request",
        "the guard of a dead encoder slept without --debug",
        "training/loop.py",
        """            self._diagnose = True
        if verdict""",
        """            self._diagnose = self.config.run.debug
        if verdict""",
        (f"{LOOP}::test_lines_come_at_their_interval_with_what_guards_of_the_encoder_watch",),
    ),
    Defect(
        "machine-turns-the-course",
        "how fast a machine is stood among what equal runs share",
        "monitoring/rules.py",
        'return self.rule.metric.startswith("system/")',
        "return False",
        ("tests/unit/monitoring/test_guards.py::test_what_the_machine_does_is_apart_in_the_state",),
    ),
    Defect(
        "saved-in-trouble",
        "the run went back to a checkpoint that was saved when it already diverged",
        "training/health.py",
        "any(first <= end and last >= saved for first, last in self._troubles)",
        "any(saved <= first <= end for first, last in self._troubles)",
        (f"{HEALTH}::test_a_checkpoint_is_good_if_nothing_was_wrong_then_or_soon_after",),
    ),
    Defect(
        "unlearning-is-good",
        "a policy that had lost half of its reward was gone back to",
        "training/health.py",
        "return not seen or best <= 0 or seen[-1] >= self._config.reward_share * best",
        "return True",
        (f"{HEALTH}::test_a_policy_that_is_unlearning_is_not_good",),
    ),
    Defect(
        "remedies-without-end",
        "a run that diverged again and again went back for ever",
        "training/remedies.py",
        "len(self.applied) >= self._config.remedies.limit",
        "len(self.applied) > 1000",
        (f"{REMEDIES}::test_divergence_is_treated_in_the_plans_order",),
    ),
    Defect(
        "remedy-forgotten",
        "a run killed in the middle of a remedy went on as if nothing had been wrong",
        "training/resume.py",
        "before = apply_prescribed(directory, load_resolved(directory.config))",
        "before = load_resolved(directory.config)",
        (f"{REMEDIES}::test_killed_in_the_middle_of_a_remedy_it_is_done_at_the_next_start",),
    ),
    Defect(
        "good-one-rotated",
        "the checkpoint to go back to had made room for newer ones",
        "checkpointing/store.py",
        "if record.rotates and not record.good]",
        "if record.rotates]",
        ("tests/unit/checkpointing/test_store.py::test_the_checkpoint_judged_good_outlives_rotation_until_another_is",),
    ),
)
