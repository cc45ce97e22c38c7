"""The recipe for Ray on a cluster of two nodes, of which one is killed. See scripts/test-ray."""

import importlib.util
import pathlib
import time

import numpy as np
import pytest

from lipsyncframes import Jpegs

ray = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402

RECIPE = pathlib.Path(__file__).parents[2] / "examples" / "python" / "ray_actors.py"
BATCHES = 60


def load_recipe():
    spec = importlib.util.spec_from_file_location("ray_actors", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def batch(number):
    return np.random.default_rng(number).random((4, 90, 160, 3), np.float32)


@pytest.fixture
def cluster():
    # The driver is on the first node, the actors fit on either of the others.
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=2) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    cluster.wait_for_nodes()
    yield cluster, nodes
    ray.shutdown()
    cluster.shutdown()


def node_of(actor):
    return ray.get(actor.__ray_call__.remote(lambda _: ray.get_runtime_context().get_node_id()), timeout=120)


def test_no_batch_is_lost_with_a_node(cluster):
    cluster, nodes = cluster
    recipe = load_recipe()
    actors = recipe.start_actors(2)
    homes = [node_of(actor) for actor in actors]
    victim = next(node for node in nodes if node.node_id == homes[0])
    results, longest = [], 0.0
    began = time.monotonic()
    for jpegs in recipe.jpegs_of(actors, map(batch, range(BATCHES)), in_flight=6):
        longest = max(longest, time.monotonic() - began)
        began = time.monotonic()
        results.append(jpegs)
        if len(results) == 10:
            cluster.remove_node(victim, allow_graceful=False)
    expected = Jpegs(threads=1)
    assert len(results) == BATCHES
    for number, jpegs in enumerate(results):
        assert jpegs == expected(batch(number)), number
    assert node_of(actors[0]) != homes[0]
    print(f"\n{BATCHES} batches came, all as they should be, with 12 on the way when a node was killed. Longest wait: {longest:.1f} s")
