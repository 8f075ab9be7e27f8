#!/usr/bin/env bash
# A CARLA 0.9.16 server in a container at a port, as the watchdog starts it; one that is left over is removed first.
# Not tried on a machine with a GPU yet.
#
#   AV_TD3_CARLA_SERVER="docker/carla_server.sh {port}" av-td3 train --backend carla
set -euo pipefail
port=$1
docker rm --force "av-td3-carla-$port" >/dev/null 2>&1 || true
exec docker run --rm --init --name "av-td3-carla-$port" --gpus all --shm-size 2g --memory 16g \
    --publish "127.0.0.1:$port-$((port + 2)):$port-$((port + 2))" carlasim/carla:0.9.16 \
    bash CarlaUE4.sh -RenderOffScreen -nosound "-carla-rpc-port=$port"
