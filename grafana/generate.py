#!/usr/bin/env python3
"""Writes `dashboards/*.json` from `boards/*.py`, so that five dashboards look and ask alike: `grafana/generate.py`.

The JSON is what Grafana reads, and is kept beside this. `tests/operations` fails when one does not fit the other.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from boards import connections, delivery, messages, overview, runtime  # noqa: E402

BOARDS = (overview, delivery, connections, messages, runtime)


def rendered():
    """File name to text, of every dashboard."""
    boards = [module.board() for module in BOARDS]
    return {f"{board['uid']}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n" for board in boards}


if __name__ == "__main__":
    for name, text in rendered().items():
        (HERE / "dashboards" / name).write_text(text)
