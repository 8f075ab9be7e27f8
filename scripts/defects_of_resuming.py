"""Defects of runs that go on: what is lost, doubled or learned from too early."""

from __future__ import annotations

from scripts.defect import Defect

RESUME = "tests/unit/training/test_resume.py"
SURVIVAL = "tests/unit/training/test_survival.py"
REMEDIES = "tests/unit/training/test_remedies_resumed.py"

CURRICULUM = "tests/unit/training/test_curriculum.py"

RESUMING = (
    Defect(
        "stage-of-the-beginning",
        "worlds were never told the timestep, so a run stayed in the first stage of its curriculum",
        "training/driving.py",
        "            env.reach(step + env.num_envs)\n",
        "            pass\n",
        (f"{CURRICULUM}::test_each_stage_is_told_of_once_and_its_episodes_say_what_they_drew",),
    ),
    Defect(
        "stage-told-again",
        "a run that went on told of the stage it stood in once more",
        "training/stage_log.py",
        '            if line.get("kind") == "stage":\n',
        "            if False:\n",
        (f"{CURRICULUM}::test_killed_within_a_stage_it_ends_to_the_bit_where_it_would_have",),
    ),
    Defect(
        "weathers-by-another-order",
        "a changed curriculum gave open episodes the weather that now stood in their place",
        "training/worlds.py",
        "    if named[: len(known)] != known:\n",
        "    if len(named) < 1:\n",
        (f"{CURRICULUM}::test_what_needs_other_worlds_is_refused_and_the_run_left_alone",),
    ),
    Defect(
        "evaluation-done-before-it-is",
        "a run stopped in an evaluation went on without it",
        "training/loop.py",
        "                self.enough = self._evaluate(milestone)\n",
        "                due.evaluate.done(milestone)\n                self.enough = self._evaluate(milestone)\n",
        (f"{RESUME}::test_twice_killed_and_stopped_in_an_evaluation",),
    ),
    Defect(
        "generators-begin-anew",
        "a resumed run drew the same numbers once more",
        "training/explorer.py",
        '            restore_generator(self._generators[name], state["generators"][name])\n',
        "            pass\n",
        (f"{SURVIVAL}::test_nothing_is_missing_from_the_one_list",),
    ),
    Defect(
        "interval-forgotten",
        "the first line after a resume was the mean of a part of its interval",
        "training/recorder.py",
        "            own.update({tag: list(samples) for tag, samples in state[name].items()})\n",
        "            pass\n",
        (f"{SURVIVAL}::test_nothing_is_missing_from_the_one_list",),
    ),
    Defect(
        "damaged-piece-passed-over",
        "a flipped bit in the replay went unnoticed until it was read",
        "training/saving.py",
        "lambda state: self._files.damaged(_pieces_of(state))",
        "lambda state: []",
        (f"{RESUME}::test_damage_to_the_newest_is_named_and_the_one_before_used",),
    ),
    Defect(
        "last-line-doubled",
        "the line that a run writes at its end stayed when it went on",
        "monitoring/json_lines.py",
        "keep = min(keep, resume_bytes)",
        "keep = min(keep, keep)",
        (f"{RESUME}::test_a_run_may_go_on_beyond_its_end",),
    ),
    Defect(
        "replay-saved-whole",
        "every checkpoint wrote the whole replay again",
        "training/saving.py",
        "            self._saved = last\n",
        "            self._saved = None\n",
        (f"{RESUME}::test_a_save_writes_what_is_new_and_every_checkpoint_names_what_it_needs",),
    ),
    Defect(
        "cut-episode-goes-on",
        "an episode that could not be restored ran on into the next",
        "replay/frame_replay.py",
        "        slots.flags[opened, newest[opened]] |= EPISODE_OVER\n",
        "",
        ("tests/unit/replay/test_history.py::test_a_cut_ends_open_episodes_and_says_which_rows_have_changed",),
    ),
    Defect(
        "stack-reaches-into-what-is-lost",
        "after a part of the replay was lost, stacks showed frames that were not there",
        "replay/frame_replay.py",
        "            cut_before(slots, np.maximum(begins, first))\n",
        "            pass\n",
        ("tests/unit/replay/test_history.py::test_what_is_lost_is_neither_drawn_nor_seen_in_a_stack",),
    ),
    Defect(
        "ring-that-grew-shows-what-is-gone",
        "with a larger replay.capacity stacks showed frames that the old ring had lost",
        "replay/history.py",
        "        slots.flags[w, np.arange(held[w], begin) % size] = 0\n",
        "",
        ("tests/unit/replay/test_history.py::test_a_ring_that_has_grown_shows_nothing_that_the_old_one_had_lost",),
    ),
    Defect(
        "effect-outlives-its-checkpoint",
        "a run killed after the effect of a remedy was known never raised what still held, and ended elsewhere",
        "training/loop.py",
        "        self.remedies.rewind(self.step)\n",
        "",
        (f"{REMEDIES}::test_stopped_around_the_effect_of_a_remedy_it_ends_as_it_would_have",),
    ),
    Defect(
        "remedy-forgotten-by-a-kill",
        "a kill between the saved state and the book lost a remedy for good",
        "training/loop.py",
        '        if self._called_in_vain():\n            return "remedied"\n',
        "",
        (f"{REMEDIES}::test_killed_between_what_was_saved_for_a_remedy_and_the_book_it_is_still_called_for",),
    ),
    Defect(
        "best-policy-of-an-undone-course",
        "best_policy.safetensors was of an evaluation that the run had gone back behind",
        "training/loop.py",
        '            self._restore_best(state["best_policy"])\n',
        "            pass\n",
        (f"{RESUME}::test_the_best_policy_is_that_of_the_course_that_is_gone_on_with",),
    ),
    Defect(
        "ledger-names-files-elsewhere",
        "a record of checksums.json could have any file deleted",
        "checkpointing/ledger.py",
        '    if record.name != name or Path(name).name != name or not name.endswith(".pt"):\n',
        "    if False:\n",
        (
            "tests/unit/checkpointing/test_store.py::"
            "test_a_record_that_names_what_is_no_file_of_the_folder_deletes_nothing",
        ),
    ),
    Defect(
        "one-remedy-too-many-is-passed-over",
        "a critical alert after the last remedy did nothing",
        "training/loop.py",
        '            remedy, verdict = None, "halt"\n',
        "            remedy = None\n",
        ("tests/unit/training/test_remedies.py::test_a_critical_alert_after_the_last_remedy_halts",),
    ),
)
