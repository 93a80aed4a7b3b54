"""Renders conversations with transformers and writes what tests compare with.

    python benches/parity/chat.py golden            # tests/golden/chat/golden.jsonl, from data-samples/
    python benches/parity/chat.py all DATA OUT      # all of DATA/instruct/*.jsonl.gz, for
                                                    # TAMIS_CHAT_PARITY=OUT cargo nextest run chat_parity

Needs transformers (made with 5.24.0, tokenizers 0.23.3). Each line of the output is a template's
name, a record and the text, ids and mask that `apply_chat_template` gives for it, or null where the
template refuses it.
"""
import gzip
import json
import pathlib
import sys

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/chat"
SPECIALS = json.loads((GOLDEN / "specials.json").read_text())


def tokenizer():
    inner = Tokenizer.from_file(str(ROOT / "data-samples/tokenizers/chat/tokenizer.json"))
    inner.add_special_tokens([AddedToken(name, normalized=False) for name in SPECIALS])
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")


def rendered(tok, template, record):
    arguments = dict(tools=record.get("tools"), chat_template=template)
    # The day must not matter: the engine has no clock.
    arguments["date_string"] = "26 Jul 2024"
    messages = record["messages"]
    try:
        text = tok.apply_chat_template(messages, tokenize=False, **arguments)
    except Exception:
        return None, None, None
    whole = tok.apply_chat_template(
        messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, **arguments)
    return text, whole["input_ids"], whole["assistant_masks"]


def standard(record):
    """Records of shared/data as OpenAI has them."""
    messages = []
    for message in record["messages"]:
        message = dict(message)
        if call := message.pop("tool_call", None):
            message["tool_calls"] = [{"type": "function", "function": call}]
        messages.append(message)
    return {"messages": messages, "tools": record.get("tools")}


def bfcl(record):
    truth = record.get("ground_truth")
    if not truth or not record["turns"] or not isinstance(truth, list):
        return None
    calls = []
    for call in truth:
        if not isinstance(call, dict):
            return None
        for name, arguments in call.items():
            chosen = {key: values[0] for key, values in arguments.items() if values}
            calls.append({"id": f"call_{len(calls)}", "type": "function",
                          "function": {"name": name, "arguments": chosen}})
    tools = [{"type": "function", "function": function} for function in record["functions"] or []]
    messages = record["turns"][0] + [{"role": "assistant", "content": None, "tool_calls": calls}]
    return {"messages": messages, "tools": tools or None}


def records(folder):
    for name in ["bfcl-v4", "sgd-toolcalls", "self-instruct-seed", "flan-cot"]:
        step = {"flan-cot": 20, "sgd-toolcalls": 5}.get(name, 1)
        with gzip.open(folder / "instruct" / f"{name}.jsonl.gz", "rt") as lines:
            for number, line in enumerate(lines):
                if number % step:
                    continue
                record = json.loads(line)
                record = bfcl(record) if "turns" in record else standard(record)
                if record:
                    yield record


def main():
    tok = tokenizer()
    templates = {path.stem: path.read_text() for path in sorted((GOLDEN / "templates").glob("*.jinja"))}
    if sys.argv[1] == "golden":
        lines = (ROOT / "data-samples/chat/conversations.jsonl").read_text().splitlines()
        chosen, out = [json.loads(line) for line in lines], GOLDEN / "golden.jsonl"
    else:
        chosen, out = records(pathlib.Path(sys.argv[2])), pathlib.Path(sys.argv[3])
    with open(out, "w") as file:
        for number, record in enumerate(chosen):
            for index, (name, template) in enumerate(templates.items()):
                # In the golden file each record goes through two templates, so that it stays small.
                if sys.argv[1] == "golden" and (number + index) % 3:
                    continue
                text, ids, mask = rendered(tok, template, record)
                line = {"template": name, "record": record, "text": text, "ids": ids, "mask": mask}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


main()
