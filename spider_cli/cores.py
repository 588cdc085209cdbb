"""A processor's cores, dealt to threads that compute at the same time."""

import threading

__all__ = ["Cores"]


class Cores:
    """What torch may use, shared by threads that compute for different photos: if each used all of
    it, they would wait for each other at every step. From when it is made, its own thread keeps to
    its share, too.

    Args:
        threads: that compute beside the one that makes this.
    """

    _lock = threading.Lock()
    _there = 0
    _all = 0
    """What torch may use when nobody shares it; known while `_there` of these do."""

    def __init__(self, threads: int) -> None:
        import torch

        with Cores._lock:
            if not Cores._there:
                Cores._all = torch.get_num_threads()
            Cores._there += 1
            self._share = max(1, Cores._all // (threads + 1))
        self._known = threading.local()
        self.take()

    def take(self) -> None:
        """On each of the threads, before it computes."""
        if not hasattr(self._known, "taken"):
            import torch

            torch.set_num_threads(self._share)
            self._known.taken = True

    def give_back(self) -> None:
        """On the thread that made this: it has all again once nobody shares, as those that begin
        later have."""
        import torch

        with Cores._lock:
            Cores._there -= 1
            if not Cores._there:
                torch.set_num_threads(Cores._all)
