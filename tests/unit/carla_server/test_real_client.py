"""CARLA's own client library against a served town; each script runs in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.carla_server.conftest import Process

pytestmark = pytest.mark.usefixtures("real_client")


def test_lock_step_with_a_camera_misses_nothing(served: Process) -> None:
    figures = json.loads(
        served.run(
            """
            import json
            vehicle = car()
            eye, pictures = camera(vehicle)
            vehicle.apply_control(carla.VehicleControl(throttle=0.6))
            frames = [(world.tick(), pictures.get(timeout=20.0)) for _ in range(200)]
            print(json.dumps({
                "misaligned": sum(picture.frame != frame for frame, picture in frames),
                "left": pictures.qsize(),
                "steps": sorted({b[0] - a[0] for a, b in zip(frames, frames[1:])}),
                "moved": vehicle.get_location().distance(points[0].location),
                "differ": len({bytes(picture.raw_data) for _, picture in frames}),
            }))
            eye.stop(); eye.destroy(); vehicle.destroy()
            """
        )
    )
    assert (figures["misaligned"], figures["left"], figures["steps"]) == (0, 0, [1])
    assert figures["moved"] > 30.0
    assert figures["differ"] > 150


def test_sensors_tell_of_what_happens(served: Process) -> None:
    figures = json.loads(
        served.run(
            """
            import json
            vehicle, wall = car(), car(ahead=14.0, name="vehicle.tesla.model3")
            kinds = ("collision", "imu", "gnss", "obstacle", "lane_invasion")
            sensors = {kind: sensor(vehicle, kind) for kind in kinds}
            views = {kind: camera(vehicle, kind) for kind in ("depth", "semantic_segmentation")}
            wall.apply_control(carla.VehicleControl(brake=1.0, hand_brake=True))
            vehicle.apply_control(carla.VehicleControl(throttle=0.8))
            for _ in range(70):
                world.tick()
                if not sensors["collision"][1].empty():
                    break
            hit = sensors["collision"][1].get(timeout=5.0)
            distances = [sensors["obstacle"][1].get().distance for _ in range(sensors["obstacle"][1].qsize())]
            imu = [sensors["imu"][1].get() for _ in range(sensors["imu"][1].qsize())]
            gnss = sensors["gnss"][1].queue[-1]
            place = world.get_map().transform_to_geolocation(sensors["gnss"][0].get_location())
            semantic = views["semantic_segmentation"][1].queue[-1]
            print(json.dumps({
                "hit": [hit.actor.id == vehicle.id, hit.other_actor.id == wall.id, hit.normal_impulse.length()],
                "closing": distances == sorted(distances, reverse=True) and len(distances),
                "gravity": imu[0].accelerometer.z, "pulls": max(i.accelerometer.x for i in imu),
                "off": [abs(gnss.latitude - place.latitude), abs(gnss.longitude - place.longitude)],
                "tags": sorted(set(bytes(semantic.raw_data)[2::4])),
                "frames": [queue.qsize() for _, queue in views.values()],
            }))
            for actor, _ in [*sensors.values(), *views.values()]:
                actor.stop(); actor.destroy()
            vehicle.destroy(); wall.destroy()
            """
        )
    )
    assert figures["hit"][:2] == [True, True]
    assert 3000.0 < figures["hit"][2] < 20000.0
    assert figures["closing"] > 10
    assert figures["gravity"] == pytest.approx(9.81, abs=1e-3)
    assert figures["pulls"] == pytest.approx(2.2, abs=1.0)
    assert max(figures["off"]) < 1e-9
    assert {1, 11, 14, 24} <= set(figures["tags"]), "road, sky, car, line"
    assert figures["frames"][0] == figures["frames"][1] > 10


def test_crossing_a_line_is_told_by_the_client_itself(served: Process) -> None:
    crossed = served.run(
        """
        vehicle = car()
        eye, events = sensor(vehicle, "lane_invasion")
        vehicle.apply_control(carla.VehicleControl(throttle=0.7))
        for _ in range(20):
            world.tick()
        vehicle.apply_control(carla.VehicleControl(throttle=0.4, steer=-0.15))
        for _ in range(60):
            world.tick()
        print(events.qsize() > 0)
        eye.stop(); eye.destroy(); vehicle.destroy()
        """
    )
    assert crossed.strip() == "True"


def test_refusals_reach_the_script_by_name(served: Process) -> None:
    told = served.run(
        """
        vehicle = car()
        def refused(call):
            try:
                call()
            except RuntimeError as error:
                print(error)
        refused(lambda: client.start_recorder("file"))
        refused(lambda: world.spawn_actor(library.find("walker.pedestrian.0001"), points[3]))
        refused(lambda: car())
        refused(lambda: client.load_world("Atlantis"))
        refused(lambda: world.load_map_layer(carla.MapLayer.Buildings))
        vehicle.destroy()
        """
    ).splitlines()
    wanted = ("no recorder", "no walkers", "collision at spawn position", "map not found: Atlantis", "no levels")
    assert len(told) == len(wanted)
    assert all(reason in line for reason, line in zip(wanted, told, strict=True))


def test_maps_are_loaded_reloaded_and_sent(served: Process) -> None:
    names = served.run(
        f"""
        print(client.load_world("TownB", False).get_map().name, client.reload_world(False).get_map().name)
        xodr = open({str(_map("TownC"))!r}).read()
        sent = client.generate_opendrive_world(xodr, reset_settings=False)
        print(sent.get_map().name, len(sent.get_map().get_spawn_points()) > 20)
        print(client.load_world("TownA", False).get_map().name)
        try:
            client.generate_opendrive_world("nope")
        except RuntimeError as error:
            print("not_well-formed" if "not well-formed" in str(error) else error)
        again = client.load_world("OpenDriveMap", False).get_map()
        print(len(again.get_spawn_points()) > 20, client.load_world("TownA", False).get_map().name)
        """
    )
    assert names.split() == [
        "Carla/Maps/TownB", "Carla/Maps/TownB", "Carla/Maps/OpenDriveMap", "True", "Carla/Maps/TownA",
        "not_well-formed", "True", "Carla/Maps/TownA",
    ]  # fmt: skip


def test_the_clients_own_traffic_manager_drives_here(served: Process) -> None:
    figures = json.loads(
        served.run(
            """
            import json
            manager = client.get_trafficmanager(18000 + world.id % 1000)
            manager.set_synchronous_mode(True)
            manager.set_random_device_seed(3)
            cars = [car(place) for place in range(0, 60, 5)]
            for vehicle in cars:
                vehicle.set_autopilot(True, manager.get_port())
                manager.ignore_lights_percentage(vehicle, 100.0)
            off = 0
            for tick in range(400):
                world.tick()
                if tick % 10 == 0:
                    here = [vehicle.get_location() for vehicle in cars if vehicle.is_alive]
                    off += sum(world.get_map().get_waypoint(place, False) is None for place in here)
            begun = [points[place].location for place in range(0, 60, 5)]
            moved = [vehicle.get_location().distance(start) for vehicle, start in zip(cars, begun)]
            print(json.dumps({"off": off, "moved": sum(way > 15.0 for way in moved), "cars": len(cars)}))
            for vehicle in cars:  # a manager that still holds a vehicle which is destroyed ends the process
                vehicle.set_autopilot(False, manager.get_port())
            world.tick()
            manager.set_synchronous_mode(False)
            manager.shut_down()
            for vehicle in cars:
                vehicle.destroy()
            """
        )
    )
    assert figures["off"] == 0
    assert figures["moved"] >= figures["cars"] - 1


def test_faults_on_purpose_reach_the_client_where_they_should() -> None:
    process = Process("TownA", "--inject", "refuse_spawn@2", "drop@30:2", "late@40", "destroy@50", "kill@60")
    told = process.run(
        """
        client.set_timeout(5.0)
        vehicle = car()
        try:
            car(5)
        except RuntimeError as error:
            print("refused" if "collision" in str(error) else error)
        eye, data = sensor(vehicle, "imu")
        first = world.get_snapshot().frame
        try:
            frames = {}
            for _ in range(100):
                frame = world.tick(2.0)
                got = []
                try:
                    while True:
                        got.append(data.get(timeout=0.3 if not got else 0.02).frame - frame)
                except queue.Empty:
                    pass
                frames[frame] = got
                if not world.get_snapshot().has_actor(vehicle.id):
                    print("destroyed", frame - first)
                    break
        finally:
            print([got for got in frames.values() if got != [0]])
        client.set_timeout(2.0)
        try:
            for _ in range(20):
                world.tick(2.0)
        except RuntimeError:
            print("lost")
        """
    ).splitlines()
    assert told[0] == "refused"
    assert told[1].startswith("destroyed")
    assert told[2].startswith("[[], [], [], [-1, 0]"), "two ticks without data, one whose data come with the next"
    assert told[3] == "lost"
    assert process.process.wait(20) == 137


def test_a_signal_ends_a_server_at_once() -> None:
    assert Process("TownC").stop() == 143


def test_a_signal_ends_a_server_that_answers_nothing(real_client: None) -> None:
    process = Process("TownA", "--inject", "hang@20")
    told = process.run(
        """
        client.set_timeout(1.0)
        try:
            for _ in range(30):
                world.tick(1.0)
        except RuntimeError:
            print("hangs")
        """
    )
    assert told.split() == ["hangs"]
    assert process.stop() == 143


def _map(name: str) -> Path:
    from importlib import resources

    return Path(str(resources.files("av_td3_system.town") / "maps" / f"{name}.xodr"))
