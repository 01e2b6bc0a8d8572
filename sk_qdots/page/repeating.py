"""How an answer is repeated without the page."""

from __future__ import annotations

import shlex

from ..sizing.registry import known_sizers
from .questions import Question

__all__ = ["command_line"]


def command_line(question: Question, name: str) -> str:
    """The command that gives the same answer.

    Parameters
    ----------
    question : Question
    name : str
        Of the file.

    Returns
    -------
    str
        Of a width of lines it says what no option does, in a comment.
    """
    choice = question.choice
    brought = {field: called for field, called, _ in question.brought}
    called = {str(folder): known for known, folder in known_sizers().items()}
    words = ["sk-qdots", "size", f"./{name}" if name.startswith("-") else name]
    options: dict[str, object] = {
        "wavelength": question.wavelength,
        "energy": question.energy,
        "x": question.x,
        "scan": question.scan,
        "columns": question.columns and ",".join(map(str, question.columns)),
        "model": choice.model and called.get(choice.model, choice.model),
        "crystal": choice.crystal,
        "cif": brought.get("cif"),
        "block": choice.block,
        "blank": brought.get("blank"),
        **{
            field: ends and ":".join(f"{end:g}" for end in ends)
            for field, ends in (
                ("diameters", choice.diameters),
                ("dispersions", choice.dispersions),
                ("strains", choice.strains),
                ("stacking", choice.stacking),
            )
        },
        "facet": choice.facet and ",".join(map(str, choice.facet)),
        "instrument": brought.get("instrument", question.instrument),
        "coverage": None if question.coverage == Question().coverage else question.coverage,
    }
    for field, value in options.items():
        if value is not None:
            words.append(f"--{field}={value}")
    switches = {
        "subtracted": question.subtracted,
        "fast": choice.fast,
        "free": choice.free,
        "texture": choice.texture,
    }
    words += [f"--{field}" for field, is_asked in switches.items() if is_asked]
    line = shlex.join(words)
    if question.resolution is None:
        return line
    return f"{line} --instrument=WIDTH.json  # lines of {question.resolution:g} degrees"
