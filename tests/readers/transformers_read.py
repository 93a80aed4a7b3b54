"""Loads checkpoints with transformers and compares their logits with ours.

    python transformers_read.py CHECKPOINT LOGITS [CHECKPOINT LOGITS …]

CHECKPOINT is a folder with model.safetensors and config.json; LOGITS a safetensors file with `ids`
[rows, length] and `logits` [rows, length, vocabulary]. Fails where a weight is missing, left over or
made up, or a logit is off by more than 1e-4. Prints the class and the greatest difference of each.
Where a folder has a tokenizer, it is loaded, and a text must come back.
"""

import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

TEXT = "The quick brown fox, 12 times."


def check(folder: pathlib.Path, expected: dict[str, torch.Tensor]) -> None:
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[kind], (kind, info[kind])
    with torch.no_grad():
        logits = model.eval()(expected["ids"]).logits
    difference = (logits - expected["logits"]).abs().max().item()
    assert difference < 1e-4, difference
    print(type(model).__name__, f"{difference:.1e}")
    if (folder / "tokenizer.json").exists():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = tokenizer(TEXT)["input_ids"]
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == TEXT


torch.set_num_threads(1)
for folder, logits in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
    check(pathlib.Path(folder), load_file(logits))
