"""Reads the same pictures with zxing-cpp, libdmtx, our network alone, and both together, side by side.

The pictures: a frozen synthetic set that no training may see, clutter without codes (any read there is wrong), larger
generated pictures, for the time that they take, and photographs. Every reader reads a picture before the next picture
comes, always in the same order. A read is right when it is a payload of the picture; anything else that a reader prints
is a wrong read. A code that the picture's edge cuts off counts like any other. libdmtx is told how many codes there
are, ours only with --told; else it looks for more.
"""

import argparse
import hashlib
import os
import platform
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import torch

import cellmark
from cellmark.cli.printing import print_line, print_wide
from cellmark.data.generate.dataset import GENERATOR
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, write_bytes, write_image, write_json
from cellmark.progress import progress_bar
from cellmark.reading.weights import CLASSIFIER, DEFAULT
from cellmark.runs.markdown import markdown_text
from reading_benchmark import sheets, tables
from reading_benchmark.large import large
from reading_benchmark.measuring import Measurement, measure
from reading_benchmark.pictures import MEDIUM, SEED, SEVERITIES, SIZE, Picture, cluttered, photographs, synthetic
from reading_benchmark.readers import NAMES, Subject, make

WHOLE = 2000  # generated pictures of a full run
IMAGES = 20  # of each condition and severity
QUICK_IMAGES, QUICK_CLUTTER, QUICK_PHOTOS = 1, 16, 1  # of each condition and severity; in all; of each source
LARGE_IMAGES = 4  # of 12 megapixels, for each size of code
PHOTOS = Path("../shared/photos")


def main() -> None:
    """Reads the arguments, measures, and writes the results; exit status 130 where it was interrupted."""
    options = _arguments().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was measured is written
    try:
        complete = run(options)
    except CellmarkError as error:
        sys.exit(str(error))
    if not complete:
        sys.exit(130)


def run(options: argparse.Namespace) -> bool:
    """Measures and writes; whether it came to the end."""
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    folder = options.output_dir or Path(time.strftime("outputs/benchmark_reading/%Y-%m-%d_%H-%M-%S"))
    if folder.exists():
        raise CellmarkError(f"{folder}: already there; name another --output-dir")
    names = [name for name in NAMES if _short(name) in options.readers]
    subjects = make(names, options.ckpt, options.device, told=options.told)
    notes = [f"{subject.name}: {subject.missing}" for subject in subjects if subject.missing]
    pictures, skipped = choose(options)
    notes += skipped
    for note in notes:
        print_line(note)
    started = time.perf_counter()
    with progress_bar() as update:
        found = measure(pictures, subjects, lambda done: update("reading", done, len(pictures)))
    if not found.complete:
        notes.append(f"interrupted: {len(found.outcomes)} of {len(pictures)} pictures were read")
        print_line(notes[-1])
    about = _about(options, subjects, found, time.perf_counter() - started)
    write(folder, about, notes, subjects, found)
    for section in tables.sections(found.outcomes):
        print_wide(tables.terminal(section, subjects))
    print_line(f"results.json, results.md and the sheets are in {folder}")
    return found.complete


def choose(options: argparse.Namespace) -> tuple[list[Picture], list[str]]:
    """The pictures, and what is said about those that are left out."""
    images, clutter, most = IMAGES, None, None
    if options.quick:
        images, clutter, most = QUICK_IMAGES, QUICK_CLUTTER, QUICK_PHOTOS
    pictures = synthetic(images if options.images is None else options.images)
    clutter = options.clutter if options.clutter is not None else clutter
    pictures += cluttered(max(0, WHOLE - len(pictures)) if clutter is None else clutter)
    number = options.large if options.large is not None else QUICK_IMAGES if options.quick else LARGE_IMAGES
    pictures += synthetic(min(1, number), size=2 * SIZE, part=MEDIUM) + large(number)
    if not options.photos.is_dir():
        return pictures, [f"photographs are left out: no folder {options.photos}"]
    shown, left_out = photographs(options.photos, most)
    return pictures + shown, left_out


def write(
    folder: Path, about: dict[str, Any], notes: Sequence[str], subjects: Sequence[Subject], found: Measurement
) -> None:
    """Writes the results into a new folder, which appears whole or not at all."""
    sections = tables.sections(found.outcomes)
    wrong = tables.wrong_reads(found.outcomes)
    content = {
        **about,
        "notes": list(notes),
        "tables": [tables.figures(section, subjects) for section in sections],
        "wrong_reads": wrong,
        "pictures": [tables.picture_figures(outcome) for outcome in found.outcomes],
    }
    said = [f"{name}: {value}" for name, value in about.items() if name not in ("command", "readers")]
    lines = ["# Reading, side by side", f"`{about['command']}`", markdown_text("; ".join(said)), *notes]
    lines += [tables.markdown(section, subjects) for section in sections]
    reads = [markdown_text(f"{each['reader']}, {each['picture']}: {each['text']}") for each in wrong]
    lines += ["## Wrong reads", "\n".join(f"* {read}" for read in reads) or "None."]
    with new_folder(folder) as partial:
        write_json(partial / "results.json", content)
        write_bytes(partial / "results.md", ("\n\n".join(lines) + "\n").encode())
        for name, title, chosen in (
            ("only_ours.jpg", "Read by ours, and by no classical reader", sheets.only_ours(found.outcomes)),
            ("missed.jpg", "Not read by ours", sheets.missed(found.outcomes)),
        ):
            if chosen:
                write_image(partial / name, sheets.sheet(chosen, title))


def _about(
    options: argparse.Namespace, subjects: Sequence[Subject], found: Measurement, seconds: float
) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "command": shlex.join(["python", "scripts/benchmark_reading.py", *sys.argv[1:]]),
        "complete": found.complete,
        "seconds": round(seconds, 1),
        "generator": GENERATOR,
        "seed": SEED,
        "size": SIZE,
        "severities": list(SEVERITIES),
        "fingerprint": found.fingerprint.hash.hexdigest(),
        "cellmark": cellmark.__version__,
        "torch": torch.__version__,
        "threads": options.threads,
        "device": options.device,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "weights": hashlib.sha256((options.ckpt or DEFAULT).read_bytes()).hexdigest(),
        "classifier": hashlib.sha256(CLASSIFIER.read_bytes()).hexdigest(),
        "told": options.told,
        "readers": {subject.name: subject.version or subject.missing for subject in subjects},
    }


def _arguments() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="few pictures, to see that everything works")
    arguments.add_argument("--ckpt", type=Path, help="checkpoint of the reader; by default the weights in the package")
    short = [_short(name) for name in NAMES]
    arguments.add_argument("--readers", nargs="+", choices=short, default=short, help="all by default")
    arguments.add_argument("--told", action="store_true", help="tell ours how many codes there are, to stop there")
    arguments.add_argument("--images", type=_count, help=f"of each condition and severity; {IMAGES} by default")
    arguments.add_argument("--clutter", type=_count, help=f"without codes; by default {WHOLE} less the synthetic ones")
    arguments.add_argument(
        "--large",
        type=_count,
        help=f"of 12 megapixels for each size of code; {LARGE_IMAGES} by default; 0: none of 512, too",
    )
    arguments.add_argument("--photos", type=Path, default=PHOTOS, help="folder with index.json; %(default)s by default")
    arguments.add_argument("--threads", type=int, default=2, help="of torch and OpenCV; %(default)s by default")
    arguments.add_argument("--device", default="cpu", help="where the network runs; %(default)s by default")
    arguments.add_argument("--output-dir", type=Path, help="new folder; by default in outputs/benchmark_reading")
    return arguments


def _short(name: str) -> str:
    return name.removeprefix("cellmark ")


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is negative")
    return number


if __name__ == "__main__":
    main()
