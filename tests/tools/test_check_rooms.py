# SPDX-License-Identifier: Apache-2.0
"""tools/check_rooms.py on a small project: silent when the rules are kept, one line for each breach."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(os.environ.get("NXM_SOURCE", Path(__file__).parents[2])) / "tools" / "check_rooms.py"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
GOOD = {
    "CMakeLists.txt": "nxm_library(low fmt::fmt)\nnxm_library(high nxm::low)\n",
    "cmake/nxm_dependencies.cmake": "# SPDX-License-Identifier: Apache-2.0\nnxm_need(fmt_FOUND libfmt-dev)\n",
    "tools/packages.txt": "build libfmt-dev\n",
    "docs/architecture.md": "| room | holds | may use |\n| --- | --- | --- |\n| `low` | a | fmt |\n| `high` | b | `low` |\n",
    "src/nxm/low/a.h": SPDX + "#pragma once\nint a();\n",
    "src/nxm/high/b.cc": SPDX + '#include "nxm/high/b.h"\n#include "nxm/low/a.h"\nint b() { return a(); }  // getenv( exit(\n',
    "src/nxm/high/b.h": SPDX + "#pragma once\nint b();\n",
}
BREACHES = [
    ("src/nxm/low/a.h", SPDX + '#pragma once\n#include "nxm/high/b.h"\n', "room low may not use high"),
    ("src/nxm/low/a.h", SPDX + "int a();\n", "no #pragma once"),
    ("src/nxm/low/a.h", "#pragma once\n", "no SPDX"),
    ("src/nxm/low/a.cc", SPDX + "#ifdef WITH_TRAIN\n#endif\n", "conditional compilation"),
    ("src/nxm/low/a.cc", SPDX + 'auto x = std::getenv("HOME");\n', "getenv outside"),
    ("src/nxm/low/a.cc", SPDX + 'void f() { std::cout << 1; }\n', "printing"),
    ("src/nxm/low/a.cc", SPDX + "void f() { std::exit(1); }\n", "exit or abort"),
    ("src/nxm/low/a.cc", SPDX + "#include <torch/torch.h>\n", "LibTorch outside"),
    ("src/nxm/low/a.cc", SPDX + "#include <immintrin.h>\n", "SIMD outside"),
    ("src/nxm/low/a.cc", SPDX + "\n" * 600, "601 lines"),
    ("src/nxm/low/a.cc", SPDX + "#define A 1\n" * 10, "10 macros"),
    ("README.md", "see /home/" + "somebody/notes\n", "absolute path"),
    ("tools/packages.txt", "build cmake\n", "libfmt-dev is needed"),
    ("docs/architecture.md", "| `low` | a | fmt |\n| `high` | b | fmt |\n", "room high may use ['low']"),
    ("CMakeLists.txt", "nxm_library(low nxm::high)\nnxm_library(high nxm::low)\n", "not a room below it"),
]


def check(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False)


def test_kept_rules_are_silent(tmp_path):
    result = check(tmp_path, GOOD)
    assert (result.returncode, result.stdout) == (0, "house rules: kept\n")


@pytest.mark.parametrize("name,content,message", BREACHES, ids=[b[2] for b in BREACHES])
def test_each_breach_is_named(tmp_path, name, content, message):
    result = check(tmp_path, {**GOOD, name: content})
    assert result.returncode == 1
    assert message in result.stdout, result.stdout
