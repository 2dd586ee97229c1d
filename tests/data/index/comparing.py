"""What reading found, in a form that can be compared."""

import time

from cellmark.data.coco import read_folder
from tests.data.broken import VISIBILITY


def everything(path, visibility=VISIBILITY, **options):
    """All that reading found, in a form that can be compared."""
    folder, problems = read_folder(path, visibility, **options)
    images = [
        (
            (record.id, record.path, record.width, record.height),
            [(c.id, c.rows, c.cols, c.text, c.keypoints.dtype, c.keypoints.tolist()) for c in record.codes],
        )
        for record in folder.images
    ]
    return folder.name, folder.path, images, folder.left_out, problems


def later():
    """The file system's clock goes in steps of some milliseconds."""
    time.sleep(0.02)


def ids(found):
    return [image[0][0] for image in found[2]]
