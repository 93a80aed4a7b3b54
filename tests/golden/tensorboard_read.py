"""Reads `RUN/training/tensorboard` with TensorBoard's own reader (`pip install tensorboard`) and
holds it against `RUN/training/metrics.jsonl`: `tensorboard_read.py RUN`."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = sys.argv[1]
events = EventAccumulator(f"{run}/training/tensorboard", size_guidance={"scalars": 0})
events.Reload()
lines = [json.loads(line) for line in open(f"{run}/training/metrics.jsonl")]
for tag, name in [
    ("train/loss", "loss"),
    ("train/gradient_norm", "gradient_norm"),
    ("train/learning_rate", "learning_rate"),
    ("train/tokens", "tokens"),
    ("validation/loss", "validation_loss"),
    ("validation/bits_per_byte", "validation_bits_per_byte"),
]:
    expected = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
    found = [(scalar.step, scalar.value) for scalar in events.Scalars(tag)]
    assert [step for step, _ in expected] == [step for step, _ in found], tag
    for (_, left), (_, right) in zip(expected, found):
        assert abs(left - right) <= 1e-6 * max(1, abs(left)), (tag, left, right)
print(f"{len(lines)} steps agree")
