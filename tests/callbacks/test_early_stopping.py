from tests.callbacks.short import short


def test_early_stopping_ends_a_run_that_gets_no_better(plain_root, tmp_path):
    """No change is large enough to count: the first epoch sets the mark, two more use up the patience."""
    settings = [
        "callbacks=early_stopping",
        "callbacks.early_stopping.patience=2",
        "callbacks.early_stopping.min_delta=9",
    ]
    left_out = [f"callbacks.{name}=null" for name in ("pictures", "energy", "curves")]
    done = short(plain_root, tmp_path / "a", *settings, *left_out, "trainer.max_epochs=9")
    assert done.trainer.current_epoch == 3
    assert (tmp_path / "a/checkpoints/best.ckpt").is_file()
    assert not (tmp_path / "a/predictions").exists() and not (tmp_path / "a/energy.json").exists()
