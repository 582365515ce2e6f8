# SPDX-License-Identifier: Apache-2.0
"""Model folders go from transformers through nxm and back: the same weights, and not a warning."""
import json
import logging
import os
import pathlib
import warnings

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from safetensors.torch import load_file, save_file  # noqa: E402

from io_tool import call, ok  # noqa: E402


def config(**changes):
    torch.manual_seed(3)
    sizes = {"vocab_size": 50, "hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 20,
             "max_position_embeddings": 16}  # fmt: skip
    return transformers.BertConfig(**sizes, **changes)


def load_silently(folder, capfd):
    """BertForSequenceClassification of a folder; anything that transformers has to say is a failure."""
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    capfd.readouterr()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            transformers.utils.logging.disable_progress_bar()
            model, info = transformers.AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert said == []
    assert not any(info.values()), info
    out, err = capfd.readouterr()
    assert out == "" and err == ""
    return model.eval()


def assert_same_weights(model, expected):
    assert model.state_dict().keys() == expected.state_dict().keys()
    for name, value in expected.state_dict().items():
        assert torch.equal(model.state_dict()[name], value.float()), name


def test_the_check_for_warnings_works(tmp_path, capfd):
    transformers.BertModel(config()).save_pretrained(tmp_path)  # no classifier: transformers reports it
    with pytest.raises(AssertionError):
        load_silently(tmp_path, capfd)


@pytest.mark.parametrize("labels", [1, 2, 3])
@pytest.mark.parametrize("shards", [False, True])
def test_classifier(tmp_path, capfd, labels, shards):
    model = transformers.BertForSequenceClassification(config(num_labels=labels)).eval()
    model.save_pretrained(tmp_path / "in", max_shard_size="8KB" if shards else "5GB")
    assert (tmp_path / "in" / "model.safetensors.index.json").exists() == shards
    answer = ok("model", tmp_path / "in", tmp_path / "out")
    assert answer["made"] == []
    assert set(answer["names"]) == set(model.state_dict())
    again = load_silently(tmp_path / "out", capfd)
    assert_same_weights(again, model)
    with torch.no_grad():  # the last bits depend on how the two lie in memory
        ids = torch.arange(10).view(2, 5)
        torch.testing.assert_close(again(ids).logits, model(ids).logits)
    assert again.config.id2label == model.config.id2label


@pytest.mark.parametrize("limit", [1, 4000, 8000, 12000])
def test_shards_that_nxm_writes(tmp_path, capfd, limit):
    model = transformers.BertForSequenceClassification(config(num_labels=3)).eval()
    model.save_pretrained(tmp_path / "in")
    ok("model", tmp_path / "in", tmp_path / "out", limit)
    files = sorted((tmp_path / "out").glob("*.safetensors"))
    assert len(files) > 1
    assert [file.name for file in files] == [f"model-{i + 1:05}-of-{len(files):05}.safetensors" for i in range(len(files))]
    shards = [load_file(file) for file in files]
    sizes = [sum(tensor.nbytes for tensor in shard.values()) for shard in shards]
    assert all(size <= limit or len(shard) == 1 for size, shard in zip(sizes, shards))
    index = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(sizes)
    assert index["weight_map"] == {name: file.name for file, shard in zip(files, shards) for name in shard}
    assert_same_weights(load_silently(tmp_path / "out", capfd), model)
    ok("model", tmp_path / "out", tmp_path / "again")  # and nxm reads what it wrote
    assert (tmp_path / "again" / "model.safetensors").exists()
    assert_same_weights(load_silently(tmp_path / "again", capfd), model)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_widths_become_f32(tmp_path, capfd, dtype):
    model = transformers.BertForSequenceClassification(config()).to(dtype)
    model.save_pretrained(tmp_path / "in")
    ok("model", tmp_path / "in", tmp_path / "out")
    again = load_silently(tmp_path / "out", capfd)
    assert again.dtype == torch.float32
    assert_same_weights(again, model)


def old_names(folder):
    tensors = {}
    for name, value in load_file(folder / "model.safetensors").items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        tensors[name] = value
    tensors["embeddings.position_ids"] = torch.arange(16).view(1, 16)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize("old", [False, True])
def test_encoder_without_head_and_prefix(tmp_path, capfd, old):
    model = transformers.BertModel(config()).eval()
    model.save_pretrained(tmp_path / "in")
    if old:
        old_names(tmp_path / "in")
    answer = ok("model", tmp_path / "in", tmp_path / "out")
    assert answer["made"] == ["classifier.bias", "classifier.weight"]
    again = load_silently(tmp_path / "out", capfd)
    assert_same_weights(again.bert, model)


def test_expected_tensors(tmp_path):
    for labels, layers in [(1, 1), (2, 12), (7, 2)]:
        settings = config(num_labels=labels)
        settings.num_hidden_layers = layers
        settings.architectures = ["BertForSequenceClassification"]
        settings.save_pretrained(tmp_path)
        shapes = {k: list(v.shape) for k, v in transformers.BertForSequenceClassification(settings).state_dict().items()}
        assert ok("expected", tmp_path / "config.json") == shapes


def test_pretraining_checkpoint_lists_its_heads(tmp_path):
    model = transformers.BertForPreTraining(config())
    model.save_pretrained(tmp_path / "in")
    answer = ok("model", tmp_path / "in", tmp_path / "out")
    assert "cls.seq_relationship.weight" in answer["names"]  # listed; the trainer decides


def test_damaged_shard_is_refused(tmp_path):
    transformers.BertModel(config()).save_pretrained(tmp_path / "in", max_shard_size="8KB")
    index = json.loads((tmp_path / "in" / "model.safetensors.index.json").read_text())
    shard = tmp_path / "in" / sorted(set(index["weight_map"].values()))[1]
    shard.write_bytes(shard.read_bytes()[:-1])
    assert shard.name in call("model", tmp_path / "in", tmp_path / "out")["error"]
    assert not (tmp_path / "out").exists()


def demo_model():
    cache = os.environ.get("NXM_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "nxm"
    folder = pathlib.Path(cache) / "demo" / "model"
    if not (folder / "model.safetensors").exists():
        pytest.skip(f"the demo's model is not in {folder}; 'make demo' fetches it")
    return folder


def test_real_model(tmp_path, capfd):
    folder = demo_model()
    answer = ok("model", folder, tmp_path / "out")
    assert answer["made"] == ["classifier.bias", "classifier.weight"]
    assert not any("position_ids" in name for name in answer["names"])
    again = load_silently(tmp_path / "out", capfd)
    model = transformers.BertModel.from_pretrained(folder)
    assert_same_weights(again.bert, model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    words = tokenizer("an unbelievably good film")
    assert words["input_ids"] == transformers.AutoTokenizer.from_pretrained(folder)("an unbelievably good film")["input_ids"]
