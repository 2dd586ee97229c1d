"""Memory of freed tensors."""

import platform
import subprocess
import sys

import pytest

WORK = """
import resource, torch
from cellmark.allocation import keep_freed_memory
{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    torch.ones(1 << 24).square_()  # 64 MB, as the maps of a batch
for _ in range(5):
    work()
before = faults()
for _ in range(60):
    work()
print(faults() - before)
"""


def page_faults(first: str) -> int:
    done = subprocess.run([sys.executable, "-c", WORK.format(first=first)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no mallopt")
def test_memory_that_was_freed_is_used_again_without_a_page_fault():
    assert 5 * page_faults("assert keep_freed_memory()") < page_faults("")


def test_other_c_libraries_are_left_alone(monkeypatch):
    from cellmark import allocation

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(allocation.ctypes, "CDLL", None)
    assert allocation.keep_freed_memory() is False
