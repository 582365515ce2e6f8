# SPDX-License-Identifier: Apache-2.0
"""Writes src/nxm/text/unicode_delta.h: where Hugging Face's tokenizers and Debian's utf8proc know different Unicode.

    .venv/bin/python tools/oracle/unicode_delta.py > src/nxm/text/unicode_delta.h

tokenizers takes its general categories, its decompositions and its lower case from three libraries of three Unicode
versions, all different from utf8proc's. This asks both about every code point and prints what differs.
"""
import ctypes

import tokenizers
from tokenizers import normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


class Property(ctypes.Structure):
    _fields_ = [("category", ctypes.c_int16), ("combining_class", ctypes.c_int16)]


utf8proc = ctypes.CDLL("libutf8proc.so.2")
utf8proc.utf8proc_get_property.restype = ctypes.POINTER(Property)
utf8proc.utf8proc_unicode_version.restype = ctypes.c_char_p
utf8proc.utf8proc_version.restype = ctypes.c_char_p


def bert(**on):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**(options | on)).normalize_str


clean, strip, lower = bert(clean_text=True), bert(strip_accents=True), bert(lowercase=True)
nfd = normalizers.NFD().normalize_str
pieces = pre_tokenizers.BertPreTokenizer().pre_tokenize_str


def their_class(c):
    """What of its category the BERT pipeline looks at: nonspacing Mark, Punctuation, Control & co., or none of them."""
    s = chr(c)
    if strip(s) == "":
        return "M"
    if len(pieces("a" + s + "a")) == 3:
        return "P"
    return "C" if clean(s) == "" and c != 0xFFFD else "-"


def our_class(c):
    category = utf8proc.utf8proc_get_property(c).contents.category
    if category == 6:
        return "M"
    if 12 <= category <= 18 or (c < 128 and chr(c) in "$+<=>^`|~"):
        return "P"
    return "C" if 26 <= category <= 29 and chr(c) not in "\t\n\r" else "-"


def our_ccc(c):
    return utf8proc.utf8proc_get_property(c).contents.combining_class


def their_ccc(c, witness):
    """0, or our value; anything else cannot be told apart here and stops the script."""
    s, ours = chr(c), our_ccc(c)
    moves = nfd("\u0345" + s) == s + "\u0345" if c != 0x345 else True  # U+0345 has the highest class, 240
    if nfd(s) != s or not moves:
        return 0
    other = witness[ours]
    assert nfd(other + s) == other + s and nfd(s + other) == s + other, hex(c)
    return ours


def our_nfd(c):
    buffer, last = (ctypes.c_int32 * 64)(), ctypes.c_int()
    count = utf8proc.utf8proc_decompose_char(c, buffer, 64, 1 << 4, ctypes.byref(last))  # UTF8PROC_DECOMPOSE
    return "".join(map(chr, buffer[:count]))


def ranges(wanted, harmless):
    """Ranges that cover `wanted` and otherwise only code points that are `harmless`."""
    found, barrier = [], True
    for c in CODE_POINTS:
        if c in wanted:
            if barrier:
                found.append([c, c])
            found[-1][1], barrier = c, False
        elif not harmless(c):
            barrier = True
    return [tuple(pair) for pair in found]


def table(comment, declaration, rows):
    body = ""
    line = "   "
    for row in rows:
        cell = " {" + ", ".join(f"0x{v:X}" for v in row) + "},"
        if len(line) + len(cell) > 118:
            body, line = body + line + "\n", "   "
        line += cell
    print(f"\n{comment}\n{declaration} = {{\n{body}{line}\n}};")


theirs = {c: their_class(c) for c in CODE_POINTS}
ours = {c: our_class(c) for c in CODE_POINTS}
unknown = {c for c in CODE_POINTS if theirs[c] == "-" != ours[c]}
changed = {c for c in CODE_POINTS if theirs[c] != "-" and theirs[c] != ours[c]}
assert {c: theirs[c] for c in changed} == {0x166D: "P", 0x1734: "M", 0x111C9: "P"}, "write these into category()"

witness = {}
for c in CODE_POINTS:
    if our_ccc(c) and nfd("\u0345" + chr(c)) == chr(c) + "\u0345" or c == 0x345:
        witness.setdefault(our_ccc(c), chr(c))
ccc = {c: their_ccc(c, witness) if our_ccc(c) else 0 for c in CODE_POINTS}
for c in CODE_POINTS:
    assert our_ccc(c) or nfd("\u0345" + chr(c)) == "\u0345" + nfd(chr(c)) or nfd(chr(c)) != chr(c), hex(c)
assert [c for c in CODE_POINTS if nfd(chr(c)) != our_nfd(c)] == [0x11938], "write these into decompose()"
no_ccc = {c for c in CODE_POINTS if our_ccc(c) and not ccc[c] and nfd(chr(c)) == chr(c)}

cased = []
for c in CODE_POINTS:
    low = lower(chr(c))
    if ord(low[0]) != utf8proc.utf8proc_tolower(c) or len(low) > 1:
        if c == 0x130:
            assert low == "i\u0307"
        elif cased and cased[-1][1] == c - 1 and cased[-1][2] == ord(low) - (c - cased[-1][0]):
            cased[-1][1] = c
        else:
            cased.append([c, c, ord(low)])

print(f"""\
// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where Hugging Face's tokenizers {tokenizers.__version__} and utf8proc {utf8proc.utf8proc_version().decode()} (Unicode {utf8proc.utf8proc_unicode_version().decode()}) know different Unicode.
// Printed by tools/oracle/unicode_delta.py; tests/text/test_unicode_parity.py asks both about every code point.

#include <cstdint>

namespace nxm {{

struct CodePointRange {{
  char32_t first, last;
}};
struct LowerRange {{
  char32_t first, last, lower_of_first;
}};""")
table("// Marks, punctuation and format characters younger than tokenizers' categories: letters to it.",
      "inline constexpr CodePointRange kWithoutCategory[]", ranges(unknown, lambda c: theirs[c] == "-"))
table("// Combining marks younger than tokenizers' decompositions: it never reorders them.",
      "inline constexpr CodePointRange kWithoutCombiningClass[]", ranges(no_ccc, lambda c: not ccc[c]))
table("// Letters with a lower case younger than utf8proc.", "inline constexpr LowerRange kYoungLower[]", cased)
print("\n}  // namespace nxm")
