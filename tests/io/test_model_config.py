# SPDX-License-Identifier: Apache-2.0
"""config.json as transformers writes it goes through nxm and comes back as the same configuration."""
import json
import random

import pytest

transformers = pytest.importorskip("transformers")

from io_tool import Lines  # noqa: E402

WRITTEN_BY_NXM = {"architectures", "dtype", "transformers_version", "_name_or_path"}


def random_config(rng):
    heads = rng.choice([1, 2, 3, 12])
    labels = rng.choice([None, 1, 2, 3, 11])
    names = [f"label {i} ä\"" for i in range(labels or 0)] if rng.random() < 0.5 else [f"LABEL_{i}" for i in range(labels or 0)]
    extra = {"finetuning_task": "sst2"} if rng.random() < 0.5 else {}
    if labels:
        extra |= {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}
        extra["problem_type"] = "regression" if labels == 1 else rng.choice([None, "single_label_classification"])
    return transformers.BertConfig(
        vocab_size=rng.randrange(1, 50000),
        hidden_size=heads * rng.randrange(1, 65),
        num_attention_heads=heads,
        num_hidden_layers=rng.randrange(1, 25),
        intermediate_size=rng.randrange(1, 4000),
        hidden_act=rng.choice(["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"]),
        hidden_dropout_prob=rng.choice([0, 0.0, 0.1, rng.random(), 1]),
        attention_probs_dropout_prob=rng.random(),
        classifier_dropout=rng.choice([None, 0.0, 0, rng.random()]),
        max_position_embeddings=rng.randrange(1, 2000),
        type_vocab_size=rng.randrange(1, 5),
        initializer_range=rng.random(),
        layer_norm_eps=rng.choice([1e-12, 1e-5, rng.random() * 1e-7]),
        pad_token_id=rng.choice([0, 0, None]),
        use_cache=rng.random() < 0.5,
        something_new={"kept": [1, 2.5, None, "x"]},
        **extra,
    )


def load(folder):
    loaded = transformers.AutoConfig.from_pretrained(folder).to_dict()
    return {key: value for key, value in loaded.items() if key not in WRITTEN_BY_NXM}


def test_round_trip_through_transformers(tmp_path, caplog):
    rng = random.Random(5)
    (tmp_path / "ours").mkdir()
    with Lines("configs") as configs:
        for _ in range(200):
            config = random_config(rng)
            config.save_pretrained(tmp_path)
            path = tmp_path / "config.json"
            data = json.loads(path.read_text())
            if rng.random() < 0.3:  # as older versions wrote it
                data["torch_dtype"] = "float16"
                path.write_text(json.dumps(data))
            answer = configs(path)
            assert "ok" in answer, answer
            (tmp_path / "ours" / "config.json").write_text(answer["ok"])
            ours = json.loads(answer["ok"])
            assert ours.get("architectures") == (["BertForSequenceClassification"] if "id2label" in data else None)
            assert ours["dtype"] == "float32" and "torch_dtype" not in ours
            expected = load(tmp_path)
            assert load(tmp_path / "ours") == expected
            assert expected["something_new"] == {"kept": [1, 2.5, None, "x"]}
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
