# SPDX-License-Identifier: Apache-2.0
"""Shared by this folder's tests: nxm's tokenizer and Hugging Face's on the same texts, and the texts."""
import json
import os
import pathlib
import random
import subprocess

import pytest

NXM = os.environ.get("NXM_BIN", "")
SOURCE = pathlib.Path(os.environ.get("NXM_SOURCE", pathlib.Path(__file__).parents[2]))
GLUE = pathlib.Path(os.environ.get("NXM_GLUE_DIR") or SOURCE.parent / "shared" / "data" / "glue")
CACHE = pathlib.Path(os.environ.get("NXM_CACHE") or pathlib.Path.home() / ".cache" / "nxm")


def demo_model():
    """The demo's model folder."""
    folder = CACHE / "demo" / "model"
    if not (folder / "tokenizer.json").exists():
        pytest.skip(f"no {folder}/tokenizer.json: run `nxm demo` once, or set NXM_CACHE")
    return folder


def nxm_encode(folder, lines, *flags):
    """(ids, type_ids, offsets) of each line."""
    data = "".join(line + "\n" for line in lines).encode()
    run = subprocess.run([NXM, "tokenize", "--model", folder, "--json", *flags], input=data, capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert all(answer.keys() == {"ids", "type_ids", "offsets"} for answer in answers)
    return [(a["ids"], a["type_ids"], a["offsets"]) for a in answers]


def byte_offsets(encoding, texts):
    """tokenizers counts characters, nxm bytes. Special tokens are at (0, 0) for both."""
    if all(text.isascii() for text in texts):
        return [list(pair) for pair in encoding.offsets]
    places = []
    for text in texts:
        place = [0]
        for c in text:
            place.append(place[-1] + len(c.encode()))
        places.append(place)
    return [[places[s or 0][a], places[s or 0][b]] for s, (a, b) in zip(encoding.sequence_ids, encoding.offsets)]


def hf_encode(tokenizer, inputs, max_length=0):
    """The same of tokenizers; `inputs` are texts or pairs."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, strategy="longest_first") if max_length else tokenizer.no_truncation()
    encodings = tokenizer.encode_batch(inputs)
    as_texts = [(entry,) if isinstance(entry, str) else entry for entry in inputs]
    return [(e.ids, e.type_ids, byte_offsets(e, texts)) for e, texts in zip(encodings, as_texts)]


def assert_same(folder, tokenizer, inputs, max_length=0, chunk=5_000):
    """ids, types and offsets of every text or pair; says which text differs first. In chunks, for memory's sake."""
    pair = not isinstance(inputs[0], str)
    flags = ["--pair"] * pair + (["--max-length", str(max_length)] if max_length else [])
    for at in range(0, len(inputs), chunk):
        part = inputs[at:at + chunk]
        ours = nxm_encode(folder, ["\t".join(entry) for entry in part] if pair else part, *flags)
        theirs = hf_encode(tokenizer, part, max_length)
        assert len(ours) == len(theirs)
        for entry, a, b in zip(part, ours, theirs):
            assert a == b, ascii(entry)


TEXT_COLUMNS = {"sentence", "sentence1", "sentence2", "question", "question1", "question2", "#1 String", "#2 String"}


def glue_rows():
    """The texts of every row of every GLUE file at hand: tuples of one or two."""
    if not GLUE.is_dir():
        pytest.skip(f"no GLUE files in {GLUE}: set NXM_GLUE_DIR")
    rows = []
    for path in sorted(GLUE.glob("*/*.tsv")):
        header, *lines = path.read_text("utf-8-sig").rstrip("\n").split("\n")
        names = header.split("\t")
        columns = [i for i, name in enumerate(names) if name in TEXT_COLUMNS]
        if path.parent.name == "CoLA" and not columns:  # train and dev have no header
            columns, lines = [3], [header, *lines]
        assert columns, f"no text column in {path}"
        for line in lines:
            fields = line.split("\t")
            if len(fields) > max(columns):
                rows.append(tuple(fields[i] for i in columns))
    return rows


def random_texts(count, seed, words=()):
    """Texts of everything that a tokenizer can stumble over, but line feeds (one text is one line)."""
    rng = random.Random(seed)

    def between(*ranges):
        return lambda: chr(rng.randint(*rng.choice(ranges)))

    def anything():
        c = rng.randrange(0x110000 - 0x800)
        return chr(c if c < 0xD800 else c + 0x800)

    kinds = [
        *3 * [between((0x61, 0x7A), (0x41, 0x5A), (0x20, 0x20), (0x20, 0x7E))],
        *2 * [lambda: rng.choice(words or ["a"]) + rng.choice(["", "", " "])],
        between((0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x200B, 0x200F), (0x2028, 0x202F), (0xFFF0, 0xFFFF)),
        between((0xC0, 0x17F), (0x1E00, 0x1EFF), (0x130, 0x130)),
        between((0x386, 0x3CF), (0x1F00, 0x1FFF), (0x3C2, 0x3C3)),
        between((0x300, 0x36F), (0x340, 0x345), (0x5B0, 0x5C7), (0x64B, 0x65F), (0x1DC0, 0x1DFF), (0x302A, 0x302F)),
        between((0x93C, 0x94D), (0xB47, 0xB57), (0xF71, 0xF84), (0x1B34, 0x1B44), (0x1D15E, 0x1D16D), (0x16FF0, 0x16FF1)),
        between((0x4E00, 0x9FFF), (0x3040, 0x30FF), (0x20000, 0x2FA1F), (0xF900, 0xFAFF), (0x3000, 0x303F)),
        between((0xAC00, 0xD7A3), (0x1100, 0x11FF)),
        between((0x1F300, 0x1FAFF), (0x2600, 0x27BF), (0xFE0F, 0xFE0F), (0x200D, 0x200D), (0x1F1E6, 0x1F1FF)),
        between((0x590, 0x6FF), (0xFB1D, 0xFEFC)),
        between((0x2000, 0x206F), (0x20A0, 0x20CF), (0x2100, 0x22FF), (0xFF00, 0xFFEF)),
        anything,
        lambda: rng.choice(["[SEP]", "[CLS]", "[MASK]", "[UNK]", "[PAD]", "[sep]", "[SEP", "##ing", " [MASK] ", "\u0130"]),
    ]
    texts = [""]
    while len(texts) < count:
        used = rng.sample(kinds, rng.randint(1, 4))
        length = rng.choice([1, 3, 8, 20, 40])
        text = "".join(rng.choice(used)() for _ in range(length))
        if rng.random() < 0.02:  # a word of about the longest length that is cut into pieces
            text += rng.choice("abz\u00e9\u4e2d\u0301") * rng.choice([99, 100, 101, 200])
        texts.append(text.replace("\n", "\x0b"))
    return texts
