"""Loading processes need no more memory after many batches than after a few."""

import psutil

from cellmark.data.datamodule import FoldersDataModule

SIDE, BATCH = 512, 4
IMAGES = BATCH * 3 * SIDE * SIDE * 4 / 2**20  # MiB of a batch


def test_loaders_do_not_grow(plain_root):
    datamodule = FoldersDataModule(
        str(plain_root), ["black", "white"], [SIDE, SIDE], val_folder=0, batch_size=BATCH, num_workers=1
    )
    datamodule.setup("fit")
    loader = datamodule.train_dataloader()

    def own_memory() -> float:
        (worker,) = loader._iterator._workers
        return psutil.Process(worker.pid).memory_full_info().uss / 2**20

    grown = []
    for epoch in range(14):
        batches = sum(1 for _ in loader)
        if epoch == 1:
            first = own_memory()
        if epoch > 1:
            grown.append(own_memory() - first)
    assert batches >= 1
    assert grown[-1] < IMAGES / 2, grown
