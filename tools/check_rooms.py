#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that a machine can see: rooms use only rooms they link, headers are guarded, files are small, and so on.

    python3 tools/check_rooms.py [ROOT]      prints one line a breach and exits 1, or says that there is none

What a room may use is read from CMakeLists.txt (`nxm_library(room links…)`); docs/architecture.md must tell the same.
"""
import re
import statistics
import sys
from pathlib import Path

CODE = {".h", ".cc", ".py", ".cmake"}
TEXT = CODE | {".txt", ".md", ".toml", ".json", ""}
FOLDERS = ("src", "tests", "bench", "fuzz", "cmake", "tools", "docs", "examples", "recipes", ".ci")
LARGEST_FILE, LARGEST_P90, LARGEST_MEDIAN = 600, 300, 100  # lines
MOST_MACROS = 9
HOME_PATH = re.compile(r"(?<![\w.$}/])/(?:work|root|home)/\w")
# rule -> (what breaks it, where it does not hold)
BANNED = {
    # What the compiler itself defines (__x86_64__) may be asked for: it is the machine, not a feature.
    "conditional compilation; use another source file": (r"^\s*#\s*(if|ifdef|ifndef|elif)\b(?!.*\b(__\w+__|__cplusplus)\b)",
                                                         r"/kernels/|/train/torch\.h$"),
    "getenv outside core/env": (r"\b(secure_)?getenv\s*\(", r"/core/env\.cc$"),
    "printing in a library": (r"std::(cout|cerr|clog)\b|\b(std::)?f?printf\s*\(|\bfmt::print\b", r"/cli/|/report/progress\.cc$"),
    # After fork there is no other way out of a child whose program cannot be started.
    "exit or abort in a library": (r"\b(std::)?(_exit|exit|abort|quick_exit|terminate)\s*\(", r"/cli/|/sweep/child\.cc$"),
    "LibTorch outside train": (r"#include <(torch|ATen|c10)/", r"/train/torch\.h$"),
    "SIMD outside kernels": (r"#include <(\w*mmintrin|immintrin|arm_neon)\.h>", r"/kernels/"),
}


def files(root):
    """Every text file of the project's own, as paths relative to root."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and path.suffix in TEXT and not re.match(r"tests/data/|fuzz/corpus/|.*__pycache__/", name):
                yield name
    yield from sorted(p.name for p in root.iterdir() if p.is_file() and p.suffix in TEXT and p.name not in ("LICENSE", ".git"))


def links(root):
    """room -> rooms it links, in CMake's words."""
    cmake = (root / "CMakeLists.txt").read_text()
    found = {}
    for room, rest in re.findall(r"^\s*nxm_library\((\w+)([^)]*)\)", cmake, re.M):
        found[room] = set(re.findall(r"nxm::(\w+)", rest))
    return found


def documented_links(root):
    """The same from the first table of docs/architecture.md: | room | holds | may use |."""
    text = (root / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", text, re.M)
    return {room: set(re.findall(r"`(\w+)`", uses)) for room, uses in rows}


def check_links(root, allowed):
    for room, uses in allowed.items():
        told = documented_links(root).get(room)
        if told is not None:
            told &= allowed.keys()
        if told != uses:
            yield f"docs/architecture.md: room {room} may use {sorted(uses)} in CMakeLists.txt, but the table says {told and sorted(told)}"
    order = list(allowed)
    for room, uses in allowed.items():
        for other in uses:
            if other not in order or order.index(other) >= order.index(room):
                yield f"CMakeLists.txt: room {room} links {other}, which is not a room below it"


def check_source(name, text, allowed):
    """Rules for the rooms' own code."""
    room = name.split("/")[2]
    for number, line in enumerate(text.splitlines(), 1):
        used = re.match(r'\s*#include "nxm/(\w+)/', line)
        if used and room in allowed and used[1] not in allowed[room] | {room}:
            yield f"{name}:{number}: room {room} may not use {used[1]} (CMakeLists.txt)"
        code = line.split("//")[0]
        for rule, (pattern, exempt) in BANNED.items():
            if re.search(pattern, code) and not re.search(exempt, name):
                yield f"{name}:{number}: {rule}"
    # Highway includes an -inl.h once for each target.
    if name.endswith(".h") and not name.endswith("-inl.h") and "#pragma once" not in text:
        yield f"{name}: no #pragma once"


def check_text(name, text):
    """Rules for every file."""
    lines = text.splitlines()
    is_code = Path(name).suffix in CODE or (lines and lines[0].startswith("#!"))
    if is_code and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]):
        yield f"{name}: no SPDX line at the top"
    if is_code and len(lines) > LARGEST_FILE:
        yield f"{name}: {len(lines)} lines, expected at most {LARGEST_FILE}; split it"
    for number, line in enumerate(lines, 1):
        if HOME_PATH.search(line):
            yield f"{name}:{number}: an absolute path of somebody's machine"


def check_packages(root):
    """Each apt package that CMake asks for is one that tools/setup installs."""
    needed = re.findall(r"^\s*nxm_need\(\w+ ([\w.+-]+)\)", (root / "cmake" / "nxm_dependencies.cmake").read_text(), re.M)
    listed = (root / "tools" / "packages.txt").read_text().split()
    yield from (f"tools/packages.txt: {package} is needed by CMake" for package in needed if package not in listed)


def breaches(root):
    allowed = links(root)
    yield from check_links(root, allowed)
    yield from check_packages(root)
    lengths, macros = [], 0
    for name in files(root):
        text = (root / name).read_text(errors="replace")
        yield from check_text(name, text)
        if name.endswith((".h", ".cc")):
            lengths.append(text.count("\n"))
            if "/kernels/" not in name:
                macros += len(re.findall(r"^\s*#\s*define\b", text, re.M))
        if name.startswith("src/nxm/") and name.endswith((".h", ".cc")):
            yield from check_source(name, text, allowed)
    if macros > MOST_MACROS:
        yield f"{macros} macros outside kernels, expected at most {MOST_MACROS}"
    if len(lengths) > 1:
        if statistics.median(lengths) > LARGEST_MEDIAN:
            yield f"the median C++ file has {statistics.median(lengths)} lines, expected at most {LARGEST_MEDIAN}"
        if statistics.quantiles(lengths, n=10)[8] > LARGEST_P90:
            yield f"a tenth of the C++ files have more than {LARGEST_P90} lines"


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    found = list(breaches(root))
    for line in found:
        print(line)
    print(f"house rules: {len(found)} breaches" if found else "house rules: kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
