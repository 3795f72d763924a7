"""K-means of scalars: descent, certified optimum, Algorithm 1."""
