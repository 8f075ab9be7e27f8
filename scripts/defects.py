"""The known defects: what broke camera TD3 for driving before, and claims that were not true, as one change each.

`mutants.py` puts each back; `tests/unit/test_mutants.py` sees that every text still stands in the source and every
test exists.
"""

from __future__ import annotations

from scripts.defects_of_carla import ON_CARLA
from scripts.defects_of_climbing import CLIMBING
from scripts.defects_of_driving import DRIVING
from scripts.defects_of_failing import FAILING
from scripts.defects_of_guarding import GUARDING
from scripts.defects_of_learning import LEARNING
from scripts.defects_of_resuming import RESUMING
from scripts.defects_of_tuning import TUNING
from scripts.defects_of_watching import WATCHING

DEFECTS = LEARNING + DRIVING + ON_CARLA + FAILING + GUARDING + RESUMING + CLIMBING + TUNING + WATCHING
