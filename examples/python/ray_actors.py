"""JPEGs on many machines, by Ray: actors of Jpegs, which it starts anew elsewhere when a machine dies."""
import collections

import ray
from lipsyncframes import Jpegs


def start_actors(count, **arguments):
    """Starts as many actors, of one core each. The arguments are those of Jpegs.

    Retries are without limit: until Ray notices that a machine is gone, which takes seconds, three are used up."""
    actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(Jpegs)
    return [actor.remote(threads=1, **arguments) for _ in range(count)]


def jpegs_of(actors, batches, in_flight=2):
    """Yields the JPEGs of each batch, in order, with so many batches on the way to each actor."""
    pending = collections.deque()
    for number, batch in enumerate(batches):
        # Put first: as an argument, an array is copied once more.
        pending.append(actors[number % len(actors)].__call__.remote(ray.put(batch)))
        if len(pending) >= in_flight * len(actors):
            yield ray.get(pending.popleft())
    while pending:
        yield ray.get(pending.popleft())
