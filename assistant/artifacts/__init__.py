"""Model files: what exists, where it comes from, and whether the bytes on this machine are the right ones.

Knows nothing of what a model computes: engines are handed a verified path. Nothing here is ever executed or unpickled.
"""
