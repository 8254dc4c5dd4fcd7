"""Load on the local service: locust users and the service they hit. Only ever run in child processes."""
