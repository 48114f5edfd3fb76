"""Lists and watches Kubernetes objects, and keeps the decoded objects up to date."""
