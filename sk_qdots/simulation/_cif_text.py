"""The text of a CIF as data blocks, read leniently: what is not about the crystal may be odd.

A CIF is words: tags, values, ``loop_`` and ``data_``. Files of databases and programs break the
rules in ways that leave no doubt about the crystal (a doubled tag, a quote that is not closed, a
loop of something else that is cut short). The doubtful ones are left to the readers of the tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Block", "Loop", "number_and_deviation", "read_blocks"]

_MOST_BYTES = 32 * 2**20
_MOST_WORDS = 1_000_000
_MOST_SHARING = 200  # blocks that have what stands under global_
_LARGEST = 1e15  # number that means something
_LONGEST_OPERATION = 100  # characters
_LONGEST_NAME = 75  # characters of a block's name, which CIF 1.1 allows
_KEPT = (
    *("_atom_", "_cell_", "_space_group_", "_symmetry_", "_chemical_", "_exptl_", "_publ_author"),
    *("_journal_", "_citation_", "_geom_type", "_modulation"),
)
_WORD = re.compile(r"\s*(?:\#[^\n]*\s*)*(\S+)")
_CLOSING = {mark: re.compile(rf"{mark}(?=\s|\Z)") for mark in "'\""}
_OPENING = {mark: mark for mark in "'\""} | {
    "\u2018": "\u2019",
    "\u201c": "\u201d",
    "\u2019": "\u2019",
}
_CURLY = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00b4": "'", "\u2212": "-"}
)
_BLANKS = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " ", "\0": " ", "\ufeff": " "})
_NUMBER = re.compile(
    r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d{1,3})?)\s*(?:\(\s*(\d{1,15})\s*\))?\s*\Z",
    re.ASCII,
)
_RATIO = re.compile(r"\s*([+-]?\d{1,6})\s*/\s*(\d{1,6})\s*\Z", re.ASCII)


@dataclass
class Loop:
    """Columns of values; a missing one ('?' or '.') is None.

    Parameters
    ----------
    columns : dict of str to list of str or None
        By tag; of a tag that comes twice, the first.
    broken : bool, default=False
        Whether the last row is not complete; it is left out.
    """

    columns: dict[str, list[str | None]]
    broken: bool = False

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


@dataclass
class Block:
    """A data block. Tags are in lower case, and their dots are underscores.

    Parameters
    ----------
    name : str
    pairs : dict of str to list of str or None
        Values of the tags outside of loops: all of a tag that is there several times.
    loops : list of Loop
    """

    name: str
    pairs: dict[str, list[str | None]] = field(default_factory=dict)
    loops: list[Loop] = field(default_factory=list)

    def values(self, *tags: str) -> list[str]:
        """All values of some tags that are there, in loops or not."""
        found: list[str] = []
        for tag in tags:
            columns = [self.pairs.get(tag, []), *(o.columns.get(tag, []) for o in self.loops)]
            found += [v for column in columns for v in column if v is not None and v.strip()]
        return found

    def value(self, *tags: str) -> str:
        """The first value of the first tag that has one; an empty text where there is none."""
        return next(iter(self.values(*tags)), "")

    def has(self, *tags: str) -> bool:
        """Whether any of some tags is there, with or without a value."""
        return any(t in self.pairs or any(t in o.columns for o in self.loops) for t in tags)

    def loops_with(self, *tags: str) -> list[Loop]:
        """Loops that have any of some tags; values outside of loops are a loop of one row."""
        found = [o for o in self.loops if any(t in o.columns for t in tags)]
        if any(t in self.pairs for t in tags):
            found.append(Loop({t: v[:1] for t, v in self.pairs.items()}))
        return found


def read_blocks(path: Path) -> list[Block]:
    """Data blocks of a file, those of one name numbered.

    Raises
    ------
    ValueError
        If it is no text, holds no tag, or is too long; the message begins with its name.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such CIF file")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(
                f"{path}: larger than {_MOST_BYTES >> 20} MB; take the structure out of it"
            )
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    blocks: dict[str, Block] = {}
    again: dict[str, int] = {}  # by name, how often
    try:
        for block in _blocks(text):
            name = block.name
            while block.name in blocks:
                again[name] = again.get(name, 1) + 1
                block.name = f"{name}#{again[name]}"
            blocks[block.name] = block
    except _TooManyWordsError:
        raise ValueError(
            f"{path}: more than {_MOST_WORDS} values; take the structure out of it"
        ) from None
    if not any(b.pairs or b.loops for b in blocks.values()):
        raise ValueError(f"{path}: not readable as a CIF: it has no data (_tag value)")
    return list(blocks.values())


def number_and_deviation(text: str) -> tuple[float, float] | None:
    """A number with its standard deviation in parentheses (0 without one); None for no number.

    Numbers of 1e15 or more are none.
    """
    match = _NUMBER.match(text)
    if match is None:
        ratio = _RATIO.match(text)
        if ratio is None or not int(ratio[2]):
            return None
        return int(ratio[1]) / int(ratio[2]), 0.0
    digits = re.sub("[dD]", "e", match[1])
    mantissa, _, exponent = digits.lower().partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    if not abs(float(digits)) < _LARGEST:
        return None
    deviation = int(match[2]) * 10.0**-decimals if match[2] and abs(decimals) < 30 else 0.0
    return float(digits), deviation


def _decoded(data: bytes) -> str:
    """Text of a file: UTF-8, UTF-16, or Latin-1, which older CIFs have in names of authors."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", errors="replace")
    elif len(data) > 8 and data[1:200:2].count(0) > 0.8 * len(data[1:200:2]):
        text = data.decode("utf-16-le", errors="replace")
    elif len(data) > 8 and data[0:200:2].count(0) > 0.8 * len(data[0:200:2]):
        text = data.decode("utf-16-be", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_BLANKS)


class _TooManyWordsError(Exception):
    pass


def _words(text: str) -> Iterator[tuple[str, bool, int]]:
    """Words of a text, whether each was quoted, and the number of its line."""
    place, end, line, counted = 0, len(text), 0, 0
    unclosed: dict[str, int] = {}  # up to where a quote is known not to close
    for _ in range(_MOST_WORDS):
        found = _WORD.match(text, place)
        if found is None:
            return
        start, place = found.start(1), found.end()
        line, counted = line + text.count("\n", counted, start), start
        opening = text[start]
        if opening == ";" and (start == 0 or text[start - 1] == "\n"):
            close = text.find("\n;", start)
            close = end if close < 0 else close
            yield text[start + 1 : close], True, line
            place = min(close + 2, end)
            continue
        closed = _closed(text, start, opening, unclosed) if opening in _OPENING else None
        if closed is None:
            yield found[1].translate(_CURLY), False, line
        else:
            yield text[closed[0] : closed[1]], True, line
            place = closed[2]
    raise _TooManyWordsError


def _closed(
    text: str, start: int, opening: str, unclosed: dict[str, int]
) -> tuple[int, int, int] | None:
    """Where a quoted word begins and ends, and what is behind it; None for no quote."""
    triple = 3 * opening
    if opening in _CLOSING and text.startswith(triple, start) and start >= unclosed.get(triple, 0):
        close = text.find(triple, start + 3)
        if close >= 0:
            return start + 3, close, close + 3
        unclosed[triple] = len(text)
    if start < unclosed.get(opening, 0):
        return None
    newline = text.find("\n", start)
    newline = len(text) if newline < 0 else newline
    if opening in _CLOSING:
        match = _CLOSING[opening].search(text, start + 1, newline)
        close = match.start() if match is not None else -1
    else:  # of a word processor
        close = text.find(_OPENING[opening], start + 1, newline)
    if close < 0:
        unclosed[opening] = newline
        return None
    return start + 1, close, close + 1


def _blocks(text: str) -> Iterator[Block]:
    """Data blocks in order; what stands under ``global_`` is added to those that follow."""
    reader = _Reader()
    for word, quoted, line in _words(text):
        reader.take(word, quoted, line)
    yield from reader.finished()


class _Reader:
    """Where the words of a CIF go."""

    def __init__(self) -> None:
        self._blocks = [Block("")]
        self._global: Block | None = None
        self._tags: list[str] | None = None  # of a loop
        self._values: list[str | None] = []
        self._lines: list[int] = []
        self._tag: str | None = None  # that waits for its value
        self._in_frame = False

    def take(self, word: str, quoted: bool, line: int) -> None:
        lower = "" if quoted else word.lower()
        if lower.startswith("data_"):
            self._close()
            self._in_frame = False
            self._blocks.append(Block(word[5:][:_LONGEST_NAME]))
        elif lower == "global_":
            self._close()
            self._global = Block("global_")
            self._blocks.append(self._global)
        elif lower.startswith("save_"):
            self._close()
            self._in_frame = lower != "save_"
        elif lower == "loop_":
            self._close()
            self._tags = []
        elif lower.startswith("_") and len(lower) > 1:
            tag = lower.replace(".", "_")
            if self._tags is not None and not self._values:
                self._tags.append(tag)
            else:
                self._close()
                self._tag = tag
        else:
            self._take_value(
                " ".join(word.split()) if quoted or word not in ("?", ".") else None, line
            )

    def _take_value(self, value: str | None, line: int) -> None:
        if self._tags:
            if any(t.startswith(_KEPT) for t in self._tags):
                self._values.append(value)
                self._lines.append(line)
            elif not self._values:
                self._values.append(None)  # only that there are some
        elif self._tag is not None:
            self._keep_pair(self._tag, value)
            self._tag = None

    def _keep_pair(self, tag: str, value: str | None) -> None:
        if not self._in_frame and tag.startswith(_KEPT):
            self._blocks[-1].pairs.setdefault(tag, []).append(value)
        elif not self._in_frame:
            self._blocks[-1].pairs.setdefault(tag, [])

    def _close(self) -> None:
        if self._tag is not None:
            self._keep_pair(self._tag, None)
        tags, values, lines = self._tags, self._values, self._lines
        self._tag, self._tags, self._values, self._lines = None, None, [], []
        if not tags or self._in_frame or not any(t.startswith(_KEPT) for t in tags):
            return
        if any(t.endswith(("_pos_as_xyz", "_operation_xyz")) for t in tags):
            values = _joined_operations(values, lines)
        rest = len(values) % len(tags)
        broken = rest > 0
        if rest and _is_remark(values[-rest:], lines, len(values) - rest):
            broken = False
        values = values[: len(values) - rest]
        columns: dict[str, list[str | None]] = {}
        for k, tag in enumerate(tags):
            columns.setdefault(tag, values[k :: len(tags)])
        self._blocks[-1].loops.append(Loop(columns, broken))

    def finished(self) -> list[Block]:
        self._close()
        shared = self._global
        for block in self._blocks[:_MOST_SHARING] if shared is not None else []:
            if shared is not None and block is not shared:
                block.pairs = shared.pairs | block.pairs
                block.loops += shared.loops
        return [b for b in self._blocks if b.name != "" or b.pairs or b.loops]


def _is_remark(rest: Sequence[str | None], lines: Sequence[int], start: int) -> bool:
    """Whether what is left over at the end of a loop is words on lines of their own."""
    own = start == 0 or (start < len(lines) and lines[start] != lines[start - 1])
    return own and not any(v is not None and number_and_deviation(v) for v in rest)


def _joined_operations(values: Sequence[str | None], lines: Sequence[int]) -> list[str | None]:
    """Operations that were written with blanks and without quotes, such as ``x, y, z``."""
    joined: list[str | None] = []
    before = -1
    for value, line in zip(values, lines, strict=True):
        last = joined[-1] if joined and line == before else None
        if value and last and _goes_on(last, value):
            joined[-1] = last + value
        else:
            joined.append(value)
        before = line
    return joined


def _goes_on(operation: str, value: str) -> bool:
    """Whether a word of the same line is more of an operation."""
    if len(operation) > _LONGEST_OPERATION or not re.search("[xyzXYZ]", operation):
        return False
    return operation[-1] in ",+-*/" or value[0] in ",+-*/"
