"""HTTP servers for status pages, API and metrics, and for webhook requests from Git hosts."""
