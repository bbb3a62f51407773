"""Batches: each row as often as the others, in random order or in its own."""

import torch

from skgen.training.batches import Batches


def test_shuffled_batches_visit_every_row_before_any_again():
    batches = Batches({"x": torch.arange(12.0)[:, None]}, 4)
    generator = torch.Generator().manual_seed(0)
    seen = [batch["x"][:, 0] for batch, _ in batches.shuffled(6, generator)]
    for epoch in (torch.cat(seen[:3]), torch.cat(seen[3:])):
        assert torch.equal(epoch.sort().values, torch.arange(12.0))
    assert not torch.equal(torch.cat(seen[:3]), torch.cat(seen[3:]))
    # A batch larger than the data is all of them.
    whole = Batches({"x": torch.arange(3.0)[:, None]}, 8)
    assert [len(b["x"]) for b, _ in whole.shuffled(2, generator)] == [3, 3]


def test_ordered_batches_are_the_rows_once_in_order():
    batches = Batches({"x": torch.arange(10.0), "c": torch.arange(10.0) * 2}, 4)
    parts = [batch for batch, _ in batches.ordered()]
    assert [len(part["x"]) for part in parts] == [4, 4, 2]
    assert torch.equal(torch.cat([part["x"] for part in parts]), torch.arange(10.0))
    assert all(torch.equal(part["c"], 2 * part["x"]) for part in parts)
