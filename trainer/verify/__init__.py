"""`spider data verify`: every mask, box, word and order of a data set checked again.

All is read as it lies in the files, nothing is taken for granted, and nothing raises: what is not
as it should be becomes a finding that says where it is, what was found and what was expected.
"""

from trainer.verify.findings import Finding
from trainer.verify.run import Verdict, verify_data

__all__ = ["Finding", "Verdict", "verify_data"]
