"""Real weights: quantised tensors and trees of them, budgets of bits, model files."""
