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

    def __init__(self, threads: int) -> None:
        import torch

        self._all = torch.get_num_threads()
        self._share = max(1, self._all // (threads + 1))
        self._known = threading.local()
        self.take()

    def take(self) -> None:
        """On each of the threads, before it computes."""
        if not hasattr(self._known, "taken"):
            import torch

            torch.set_num_threads(self._share)
            self._known.taken = True

    def give_back(self) -> None:
        """On the thread that made this: it has all again, as those that begin later have."""
        import torch

        torch.set_num_threads(self._all)
