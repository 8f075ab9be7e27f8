# The only task runner. Everything happens in .venv, which `make setup` builds; `make help` lists the rest.
#
#   make run                     the 10K validation: train, evaluate, verdict
#   make run SEED=7 ARGS="--num-envs 8"
#   make TORCH=cpu|cuda ...      which PyTorch build to install (default: CUDA where there is an NVIDIA GPU)
#   make TORCH_INDEX=URL ...     take PyTorch from that package index
#   make PYTHON=python3.11 ...   which Python to build .venv from (3.10 or newer)

PYTHON ?= python3
TORCH ?= auto
TORCH_VERSION ?= 2.13.0
TORCH_INDEX ?=
SEED ?= 42
TOWN ?= TownA
ARGS ?=
# Test processes; each compiles or loads the simulator's kernels, so more than the cores do not help.
WORKERS ?= 2

BIN := .venv/bin
PACKAGE := av_td3_system
# The cache of compiled kernels is named after all sources (kernel_cache.py), so any change renews it.
CODE := $(shell find $(PACKAGE) -name '*.py')
SOURCES := $(PACKAGE) scripts benchmarks tests

.DEFAULT_GOAL := help
.PHONY: help setup run test chaos faults bench-alarms bench-saving lint format check-format types imports unit bench-town bench-replay bench-carla bench-backend bench-perception bench-critic bench-features bench-right-of-way bench-average bench-learner bench-learning screen \
	bench-published traffic-hour acceptance mutants clean distclean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.venv/installed: pyproject.toml scripts/install_torch.sh
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
		{ echo "error: $(PYTHON) is missing or older than 3.10" >&2; echo "hint: make PYTHON=python3.11 ..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "error: this Python cannot make virtual environments" >&2; \
		echo "hint: sudo apt install python3-venv" >&2; exit 2; }
	@echo "installing what the project needs into .venv (once)"
	@TORCH='$(TORCH)' TORCH_VERSION='$(TORCH_VERSION)' TORCH_INDEX='$(TORCH_INDEX)' \
		bash scripts/install_torch.sh $(BIN)/python
	@$(BIN)/python -m pip install -qq --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "installing what the tests need into .venv (once)"
	@$(BIN)/python -m pip install -qq --editable '.[dev]'
	@touch $@

.venv/kernels-compiled: .venv/installed $(CODE)
	@echo "compiling the simulator's kernels (once, and after a change of the code)"
	@$(BIN)/python scripts/compile_kernels.py
	@touch $@

setup: .venv/kernels-compiled ## build .venv and compile the simulator's kernels

run: .venv/kernels-compiled ## train TD3 for 10K steps in scenario 0 and judge it (SEED=42)
	@$(BIN)/av-td3 train --algo td3 --scenario 0 --max-timesteps 10000 --eval-freq 2500 --save-freq 2500 \
		--seed $(SEED) $(ARGS)

test: check-format lint types imports unit ## everything that must pass: format, lint, types, imports, tests

check-format: .venv/installed-dev
	@$(BIN)/ruff format --check $(SOURCES)

lint: .venv/installed-dev ## lint
	@$(BIN)/ruff check $(SOURCES)

types: .venv/installed-dev ## check types
	@$(BIN)/mypy

imports: .venv/installed-dev ## check that imports point one way
	@$(BIN)/lint-imports

unit: .venv/installed-dev .venv/kernels-compiled ## the tests alone (ARGS="-k gate")
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --quiet $(ARGS)

format: .venv/installed-dev ## format the code
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

bench-town: .venv/kernels-compiled ## camera steps a second, beside other simulators -> benchmarks/results/town.json
	@$(BIN)/python benchmarks/bench_town.py $(ARGS)

bench-learner: .venv/installed-dev .venv/kernels-compiled ## updates a second beside Stable-Baselines3 -> benchmarks/results/learner.json
	@$(BIN)/python benchmarks/bench_learner.py $(ARGS)

screen: .venv/kernels-compiled ## changes to the preset, 50K timesteps on 3 seeds each -> benchmarks/results/screening (days; goes on where it was)
	@$(BIN)/python benchmarks/screen.py $(ARGS)

bench-perception: .venv/kernels-compiled ## what the encoder can read off the camera, learned from labels alone (ARGS="--case far camera.fov=80")
	@$(BIN)/python benchmarks/bench_perception.py $(ARGS)

bench-features: .venv/kernels-compiled ## what a run's image features tell of others (RUN=runs/NAME ARGS="--checkpoint td3_50k.pt")
	@$(BIN)/python benchmarks/bench_features.py $(RUN) $(ARGS)

bench-critic: .venv/kernels-compiled ## what a run's critic knows of commands (RUN=runs/NAME ARGS="--checkpoint td3_50k.pt")
	@$(BIN)/python benchmarks/bench_critic.py $(RUN) $(ARGS)

bench-right-of-way: .venv/kernels-compiled ## how often a policy enters junctions without the way, and what follows (POLICY=runs/NAME/policy.safetensors)
	@$(BIN)/python benchmarks/bench_right_of_way.py $(POLICY) $(ARGS)

bench-average: .venv/kernels-compiled ## what averaging the policy is worth, on stored runs (RUNS="runs/A runs/B")
	@$(BIN)/python benchmarks/bench_average.py $(RUNS) $(ARGS)

bench-replay: .venv/kernels-compiled ## memory of a million transitions and the time to draw a batch (7.5 GB)
	@$(BIN)/python benchmarks/bench_replay.py $(ARGS)

bench-carla: .venv/kernels-compiled ## CARLA's own client against serve-carla: lock-step, memory, Traffic Manager (needs carla==0.9.16)
	@$(BIN)/python benchmarks/bench_carla.py $(ARGS)

bench-backend: .venv/kernels-compiled ## a policy on the same episodes in the town and on CARLA -> benchmarks/results/backend.json (ARGS="pretrained --episodes 75")
	@$(BIN)/python benchmarks/bench_backend.py $(or $(ARGS),pretrained)

traffic-hour: .venv/kernels-compiled ## a simulated hour of traffic in each town -> benchmarks/results/traffic_hour.json (ARGS="--car-following krauss")
	@$(BIN)/python benchmarks/traffic_hour.py $(ARGS)

bench-learning: .venv/kernels-compiled ## 100K timesteps on 3 seeds, checkpoints tested -> benchmarks/results/learning_100k.json
	@$(BIN)/python benchmarks/bench_learning.py $(ARGS)

bench-published: .venv/kernels-compiled ## plain TD3 beside Stable-Baselines3's on MuJoCo tasks -> benchmarks/results/published.json
	@$(BIN)/python -c 'import mujoco, stable_baselines3' 2>/dev/null || $(BIN)/python -m pip install -qq --editable '.[gym]' 'stable-baselines3>=2.7'
	@$(BIN)/python benchmarks/bench_published.py $(ARGS)

acceptance: .venv/kernels-compiled ## is the town drivable, and does it need eyes: scripted drivers, n = 1000 and 500 (TOWN=TownA)
	@for scenario in 0 1 2; do \
		$(BIN)/av-td3 evaluate --policy privileged --scenario $$scenario --episodes 1000 --blank-image --town $(TOWN); done
	@for policy in idm-mobil pid-pursuit parked straight random; do \
		$(BIN)/av-td3 evaluate --policy $$policy --scenario 0 --episodes 500 --blank-image --town $(TOWN); done

chaos: .venv/kernels-compiled ## kill 100 short runs at random moments, resume them, compare -> benchmarks/results/chaos.json (20 minutes)
	@$(BIN)/python benchmarks/chaos.py $(ARGS)

faults: .venv/kernels-compiled ## full disks, numbers that are none, simulators that fail: how runs end -> benchmarks/results/faults.json (15 minutes)
	@$(BIN)/python benchmarks/faults.py $(ARGS)

bench-alarms: .venv/kernels-compiled ## do guards stay silent on 5 healthy runs of 100K and speak on sick ones -> benchmarks/results/alarms.json (an hour and a half)
	@$(BIN)/python benchmarks/bench_alarms.py $(ARGS)

bench-saving: .venv/kernels-compiled ## how long a checkpoint holds a run up with a million frames (9 GB) -> benchmarks/results/saving.json
	@$(BIN)/python benchmarks/bench_saving.py $(ARGS)

mutants: .venv/installed-dev .venv/kernels-compiled ## put each known defect back and show its test failing
	@$(BIN)/python scripts/mutants.py $(ARGS)

clean: ## remove caches, keep .venv and runs
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
	@find $(PACKAGE) tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -f .venv/kernels-compiled

distclean: clean ## remove .venv too
	@rm -rf .venv
