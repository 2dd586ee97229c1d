"""A disk that fills up, and a folder that may only be read, while verbs write to them."""

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import lightning as L
import pytest
import torch

from cellmark.cli.journal import unfinished
from cellmark.runs.record import read_run
from tests.integration.commands import run
from tests.integration.test_going_on import VERBS, command, kept, told, write_pictures
from tests.verbs import cellmark, training

BALLAST = "ballast"


def fill(folder: Path, left: int) -> None:
    """Leaves so many bytes on the disk, in whole blocks."""
    with (folder / BALLAST).open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        file.truncate(max(0, file.tell() - left))


class Fill(L.Callback):
    """Fills the disk when the second epoch begins, but for a share of a checkpoint; not again when the run goes on."""

    def __init__(self, folder: str, share: float) -> None:
        self.folder, self.share = Path(folder), share

    def on_train_epoch_start(self, trainer, pl_module):
        filled = self.folder.with_name("filled")
        if trainer.current_epoch == 1 and not filled.exists():
            filled.touch()
            fill(self.folder, int(self.share * (self.folder / "run/checkpoints/last.ckpt").stat().st_size))


@pytest.fixture
def mounted(tmp_path) -> Iterator[Path]:
    """A disk of 32 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("only root can mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    unfinished.clear()


def errors(said: str) -> list[str]:
    return [line for line in said.splitlines() if "error" in line.lower()]


@pytest.mark.slow
@pytest.mark.parametrize(("share", "file"), [(0, ""), (0.8, ".ckpt")])
def test_a_training_ends_with_the_file_and_goes_on_when_there_is_room(share, file, mounted, plain_root, tmp_path):
    """Nothing more can be written at all, or the small files only, and no checkpoint."""
    folder, said = mounted / "run", tmp_path / "said.txt"
    fills = [f"+callbacks.fill={{_target_: {__name__}.Fill, folder: {mounted}, share: {share}}}"]
    other = ("logger.tensorboard=", "callbacks.curves.")  # curves are drawn when a run fails, too
    arguments = [one for one in training(plain_root, folder, *fills) if not one.startswith(other)]
    ended = cellmark(said, *arguments, "callbacks.curves=null")
    assert ended.status == 1 and "Traceback" not in ended.said, ended.said
    (line,) = errors(ended.said)
    assert line.startswith(f"error: train: {folder}/") and line.endswith(f"{file}: No space left on device")
    assert torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["epoch"] == 0
    assert not list(folder.rglob("*.partial"))
    assert read_run(folder).state in ("failed", "stopped")
    (mounted / BALLAST).unlink()
    ended = cellmark(said, "train", "ckpt=last", f"output_dir={folder}")
    assert ended.status == 0, ended.said
    assert read_run(folder).state == "finished" and read_run(folder).epochs == 5


@pytest.mark.parametrize("verb", VERBS)
def test_predicting_and_reading_go_on_when_there_is_room(verb, mounted, tmp_path, capsys):
    write_pictures(tmp_path / "pictures", 25)
    assert run(*command(verb, tmp_path, tmp_path / "whole")) == 1
    folder = mounted / "run"
    fill(mounted, 2 << 20)  # bytes: for some of the pictures
    capsys.readouterr()
    assert run(*command(verb, tmp_path, folder)) == 1
    said = capsys.readouterr().err
    (line,) = errors(said)
    assert line.startswith(f"error: {verb}: {folder}/") and line.endswith(": No space left on device")
    assert "Traceback" not in said and f"the same command with output_dir={folder}" in said
    (mounted / BALLAST).unlink()
    assert kept(folder, verb) > 1
    assert run(*command(verb, tmp_path, folder)) == 1
    assert told(folder) == told(tmp_path / "whole")


@pytest.mark.parametrize("verb", ["train", "crossval", "evaluate", *VERBS, "dataset_synth"])
def test_a_folder_that_may_only_be_read_is_told(verb, mounted, plain_root, tmp_path, capsys):
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    write_pictures(tmp_path / "pictures", 1)
    arguments = command(verb, tmp_path, mounted / "out") if verb in VERBS else [verb, f"output_dir={mounted}/out"]
    if verb in ("train", "crossval", "evaluate"):
        arguments += [f"data.root={plain_root}", *(["ckpt=x"] if verb == "evaluate" else [])]
    assert run(*arguments) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said and len(errors(said)) == 1
    assert str(mounted) in said and ("may only be read" in said or "Read-only file system" in said)


def test_a_file_where_a_folder_is_needed_is_told(tmp_path, capsys):
    write_pictures(tmp_path / "pictures", 1)
    (tmp_path / "file").touch()
    assert run(*command("predict", tmp_path, tmp_path / "file/out")) == 1
    assert f"nothing can be written to {tmp_path}/file: it is no folder" in " ".join(capsys.readouterr().err.split())
