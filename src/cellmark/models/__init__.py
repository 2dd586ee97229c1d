"""Networks: backbone, decoder and heads."""
