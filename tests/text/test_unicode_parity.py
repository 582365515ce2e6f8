# SPDX-License-Identifier: Apache-2.0
"""Every code point: what it is normalised to and whether it parts words, nxm against Hugging Face's tokenizers.

Each stands in a line as itself and between two letters. The vocabulary holds every character that any of them turns
into, in tokenizers' opinion or in Python's, so that different answers are different ids; for all others the place and
number of the unknown words tell spaces, punctuation and dropped characters apart.
"""
import unicodedata

import pytest

tokenizers = pytest.importorskip("tokenizers")

import hf  # noqa: E402  (beside this file)

CODE_POINTS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c != 0x0A]
PER_LINE = 256


def bert(**on):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return tokenizers.normalizers.BertNormalizer(**(options | on))


def outcomes():
    """Every character that another one becomes."""
    found = set("aA")
    for change in (bert(lowercase=True).normalize_str, tokenizers.normalizers.NFD().normalize_str, str.lower,
                   lambda c: unicodedata.normalize("NFD", c)):
        for c in CODE_POINTS:
            changed = change(c)
            if changed != c:
                found.update(changed)
    return sorted(found - set(" "))


@pytest.fixture(scope="module")
def vocab():
    tokens = ["[UNK]", *outcomes()]
    tokens += ["##" + token for token in tokens[1:]]
    return {token: i for i, token in enumerate(dict.fromkeys(tokens))}


@pytest.mark.parametrize("normalizer", [
    bert(clean_text=True, handle_chinese_chars=True),
    bert(strip_accents=True),
    bert(lowercase=True),
], ids=["cleaned", "stripped", "lowered"])
def test_every_code_point(tmp_path, vocab, normalizer):
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocab, unk_token="[UNK]"))
    theirs.normalizer = normalizer
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    theirs.save(str(tmp_path / "tokenizer.json"))
    lines = [" ".join(f"{c} A{c}a" for c in CODE_POINTS[at:at + PER_LINE]) for at in range(0, len(CODE_POINTS), PER_LINE)]
    hf.assert_same(tmp_path, theirs, lines, chunk=500)


def test_order_of_marks(tmp_path, vocab):
    """Every combining mark between others of each class: reordered as tokenizers does, places included."""
    marks = [c for c in CODE_POINTS if unicodedata.category(c).startswith("M")]
    by_class = {unicodedata.combining(c): c for c in reversed(marks)}
    tokens = dict(vocab)
    for c in marks:
        for token in (c, "##" + c):
            tokens.setdefault(token, len(tokens))
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece(tokens, unk_token="[UNK]"))
    theirs.normalizer = bert(strip_accents=True)
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    theirs.save(str(tmp_path / "tokenizer.json"))
    lasting = [c for c in marks if theirs.normalizer.normalize_str(c)]  # not stripped, so their order shows
    assert len(by_class) > 40 and len(lasting) > 300
    lines = [" ".join(f"a{c}{other}\u16ff\U00016ff0{c}\u302e\u1b44" for other in by_class.values()) for c in lasting]
    hf.assert_same(tmp_path, theirs, lines, chunk=500)
