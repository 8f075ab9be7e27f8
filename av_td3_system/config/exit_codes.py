"""Exit codes of all commands; one that a signal stops ends with 128 and the signal's number."""

DONE = 0  # also a gate's verdict of `extend`
USAGE = 2  # a mistake of the user's
HALTED = 3  # by a guard, a failed gate or a disk that takes no more
BACKEND_LOST = 4  # a simulator that could not be brought back
INTERRUPTED = 130
