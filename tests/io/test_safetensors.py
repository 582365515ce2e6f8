# SPDX-License-Identifier: Apache-2.0
"""nxm's safetensors against the safetensors package, both ways, and on damaged files."""
import hashlib
import json
import random
import struct

import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors")
from safetensors.torch import load_file, save_file  # noqa: E402

from io_tool import Lines, ok  # noqa: E402

DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "U16": torch.uint16, "I16": torch.int16, "F16": torch.float16,
    "BF16": torch.bfloat16, "U32": torch.uint32, "I32": torch.int32, "F32": torch.float32, "U64": torch.uint64,
    "I64": torch.int64, "F64": torch.float64,
}  # fmt: skip


def random_tensor(rng, dtype):
    shape = [rng.choice([0, 1, 2, 3, 5, 8]) for _ in range(rng.randrange(4))]
    values = torch.randn(shape, dtype=torch.float64) * 10.0 ** rng.randrange(-9, 7)
    if values.numel() and dtype.is_floating_point and rng.random() < 0.3:
        values.view(-1)[0] = rng.choice([float("inf"), -float("inf"), -0.0, 1e-40])
    if dtype.is_floating_point:
        return values.to(dtype)
    return values.clamp(0, 100).to(torch.int64).to(dtype)


def random_tensors(seed):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    names = ["layer.weight", "b", "ä 漢", 'q"\\\n', "", "z" * 300]
    kinds = rng.sample(sorted(DTYPES), rng.randrange(len(DTYPES) + 1))
    tensors = {f"{rng.choice(names)}{i}": random_tensor(rng, DTYPES[kind]) for i, kind in enumerate(kinds)}
    metadata = {rng.choice(names) or "k": "v", "format": "pt"} if rng.random() < 0.7 else None
    return tensors, metadata


def raw(tensor):
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("seed", range(40))
def test_both_ways(tmp_path, seed):
    tensors, metadata = random_tensors(seed)
    save_file(tensors, tmp_path / "theirs", metadata)
    listed = ok("list", tmp_path / "theirs")
    assert listed["metadata"] == (metadata or {})
    assert listed["tensors"].keys() == tensors.keys()
    for name, tensor in tensors.items():
        seen = listed["tensors"][name]
        assert DTYPES[seen["dtype"]] == tensor.dtype
        assert seen["shape"] == list(tensor.shape)
        assert seen["sha256"] == digest(raw(tensor))
        if tensor.dtype.is_floating_point:
            assert seen["f32"] == digest(raw(tensor.float())), name
    ok("copy", tmp_path / "theirs", tmp_path / "ours")
    back = load_file(tmp_path / "ours")
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype and back[name].shape == tensor.shape
        assert raw(back[name]) == raw(tensor)
    with safetensors.safe_open(tmp_path / "ours", "pt") as file:
        assert (file.metadata() or {}) == (metadata or {})
    header = struct.unpack("<Q", (tmp_path / "ours").read_bytes()[:8])[0]
    assert header % 8 == 0
    for name, seen in ok("list", tmp_path / "ours")["tensors"].items():
        assert seen["begin"] % max(1, tensors[name].element_size()) == 0


# Where nxm is stricter than the package on purpose: the words of its message.
STRICTER = ["stands twice", "twice.", "unknown dtype", "expected dtype, shape and data_offsets, found",
            "'__metadata__': expected an object, got null", "expected integers from 0 to 2^63 - 1 as shape, got"]  # fmt: skip


def mutate(rng, header):
    """Some damage to the text of a header, as bytes."""
    entry = rng.choice([k for k in header if k != "__metadata__"])
    field = rng.choice(["dtype", "shape", "data_offsets"])
    number = rng.choice([-1, 0, 1, 2, 3, 1.5, 1e3, "1", None, True, [], {}, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**64])
    kind = rng.randrange(13)
    if kind == 0:
        header[entry][field] = rng.choice([number, [number], [0, number], [0, 1, number], "F32", "f32", "F8_E4M3", "C64"])
    elif kind == 1 and header[entry]["shape"]:
        header[entry]["shape"][rng.randrange(len(header[entry]["shape"]))] = number
    elif kind == 2:
        side = rng.randrange(2)
        shift = rng.choice([-9, -4, -1, 1, 4, 8])
        header[entry]["data_offsets"][side] += shift
    elif kind == 3:
        del header[entry][field]
    elif kind == 4:
        header[entry]["more"] = number
    elif kind == 5:
        del header[entry]
    elif kind == 6:
        header["new"] = {"dtype": "U8", "shape": rng.choice([[0], [0, 2**62, 4], [2**62, 4, 0], [1], []]), "data_offsets": [0, 0]}
    elif kind == 7:
        header["__metadata__"] = rng.choice([number, {"a": number}, {"a": {"b": "c"}}, {}, {"": ""}])
    elif kind == 8:
        header[entry]["shape"] = rng.choice([[1] + header[entry]["shape"], header[entry]["shape"][::-1]])
    elif kind == 9:
        header = dict(reversed(header.items()))
    text = json.dumps(header, allow_nan=False).encode()
    if kind == 10:
        at = rng.randrange(len(text))
        text = text[:at] + bytes([rng.randrange(256)]) + text[at + rng.randrange(2) :]
    elif kind == 11:
        text += rng.choice([b" ", b"\n", b"\x00", b"x", b",", b"}", b"{}", b"//c", b"\t  "])
    elif kind == 12:
        name = json.dumps(entry).encode()
        text = text[:-1] + b"," + name + b":" + json.dumps(header[entry]).encode() + b"}"
    return text


def test_damaged_files_are_judged_alike(tmp_path):
    rng = random.Random(11)
    accepted = rejected = 0
    stricter = {}
    path = tmp_path / "file"
    with Lines("check") as check:
        for round_ in range(3000):
            tensors, metadata = random_tensors(round_ % 25)
            if not tensors:
                continue
            data = safetensors.torch.save(tensors, metadata)
            length = struct.unpack("<Q", data[:8])[0]
            header = mutate(rng, json.loads(data[8 : 8 + length]))
            body = data[8 + length :]
            prefix = len(header)
            if rng.random() < 0.1:
                body = rng.choice([body[:-1], body + b"x", b""])
            if rng.random() < 0.1:
                prefix = rng.choice([prefix - 1, prefix + 1, 0, 7, 10**8 + 1, 2**63, 2**64 - 1])
            blob = struct.pack("<Q", prefix) + header + body
            blob = blob if rng.random() > 0.02 else blob[: rng.randrange(12)]
            path.write_bytes(blob)
            try:
                safetensors.deserialize(blob)
                theirs = True
            except Exception:
                theirs = False
            answer = check(path)
            if "ok" in answer:
                accepted += 1
                assert theirs, (header, prefix, answer)
            elif theirs:
                reason = next((words for words in STRICTER if words in answer["error"]), None)
                assert reason, (header, prefix, answer)
                stricter[reason] = stricter.get(reason, 0) + 1
            else:
                rejected += 1
    print(f"accepted by both {accepted}, rejected by both {rejected}, by nxm alone {stricter}")
    assert accepted > 300 and rejected > 1000
