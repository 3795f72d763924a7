"""The quantisers of one short vector, as traced code inside a mapped trial."""
