"""Runs blocks of Python in one process: reads a list of them as JSON, and prints what is wrong as JSON."""

import json
import sys
import traceback
from importlib import import_module
from pathlib import Path


def run(block: dict[str, str]) -> dict[str, object] | None:
    """Imports a block that is a file of a project, and executes any other. Answers with what went wrong, and where."""
    path = Path(block["path"])
    try:
        if block["module"]:
            import_module(block["module"])
        else:
            exec(compile(path.read_text(), path, "exec"), {"__name__": "block"})
    except SyntaxError as error:
        return {"name": block["name"], "line": error.lineno or 0, "message": str(error.msg)}
    except BaseException as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
        return {"name": block["name"], "line": lines[-1] if lines else 0, "message": f"{type(error).__name__}: {error}"}
    return None


sys.path.insert(0, sys.argv[1])
problems = [problem for block in json.load(sys.stdin) if (problem := run(block))]
json.dump(problems, sys.stdout)
