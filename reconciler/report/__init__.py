"""Values to text: every format in which a plan, a run or a status is shown; no I/O, no clock."""
