"""K-means of blocks of weights that share a label."""
