"""The environment's contract on a CARLA 0.9.16 server."""
