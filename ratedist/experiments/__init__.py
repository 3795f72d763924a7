"""One file per figure of the papers: a frozen configuration, and ``run`` from it to a table."""
