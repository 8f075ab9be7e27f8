"""Scripts with CARLA's own client library for `bench_carla.py`: each drives a served town and prints figures as JSON.

    python benchmarks/carla_clients.py lock_step|episodes|traffic|cues PORT SERVER_PID N

Each runs in a process of its own, since a server that dies takes the library with it.
"""

from __future__ import annotations

import json
import os
import queue
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import carla

from av_td3_system.environments.carla.wake_up import TickWatch

STEP = 0.05  # s
EGO = "vehicle.seat.leon"
MOUNTING = carla.Transform(carla.Location(x=0.8, z=1.6), carla.Rotation(pitch=-6.0))
MIXED = "car", "van", "truck"
Figures = dict[str, Any]


def lock_step(client: carla.Client, server: int, ticks: int) -> Figures:
    """Ticks with a camera on a car that drives in circles; every picture must be of its tick."""
    world = synchronous(client)
    points = world.get_map().get_spawn_points()
    vehicle = world.spawn_actor(world.get_blueprint_library().find(EGO), points[0])
    eye, pictures = camera(world, vehicle)
    vehicle.apply_control(carla.VehicleControl(throttle=0.3, steer=0.5))
    misaligned = skipped = 0
    last, begun = None, time.perf_counter()
    for _ in range(ticks):
        frame = world.tick()
        misaligned += pictures.get(timeout=30.0).frame != frame
        skipped += last is not None and frame != last + 1
        last = frame
    spent = time.perf_counter() - begun
    left = pictures.qsize()
    end(eye, vehicle)
    return {
        "ticks": ticks, "misaligned": misaligned, "skipped": skipped, "left_over": left, "ticks_per_s": ticks / spent,
        "server_mb": megabytes(server),
    }  # fmt: skip


def episodes(client: carla.Client, server: int, count: int) -> Figures:
    """Spawn a car with camera and collision sensor, drive into another, destroy all; memory of both ends."""
    world = synchronous(client)
    library, point = world.get_blueprint_library(), world.get_map().get_spawn_points()[0]
    way = point.get_forward_vector()
    ahead = carla.Transform(point.location + carla.Location(9.0 * way.x, 9.0 * way.y, 0.0), point.rotation)
    collisions = misaligned = ticks = 0
    memory = {}
    begun = time.perf_counter()
    for episode in range(1, count + 1):
        vehicle = world.spawn_actor(library.find(EGO), point)
        other = world.spawn_actor(library.find("vehicle.tesla.model3"), ahead)
        eye, pictures = camera(world, vehicle)
        bumper, hits = listen(world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), vehicle))
        vehicle.apply_control(carla.VehicleControl(throttle=1.0))
        for _ in range(100):
            frame = world.tick()
            misaligned += pictures.get(timeout=30.0).frame != frame
            ticks += 1
            if not hits.empty():
                collisions += 1
                break
        end(eye, bumper, vehicle, other)
        world.tick()
        if episode in (count // 10, count // 2, count):
            memory[episode] = {"client_mb": megabytes(os.getpid()), "server_mb": megabytes(server)} | {
                "client_threads": len(os.listdir(f"/proc/{os.getpid()}/task")),
                "server_files": len(os.listdir(f"/proc/{server}/fd")),
            }
    spent = time.perf_counter() - begun
    return {
        "episodes": count, "collisions": collisions, "misaligned": misaligned, "ticks_per_s": ticks / spent,
        "memory_after": memory,
    }  # fmt: skip


def traffic(client: carla.Client, server: int, ticks: int, cars: int = 50) -> Figures:
    """The client's Traffic Manager with cars, vans and trucks; where they are is judged by the client's own map."""
    world = synchronous(client)
    library, way_map = world.get_blueprint_library(), world.get_map()
    manager = client.get_trafficmanager(random.Random(server).randrange(20000, 60000))
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(1)
    rng = random.Random(0)
    points = way_map.get_spawn_points()
    rng.shuffle(points)
    kinds = [b for b in library.filter("vehicle.*") if b.get_attribute("base_type").as_str() in MIXED]
    vehicles = [world.spawn_actor(rng.choice(kinds), point) for point in points[:cars]]
    bumpers = [
        listen(world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), vehicle))
        for vehicle in vehicles
    ]
    for vehicle in vehicles:
        vehicle.set_autopilot(True, manager.get_port())
        manager.ignore_lights_percentage(vehicle, 100.0)
    world.tick()
    last = {vehicle.id: vehicle.get_location() for vehicle in vehicles}
    moved = dict.fromkeys(last, 0.0)
    off_road, begun = 0, time.perf_counter()
    for tick in range(ticks):
        world.tick()
        snapshot = world.get_snapshot()
        for vehicle in vehicles:
            state = snapshot.find(vehicle.id)
            if state is not None:
                place = state.get_transform().location
                moved[vehicle.id] += place.distance(last[vehicle.id])
                last[vehicle.id] = place
                off_road += tick % 10 == 0 and way_map.get_waypoint(place, project_to_road=False) is None
    spent = time.perf_counter() - begun
    alive = sum(world.get_snapshot().has_actor(vehicle.id) for vehicle in vehicles)
    hit = sum(not hits.empty() for _, hits in bumpers)
    for vehicle in vehicles:  # a manager that still holds a vehicle which is destroyed ends the process
        vehicle.set_autopilot(False, manager.get_port())
    world.tick()
    manager.set_synchronous_mode(False)
    manager.shut_down()
    end(*(bumper for bumper, _ in bumpers), *vehicles)
    return {
        "cars": len(vehicles), "ticks": ticks, "alive": alive, "off_road_samples": off_road, "cars_that_collided": hit,
        "metres_each": {"least": min(moved.values()), "mean": sum(moved.values()) / len(moved)},
        "ticks_per_s": ticks / spent,
    }  # fmt: skip


def cues(client: carla.Client, server: int, ticks: int) -> Figures:
    """Nothing but ticks of one car's Traffic Manager: how many it slept through, each ended by `TickWatch`."""
    world = synchronous(client)
    manager = client.get_trafficmanager(random.Random(server).randrange(20000, 60000))
    manager.set_synchronous_mode(True)
    vehicle = world.spawn_actor(world.get_blueprint_library().find(EGO), world.get_map().get_spawn_points()[0])
    world.tick()
    vehicle.set_autopilot(True, manager.get_port())
    watch = TickWatch(manager.get_port(), lambda: int(world.get_snapshot().frame))
    begun = time.perf_counter()
    for _ in range(ticks):
        with watch:
            world.tick()
    return {"ticks": ticks, "slept_through": watch.woken, "ticks_per_s": ticks / (time.perf_counter() - begun)}


def synchronous(client: carla.Client) -> carla.World:
    """The client's world, ticking when it is told to."""
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP
    world.apply_settings(settings)
    return world


def camera(world: carla.World, vehicle: carla.Actor) -> tuple[carla.Sensor, queue.Queue[carla.Image]]:
    """A camera as the agent's on a vehicle, and its pictures."""
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    for name, number in (("image_size_x", 84), ("image_size_y", 84), ("fov", 100)):
        blueprint.set_attribute(name, str(number))
    return listen(world.spawn_actor(blueprint, MOUNTING, attach_to=vehicle))


def listen(sensor: carla.Sensor) -> tuple[carla.Sensor, queue.Queue[Any]]:
    """A sensor and what it measures from now on."""
    data: queue.Queue[Any] = queue.Queue()
    sensor.listen(data.put)
    return sensor, data


def end(*actors: carla.Actor) -> None:
    """Stop and destroy."""
    for actor in actors:
        if isinstance(actor, carla.Sensor):
            actor.stop()
        actor.destroy()


def megabytes(process: int) -> float:
    """Resident memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 2)


CASES: dict[str, Callable[[carla.Client, int, int], Figures]] = {
    "lock_step": lock_step,
    "episodes": episodes,
    "traffic": traffic,
    "cues": cues,
}

if __name__ == "__main__":
    client = carla.Client("127.0.0.1", int(sys.argv[2]))
    client.set_timeout(60.0)
    print(json.dumps(CASES[sys.argv[1]](client, int(sys.argv[3]), int(sys.argv[4]))), flush=True)
    os._exit(0)  # the library's own threads may outlive a server
