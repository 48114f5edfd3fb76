"""KubeVirt as its clients see it: webhooks, operator, controllers, hypervisor and guests."""
