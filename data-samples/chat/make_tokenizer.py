"""Makes ../tokenizers/chat/tokenizer.json: a byte-level BPE with the control tokens of ChatML and
fill-in-the-middle, trained on ../plain, ../make_samples.py and this folder. tokenizers 0.23.3."""
import json
import pathlib

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

root = pathlib.Path(__file__).parents[1]
texts = [p.read_text() for p in sorted(root.glob("plain/*.txt"))] + [(root/"chat/conversations.jsonl").read_text(), (root/"make_samples.py").read_text()]
tok = Tokenizer(models.BPE())
tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tok.decoder = decoders.ByteLevel()
tr = trainers.BpeTrainer(vocab_size=4096-10, special_tokens=["<|endoftext|>"], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
tok.train_from_iterator(texts, tr)
tok.add_special_tokens([AddedToken(t, normalized=False) for t in ["<|im_start|>", "<|im_end|>"]])
tok.add_tokens([AddedToken(t, normalized=False) for t in ["<think>", "</think>", "<tool_call>", "</tool_call>"]])
tok.add_special_tokens([AddedToken(t, normalized=False) for t in ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]])
out = root/"tokenizers/chat/tokenizer.json"
d = json.loads(tok.to_str())
out.write_text(json.dumps(d, ensure_ascii=False, separators=(",", ":")))
print(tok.get_vocab_size(), out.stat().st_size)
