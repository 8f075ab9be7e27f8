"""Defects of driving on CARLA servers: what would see, count or wait for something else than it says."""

from __future__ import annotations

from scripts.defect import Defect

MIRROR = "tests/unit/town/test_mirror.py"
WATCHDOG = "tests/unit/environments/carla/test_simulator.py"

ON_CARLA = (
    Defect(
        "mirrored-steering",
        "a world that another simulator moves was located without its newest pose",
        "town/mirror.py",
        "    locate_ego(world, 6.0, 8.0)\n    world.route_best",
        "    world.route_best",
        (f"{MIRROR}::test_all_that_a_car_is_told_and_judged_by_is_the_town_s",),
    ),
    Defect(
        "way-after-the-move",
        "nobody worked out whose the way is where another simulator moves the vehicles",
        "town/mirror.py",
        "    grant_passages(roads, traffic, world, lists, vehicle.length)\n",
        "",
        (f"{MIRROR}::test_who_has_the_way_is_mostly_who_has_it_in_the_town",),
    ),
    Defect(
        "lanes-without-headings",
        "a vehicle was found on the oncoming lane where that lay nearer",
        "town/lane_finder.py",
        "distance + TURNED * turned - EXPECTED * expected",
        "distance - EXPECTED * expected",
        (f"{MIRROR}::test_lanes_are_found_from_poses",),
    ),
    Defect(
        "waits-for-ever",
        "who asked a client that hangs waited for ever",
        "environments/carla/simulator.py",
        "self._answers.get(timeout=max(self._waiting - time.monotonic(), 0.001))",
        "self._answers.get(timeout=60.0)",
        (f"{WATCHDOG}::test_a_client_that_hangs_is_ended_in_time",),
    ),
    Defect(
        "another-s-camera",
        "worlds drove by a client that had been made for others, with another camera",
        "environments/carla/simulator.py",
        "        if spec != self.spec:\n",
        "        if False:\n",
        (f"{WATCHDOG}::test_another_owner_gets_a_client_that_knows_its_camera",),
    ),
    Defect(
        "server-left-over",
        "a server went on after whoever had started it was killed",
        "environments/carla/guard.py",
        "            os.killpg(group, number)\n",
        "            break\n",
        (f"{WATCHDOG}::test_a_server_goes_with_a_driver_that_is_killed",),
    ),
)
