"""Data: COCO keypoints in folders in, padded batches out."""
