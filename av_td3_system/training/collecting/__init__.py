"""Decisions made by other processes, on this machine or others, for one learner."""
