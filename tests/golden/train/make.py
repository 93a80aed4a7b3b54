"""Writes what PyTorch and transformers say about tiny models, for the unit tests of src/train.

    pip install torch==2.13.0 transformers==5.24.0 safetensors numpy && python make.py

The tests need no Python. Each model is transformers' own (LlamaForCausalLM, Qwen3ForCausalLM,
GPT2LMHeadModel) with weights drawn by us; the optimiser is torch.optim.AdamW. A file
`<model>.safetensors` holds, in 32 bits unless said otherwise:

    weights.NAME     the weights, under the names of the checkpoint
    windows          [rows, length + 1] token ids, 64-bit
    logits           [rows, length, vocabulary]
    loss             mean cross-entropy, 64-bit
    gradients.NAME   its gradients
    losses, norms    [10], 64-bit: of ten steps of AdamW on the same windows, before each update, with
                     clipping at norm 1 and a constant learning rate of 0.01

and, as metadata, the keys of `[train]` that describe the model. Logits, loss and gradients are
computed in double precision and rounded: no order of sums is preferred. The ten steps run in single
precision, as a training does. `adamw.safetensors`: `weights.STEP.NAME` after each of ten updates by
given `gradients.STEP.NAME`, single precision, weight decay 0.1 on the names with `mlp`.
`muon.safetensors`: the same for `torch.optim.Muon` with the rate of `match_rms_adamw` and weight decay
0.1; its cast to bfloat16 is left out, since five steps in 8 bits depend on how sums are rounded.
"""

import json
import pathlib

import numpy
import torch
from safetensors.numpy import save_file
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

HERE = pathlib.Path(__file__).parent
VOCABULARY, LENGTH, ROWS = 61, 12, 3

# Per model: its keys in `[train]`, its class, its configuration in transformers.
MODELS = {
    "llama": (
        dict(layers=2, width=32, heads=4, kv_heads=2, ffn_width=48),
        LlamaForCausalLM,
        LlamaConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                    num_key_value_heads=2, intermediate_size=48, rms_norm_eps=1e-6,
                    tie_word_embeddings=False),
    ),
    "qwen3": (
        dict(layers=2, width=32, heads=4, kv_heads=2, ffn_width=48, qk_norm=True,
             tie_embeddings=True),
        Qwen3ForCausalLM,
        Qwen3Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                    num_key_value_heads=2, intermediate_size=48, head_dim=8, rms_norm_eps=1e-6,
                    tie_word_embeddings=True),
    ),
    "gpt2": (
        dict(architecture="gpt2", layers=2, width=32, heads=4),
        GPT2LMHeadModel,
        GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=LENGTH, resid_pdrop=0.0,
                   embd_pdrop=0.0, attn_pdrop=0.0),
    ),
}  # fmt: skip


def draw(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Weights large enough for every part to count in the logits."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() > 1:
                value.copy_(noise * 0.2)
            elif name.endswith("bias"):
                value.copy_(noise * 0.1)
            else:
                value.copy_(1 + noise * 0.1)


def loss_of(model: torch.nn.Module, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    logits = model(windows[:, :-1]).logits
    return logits, torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


def decays(name: str, value: torch.Tensor) -> bool:
    """Weight decay applies to the matrices of the blocks and an untied output matrix."""
    return value.dim() == 2 and not any(part in name for part in ("embed_tokens", "wte", "wpe"))


def golden(seed: int, keys: dict, kind: type, config) -> tuple[dict, dict]:
    generator = torch.Generator().manual_seed(seed)
    config.vocab_size = VOCABULARY
    config._attn_implementation = "eager"
    model = kind(config).float().eval()
    draw(model, generator)
    windows = torch.randint(0, VOCABULARY, (ROWS, LENGTH + 1), generator=generator)
    out = {"windows": windows}
    for name, value in model.named_parameters():
        out[f"weights.{name}"] = value.detach().clone()

    # The rotary tables and norms of transformers stay in single precision whatever we ask for; so
    # does this comparison's tolerance.
    model.double()
    logits, loss = loss_of(model, windows)
    loss.backward()
    out |= {"logits": logits.detach().float(), "loss": loss.detach().double()}
    for name, value in model.named_parameters():
        out[f"gradients.{name}"] = value.grad.float()

    model.float()
    named = dict(model.named_parameters())
    for name, value in named.items():
        value.data.copy_(out[f"weights.{name}"])
    groups = [
        dict(params=[v for n, v in named.items() if decays(n, v)], weight_decay=0.1),
        dict(params=[v for n, v in named.items() if not decays(n, v)], weight_decay=0.0),
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.99), eps=1e-8)
    losses, norms = [], []
    for _ in range(10):
        optimizer.zero_grad()
        _, loss = loss_of(model, windows)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(list(named.values()), 1.0).double())
        optimizer.step()
        losses.append(loss.detach().double())
    out |= {"losses": torch.stack(losses), "norms": torch.stack(norms)}
    shape = dict(keys, vocab_size=VOCABULARY, sequence_length=LENGTH)
    return out, {"shape": json.dumps(shape)}


def adamw() -> dict:
    generator = torch.Generator().manual_seed(5)
    shapes = {"embed": (6, 4), "mlp": (5, 4), "norm": (4,)}
    named = {n: torch.randn(s, generator=generator).requires_grad_() for n, s in shapes.items()}
    out = {f"weights.0.{name}": value.detach().clone() for name, value in named.items()}
    optimizer = torch.optim.AdamW(
        [
            dict(params=[named["mlp"]], weight_decay=0.1),
            dict(params=[named["embed"], named["norm"]], weight_decay=0.0),
        ],
        betas=(0.9, 0.99),
        eps=1e-8,
    )
    for step in range(1, 11):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 / step
        # Small ones too, so that epsilon counts.
        scale = 10.0 ** -(3 * (step % 4))
        for name, value in named.items():
            value.grad = torch.randn(value.shape, generator=generator) * scale
            out[f"gradients.{step}.{name}"] = value.grad
        optimizer.step()
        for name, value in named.items():
            out[f"weights.{step}.{name}"] = value.detach().clone()
    return out


def muon() -> dict:
    generator = torch.Generator().manual_seed(6)
    shapes = {"wide": (6, 16), "tall": (16, 6), "square": (8, 8)}
    named = {n: torch.randn(s, generator=generator).requires_grad_() for n, s in shapes.items()}
    out = {f"weights.0.{name}": value.detach().clone() for name, value in named.items()}
    torch.Tensor.bfloat16 = torch.Tensor.clone
    optimizer = torch.optim.Muon(
        list(named.values()), weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    for step in range(1, 6):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 / step
        for name, value in named.items():
            value.grad = torch.randn(value.shape, generator=generator) * 10.0**-step
            out[f"gradients.{step}.{name}"] = value.grad
        optimizer.step()
        for name, value in named.items():
            out[f"weights.{step}.{name}"] = value.detach().clone()
    return out


def write(name: str, tensors: dict, metadata: dict) -> None:
    path = HERE / f"{name}.safetensors"
    arrays = {n: numpy.ascontiguousarray(v.numpy()) for n, v in tensors.items()}
    save_file(arrays, path, metadata)
    print(path.name, path.stat().st_size)


torch.set_num_threads(1)
for seed, (name, model) in enumerate(MODELS.items(), 17):
    write(name, *golden(seed, *model))
write("adamw", adamw(), {})
write("muon", muon(), {})
