"""Adding with a cluster: Ray Data reads, splits and embeds on its machines; this process alone writes.

Nothing in here is imported unless an owner names a cluster.
"""
