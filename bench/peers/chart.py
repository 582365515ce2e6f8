# SPDX-License-Identifier: Apache-2.0
"""Bars of latency from what runtime.py --json printed, as one SVG for the README.

    .venv/bin/python bench/peers/runtime.py --json > latency.jsonl
    python3 bench/peers/chart.py latency.jsonl --case 1x128 > docs/latency.svg
"""

import argparse
import json
import sys

ENGINES = {
    "nxm": "nxm, 2:4", "nxm dense": "nxm, dense", "deepsparse": "DeepSparse, 2:4", "openvino": "OpenVINO",
    "onnxruntime": "ONNX Runtime", "torch": "PyTorch",
}
LEFT, WIDTH, BAR, GAP, HEAD = 150, 720, 18, 6, 30  # pixels


def bars(rows):
    """(y, kind, text, milliseconds or None) from top to bottom."""
    y = HEAD
    for row in rows:
        yield y, "head", row["precision"], None
        y += HEAD - 4
        for name, shown in ENGINES.items():
            if name in row:
                yield y, "nxm" if name == "nxm" else "other", shown, row[name]
                y += BAR + GAP
        y += 8
    yield y, "end", "", None


def svg(rows, title):
    found = list(bars(rows))
    longest = max(value for *_, value in found if value)
    scale = (WIDTH - LEFT - 70) / longest
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {found[-1][0]}" width="{WIDTH}" role="img" '
        f'font-family="sans-serif" font-size="13"><title>{title}</title>'
    )
    yield (
        "<style>text{fill:#333}.head{font-weight:bold}.nxm{fill:#c2410c}.other{fill:#9aa5b1}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}.nxm{fill:#fb923c}.other{fill:#64748b}}</style>"
    )
    yield f'<text x="4" y="18">{title}</text>'
    for y, kind, text, value in found[:-1]:
        if value is None:
            yield f'<text x="4" y="{y + 16}" class="head">{text}</text>'
            continue
        length = value * scale
        yield f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{text}</text>'
        yield f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" class="{kind}"/>'
        yield f'<text x="{LEFT + length + 6:.1f}" y="{y + 14}">{value:.1f} ms</text>'
    yield "</svg>"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=argparse.FileType())
    parser.add_argument("--case", default="1x128")
    parser.add_argument("--title", default="Latency of one text of 128 tokens, MiniLM-L6, 1 thread: shorter is better")
    args = parser.parse_args()
    rows = [row for row in map(json.loads, args.rows) if row["case"] == args.case]
    if not rows:
        sys.exit(f"{args.rows.name} has no case {args.case}")
    print("\n".join(svg(rows, args.title)))


if __name__ == "__main__":
    main()
