"""The relay and token service of Voicewire as a Django app: see README.md and the protocol."""

from .grants import Grant
from .tickets import IssuedTicket, issue_ticket

__version__ = "0.1.0"

__all__ = ["Grant", "IssuedTicket", "__version__", "issue_ticket"]
