"""Defects of those who watch a run: an alarm that does not come, or comes without a cause."""

from __future__ import annotations

from scripts.defect import Defect

STATUS = "tests/unit/reporting/test_status.py"
DOCTOR = "tests/unit/training/test_doctor.py"
COURSE = "tests/unit/reporting/test_reward_course.py"
EXPORT = "tests/unit/export"

WATCHING = (
    Defect(
        "evaluation-taken-for-a-hang",
        "a run in its first evaluation was said to hang",
        "reporting/liveness.py",
        "    if distances and _is_evaluating(run):\n",
        "    if False:\n",
        (f"{STATUS}::test_a_stalled_run_is_told_from_one_that_evaluates",),
    ),
    Defect(
        "killed-passed-over",
        "a run whose process was gone was said to be well",
        "reporting/status_judging.py",
        "    if life.alive is False:\n",
        "    if life.alive is False and life.overdue:\n",
        (f"{STATUS}::test_a_killed_run_says_how_to_go_on",),
    ),
    Defect(
        "old-alerts-stay",
        "an alert of the first day was an alarm on every later one",
        "reporting/status_reading.py",
        'if alert["step"] > after or window == step',
        "if True",
        (f"{STATUS}::test_grave_alerts_of_the_window_are_wrong",),
    ),
    Defect(
        "replay-left-out-of-the-forecast",
        "the disk was projected from what was saved so far, without the replay that is to come",
        "reporting/disk_use.py",
        "_logs(run, sizes, left) + _replay(run, sizes)",
        "_logs(run, sizes, left)",
        (f"{STATUS}::test_a_disk_that_will_not_last_is_wrong",),
    ),
    Defect(
        "compared-at-different-steps",
        "a run was compared with what the other became later",
        "reporting/status_compare.py",
        "    step = min(run.step, other.step)\n",
        "    step = max(run.step, other.step)\n",
        (f"{STATUS}::test_two_runs_are_compared_where_both_have_been",),
    ),
    Defect(
        "norms-counted-not-called",
        "LayerNorm passed for being in the forward pass because the network has one",
        "training/doctor_network.py",
        "    return Forward(len(norms), len(called),",
        "    return Forward(len(norms), len(norms),",
        (f"{DOCTOR}::test_layer_norm_that_the_forward_pass_leaves_out",),
    ),
    Defect(
        "event-file-behind",
        "an event file that ended halfway was said to agree with the metrics",
        "training/doctor_run.py",
        "    if shown < written or shown >",
        "    if shown >",
        (f"{DOCTOR}::test_event_files",),
    ),
    Defect(
        "pieces-not-verified",
        "a checkpoint whose replay had a hole was said to be whole",
        "training/doctor_run.py",
        "    damaged = PieceStore(run.directory.replay).damaged(pieces)\n",
        "    damaged = PieceStore(run.directory.replay).damaged([])\n",
        (f"{DOCTOR}::test_a_missing_piece_of_the_replay",),
    ),
    Defect(
        "window-takes-the-next-ones-first",
        "an episode that ended at a window's last timestep was counted in the next",
        "reporting/reward_course.py",
        "bisect_left(edges, _step(line))",
        "bisect_left(edges, _step(line) + 1)",
        (f"{COURSE}::test_windows_are_equal_and_hold_what_ended_in_them",),
    ),
    Defect(
        "exported-without-crop",
        "an exported policy looked at the sky, which the policy never saw",
        "export/graph.py",
        "image[:, :, self.top :]",
        "image[:, :, : image.shape[2] - self.top]",
        (f"{EXPORT}/test_graph.py::test_the_graph_acts_as_the_policy",),
    ),
    Defect(
        "not-a-number-is-no-difference",
        "a comparison with what is no number came out small",
        "export/check.py",
        'return difference if np.isfinite(difference) else float("inf")',
        "return difference if np.isfinite(difference) else 0.0",
        (f"{EXPORT}/test_check.py::test_another_shape_or_type_or_no_number_is_no_small_difference",),
    ),
    Defect(
        "warm-up-counted",
        "the first decisions, in which libraries choose kernels, were the 99th percentile",
        "evaluation/latency.py",
        "    for observation in itertools.islice(turns, warm_up):\n        decide(observation)\n",
        "",
        ("tests/unit/evaluation/test_latency.py::test_each_decision_after_the_warm_up_is_timed_alone",),
    ),
)
