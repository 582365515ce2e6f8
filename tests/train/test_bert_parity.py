# SPDX-License-Identifier: Apache-2.0
"""The model and the optimiser against transformers and PyTorch: logits, gradients, a trajectory of AdamW steps."""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification

TOOL = pathlib.Path(os.environ["NXM_BUILD"]) / "bin" / "nxm_train_tool"


def random_model(seed, labels, **config):
    torch.manual_seed(seed)
    sizes = dict(vocab_size=211, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96,
                 max_position_embeddings=64, num_labels=labels, initializer_range=0.2)
    model = BertForSequenceClassification(BertConfig(**{**sizes, **config}))
    with torch.no_grad():  # biases and LayerNorms away from their zeros and ones
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def random_batch(seed, sequences, labels, vocabulary, longest):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, longest, sequences)
    lengths[: sequences // 3] = lengths[0]  # runs of equal length
    ids = [rng.integers(1, vocabulary, n).tolist() for n in lengths]
    types = [[0] * (n // 2) + [1] * (n - n // 2) for n in lengths]
    targets = rng.normal(size=sequences).tolist() if labels == 1 else rng.integers(0, labels, sequences).tolist()
    return ids, types, targets


def padded(ids, types):
    longest = max(map(len, ids))
    fill = lambda rows: torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return dict(input_ids=fill(ids), token_type_ids=fill(types), attention_mask=fill([[1] * len(row) for row in ids]))


def run_nxm(tmp_path, model, batch, **job):
    model.save_pretrained(tmp_path / "model")
    ids, types, targets = batch
    job = dict(ids=ids, type_ids=types, labels=targets, regression=model.config.num_labels == 1, steps=0, lr=0,
               weight_decay=0, clip=0, bf16=False) | job
    (tmp_path / "job.json").write_text(json.dumps(job))
    out = tmp_path / "out.safetensors"
    subprocess.run([TOOL, tmp_path / "model", tmp_path / "job.json", out], check=True)
    return load_file(out)


def assert_gradients_agree(model, ours):
    # Key biases cancel in the softmax: their gradient is 0 but for rounding, hence the bound by the largest gradient.
    largest = max(parameter.grad.norm() for parameter in model.parameters())
    for name, parameter in model.named_parameters():
        theirs, mine = parameter.grad, ours["grad." + name]
        assert (theirs - mine).norm() <= 1e-4 * theirs.norm() + 1e-6 * largest, name


def loss_of(model, inputs, targets):
    logits = model(**inputs).logits
    if model.config.num_labels == 1:
        return torch.nn.functional.mse_loss(logits.squeeze(1), torch.tensor(targets))
    return torch.nn.functional.cross_entropy(logits, torch.tensor(targets))


@pytest.mark.parametrize("seed", range(6))
def test_logits_and_gradients(tmp_path, seed):
    labels = [1, 2, 3][seed % 3]
    activation = ["gelu", "relu", "gelu_new"][seed % 3]
    model = random_model(seed, labels, hidden_act=activation, num_hidden_layers=1 + seed % 4)
    batch = random_batch(seed, 9, labels, 211, 40)
    ours = run_nxm(tmp_path, model, batch, steps=1)
    inputs = padded(batch[0], batch[1])
    logits = model(**inputs).logits
    assert (logits - ours["logits"]).abs().max() < 1e-5 * max(1, logits.abs().max().item())
    loss_of(model, inputs, batch[2]).backward()
    assert_gradients_agree(model, ours)


@pytest.mark.parametrize("labels,decay,clip", [(2, 0.0, 0.0), (3, 0.01, 1.0), (1, 0.0, 0.5)])
def test_adamw_trajectory(tmp_path, labels, decay, clip):
    model = random_model(10 + labels, labels)
    batch = random_batch(20 + labels, 12, labels, 211, 30)
    steps, lr = 20, 2e-4
    ours = run_nxm(tmp_path, model, batch, steps=steps, lr=lr, weight_decay=decay, clip=clip)
    plain = [p for n, p in model.named_parameters() if n.endswith("bias") or "LayerNorm" in n]
    decayed = [p for n, p in model.named_parameters() if not (n.endswith("bias") or "LayerNorm" in n)]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}], lr=lr)
    inputs = padded(batch[0], batch[1])
    losses = []
    for step in range(steps):
        loss = loss_of(model, inputs, batch[2])
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), clip if clip > 0 else 1e30)
        assert abs(norm.item() - ours["norms"][step].item()) <= 1e-3 * norm.item() + 1e-6
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    np.testing.assert_allclose(ours["losses"].numpy(), losses, rtol=0, atol=1e-5)


def test_bf16_is_near_and_not_equal(tmp_path):
    model = random_model(3, 2)
    batch = random_batch(3, 8, 2, 211, 40)
    ours = run_nxm(tmp_path, model, batch, bf16=True)["logits"]
    exact = model(**padded(batch[0], batch[1])).logits
    difference = (ours - exact).abs().max().item()
    assert 0 < difference < 0.1 * exact.abs().max().item()


def test_demo_model(tmp_path):
    cache = os.environ.get("NXM_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nxm")
    folder = pathlib.Path(cache) / "demo" / "model"
    if not (folder / "model.safetensors").exists():
        pytest.skip(f"no demo model in {folder}: run tools/demo_assets")
    model = BertForSequenceClassification.from_pretrained(folder, num_labels=2).eval()
    batch = random_batch(5, 8, 2, 30000, 100)
    ours = run_nxm(tmp_path, model, batch, steps=1)
    inputs = padded(batch[0], batch[1])
    logits = model(**inputs).logits
    assert (logits - ours["logits"]).abs().max() < 1e-5
    loss_of(model, inputs, batch[2]).backward()
    assert_gradients_agree(model, ours)
