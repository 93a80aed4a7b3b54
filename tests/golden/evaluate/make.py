"""Writes what lm-evaluation-harness and transformers say about a tiny model, for the unit tests of
src/train/evaluation.

    pip install torch==2.13.0 transformers==5.24.0 tokenizers==0.23.3 lm-eval==0.4.13 accelerate peft && python make.py

The tests need no Python. `model/` is a Llama with drawn weights and a byte-level BPE of 320 tokens, as
a checkpoint of ours has them. `expected.json` holds, for the tasks of `tasks.toml`, the scores, the
log-likelihood of each choice and whether it is the greedy one; and the ids that
`generate(do_sample=False)` puts behind some prompts. The items are written for this test (CC0).
"""

import json
import pathlib
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "benches" / "parity"))
import harness  # noqa: E402

LENGTH, END = 96, "<|endoftext|>"

CHOICE = [
    ("The cook put the pan on the stove.", ["She turned on the gas.", "The moon was a kite.", "Blue."], 0),
    ("Wasser kocht bei", ["hundert Grad.", "fünf Bäumen – täglich.", "Zürich.", "ß"], 0),
    ("Trailing spaces stand here.  ", ["and go on", "do not"], 1),
    ("She said:\n", ["\"No.\"", "Yes, 12 times."], 0),
    ("今日は", ["天気がいい", "雨", "🙂"], 1),
    ("", ["Nothing before it", "Empty"], 1),
]
ARC = [
    ("Which is a mammal?", ["a trout", "a bat", "a beetle"], ["A", "B", "C"], "B"),
    ("What falls from clouds?", ["rain", "sand", "milk", "iron"], ["1", "2", "3", "4"], "1"),
    ("What do plants need?", ["light", "paint"], ["A", "B"], "A"),
]
MMLU = [
    (" What is 2 + 2? ", ["3", "4", "5", "22"], 1),
    ("Which number is prime?", ["4", "6", "7", "9"], 2),
    ("How many sides has a hexagon?", ["six", "five", "four", "eight"], 0),
    ("What is 3 * 3?", ["9", "6", "33", "0"], 0),
]
CLOZE = [
    "The old man looked at the sea and the sea looked at the old man",
    "He opened the door, and behind the door there was another door",
    "Long: " + "the rain fell on the roof and the wind was in the trees, " * 8 + "and the rain fell",
    "one two three four five six seven",
]


def items(name: str, rows: list[dict]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (HERE / f"{name}.jsonl").write_text(text, encoding="utf-8")


def write_model() -> pathlib.Path:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )
    tokenizer.train_from_iterator([__doc__, *CLOZE, *(row[0] for row in CHOICE)], trainer)
    folder = HERE / "model"
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END,
        "clean_up_tokenization_spaces": False, "model_max_length": LENGTH,
    }))
    torch.manual_seed(5)
    end = tokenizer.token_to_id(END)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, intermediate_size=48, rms_norm_eps=1e-6,
        tie_word_embeddings=False, max_position_embeddings=LENGTH, bos_token_id=end,
        eos_token_id=end, pad_token_id=None,
    ))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                weight.normal_(0, 0.3)
    model.save_pretrained(folder)
    # As a checkpoint of ours says it.
    config = json.loads((folder / "config.json").read_text())
    kept = {key: config[key] for key in (
        "architectures", "model_type", "vocab_size", "hidden_size", "intermediate_size",
        "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
        "hidden_act", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings",
        "bos_token_id", "eos_token_id")}
    kept |= {"rope_theta": 10000.0, "rope_scaling": None, "attention_bias": False,
             "mlp_bias": False, "torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(kept, indent=1) + "\n")
    (folder / "generation_config.json").unlink(missing_ok=True)
    return folder


def greedy(folder: pathlib.Path) -> list:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    out = []
    for prompt in ["The old man", "Wasser", "x", " 12 times; and"]:
        ids = tokenizer(prompt, return_tensors="pt")
        with torch.no_grad():
            text = model.generate(**ids, do_sample=False, max_new_tokens=48, pad_token_id=0)
        start = ids["input_ids"].shape[1]
        out.append((ids["input_ids"][0].tolist(), text[0][start:].tolist()))
    return out


items("choice", [dict(question=q, choices=c, answer=a) for q, c, a in CHOICE])
items("arc", [dict(question=q, choices=dict(text=c, label=label), answerKey=a) for q, c, label, a in ARC])
items("mmlu", [dict(question=q, choices=c, answer=a) for q, c, a in MMLU])
items("cloze", [dict(text=text) for text in CLOZE])
torch.set_num_threads(1)
model = write_model()
expected = {
    "tasks": harness.evaluate(model, HERE / "tasks.toml"),
    "greedy": greedy(model),
}
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
