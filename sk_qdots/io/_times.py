"""When a pattern was measured, as files say it."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["moment"]

_FORMATS = (  # Rigaku's, with the month first
    "%m/%d/%y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
)
_YEARS = (1950, 2200)  # others are placeholders


def moment(text: str | None) -> str:
    """A moment as ISO 8601, in UTC where an offset is stated; empty where a text is none.

    Parameters
    ----------
    text : str or None
        As the file has it.

    Returns
    -------
    str
    """
    stripped = (text or "").strip().strip("\"'")[:40]
    try:
        found = datetime.fromisoformat(stripped)
    except ValueError:
        for form in _FORMATS:
            try:
                found = datetime.strptime(stripped, form)
                break
            except ValueError:
                continue
        else:
            return ""
    if not _YEARS[0] <= found.year < _YEARS[1]:
        return ""
    if found.tzinfo is not None:
        found = found.astimezone(UTC).replace(tzinfo=None)
    return found.isoformat()
