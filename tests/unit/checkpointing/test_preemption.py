"""Signals, sent to a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from av_td3_system.checkpointing.preemption import StopSignals, exit_code

ROOT = Path(__file__).resolve().parents[3]

_LOOP = """
import signal, sys, time
from av_td3_system.checkpointing.preemption import StopSignals, exit_code
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore it
with StopSignals() as signals:
    print("ready", flush=True)
    while signals.requested is None or "stubborn" in sys.argv:
        if signals.save_requested:
            signals.save_done()
            print("saved", flush=True)
        time.sleep(0.01)
print("stopped", flush=True)
sys.exit(exit_code(signals.requested))
"""


def _start(*arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _LOOP, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    ("signum", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 143), (signal.SIGHUP, 129)],
    ids=["INT", "TERM", "USR1", "HUP"],
)
def test_the_first_signal_lets_the_loop_finish(signum: int, code: int) -> None:
    process = _start()
    process.send_signal(signum)
    out, err = process.communicate(timeout=20)
    assert out == "stopped\n"
    assert process.returncode == code
    assert "once more" in err


def test_the_second_signal_leaves_at_once() -> None:
    process = _start("stubborn")
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    assert "stopping" in process.stderr.readline()
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_sigusr2_saves_and_goes_on() -> None:
    process = _start()
    assert process.stdout is not None
    for _ in range(2):
        process.send_signal(signal.SIGUSR2)
        assert process.stdout.readline() == "saved\n"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert out == "stopped\n"


def test_a_pause_does_no_harm() -> None:
    process = _start()
    process.send_signal(signal.SIGTSTP)
    time.sleep(0.1)
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert (out, process.returncode) == ("stopped\n", 143)


def test_handlers_are_restored() -> None:
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.getsignal(signum) for signum in watched]
    with StopSignals() as signals:
        assert signal.getsignal(signal.SIGTERM) not in before
        os.kill(os.getpid(), signal.SIGUSR2)
        assert signals.save_requested
        assert signals.requested is None
    assert [signal.getsignal(signum) for signum in watched] == before


def test_outside_of_the_main_thread_nothing_is_touched() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def enter() -> None:
        with StopSignals() as signals:
            seen.append((signals.requested, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


def test_exit_codes() -> None:
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
    assert [exit_code(signum) for signum in signals] == [130, 143, 143, 129]


def test_a_hang_up_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.requested is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


_HANG = """
import ctypes
from av_td3_system.checkpointing.preemption import StopSignals
mutex, libc = ctypes.create_string_buffer(64), ctypes.CDLL(None)
with StopSignals():
    print("ready", flush=True)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)  # for ever: no signal interrupts it
"""


def test_a_call_that_never_comes_back_is_left_within_ten_seconds_of_the_second_signal() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _HANG], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 143 and "does not come back" in err


def test_what_listened_for_signals_before_listens_again() -> None:
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        with StopSignals():
            names = [thread.name for thread in threading.enumerate()]
        assert signal.set_wakeup_fd(told, warn_on_full_buffer=False) == told and "signals" in names
        for thread in threading.enumerate():
            if thread.name == "signals":
                thread.join(5)
                assert not thread.is_alive()
    finally:
        signal.set_wakeup_fd(before)
        os.close(heard)
        os.close(told)
