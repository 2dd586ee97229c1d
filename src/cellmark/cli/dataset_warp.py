"""``cellmark dataset_warp``: variants of every picture with their cells, beside the originals or in a new root."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from cellmark.cli import checks
from cellmark.cli.printing import print_line
from cellmark.data.coco import resolve_visibility
from cellmark.data.prepare.warp.plan import FolderPlan, Request, plan_root
from cellmark.data.prepare.warp.steps import Settings
from cellmark.data.prepare.warp.write import WarpCounts, add_variants, write_new_root
from cellmark.errors import CellmarkError
from cellmark.files import refuse_overlap

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
    if isinstance(folders, str):
        raise CellmarkError(f"folders={folders}: a list is needed, as in [{folders}]")
    only = None if folders is None else [str(name) for name in folders]
    visibility = resolve_visibility(data.visibility_to_class, mode.classes)
    request = Request(variants, checks.whole("seed", seed, 0), visibility, _settings(strengths), only)
    root, start, processes = Path(data.root), time.perf_counter(), checks.workers(workers)
    target = root if output_dir is None else Path(output_dir)
    if output_dir is not None:
        refuse_overlap(root, target)
    if checks.flag("dry_run", dry_run):
        _list(target, plan_root(root, request))
        return
    if output_dir is None:
        counts = add_variants(plan_root(root, request), request, processes)
    else:
        counts = write_new_root(root, target, request, processes)
    print_line(f"{target}: {_told(counts)} in {time.perf_counter() - start:.1f} s")


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
            print_line(str(target / plan.folder.name / name))
    count, there = sum(plan.count for plan in plans), sum(plan.there for plan in plans)
    print_line(f"{count} images would be written, {there} are there already; nothing was written")


def _told(counts: WarpCounts) -> str:
    told = f"{counts.variants} images written, {counts.there} were there already"
    if counts.variants:
        told += f"; {counts.left} cells left their picture, {counts.redraws} fields folded and were drawn again;"
    return told
