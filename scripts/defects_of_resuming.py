"""Defects of runs that go on: what is lost, doubled or learned from too early."""

from __future__ import annotations

from scripts.defect import Defect

RESUME = "tests/unit/training/test_resume.py"
SURVIVAL = "tests/unit/training/test_survival.py"

RESUMING = (
    Defect(
        "evaluation-done-before-it-is",
        "a run stopped in an evaluation went on without it",
        "training/loop.py",
        "                enough = self._evaluate(milestone)\n",
        "                due.evaluate.done(milestone)\n                enough = self._evaluate(milestone)\n",
        (f"{RESUME}::test_twice_killed_and_stopped_in_an_evaluation",),
    ),
    Defect(
        "generators-begin-anew",
        "a resumed run drew the same numbers once more",
        "training/learner.py",
        '            restore_generator(generator, state["generators"][name])\n',
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
)
