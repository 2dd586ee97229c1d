"""The script that measures the report's keypoints beside ours, and its page."""

import cv2
import numpy as np
import pytest

import warps
import warps_page
from cellmark.data.warps.random_fields import Crumpling


@pytest.mark.parametrize(("intensity", "limit"), [(0.3, 0.05), (1.0, 0.1), (2.0, 0.15)])
def test_ours_lie_where_the_blobs_are_and_the_reports_as_far_on_the_other_side(intensity, limit):
    errors = warps.measure(intensity, [0], count=6)
    assert errors.fields == 1 and len(errors.ours) == len(errors.report) == len(errors.motion) == 36
    assert errors.motion.max() > 4 * intensity
    assert errors.ours.max() < limit
    assert errors.report.mean() == pytest.approx(2 * errors.motion.mean(), rel=0.03)


def test_centroids_do_not_depend_on_where_one_looks():
    points = np.array([[40.3, 50.8], [90.5, 41.0]])
    found = warps.centroids(warps.blobs(points, (140, 100)), points + np.array([[1.4, -0.9], [0.0, 2.0]]))
    np.testing.assert_allclose(found, points, atol=0.02)


def test_the_page_tells_what_was_measured(tmp_path):
    found = [warps.measure(intensity, [1, 2], count=2) for intensity in (0.3, 2.0)]
    warps_page.write_page(tmp_path, found, "python scripts/warps.py --fields 2")
    page = (tmp_path / "warps.md").read_text()
    for errors in found:
        figures = [f"{v.mean():.2f} / {v.max():.2f}" for v in (errors.motion, errors.report)]
        apart = errors.ours[errors.wrinkle > 8]
        figures += [f"{v.mean():.3f} / {v.max():.3f}" for v in (errors.ours, apart)]
        row = [f"{errors.intensity:g}", *figures]
        assert f"| {' | '.join(row)} | {errors.redraws} of {2 + errors.redraws} |" in page
    assert "by `python scripts/warps.py --fields 2`" in page and "2 random fields" in page
    for name in ("keypoints.jpg", "kinds.jpg"):
        content = (tmp_path / "warps" / name).read_bytes()
        assert f"(warps/{name})" in page and len(content) < 300_000
        assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) is not None
    again = tmp_path / "again"
    warps_page.write_page(again, found, "python scripts/warps.py --fields 2")
    for path in sorted(again.rglob("*.*")):
        assert path.read_bytes() == (tmp_path / path.relative_to(again)).read_bytes()


def test_folded_fields_are_counted(monkeypatch):
    draw, folded = Crumpling.draw, [True, False, True, True, False]

    def sometimes_folded(rng, size, intensity=0.3, count=3):
        return draw(rng, size, 60.0 if folded.pop(0) else intensity, count)

    monkeypatch.setattr(Crumpling, "draw", sometimes_folded)
    assert warps.measure(0.3, [0, 1], count=2).redraws == 3
