"""What pyrs raises.

Everything pyrs itself raises derives from PyrsError; its text is a whole message for a
person: what was wrong, what was found, what to do.
"""

__all__ = ["PyrsError"]


class PyrsError(Exception):
    """Something that stops pyrs, told so that a person can mend it."""
