from .client import PageError, ask
from .server import RunningPage, serve

__all__ = ["PageError", "RunningPage", "ask", "serve"]
