"""``cellmark dataset_warp``: variants of every picture with their cells, beside the originals or in a new root."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from cellmark.data.coco import resolve_visibility
from cellmark.data.json_entries import printable
from cellmark.data.prepare.warp.plan import FolderPlan, Request, plan_root
from cellmark.data.prepare.warp.steps import Settings
from cellmark.data.prepare.warp.write import OfflineCounts, add_variants, write_offline_set
from cellmark.errors import CellmarkError

_PAIRS = ("degrees", "noise", "contrast")


def run(
    *,
    data: DictConfig,
    mode: DictConfig,
    variants: str,
    folders: Sequence[str] | None,
    output_dir: str | None,
    dry_run: bool,
    seed: int,
    workers: int | None,
    **strengths: Any,
) -> None:
    """Makes the variants that are not there yet, or lists them.

    Args:
        data: ``root``, the folder of folders, and ``visibility_to_class``, v -> class name or null.
        mode: ``classes``, the names of the classes.
        variants: name of the set.
        folders: names of those that get variants, None for all.
        output_dir: a new root, None for variants beside the originals.
        dry_run: only list.
        seed: of all randomness.
        workers: processes; None = one for each core that may be used.
        **strengths: the fields of ``Settings``.
    """
    if type(seed) is not int or seed < 0:
        raise CellmarkError(f"seed={seed}: a whole number from 0 up is needed")
    if workers is not None and (type(workers) is not int or workers < 1):
        raise CellmarkError(f"workers={workers}: at least 1 is needed, or null for one on each core")
    if isinstance(folders, str):
        raise CellmarkError(f"folders={folders}: a list is needed, as in [{folders}]")
    if type(dry_run) is not bool:
        raise CellmarkError(f"dry_run={dry_run}: true or false is needed")
    only = None if folders is None else [str(name) for name in folders]
    visibility = resolve_visibility(data.visibility_to_class, mode.classes)
    request = Request(variants, seed, _settings(strengths), only, visibility)
    root, start = Path(data.root), time.perf_counter()
    if dry_run or output_dir is None:
        plans = plan_root(root, request)
        if dry_run:
            _list(root if output_dir is None else Path(output_dir), plans)
            return
        counts, target = add_variants(plans, request, workers), root
    else:
        target = Path(output_dir)
        counts = write_offline_set(root, target, request, workers)
    _print(f"{printable(str(target))}: {_told(counts)} in {time.perf_counter() - start:.1f} s")


def _settings(strengths: dict[str, Any]) -> Settings:
    try:
        pairs = {name: tuple(float(value) for value in strengths[name]) for name in _PAIRS}
    except (TypeError, ValueError) as error:
        shown = ", ".join(f"{name}={strengths[name]}" for name in _PAIRS)
        raise CellmarkError(f"{shown}: two numbers each are needed") from error
    return Settings(**{**strengths, **pairs})


def _list(target: Path, plans: Sequence[FolderPlan]) -> None:
    for plan in plans:
        for name in plan.new_names():
            _print(printable(str(target / plan.folder.name / name)))
    count, there = sum(plan.count for plan in plans), sum(plan.there for plan in plans)
    _print(f"{count} images would be written, {there} are there already; nothing was written")


def _told(counts: OfflineCounts) -> str:
    told = f"{counts.variants} images written, {counts.there} were there already"
    if counts.variants:
        told += f"; {counts.left} cells left their picture, {counts.redraws} fields folded and were drawn again;"
    return told


def _print(line: str) -> None:
    Console(soft_wrap=True, highlight=False, markup=False).print(line)
