"""Writes train_llama.json and train_adamw.json: what PyTorch says about a tiny Llama and AdamW.

The unit tests of src/train compare themselves with these files and need no Python. To write them
anew: pip install torch==2.13.0 numpy && python train_reference.py

The model is written out from the papers in plain tensor operations, in double precision, with no
code of src/train or of transformers behind it; AdamW is torch.optim.AdamW in single precision.
"""

import json
import math
import pathlib

import torch

HERE = pathlib.Path(__file__).parent
SHAPE = dict(layers=2, width=16, heads=4, kv_heads=2, ffn_width=20, vocab_size=29, sequence_length=7)
THETA, EPSILON = 10_000.0, 1e-6


def weights(generator, tied):
    s = SHAPE
    d, f, kv = s["width"], s["ffn_width"], s["width"] // s["heads"] * s["kv_heads"]

    def matrix(rows, columns):
        return torch.randn(rows, columns, generator=generator) * 0.3

    def norm():
        return 1 + torch.randn(d, generator=generator) * 0.1

    w = {"model.embed_tokens.weight": matrix(s["vocab_size"], d)}
    for layer in range(s["layers"]):
        p = f"model.layers.{layer}."
        w[p + "input_layernorm.weight"] = norm()
        w[p + "self_attn.q_proj.weight"] = matrix(d, d)
        w[p + "self_attn.k_proj.weight"] = matrix(kv, d)
        w[p + "self_attn.v_proj.weight"] = matrix(kv, d)
        w[p + "self_attn.o_proj.weight"] = matrix(d, d)
        w[p + "post_attention_layernorm.weight"] = norm()
        w[p + "mlp.gate_proj.weight"] = matrix(f, d)
        w[p + "mlp.up_proj.weight"] = matrix(f, d)
        w[p + "mlp.down_proj.weight"] = matrix(d, f)
    w["model.norm.weight"] = norm()
    if not tied:
        w["lm_head.weight"] = matrix(s["vocab_size"], d)
    # Three decimals: few bytes in the file, and the same 32-bit numbers for whoever reads them.
    return {name: value.round(decimals=3).float() for name, value in w.items()}


def rms_norm(x, weight):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPSILON) * weight


def rotate(x):
    """x: [rows, heads, length, size]; pairs (i, i + size/2), complex multiplication."""
    length, size = x.shape[-2:]
    frequency = THETA ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * frequency
    pairs = torch.complex(x[..., : size // 2], x[..., size // 2 :])
    turned = pairs * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag], -1)


def logits(w, ids):
    s = SHAPE
    rows, length = ids.shape
    size = s["width"] // s["heads"]
    x = w["model.embed_tokens.weight"][ids]
    hidden_future = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
    for layer in range(s["layers"]):
        p = f"model.layers.{layer}."
        h = rms_norm(x, w[p + "input_layernorm.weight"])

        def heads(name, count):
            return (h @ w[p + f"self_attn.{name}.weight"].T).view(rows, length, count, size).transpose(1, 2)

        group = s["heads"] // s["kv_heads"]
        q = rotate(heads("q_proj", s["heads"]))
        k = rotate(heads("k_proj", s["kv_heads"])).repeat_interleave(group, 1)
        v = heads("v_proj", s["kv_heads"]).repeat_interleave(group, 1)
        scores = (q @ k.transpose(-1, -2) / math.sqrt(size)).masked_fill(hidden_future, -math.inf)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(rows, length, s["width"])
        x = x + mixed @ w[p + "self_attn.o_proj.weight"].T
        h = rms_norm(x, w[p + "post_attention_layernorm.weight"])
        gate = h @ w[p + "mlp.gate_proj.weight"].T
        x = x + (gate * torch.sigmoid(gate) * (h @ w[p + "mlp.up_proj.weight"].T)) @ w[p + "mlp.down_proj.weight"].T
    head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
    return rms_norm(x, w["model.norm.weight"]) @ head.T


def loss_of(w, windows):
    out = logits(w, windows[:, :-1]).log_softmax(-1)
    return -out.gather(-1, windows[:, 1:, None]).mean()


def numbers(tensor, digits=7):
    return [float(f"{value:.{digits}g}") for value in tensor.detach().flatten().tolist()]


def llama(tied):
    generator = torch.Generator().manual_seed(17 + tied)
    start = weights(generator, tied)
    windows = torch.randint(0, SHAPE["vocab_size"], (3, SHAPE["sequence_length"] + 1), generator=generator)
    w = {name: value.double().requires_grad_() for name, value in start.items()}
    loss = loss_of(w, windows)
    loss.backward()
    golden = dict(
        shape=SHAPE,
        tied=bool(tied),
        windows=windows.tolist(),
        weights={name: numbers(value) for name, value in start.items()},
        logits=numbers(logits(w, windows[:, :-1])),
        loss=loss.item(),
        gradients={name: numbers(value.grad) for name, value in w.items()},
    )
    # Ten steps on the same windows: clipping, decay of matrices only, bias correction.
    groups = [
        dict(params=[v for n, v in w.items() if v.dim() == 2 and "embed" not in n], weight_decay=0.1),
        dict(params=[v for n, v in w.items() if v.dim() != 2 or "embed" in n], weight_decay=0.0),
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.99), eps=1e-8)
    golden["losses"], golden["gradient_norms"] = [], []
    for _ in range(10):
        optimizer.zero_grad()
        loss = loss_of(w, windows)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(list(w.values()), 1.0)
        optimizer.step()
        golden["losses"].append(loss.item())
        golden["gradient_norms"].append(norm.item())
    return golden


def adamw():
    generator = torch.Generator().manual_seed(5)
    w = {
        "model.embed_tokens.weight": torch.randn(6, 4, generator=generator),
        "model.layers.0.mlp.up_proj.weight": torch.randn(5, 4, generator=generator),
        "model.norm.weight": torch.ones(4),
    }
    w = {name: value.round(decimals=3) for name, value in w.items()}
    golden = dict(weights={name: numbers(value) for name, value in w.items()}, steps=[])
    w = {name: value.clone().requires_grad_() for name, value in w.items()}
    names = list(w)
    optimizer = torch.optim.AdamW(
        [
            dict(params=[w[names[1]]], weight_decay=0.1),
            dict(params=[w[names[0]], w[names[2]]], weight_decay=0.0),
        ],
        betas=(0.9, 0.99),
        eps=1e-8,
    )
    for step in range(6):
        rate = 0.02 / (step + 1)
        for group in optimizer.param_groups:
            group["lr"] = rate
        # Small ones too, so that epsilon counts.
        scale = 10.0 ** -(2 * (step % 3))
        for value in w.values():
            value.grad = torch.randn(value.shape, generator=generator) * scale
        # Nine digits give a 32-bit number back exactly.
        gradients = {name: numbers(value.grad, 9) for name, value in w.items()}
        optimizer.step()
        golden["steps"].append(
            dict(learning_rate=rate, gradients=gradients, weights={n: numbers(v) for n, v in w.items()})
        )
    return golden


def write(name, value):
    path = HERE / name
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size)


write("train_llama.json", [llama(tied=0), llama(tied=1)])
write("train_adamw.json", adamw())
