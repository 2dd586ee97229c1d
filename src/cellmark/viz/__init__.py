"""Pictures: pure functions, arrays in, arrays or figures out."""
