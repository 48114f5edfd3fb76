"""virt-api's and virt-operator's webhooks and subresources."""
