"""The changes that are screened, each with what was expected of it before it was run, and what they are changes to."""

from __future__ import annotations

from benchmarks.variant import Variant
from benchmarks.variants_again import again

# What the first screening began with, and what the second one goes on from.
_NO_GAP = ("reward.standstill_gap=0",)
_NO_WAY = (*_NO_GAP, "network.critic_way=false", "reward.approach=0", "reward.right_of_way=0")
_START = (
    *_NO_WAY,
    "network.head_layer_norm=false",
    "network.standardize=false",
    "network.crop_top=0",
    "agent.perception_weight=1",
    "agent.target_action=computed",
)
_RECALLED = (*_NO_WAY, "agent.target_action=recalled", "network.standardize=true", "network.head_layer_norm=false")
_SECOND = (*_RECALLED, "network.crop_top=32", "agent.perception_weight=10")


def _first(expected: str, *settings: str) -> Variant:
    return Variant((*_START, *settings), expected, "start")


_POLAR = (*_SECOND, "network.perception_grid=polar", "network.foresight=1.0")


def _on_polar(expected: str, *settings: str) -> Variant:
    return Variant((*_POLAR, *settings), expected, "polar")


def _change(expected: str, *settings: str) -> Variant:
    return Variant((*_SECOND, *settings), expected, "second")


_NORMED = (*_SECOND, "network.head_layer_norm=true")


def _to_normed(expected: str, *settings: str) -> Variant:
    return Variant((*_NORMED, *settings), expected, "head_layer_norm")


# Decisions of 0.2 s, as far ahead and as dear in seconds as those of 0.1 s (see `EnvironmentConfig`).
_PER_DECISION_OF_0_2_S = (
    "environment.action_repeat=4",
    "agent.gamma=0.941",
    "camera.frame_interval=2",
    "reward.efficiency_weight=0.2",
    "reward.lane_keeping_weight=2.0",
    "reward.comfort_weight=0.1",
    "reward.near_collision=1.0",
)

FIRST = {
    "start": _first("what the others of the first screening are compared with"),
    "lap": _first(
        "large errors are collisions, which are rare: fewer of them at 50K",
        "replay.prioritized=true",
        "agent.critic_loss=huber",
    ),
    "before_failure": _first(
        "a fifth of each batch from the 3 s before accidents: fewer collisions", "replay.before_failure_share=0.2"
    ),
    "light_encoder": _first(
        "half the channels at a third of the arithmetic: as good, since features are few",
        "network.channels=[16,32,32]",
    ),
    "fov_120": _first("cars that cross are seen sooner at junctions: fewer collisions", "camera.fov=120"),
    "standardized": _first(
        "from labels alone the encoder learns sooner (bench-perception: R2 ahead 0.32 -> 0.39 after 1000 updates, "
        "0.69 -> 0.72 after 3000): better at half, a little at the end",
        "network.standardize=true",
    ),
    "standardized_foresee_wide": _first(
        "the encoder learns sooner, and more of what collisions are made of: better than either",
        "network.standardize=true",
        "network.perception_grid=wide",
        "network.foresight=1.0",
    ),
    "comfort_0.3": _first(
        "steering swings from stop to stop at the wheels' greatest rate, which costs next to nothing, and a third of "
        "the failures swing off the road: fewer of those, and less harm from late commands",
        "reward.comfort_weight=0.3",
    ),
    "crossing_standardized": _first(
        "17 of 22 collisions of a standardized agent at 50K are with crossing or oncoming vehicles, at full speed; "
        "nothing but the crash told it of them (notebook). A cost from 2.5 s before the ways meet, as great as what a "
        "decision at full speed earns: half of the collisions at half and at the end",
        "reward.crossing=1.0",
        "network.standardize=true",
    ),
    "action_change_0.3": _first(
        "Q is flat in commands that the wheels cannot follow, so nothing draws the actor back but a cost "
        "in its own loss: no more swinging off the road, and sooner than by a cost that the critic has to learn first",
        "agent.action_change_cost=0.3",
    ),
    "action_repeat_4_standardized": _first(
        "0.2 s in place of 0.1: a command changes twice as much, so a critic can tell them apart, and 50K timesteps "
        "hold twice the driving; brakes later. More success than standardized at half and at the end",
        *_PER_DECISION_OF_0_2_S,
        "network.standardize=true",
    ),
    "recalled_standardized": _first(
        "the policy's action on the next image, which costs two fifths of an update, is remembered from when that was "
        "last learned from, some thousand updates ago: a value of a policy slightly older, as good as standardized",
        *_RECALLED,
    ),
    "second": Variant(
        _SECOND,
        "after 25,000 actor updates the encoder knows less of who is ahead (R2 0.57) than from 1,500 of labels: the "
        "critic's gradient is 3.5 times as long there, mostly noise (notebook). Ten times the weight: R2 above 0.7, "
        "a third fewer collisions. Labels are learned sooner without sky (R2 0.38 -> 0.47 after 1000 updates)",
        "start",
    ),
    "perception_10_wide": _first(
        "and asked for what is beside the car and in a second, too, of which it knew nothing (R2 0.04): fewer still",
        *_SECOND,
        "network.perception_grid=wide",
        "network.foresight=1.0",
    ),
}

SECOND = {
    # How much is learned from a timestep
    "updates_1.5": _change(
        "better on average at 10K (7 of 7 seeds proceeded); still better at 50K", "agent.updates_per_step=1.5"
    ),
    "delay_1": _change(
        "the encoder has not learned for long enough: twice the actor updates in 1.7 of the time: better",
        "agent.policy_delay=1",
        "agent.tau=0.005",
    ),
    "delay_4": _change(
        "half as many actor updates, of a critic that has learned twice as much in between, at little more than half "
        "of the cost: nearly as good at the end, behind at half",
        "agent.policy_delay=4",
        "agent.tau=0.02",
    ),
    "batch_128": _change("less noise in the actor's gradient: more success for twice the cost", "agent.batch_size=128"),
    "n_step_1": _change("slower: a collision's cost travels three times as many updates", "agent.n_step=1"),
    "n_step_5": _change("off-policy error outweighs the faster propagation", "agent.n_step=5"),
    "lr_half_after_20k": _change(
        "the critic knows what a state is worth and next to nothing of what a command changes in it (notebook): an "
        "average over more updates tells small differences better. No gain at half, fewer failures at the end",
        "agent.lr_half_after=20000",
    ),
    "gamma_0.98": _change("looks 5 s ahead in place of 3: brakes earlier, learns slower", "agent.gamma=0.98"),
    "worlds_16": _change(
        "the same timesteps from more episodes at once: less alike in a batch, later endings: as good at 50K",
        "run.num_envs=16",
        "exploration.learning_starts=1000",
    ),
    "polar": _change(
        "neither price (terminal_100) nor what the critic knows (arrivals, grants) is what it collides for, so it does "
        "not see; of crossing vehicles a picture tells the bearing to a degree and the distance badly: asked for "
        "closeness by sectors of 6 degrees, now and in 1 s, the features learn of them: a third fewer collisions",
        "network.perception_grid=polar",
        "network.foresight=1.0",
    ),
    "polar_noise_0.3": _on_polar(
        "half of what polar collides with stands in its way and is seen from 2 s before; it brakes late, and throttle "
        "and brake alternate: Q's slope in the pedal is noise, and a critic learns it from data with three times the "
        "noise alone (notebook): a third fewer collisions, half of those",
        "agent.exploration_noise=0.3",
    ),
    "polar_change_0.1": _on_polar(
        "behind a vehicle that stands, throttle and brake alternate from decision to decision, which a car that cannot "
        "go backwards adds up to creeping into it; a third of the price that did no good before: it waits, so a third "
        "fewer collisions",
        "agent.action_change_cost=0.1",
    ),
    "polar_gap_1.5": _on_polar(
        "creeping on into the vehicle that it waits behind, a fifth of its collisions, costs nothing until it touches: "
        "a cost of any motion within 1.5 m ends it",
        "reward.standstill_gap=1.5",
    ),
    "polar_shift_2": _on_polar(
        "labels of 6,000 frames are learned by heart (R2 beside in 1 s 0.96, on other routes 0.54); shifted by up to "
        "two pixels 0.86 and 0.61: it sees more of who crosses: fewer collisions",
        "network.random_shift=2",
    ),
    "polar_change_0.3": _on_polar("three times the price of polar_change_0.1", "agent.action_change_cost=0.3"),
    "polar_now": _change("polar without the future: what that adds", "network.perception_grid=polar"),
    "terminal_60": _change(
        "at gamma 0.97 driving on is worth 34 and waiting for 3 s costs 20 of it, so going is right up to a risk of "
        "38 % of a crash that costs 20: the policy is less blind than in a hurry. At 60 it is 22 %: a third fewer "
        "collisions at the end; behind at half",
        "reward.terminal=60",
    ),
    "terminal_100": _change(
        "as terminal_60, up to 15 %: fewer collisions still, but standing may become right before steering is learned",
        "reward.terminal=100",
    ),
    "busier": _change(
        "most collisions left are with crossing and oncoming vehicles, and training worlds hold no more of those "
        "(on_route adds those ahead): met 2.5 times as often, hit half as often",
        "exploration.vehicles=50",
    ),
    "busiest": _change(
        "a policy of 100K timesteps is about to meet a crossing vehicle in 0.2 % of its training worlds' decisions, in "
        "0.7 % of those of `busier`, 1.3 % of these, and collides 1, 4 and 7 times as often: more to learn from, more "
        "jams too",
        "exploration.vehicles=100",
    ),
    "computed": _change("as good, for 1.4 times the time", "agent.target_action=computed"),
    "float32": _change("bfloat16 in the encoder costs nothing: as good", "agent.bfloat16=false"),
    # What the batch holds
    "lap_second": _change(
        "large errors are collisions, which are rare: fewer of them at 50K",
        "replay.prioritized=true",
        "agent.critic_loss=huber",
    ),
    "before_failure_second": _change(
        "a fifth of each batch from the 3 s before accidents: fewer collisions", "replay.before_failure_share=0.2"
    ),
    # The networks
    "light_second": _change(
        "labels are learned as well as by the whole encoder with sky (R2 0.38), at a quarter of its arithmetic: a "
        "little worse",
        "network.channels=[16,32,32]",
    ),
    "head_layer_norm": _change(
        "a critic that extrapolates less steeply; the preset's cost of saturation does that already",
        "network.head_layer_norm=true",
    ),
    "features_128": _change("64 features hold what is asked of them: no change", "network.features=128"),
    "image_critic": _change(
        "the critic must learn what a picture means and what it is worth at once: half the success",
        "network.critic_input=image",
        "agent.perception_weight=0",
        "agent.target_action=computed",
    ),
    "image_critic_shared": _change(
        "one encoder trained by the critic: better than two, worse than the critic that knows",
        "network.critic_input=image",
        "network.shared_encoder=true",
        "agent.perception_weight=0",
        "agent.target_action=computed",
    ),
    "no_perception": _change("the actor's gradient alone teaches the encoder too little", "agent.perception_weight=0"),
    "symlog_critic": _change(
        "values of -20 to 30 are no range that needs squeezing: no gain", "network.critic_values=symlog"
    ),
    "histogram_critic": _change(
        "cross-entropy keeps gradients even where errors are large: fewer collisions",
        "network.critic_values=histogram",
    ),
    # What is seen
    "random_shift": _change(
        "four pixels move a far car by metres: no gain for an encoder that is asked where cars are",
        "network.random_shift=4",
    ),
    "no_exposure_jitter": _change("worse in weathers that were rare in training", "network.exposure_jitter=0"),
    "fov_120_second": _change(
        "cars that cross are seen sooner, in fewer pixels each: no gain, as in the first screening", "camera.fov=120"
    ),
    "frames_adjacent": _change("0.3 s show no motion of far cars: more collisions", "camera.frame_interval=1"),
    # Acting
    "action_repeat_4": _change(
        "0.2 s in place of 0.1 gained nothing in the first screening; nor here", *_PER_DECISION_OF_0_2_S
    ),
    "noise_0.3": _change(
        "a critic of the same policy tells pedals apart when it has seen three times the noise, and not after this "
        "(make bench-critic, notebook), while the car filters noise away: more success",
        "agent.exploration_noise=0.3",
    ),
    "navigation_command": _change(
        "the camera alone must find the lane: far less success at 50K", "environment.navigation=command"
    ),
}

THIRD = {
    "critic_layer_norm": _change(
        "the critic learns its few failures by heart; LayerNorm in its head knows more of those it has not met "
        "(average precision 0.35 -> 0.41, notebook), and the actor's, which cost success at 100K, stays as it is: "
        "sooner, and a fifth fewer collisions at 100K",
        "network.critic_layer_norm=true",
    ),
    # With perfect eyes the preset drives faster as it succeeds less, at the same discounted return (notebook).
    "normed_gamma_0.98": _to_normed(
        "five seconds instead of three: a crash costs more of what is discounted, and these heads bear it; fewer "
        "collisions at the end, behind at half",
        "agent.gamma=0.98",
    ),
    "normed_gamma_0.985": _to_normed("the same, farther; slower to learn", "agent.gamma=0.985"),
    "normed_terminal_60": _to_normed(
        "a dearer crash alone: as a longer horizon, without its noise", "reward.terminal=60"
    ),
    "normed_n_step_5": _to_normed(
        "half a second of what truly followed in each target; at so little noise it is nearly the policy's own: sooner",
        "agent.n_step=5",
    ),
    "normed_histogram": _to_normed(
        "cross-entropy keeps gradients even where errors are large: fewer collisions",
        "network.critic_values=histogram",
    ),
    "normed_polar": _to_normed(
        "eyes that tell bearings gained a little at half and at the end without these heads: the same here",
        "network.perception_grid=polar",
        "network.foresight=1.0",
    ),
}

_SLOW = (*_SECOND, "network.critic_way=true", "reward.approach=1", "reward.right_of_way=20")


def _to_slow(expected: str, *settings: str) -> Variant:
    return Variant((*_SLOW, *settings), expected, "slow")


FOURTH = {
    "slow": Variant(
        _SLOW,
        "a policy that is held to 10 km/h in the last 8 m before junctions collides in 11 of 200 episodes in place of "
        "28 (notebook): a price on coming there faster, told to the critic with whose the way is: half the collisions",
        "second",
    ),
    "slow_3": _to_slow("three times the price: slower at the line, fewer collisions, later", "reward.approach=3"),
    "slow_only": _to_slow(
        "without a price on taking the way, and without being told of it: nearly as good",
        "network.critic_way=false",
        "reward.right_of_way=0",
    ),
    "slow_crossing": _to_slow(
        "three times as many refusals to learn from: alone it did harm; of a driver who comes slowly it asks less",
        "exploration.crossing_share=1",
    ),
    "slow_gap": _to_slow(
        "the vehicle ahead is two thirds of the collisions at 50K on seed 60, and within a metre the features take the "
        "road for free (notebook): with a price on any motion within 2.5 m it stops before that. A third of these",
        "reward.standstill_gap=2.5",
    ),
}

_GAP = (*_SLOW, "reward.standstill_gap=2.5")

VARIANTS = FIRST | SECOND | THIRD | FOURTH | again(_GAP)
