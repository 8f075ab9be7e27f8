"""Train a camera-driven TD3 policy to drive in town traffic, under guards, rung by rung."""

from av_td3_system.kernel_cache import prepare_numba

prepare_numba()  # before anything imports Numba

from av_td3_system.environments import register_environments  # noqa: E402

__version__ = "0.1.0"

register_environments()
