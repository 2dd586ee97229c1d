"""Jobs in other processes: of this machine for real, and of a Slurm that a few lines of shell play."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from cellmark.runs.record import find_runs, read_run
from hydra_plugins.cellmark_launchers import gpus_of
from tests.cli.test_main import composed
from tests.integration.commands import CHECKOUT, PAUSE, QUICK, run, start, wait_for

TWO = [*QUICK, "trainer.max_epochs=2", PAUSE, "data.root=root"]


@pytest.fixture(scope="module")
def place(tmp_path_factory, plain_root):
    """A folder with data in it."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(plain_root, folder / "root")
    (folder / "two.yaml").write_text(
        "folds:\n"
        "  fold0: {val_folder: fold0, train_folders: [fold1]}\n"
        "  fold1: {val_folder: fold1, train_folders: [fold2]}\n"
    )
    return folder


@pytest.fixture(autouse=True)
def surroundings(place, tmp_path, monkeypatch):
    """A relative path is meant from the place; jobs find the callback of these tests."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    monkeypatch.setenv("MARKS", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def states_of(folder):
    return {path.name: read_run(path).state for path in find_runs([folder])}


def alive(process: int) -> bool:
    """Whether it is there, and not only left to be waited for."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_jobs_of_a_sweep_at_the_same_time_one_fails_and_one_is_killed(place, tmp_path, monkeypatch, capfd):
    """All three wait for one another; what they say is kept."""
    monkeypatch.setenv("MEET_IN", "fold0,fold1,fold2")
    monkeypatch.setenv("FAIL_IN", "fold1")
    monkeypatch.setenv("DIE_IN", "fold2")
    monkeypatch.setattr("submitit.core.core.Job._results_timeout_s", 1)  # its wait for the answer of a dead job: 15 s
    command = ["train", "-m", "launcher=local", *TWO, "data.val_folder=fold0,fold1,fold2", "output_dir=sweep"]
    assert run(*command) == 1
    told = capfd.readouterr()
    assert states_of(place / "sweep") == {"0": "finished", "1": "failed", "2": "stopped"}
    assert read_run(place / "sweep/1").error == "RuntimeError: the disk is full"
    assert "2 of 3 jobs of sweep failed: 1, 2" in told.err
    assert "job 2 ended without an answer; what it said: " in told.out
    logs = "".join(path.read_text() for path in (place / "sweep/.submitit").glob("*/*_log.*"))
    assert "best weights of" in logs and "the disk is full" in logs
    assert len({(tmp_path / name).read_text() for name in ("fold0", "fold1", "fold2")} | {str(os.getpid())}) == 4


@pytest.mark.slow
def test_folds_of_a_crossval_one_process_at_a_time(place, capfd):
    settings = [*QUICK, "data.root=root", "folds=two.yaml", "output_dir=cv", "hydra.sweeper.max_batch_size=1"]
    assert run("crossval", "launcher=local", *settings) == 0
    assert states_of(place / "cv") == {"fold0": "finished", "fold1": "finished"}
    one, other = (place / "cv/folds" / name for name in ("fold0", "fold1"))
    assert (one / "summary.json").stat().st_mtime < (other / "config.yaml").stat().st_mtime
    finished = (other / "summary.json").stat().st_mtime_ns
    capfd.readouterr()
    assert run("crossval", *settings) == 0  # the same cross-validation, without a launcher
    assert (other / "summary.json").stat().st_mtime_ns == finished
    assert "finished before: fold0, fold1" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_jobs_end_with_the_command(place, tmp_path, end):
    """Ctrl-C in a terminal, which all processes hear; SIGKILL, which only the first one does."""
    folder = place / end.name
    command = ["crossval", "launcher=local", *TWO, "folds=two.yaml", f"output_dir={folder}"]
    process = start(*command, folder=place, PAUSE_IN="fold0,fold1")
    marks = [tmp_path / name for name in ("fold0", "fold1")]
    wait_for(lambda: all(mark.exists() and mark.read_text() for mark in marks), process)
    workers = [int(mark.read_text()) for mark in marks]
    assert all(map(alive, workers))
    (os.killpg if end == signal.SIGINT else os.kill)(process.pid, end)
    said = process.communicate(timeout=60)[1]  # ends when the last of its processes has
    assert process.returncode == (-end if end == signal.SIGKILL else 128 + end), said
    assert "Traceback" not in said and (end == signal.SIGKILL or "the same command goes on" in said)
    wait_for(lambda: not any(map(alive, workers)))
    assert states_of(folder) == {"fold0": "stopped", "fold1": "stopped"}
    for name in ("fold0", "fold1"):
        assert (folder / "folds" / name / "checkpoints/last.ckpt").is_file()


SBATCH = """#!/bin/bash
cp "$1" "{folder}/script.sh"
for task in 0 1; do
    export SLURM_JOB_ID=700$task SLURM_ARRAY_JOB_ID=7000 SLURM_ARRAY_TASK_ID=$task SLURM_NTASKS=1 SLURM_NODEID=0
    export SLURM_JOB_NUM_NODES=1 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_JOB_NODELIST=node
    bash "$1" > /dev/null 2>&1 &
done
echo "Submitted batch job 7000"
"""
SRUN = """#!/bin/bash
while [ "$1" != "{python}" ]; do
    case "$1" in --output|--error) shift 2;; *) shift;; esac
done
exec "$@" > "{folder}/said_$SLURM_ARRAY_TASK_ID" 2>&1
"""
SACCT = "#!/bin/bash\necho 'JobID|State|NodeList'\nfor task in 0 1; do echo \"7000_$task|RUNNING|node\"; done\n"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The folder of commands that look like Slurm's, and run the jobs at once."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT)):
        (folder / name).write_text(text.replace("{folder}", str(folder)).replace("{python}", sys.executable))
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.mark.slow
def test_jobs_of_slurm(place, slurm, monkeypatch, capfd):
    monkeypatch.setenv("FAIL_IN", "fold1")
    keys = ["hydra.launcher.partition=gpu", "hydra.launcher.timeout_min=90", "hydra.launcher.account=cells"]
    keys += ["+hydra.launcher.additional_parameters={mail-type:END}", "output_dir=slurmed"]
    assert run("train", "-m", "launcher=slurm", *TWO, "data.val_folder=fold0,fold1", *keys) == 1
    assert states_of(place / "slurmed") == {"0": "finished", "1": "failed"}
    assert "1 of 2 jobs of slurmed failed: 1" in capfd.readouterr().err
    script = (slurm / "script.sh").read_text()
    lines = {line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")}
    assert {
        "array=0-1%2", "job-name=cellmark", "partition=gpu", "time=90", "account=cells", "mail-type=END",
        "cpus-per-task=4", "gpus-per-node=1", "ntasks-per-node=1", "nodes=1", "mem=16GB",
    } <= lines  # fmt: skip
    assert f"output={place}/slurmed/.submitit/" in script and "submitit.core._submit" in script
    assert "best weights of" in (slurm / "said_0").read_text()


def test_without_slurm_it_says_so(place, capfd):
    command = ["train", "-m", "launcher=slurm", *TWO, "data.val_folder=fold0,fold1", "output_dir=none"]
    assert run(*command) == 1
    assert capfd.readouterr().err == "error: train: launcher=slurm: there is no Slurm on this machine (no srun)\n"
    assert not (place / "none").exists()


@pytest.mark.parametrize("launcher", ["local", "slurm"])
def test_a_launcher_without_a_sweep_is_refused(place, launcher, capfd):
    assert run("train", f"launcher={launcher}", *TWO, "data.val_folder=0", "output_dir=one") == 1
    assert f"launcher={launcher} starts the jobs of a sweep: add -m" in capfd.readouterr().err
    assert not (place / "one").exists()
    assert composed("crossval", f"launcher={launcher}", "data.root=x").data.root == "x"


@pytest.mark.parametrize(
    ("job", "count", "visible", "own"),
    [
        (0, 1, [], []),
        (0, 1, ["0", "1"], ["0"]),
        (1, 1, ["0", "1"], ["1"]),
        (2, 1, ["0", "1"], ["0"]),
        (1, 2, ["0", "1", "2", "3"], ["2", "3"]),
        (1, 2, ["4", "5", "6"], ["6", "4"]),
        (0, 3, ["0"], ["0"]),
    ],
)
def test_jobs_take_turns_at_the_gpus(job, count, visible, own):
    assert gpus_of(job, count, visible) == own
