"""Where a run comes together: the loop, its schedule, the state that must survive, what it leaves behind."""
