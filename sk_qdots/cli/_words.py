"""What the commands share: exit statuses, numbers, complaints."""

from __future__ import annotations

import argparse
import sys

__all__ = ["BAD_INPUT", "INTERRUPTED", "complain", "number"]

BAD_INPUT = 2
INTERRUPTED = 130


def number(text: str) -> float:
    """A number of the command line."""
    try:
        return float(text)
    except ValueError:
        hint = "; write a decimal point" if "," in text else ""
        raise argparse.ArgumentTypeError(f"{text!r} is not a number{hint}") from None


def complain(message: str) -> None:
    """Say what is wrong, in one line."""
    print(f"sk-qdots: {' '.join(message.split())}", file=sys.stderr)
