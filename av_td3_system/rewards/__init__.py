"""Reward terms (pure functions) and their weighted sum."""

from av_td3_system.rewards.reward import TERMS, DrivingState, compute_reward

__all__ = ["TERMS", "DrivingState", "compute_reward"]
