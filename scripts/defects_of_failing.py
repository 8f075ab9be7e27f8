"""What went wrong, or would, where a disk is full, a number is none, or a simulator fails."""

from __future__ import annotations

from scripts.defect import Defect

FAILURE = "tests/unit/training/test_failure.py"

FAILING: tuple[Defect, ...] = (
    Defect(
        "poisoned-replay",
        "what was not finite was remembered, and only then seen by the guards",
        "training/failure.py",
        "        if values is not None and not np.isfinite(values).all():",
        "        if False:",
        (f"{FAILURE}::test_what_is_not_finite_halts_before_it_is_remembered_and_the_run_goes_on_to_the_bit",),
    ),
    Defect(
        "emergency-after-the-fact",
        "the emergency checkpoint held the worlds as the fault had left them",
        "training/loop.py",
        "            **self.driving.before,\n",
        "",
        (
            f"{FAILURE}::test_what_is_not_finite_halts_before_it_is_remembered_and_the_run_goes_on_to_the_bit",
            f"{FAILURE}::test_a_simulator_that_raises_ends_the_run_at_the_state_before",
        ),
    ),
    Defect(
        "half-a-save-left",
        "a save that found no room left its piece of the replay behind",
        "training/saving.py",
        "            self._pieces, self._saved = before\n",
        "            _ = before\n",
        (f"{FAILURE}::test_a_save_without_room_halts_and_what_was_saved_before_is_whole",),
    ),
    Defect(
        "pruned-what-is-being-saved",
        "making room removed the piece that the checkpoint to be written names",
        "training/saving.py",
        "prune(self.store, self._files, self._names)",
        "prune(self.store, self._files, ())",
        (f"{FAILURE}::test_a_save_that_has_room_after_pruning_goes_through",),
    ),
    Defect(
        "unseen-run",
        "a run went on though its log could no longer be written",
        "monitoring/run_log.py",
        "            if self.strict:\n                raise\n\n    def close",
        "            pass\n\n    def close",
        (f"{FAILURE}::test_a_line_that_cannot_be_written_halts_and_the_run_goes_on_to_the_bit",),
    ),
    Defect(
        "pruned-to-one",
        "one checkpoint was left, and that one may be damaged",
        "checkpointing/pruning.py",
        "KEPT = 2",
        "KEPT = 1",
        ("tests/unit/checkpointing/test_pruning.py::test_all_that_a_run_can_do_without_goes_and_nothing_else",),
    ),
    Defect(
        "deaf-while-it-hangs",
        "no signal but SIGKILL ended a run whose simulator no longer answered",
        "checkpointing/preemption.py",
        "            if stops >= 2:",
        "            if stops >= 200:",
        (
            "tests/unit/checkpointing/test_preemption.py::"
            "test_a_call_that_never_comes_back_is_left_within_ten_seconds_of_the_second_signal",
        ),
    ),
)
