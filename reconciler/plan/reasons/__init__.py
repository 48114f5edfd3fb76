"""The reason catalogue: what each reason code means, what to do, and how it is known."""
