# SPDX-License-Identifier: Apache-2.0
"""`nxm eval` and `nxm predict` against transformers and scikit-learn on tiny random models."""
import json
import os
import random
import re
import subprocess

import pytest

NXM = os.environ["NXM_BIN"]
torch = pytest.importorskip("torch")
tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")
sklearn_metrics = pytest.importorskip("sklearn.metrics")

WORDS = "the a film plot actor is was good bad great dull and very not".split()
LABELS = ["not_equivalent", "equivalent"]


def make_model(folder, labels, seed=0):
    torch.manual_seed(seed)
    folder.mkdir()
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n")
    config = transformers.BertConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, initializer_range=0.5, id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        problem_type="regression" if len(labels) == 1 else "single_label_classification")
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def reference_logits(folder, texts, max_length=64):
    """transformers, one text (or pair) at a time, so that nothing is padded."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = tokenizers.BertWordPieceTokenizer(str(folder / "vocab.txt"))
    tokenizer.enable_truncation(max_length)
    with torch.no_grad():
        inputs = [tokenizer.encode(*text) for text in texts]
        return [model(input_ids=torch.tensor([one.ids]), token_type_ids=torch.tensor([one.type_ids])).logits[0].tolist()
                for one in inputs]


def nxm(verb, *arguments, text=None):
    exact = ["--device", "cpu", "--precision", "fp32", "--threads", "1"]
    return subprocess.run([NXM, verb, *map(str, arguments), *exact], input=text, capture_output=True, text=True)


def random_text(rng, longest=40):
    return " ".join(rng.choices(WORDS + ["unknown", "!"], k=rng.randrange(longest)))


def json_lines(result):
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def write_mrpc(folder, rng, rows):
    """dev with random labels, test without; returns dev's pairs and labels."""
    pairs = [(random_text(rng), random_text(rng)) for _ in range(rows)]
    truth = [rng.randrange(2) for _ in pairs]
    header = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    lines = [f"{label}\t1\t2\t{a}\t{b}\n" for (a, b), label in zip(pairs, truth)]
    (folder / "dev.tsv").write_text(header + "".join(lines))
    (folder / "test.tsv").write_text(header.replace("Quality", "index") + "".join(lines))
    return pairs, truth


@pytest.mark.parametrize("labels", [["no", "yes"], ["x", "y", "z"], ["score"]], ids=len)
def test_predict_equals_transformers(tmp_path, labels):
    rng = random.Random(1)
    model = make_model(tmp_path / "m", labels)
    texts = [(random_text(rng),) for _ in range(100)] + [(random_text(rng), random_text(rng)) for _ in range(100)]
    rng.shuffle(texts)
    want = reference_logits(model, texts)
    plain = "".join("\t".join(text) + "\n" for text in texts)
    as_json = "".join(json.dumps(dict(zip(("text", "text_pair"), text))) + "\n" for text in texts)
    for batch, lines in ((32, plain), (7, as_json)):  # 200 lines are several chunks
        got = json_lines(nxm("predict", "--model", model, "--json", "--max-length", 64, "--batch", batch, text=lines))
        assert len(got) == len(texts)
        for answer, logits in zip(got, want):
            assert list(answer) == ["label", "score", "logits"]
            assert answer["logits"] == pytest.approx(logits, abs=1e-4)
            best = max(range(len(labels)), key=answer["logits"].__getitem__)
            assert answer["label"] == labels[best]
            softmax = torch.softmax(torch.tensor(answer["logits"], dtype=torch.float64), 0)[best].item()
            assert answer["score"] == pytest.approx(answer["logits"][0] if len(labels) == 1 else softmax, rel=1e-6)


def test_predict_reads_a_file_and_writes_words(tmp_path):
    model = make_model(tmp_path / "m", ["no", "yes"])
    (tmp_path / "in.txt").write_bytes(b"\xef\xbb\xbfa good film\r\n\r\nnot good")
    result = nxm("predict", "--model", model, tmp_path / "in.txt")
    assert result.returncode == 0, result.stderr
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert len(lines) == 3 and all(label in ("no", "yes") and 0.5 <= float(score) <= 1 for label, score in lines)
    assert result.stderr == ""


@pytest.mark.parametrize("text, arguments, code, says", [
    ("a\tb\n a\n", ["--pair"], 1, "stdin:2"),
    ("a\tb\tc\n", [], 1, "second tab"),
    ('{"text":"a"}\n{"txt":"a"}\n', [], 1, "$.text"),
    ("a\n", ["--max-length", "65"], 2, "64 positions"),
    ("a\n", ["missing.txt"], 1, "missing.txt"),
    ("a\n", ["--modle", "x"], 2, "did you mean '--model'"),
    ("a\n", ["--engine", "onnx"], 2, "--engine"),
])
def test_predict_errors(tmp_path, text, arguments, code, says):
    result = nxm("predict", "--model", make_model(tmp_path / "m", ["no", "yes"]), *arguments, text=text)
    assert result.returncode == code and says in result.stderr, result.stderr


def test_a_model_larger_than_memory_is_told_before_it_is_read(tmp_path):
    """400 GB of weights that are a hole in a sparse file."""
    wide, deep = 65536, 2**20
    (tmp_path / "config.json").write_text(json.dumps({
        "model_type": "bert", "vocab_size": 5, "hidden_size": wide, "num_hidden_layers": 1, "num_attention_heads": 1,
        "intermediate_size": wide, "max_position_embeddings": deep, "type_vocab_size": 2}))
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    header, end = {}, 0
    for name, shape in (("bert.embeddings.position_embeddings.weight", [deep, wide]), ("classifier.weight", [2, wide]),
                        ("bert.encoder.layer.0.output.dense.weight", [wide, wide])):
        size = 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(tmp_path / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    result = nxm("predict", "--model", tmp_path, text="good\n")
    assert result.returncode == 1 and re.search(r"needs over \d{6} MB of memory, \d+ MB are free", result.stderr), result.stderr


def test_an_answer_is_one_line_whatever_the_label(tmp_path):
    model = make_model(tmp_path / "m", ["a\nb", "c\td"])
    lines = nxm("predict", "--model", model, text="good film\nbad film\n").stdout.splitlines()
    assert len(lines) == 2 and all(line.split("\t")[0] in ("a b", "c d") and line.count("\t") == 1 for line in lines)


def test_a_program_that_waits_is_answered_line_by_line(tmp_path):
    folder = make_model(tmp_path / "m", LABELS)
    with subprocess.Popen([NXM, "predict", "--model", folder, "--unbuffered"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        for text in ("a good film", "a bad plot"):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            assert process.stdout.readline().split("\t")[0] in LABELS
        process.stdin.close()
    assert process.returncode == 0


def test_lines_before_a_bad_one_are_answered(tmp_path):
    folder = make_model(tmp_path / "m", LABELS)
    good = '{"text": "a good film"}\n'
    result = nxm("predict", "--model", folder, text=good * 3 + '{"txt": 1}\n' + good)
    assert result.returncode == 1 and "4" in result.stderr
    assert len(result.stdout.splitlines()) == 3
    assert result.stdout == nxm("predict", "--model", folder, text=good * 3).stdout


def test_a_weight_file_that_is_cut_short_is_an_error(tmp_path):
    """The word table is read as it is needed, from a file that anyone may write to."""
    folder = make_model(tmp_path / "m", LABELS)
    with subprocess.Popen([NXM, "predict", "--model", folder, "--unbuffered"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        process.stdin.write("good\n")
        process.stdin.flush()
        assert process.stdout.readline()
        os.truncate(folder / "model.safetensors", 100)
        out, err = process.communicate("great\n", timeout=60)
    assert process.returncode == 1 and out == ""
    assert "model.safetensors" in err and "truncated" in err


def test_memory_does_not_grow_with_the_input(tmp_path):
    folder = make_model(tmp_path / "m", LABELS)
    peaks = []
    for lines in (2000, 20000):
        with subprocess.Popen([NXM, "predict", "--model", folder], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
            process.stdin.write("a good film and a very bad plot\n" * lines)
            process.stdin.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] + 2048, "KiB"


@pytest.mark.parametrize("flags, says", [(["--device", "cuda"], "add --engine torch"), (["--precision", "f64"], "int8")])
def test_what_the_runtime_cannot_do(tmp_path, flags, says):
    model = make_model(tmp_path / "m", ["no", "yes"])
    result = subprocess.run([NXM, "predict", "--model", model, *flags], input="a\n", capture_output=True, text=True)
    assert result.returncode == 2 and says in result.stderr, result.stderr


def test_the_engines_agree(tmp_path):
    model = make_model(tmp_path / "m", ["no", "yes"])
    ours = nxm("predict", "--model", model, "--json", text="a good film\n")
    theirs = nxm("predict", "--model", model, "--json", "--engine", "torch", text="a good film\n")
    if theirs.returncode == 2 and "nxm-train" in theirs.stderr:
        pytest.skip("no nxm-train beside this nxm")
    assert json_lines(ours)[0]["logits"] == pytest.approx(json_lines(theirs)[0]["logits"], abs=1e-4)


def test_pinned_threads_answer_the_same(tmp_path):
    model = make_model(tmp_path / "m", ["no", "yes"])
    texts = "".join(random_text(random.Random(7)) + "\n" for _ in range(40))
    command = [NXM, "predict", "--model", model, "--threads", "2", "--json"]
    free, pinned = (subprocess.run([*command, *flags], input=texts, capture_output=True, text=True, check=True).stdout
                    for flags in ([], ["--pin"]))
    assert len(pinned.splitlines()) == 40 and pinned == free


def test_pinned_threads_keep_out_of_each_others_way(tmp_path):
    """Session and tokeniser have threads of their own; none of those that are pinned shares a processor."""
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        pytest.skip("one processor")
    model = make_model(tmp_path / "m", ["no", "yes"])
    command = [NXM, "predict", "--model", model, "--threads", "2", "--pin"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write("film\n" * 4096)  # enough for a first chunk to be answered
        process.stdin.flush()
        process.stdout.readline()
        masks = [sorted(os.sched_getaffinity(int(task))) for task in os.listdir(f"/proc/{process.pid}/task")]
        process.stdin.close()
        process.stdout.read()
    assert process.returncode == 0
    pinned = sorted(mask[0] for mask in masks if len(mask) == 1)
    assert pinned == processors[:2] and masks.count(processors) == len(masks) - 2


def test_predict_needs_a_head(tmp_path):
    model = make_model(tmp_path / "m", ["no", "yes"])
    transformers.BertModel(transformers.BertConfig.from_pretrained(model)).save_pretrained(model)
    result = nxm("predict", "--model", model, text="a\n")
    assert result.returncode == 1 and "head" in result.stderr and result.stdout == ""


@pytest.mark.parametrize("labels, code_of", [
    (LABELS, {0: 0, 1: 1}), (LABELS[::-1], {0: 1, 1: 0}), (["LABEL_0", "LABEL_1"], {0: 0, 1: 1})],
    ids=["same", "permuted", "nameless"])
def test_eval_equals_scikit_learn(tmp_path, labels, code_of):
    pairs, truth = write_mrpc(tmp_path, random.Random(2), 150)
    model = make_model(tmp_path / "m", labels)
    predicted = [code_of[max((0, 1), key=logits.__getitem__)] for logits in reference_logits(model, pairs)]
    result = nxm("eval", "--model", model, "--task", "MRPC", "--data", tmp_path, "--max-length", 64, "--json")
    (answer,) = json_lines(result)
    f1, accuracy = sklearn_metrics.f1_score(truth, predicted), sklearn_metrics.accuracy_score(truth, predicted)
    assert answer == {"task": "mrpc", "split": "dev", "rows": 150, "score": pytest.approx((f1 + accuracy) / 2),
                      "metrics": {"f1": pytest.approx(f1), "accuracy": pytest.approx(accuracy)}}
    assert ("no names" in result.stderr) == (labels[0] == "LABEL_0")

    result = nxm("eval", "--model", model, "--task", "mrpc", "--data", tmp_path, "--max-length", 64, "--split", "test",
                 "--submission", tmp_path / "out", "--json")
    (answer,) = json_lines(result)
    assert answer["metrics"] == {} and answer["score"] is None
    rows = "".join(f"{i}\t{label}\n" for i, label in enumerate(predicted))
    assert (tmp_path / "out" / "MRPC.tsv").read_text() == "index\tprediction\n" + rows


def overflowing(folder):
    """Finite weights, but no finite answers."""
    tensors = safetensors.load_file(folder / "model.safetensors")
    tensors["bert.encoder.layer.1.intermediate.dense.weight"][:] = 3e38
    safetensors.save_file(tensors, folder / "model.safetensors")
    return folder


def test_eval_errors(tmp_path):
    write_mrpc(tmp_path, random.Random(3), 5)
    model = make_model(tmp_path / "m", LABELS)
    named = ["--task", "mrpc", "--data", tmp_path, "--max-length", 64]
    for arguments, code, says in [
        (["--model", make_model(tmp_path / "other", ["negative", "positive"]), *named], 1, "not those of task 'mrpc'"),
        (["--model", make_model(tmp_path / "three", ["a", "b", "c"]), *named], 1, "3 output(s)"),
        (["--model", model, *named, "--split", "test"], 2, "--submission"),
        (["--model", model, *named, "--submission", tmp_path / "out"], 2, "no submission file for split 'dev'"),
        (["--model", model, *named, "--split", "dve"], 2, "did you mean 'dev'"),
        (["--model", model, "--task", "mrpc", "--data", tmp_path, "--max-length", 65], 2, "64 positions"),
        (["--model", model], 2, "--recipe FILE"),
        (["--model", overflowing(make_model(tmp_path / "huge", LABELS)), *named], 1, "expected a finite number"),
    ]:
        result = nxm("eval", *arguments)
        assert (result.returncode, result.stdout) == (code, ""), result.stderr
        assert says in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["eval", "predict"])
def test_help_ends_with_an_example(verb):
    help_text = subprocess.run([NXM, verb, "--help"], capture_output=True, text=True).stdout
    assert f"nxm {verb} --model" in help_text.rstrip().splitlines()[-1]
