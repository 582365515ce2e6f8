# SPDX-License-Identifier: Apache-2.0
"""Ids, types and offsets of nxm against Hugging Face's tokenizers and transformers: GLUE and random Unicode."""
import json
import os
import pathlib
import string
import subprocess

import pytest

tokenizers = pytest.importorskip("tokenizers")

import hf  # noqa: E402  (beside this file)

RANDOM_TEXTS = 100_000
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tiny_vocab():
    """Letters, pairs of letters, and some of other scripts, alone and as continuations."""
    pieces = [*string.printable.strip(), *"\u00e9\u00df\u0131\u03c3\u03c2\u0307\u4e2d\u6587\u0928\u05d0\u1112\u1161\u11ab\uac00\U0001f600"]
    pieces += [a + b for a in "aeiount" for b in "aeiounst"] + ["the", "cafe", "caf\u00e9", "stra\u00dfe", "99"]
    return SPECIAL + pieces + ["##" + piece for piece in pieces]


def vocab_folder(folder, vocab, **config):
    """A folder with a vocab.txt, and the transformers tokenizer of it."""
    transformers = pytest.importorskip("transformers")
    folder.mkdir()
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in vocab), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder, transformers.BertTokenizer.from_pretrained(folder).backend_tokenizer


@pytest.fixture(scope="module")
def demo():
    folder = hf.demo_model()
    return folder, tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def words(demo):
    return [token.removeprefix("##") for token in sorted(demo[1].get_vocab())]


def test_every_glue_sentence(demo):
    rows = sorted(set(hf.glue_rows()))
    singles, pairs = [row[0] for row in rows if len(row) == 1], [row for row in rows if len(row) == 2]
    assert len(singles) > 70_000 and len(pairs) > 90_000
    hf.assert_same(*demo, singles)
    hf.assert_same(*demo, pairs, 128)
    hf.assert_same(*demo, pairs[::40], 7)


def test_random_texts(demo, words):
    hf.assert_same(*demo, hf.random_texts(RANDOM_TEXTS, 20, words))


def test_truncation(demo, words):
    texts = [text.replace("\t", " ") for text in hf.random_texts(600, 21, words)]
    pairs = list(zip(texts, reversed(texts)))
    for max_length in (3, 4, 5, 8, 9, 31, 64):
        hf.assert_same(*demo, pairs, max_length)
        hf.assert_same(*demo, texts, max_length)


@pytest.mark.parametrize("config", [
    {},
    {"do_lower_case": False},
    {"do_lower_case": False, "strip_accents": True},
    {"do_lower_case": True, "strip_accents": False},
    {"do_lower_case": True, "tokenize_chinese_chars": False},
], ids=str)
def test_vocab_txt_alone(tmp_path, config):
    folder, theirs = vocab_folder(tmp_path / "model", tiny_vocab(), **config)
    hf.assert_same(folder, theirs, hf.random_texts(4_000, 22, tiny_vocab()))


def test_vocab_txt_of_the_demo(tmp_path, demo, words):
    vocab = (demo[0] / "vocab.txt").read_text("utf-8").splitlines()
    for number, lower in enumerate([True, False]):
        folder, theirs = vocab_folder(tmp_path / str(number), vocab, do_lower_case=lower)
        hf.assert_same(folder, theirs, hf.random_texts(5_000, 23, words))


def with_pieces(**pieces):
    """tokenizers' own tokenizer.json of the tiny vocabulary, with other pieces."""
    vocab = {token: i for i, token in enumerate(tiny_vocab())}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = pieces.get("normalizer")
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = pieces.get("post_processor")
    tokenizer.add_special_tokens(pieces.get("special", SPECIAL))
    tokenizer.add_tokens(pieces.get("added", []))
    return tokenizer


def added(content, **flags):
    return tokenizers.AddedToken(content, **flags)


@pytest.mark.parametrize("pieces", [
    {},
    {"normalizer": tokenizers.normalizers.BertNormalizer(),
     "post_processor": tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))},
    {"normalizer": tokenizers.normalizers.BertNormalizer(clean_text=False, lowercase=False, strip_accents=True),
     "post_processor": tokenizers.processors.TemplateProcessing(
         single="$A:5 [SEP]:4 [MASK]:0", pair="[CLS]:3 $B:1 $A:2 [MASK]:7",
         special_tokens=[("[SEP]", 3), ("[CLS]", 2), ("[MASK]", 4)])},
    {"normalizer": tokenizers.normalizers.BertNormalizer(),
     "special": [added("[MASK]", lstrip=True, rstrip=True, special=True), added("[SEP]", rstrip=True, special=True)],
     "added": [added("the"), added("Caf\u00e9", lstrip=True), added("caf"), added("zebra crossing", rstrip=True), added("##ing"),
               added("[SEP", normalized=False), added("e", normalized=False)]},
], ids=["bare", "bert", "template", "added"])
def test_other_pieces(tmp_path, pieces):
    theirs = with_pieces(**pieces)
    theirs.save(str(tmp_path / "tokenizer.json"))
    texts = [t.replace("\t", " ") for t in hf.random_texts(4_000, 24, [*tiny_vocab(), "zebra crossing", "Cafe", "  "])]
    hf.assert_same(tmp_path, theirs, texts)
    hf.assert_same(tmp_path, theirs, list(zip(texts, reversed(texts))), 12)


def test_written_tokenizer_json(tmp_path):
    """Hugging Face loads what nxm writes, and finds the same tokens."""
    tool = pathlib.Path(os.environ["NXM_BUILD"]) / "bin" / "nxm_text_tool"
    folders = [vocab_folder(tmp_path / "vocab", tiny_vocab(), do_lower_case=False)]
    folders.append((tmp_path / "pieces", with_pieces(
        normalizer=tokenizers.normalizers.BertNormalizer(clean_text=False), added=[added("the"), added("zebra", lstrip=True)],
        post_processor=tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)))))
    folders[1][0].mkdir()
    folders[1][1].save(str(folders[1][0] / "tokenizer.json"))
    texts = hf.random_texts(5_000, 25, tiny_vocab())
    for number, (folder, theirs) in enumerate(folders):
        written = subprocess.run([tool, folder], capture_output=True, text=True, check=True).stdout
        reread = tokenizers.Tokenizer.from_str(written)
        assert hf.hf_encode(reread, texts) == hf.hf_encode(theirs, texts)
        assert reread.get_vocab() == theirs.get_vocab()
        again = tmp_path / f"again{number}"
        again.mkdir()
        (again / "tokenizer.json").write_text(written, "utf-8")
        hf.assert_same(again, theirs, texts)


def test_invalid_utf8(tmp_path):
    """Broken bytes count as Python's errors="replace" counts them; offsets stay those of the bytes that came."""
    folder, theirs = vocab_folder(tmp_path / "model", [*tiny_vocab(), "\ufffd", "##\ufffd"], do_lower_case=False)
    broken = [b"a\xff b", b"\xe4\xb8", b"\xed\xa0\x80x", b"\xf0\x9f\x98 a", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"caf\xc3", b"\x80\x80the"]
    (folder / "tokenizer.json").write_text(theirs.to_str().replace('"clean_text":true', '"clean_text":false'), "utf-8")
    reference = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    run = subprocess.run([hf.NXM, "tokenize", "--model", folder, "--json"], input=b"\n".join(broken), capture_output=True)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(answers) == len(broken)
    for data, answer in zip(broken, answers):
        encoding = reference.encode(data.decode("utf-8", errors="replace"))
        assert answer["ids"] == encoding.ids
        assert all(0 <= start <= end <= len(data) for start, end in answer["offsets"])
