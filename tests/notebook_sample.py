"""A small lesson without fault, to be spoiled by tests."""

import sys

# What reads notebooks would build a grammar of web addresses, in more than a second. None has need of it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

LESSON = """
# Why is this here?

**Goals**: to be seen to fail.

**Before you run the next cell**: what is the mean?

It is 2.50 ± 0.25<!-- =estimate -->, of 4<!-- ==len(values) --> values (eq. 3, Figure 2 and `x = 5`).

**Exercise 1 ★.** Why?

<details><summary>Solution</summary>

So.

</details>

**Exercise 2 ★★.** And now?

<details><summary>Solution</summary>

```python
twice = 2 * estimate[0]
```

It is 5.0<!-- =twice -->.

</details>

**Exercise 3 ★★★.** And of the largest risk at K = one?

<details><summary>Solution</summary>

It is 0.049<!-- from figures/two-clusters.csv: 0.049 * len(table) / len(table) -->.

</details>

## Check yourself
"""
CODE = (
    "import os\nvalues = [1, 2, 3, 4]\nestimate = 2.5, 0.25 if 'RATEDIST_TRIALS' not in os.environ else 1.0"
)
CHECK = 'assert values, "there are no values"'


def lesson(text: str = LESSON, code: str = CODE, check: str = CHECK):
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    return new_notebook(cells=[new_code_cell(code), new_markdown_cell(text), new_code_cell(check)])
