"""Lists and watches objects, and keeps the decoded objects up to date."""
