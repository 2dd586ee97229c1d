"""Tasks: one LightningModule per kind of prediction."""
