"""The object store, which replaces etcd: objects, revisions and change events."""
