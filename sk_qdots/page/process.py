"""A process that sizes for the server: pickled tasks come in by standard input, replies go out."""

from __future__ import annotations

import json
import os
import pickle
import sys
import tempfile
import warnings

from .errors import error_body
from .work import JSON, Reply, reply_to

__all__ = ["main"]


def main(folder: str) -> None:
    """Do what comes, until the server closes the pipe.

    Parameters
    ----------
    folder : str
        Where files may be kept.
    """
    tasks, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no reply
    tempfile.tempdir = folder
    os.environ.setdefault("MPLBACKEND", "Agg")
    warnings.simplefilter("ignore")
    from threadpoolctl import threadpool_limits

    with tasks, replies, threadpool_limits(1):
        while True:
            try:
                task = pickle.load(tasks)
            except EOFError:
                return
            try:
                reply = reply_to(task)
            except Exception as error:  # told where the server runs, and not to who asks
                print(f"sk-qdots page: {type(error).__name__}: {error}", file=sys.stderr)
                told = error_body("failed", "this failed, and should not have")
                reply = Reply(500, JSON, json.dumps(told).encode("utf-8"))
            try:
                pickle.dump(reply, replies)
                replies.flush()
            except OSError:  # the server is gone
                return


if __name__ == "__main__":
    main(sys.argv[1])
