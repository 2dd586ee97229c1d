"""What changes data on disk, without changing what is there: ``convert``, ``group``, ``warp``, a verb each."""
