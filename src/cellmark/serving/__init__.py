"""The HTTP service of ``cellmark serve``.

The way of a request: ``app`` (routes) -> ``service`` (admits it, and sees that it ends in time) -> ``limits`` (receives
its body) -> ``batcher`` (waits in line) -> ``engines`` (decodes and computes, in a thread of its own) -> ``answers``.
``metrics`` watches, ``server`` listens, ``page`` is what a browser shows.
"""
