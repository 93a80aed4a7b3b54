"""Makes small encoders with random weights and what `transformers` says with them.

    python make.py        # torch 2.13, transformers 5.24, tokenizers

Writes `bert/` and `roberta/`: `config.json`, `model.safetensors` (half precision, as the tests' files
should be small) and `expected.json` with texts and the logits in single precision. The tokenizer is
`data-samples/tokenizers/chat/tokenizer.json`.
"""

import json
import shutil
from pathlib import Path

import tokenizers
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification, RobertaConfig, RobertaForSequenceClassification

HERE = Path(__file__).parent
TOKENIZER = HERE.parents[2] / "data-samples/tokenizers/chat/tokenizer.json"
TEXTS = ["A small text.", "", "The sieve of text, 字典 and naïve 🙂", "word " * 200, "fn main() { println!(\"{}\", 1 << 3); }"]
SIZE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "num_labels": 3,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.4,
}  # fmt: skip
LENGTH = 64


def main() -> None:
    tokenizer = tokenizers.Tokenizer.from_file(str(TOKENIZER))
    begin, end = tokenizer.token_to_id("<|im_start|>"), tokenizer.token_to_id("<|im_end|>")
    vocabulary = tokenizer.get_vocab_size() + 1
    kinds = {
        "bert": (BertConfig(vocab_size=vocabulary, max_position_embeddings=LENGTH, pad_token_id=0, **SIZE), BertForSequenceClassification),
        "roberta": (
            RobertaConfig(vocab_size=vocabulary, max_position_embeddings=LENGTH + 2, pad_token_id=1, type_vocab_size=1, **SIZE),
            RobertaForSequenceClassification,
        ),
    }
    for name, (config, make) in kinds.items():
        torch.manual_seed(5)
        model = make(config).eval()
        weights = {key: value.half().contiguous() for key, value in model.state_dict().items() if value.is_floating_point()}
        model.load_state_dict({key: value.float() for key, value in weights.items()}, strict=False)
        expected = []
        for text in TEXTS:
            ids = [begin, *tokenizer.encode(text, add_special_tokens=False).ids[: LENGTH - 2], end]
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long)).logits
            expected.append({"text": text, "tokens": len(ids), "logits": logits[0].tolist()})
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(config.to_json_string() + "\n")
        (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


main()
