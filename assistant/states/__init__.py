"""The states of passages on disk: computed once, kept within a budget, checked when they are read.

It knows files, an index of them and the budget; no engine, no knowledge base, no setting.
"""

from assistant.states.store import FileStates, StateUsage, default_budget

__all__ = ["FileStates", "StateUsage", "default_budget"]
