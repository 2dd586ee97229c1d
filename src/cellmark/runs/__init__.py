"""Run folders: what a training leaves in them, and how it is read again, finished or not."""
