"""The object store, which stands in place of etcd: objects, revisions and change events."""
