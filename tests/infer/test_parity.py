# SPDX-License-Identifier: Apache-2.0
"""nxm's runtime against transformers: the same logits from random models of many shapes, from a real encoder, and from
a real fine-tuned 2:4 model in every precision."""
import json
import os
import pathlib
import random
import subprocess

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

NXM = os.environ["NXM_BIN"]
WORDS = "the a film plot actor is was good bad great dull and very not".split()
PATTERNS = [None, (2, 4), (4, 8), (1, 4)]


def sparsify(model, keep, of):
    """The largest of each group stay, in all layers that nxm makes sparse."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "encoder.layer" in name and weight.dim() == 2:
                groups = weight.view(-1, of)
                order = groups.abs().argsort(dim=1)
                groups.scatter_(1, order[:, : of - keep], 0)


def random_model(folder, seed, pattern=None, **config):
    torch.manual_seed(seed)
    folder.mkdir()
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n")
    sizes = dict(vocab_size=len(vocab), hidden_size=64, num_hidden_layers=3, num_attention_heads=4,
                 intermediate_size=128, max_position_embeddings=64, initializer_range=0.2, num_labels=2)
    model = transformers.BertForSequenceClassification(transformers.BertConfig(**{**sizes, **config})).eval()
    with torch.no_grad():  # biases and LayerNorms away from their zeros and ones
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    if pattern:
        sparsify(model, *pattern)
    model.save_pretrained(folder)
    return model


def random_texts(seed, count, longest=30):
    rng = random.Random(seed)
    text = lambda: " ".join(rng.choices(WORDS, k=rng.randrange(longest)))
    return [(text(),) if rng.random() < 0.5 else (text(), text()) for _ in range(count)]


def reference(model, encode, texts):
    """One text at a time, so that nothing is padded."""
    with torch.no_grad():
        encoded = [encode(*text) for text in texts]
        return [model(input_ids=torch.tensor([one.ids]), token_type_ids=torch.tensor([one.type_ids])).logits[0].tolist()
                for one in encoded]


def nxm(*arguments, text=None):
    result = subprocess.run([NXM, *map(str, arguments)], input=text, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def predict(folder, texts, *flags):
    lines = "".join("\t".join(text) + "\n" for text in texts)
    return [json.loads(line) for line in nxm("predict", "--model", folder, "--json", *flags, text=lines).splitlines()]


def largest_difference(answers, logits):
    assert len(answers) == len(logits)
    return max(abs(a - b) for answer, row in zip(answers, logits) for a, b in zip(answer["logits"], row))


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
@pytest.mark.parametrize("config", [
    dict(),
    dict(hidden_act="gelu_new", num_attention_heads=1, num_hidden_layers=1),
    dict(hidden_act="gelu_pytorch_tanh", num_attention_heads=16, num_labels=5),
    dict(hidden_act="relu", hidden_size=96, num_attention_heads=3, intermediate_size=160, num_labels=3),
    dict(hidden_size=80, num_attention_heads=5, intermediate_size=240, num_labels=1, layer_norm_eps=1e-5),
], ids=lambda config: config.get("hidden_act", "gelu") + str(config.get("hidden_size", 64)))
def test_random_models(tmp_path, config, pattern):
    model = random_model(tmp_path / "m", 1, pattern, **config)
    tokenizer = tokenizers.BertWordPieceTokenizer(str(tmp_path / "m" / "vocab.txt"))
    texts = random_texts(2, 40)
    logits = reference(model, tokenizer.encode, texts)
    for threads, batch in ((1, 32), (2, 7)):
        answers = predict(tmp_path / "m", texts, "--max-length", 64, "--threads", threads, "--batch", batch)
        assert largest_difference(answers, logits) < 1e-4


def cache():
    base = os.environ.get("NXM_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nxm")
    return pathlib.Path(base) / "demo"


@pytest.mark.parametrize("pattern", [None, (2, 4)], ids=str)
def test_a_real_encoder(tmp_path, pattern):
    source = cache() / "model"
    if not (source / "model.safetensors").exists():
        pytest.skip(f"no demo model in {source}: run tools/demo_assets")
    torch.manual_seed(3)
    model = transformers.BertForSequenceClassification.from_pretrained(source, num_labels=2).eval()
    if pattern:
        sparsify(model, *pattern)
    folder = tmp_path / "m"
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    tokenizer = tokenizers.Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    rows = (cache() / "reviews" / "dev.tsv").read_text().splitlines()[1:60:2]
    texts = [(" ".join(row.split()),) for row in rows] + [("",), ("long " * 600,)]
    logits = reference(model, tokenizer.encode, texts)
    assert largest_difference(predict(folder, texts, "--max-length", 512), logits) < 1e-4
    nxm_packed = tmp_path / "packed"
    if pattern:
        nxm("pack", folder, "--out", nxm_packed, "--pattern", "2:4", "--precision", "f32")
        assert largest_difference(predict(nxm_packed, texts, "--max-length", 512), logits) < 1e-4


def fine_tuned():
    folder = pathlib.Path(os.environ.get("NXM_FINE_TUNED", "no-such-folder"))
    if not (folder / "model.safetensors").exists() or not (cache() / "reviews" / "dev.tsv").exists():
        pytest.skip("set NXM_FINE_TUNED to the folder of a model that `nxm demo` made")
    return folder


@pytest.mark.parametrize("precision, agree, lost", [("f32", 1.0, 0.0), ("bf16", 0.99, 0.003), ("int8", 0.99, 0.003)])
def test_a_fine_tuned_model(tmp_path, precision, agree, lost):
    folder = fine_tuned()
    rows = [line.split("\t") for line in (cache() / "reviews" / "dev.tsv").read_text().splitlines()]
    column = rows[0].index("sentence") if "sentence" in rows[0] else len(rows[0]) - 1
    texts = [(row[column],) for row in rows[1:]]
    exact = [answer["label"] for answer in predict(folder, texts, "--precision", "f32")]
    packed = tmp_path / "packed"
    nxm("pack", folder, "--out", packed, "--pattern", "2:4", "--precision", precision)
    ours = [answer["label"] for answer in predict(packed, texts)]
    assert sum(a == b for a, b in zip(exact, ours)) >= agree * len(texts)
    score = lambda model: json.loads(nxm(
        "eval", "--model", model, "--task", "reviews", "--data", cache() / "reviews", "--json"))["metrics"]["accuracy"]
    assert score(packed) >= score(folder) - lost
