"""Writes conversations.jsonl: forty conversations written for tamis (CC0 1.0).

    python data-samples/chat/make.py
"""
import json
import pathlib

WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Weather at a place, now.", "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "Name of the city."}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}}, "required": ["city"]}}}
MAIL = {"type": "function", "function": {"name": "send_mail", "description": "Sends a mail.", "parameters": {"type": "object", "properties": {"to": {"type": "string"}, "subject": {"type": "string"}, "body": {"type": "string"}}, "required": ["to", "body"]}}}
SUM = {"type": "function", "function": {"name": "sum", "description": "Adds numbers.", "parameters": {"type": "object", "properties": {"values": {"type": "array", "items": {"type": "number"}}}}}}
out = []


def add(*turns, tools=None):
    messages = []
    for turn in turns:
        message = {"role": turn[0], "content": turn[1]}
        for key in turn[2:]:
            message.update(key)
        messages.append(message)
    out.append({"id": f"c{len(out):02}", "messages": messages} | ({"tools": tools} if tools else {}))


def call(name, arguments, id="call_0"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


S, U, A, T = "system", "user", "assistant", "tool"
PLAIN = [
    ("What is the capital of Norway?", "Oslo."),
    ("Name three primary colours of light.", "Red, green and blue."),
    ("Why is the sky blue?", "Air scatters short waves of light more than long ones. Blue light is scattered most of what we see well, so it reaches us from all over the sky."),
    ("Give me a word that rhymes with \"stone\".", "\"Bone\" rhymes with it, and so do \"phone\" and \"alone\"."),
    ("Translate 'good morning' into German, French and Japanese.", "German: Guten Morgen\nFrench: Bonjour\nJapanese: おはようございます"),
    ("How do I reverse a list in Python?", "Use a slice or a method:\n\n```python\nnumbers = [1, 2, 3]\nprint(numbers[::-1])   # a new list: [3, 2, 1]\nnumbers.reverse()      # in place\n```\n\nThe slice leaves `numbers` as it was."),
    ("请用一句话解释什么是筛子。", "筛子是一种带有小孔的工具，用来把大小不同的颗粒分开。"),
    ("What does a tamis do?", "A tamis is a drum-shaped sieve. Cooks press food through its fine mesh, so that what is too coarse stays behind."),
    ("Write a haiku about rain.", "Rain on the tin roof,\nthe gutter counts each drop twice\nand loses the sum."),
    ("Is 91 a prime number?", "No: 91 = 7 × 13."),
    ("Summarise: The meeting was moved from Monday to Wednesday because the room was taken.", "The meeting is on Wednesday now, since the room was taken on Monday."),
    ("Turn this into JSON: name Ada, age 36", "{\"name\": \"Ada\", \"age\": 36}"),
    ("What is the difference between a list and a tuple?", "A list can be changed after it is made; a tuple cannot. So a tuple of hashable values can be a key of a dict, and a list cannot."),
    ("Correct the sentence: She don't likes apples.", "She doesn't like apples."),
    ("Comment dit-on « tamis » en anglais ?", "On dit « sieve », ou « drum sieve » pour le modèle de cuisine."),
]
for question, answer in PLAIN:
    add((U, question), (A, answer))
for question, answer in PLAIN[:5]:
    add((S, "You are terse."), (U, question), (A, answer.split("\n")[0]))
add((U, "I have 3 apples and eat one. How many are left?"), (A, "Two."), (U, "And if I buy five more?"), (A, "Then you have seven."))
add((S, "You are a tutor."), (U, "What is 12 × 12?"), (A, "144."), (U, "Why?"), (A, "12 × 10 = 120 and 12 × 2 = 24; together they are 144."), (U, "Thanks!"), (A, "You are welcome."))
add((U, "Hello!"), (A, "Hello! What can I do for you?"), (U, "Tell me a fact about bees."), (A, "A bee tells others where flowers are by dancing."))
add((U, "Bonjour"), (A, "Bonjour ! Comment puis-je vous aider ?"), (U, "Un proverbe ?"), (A, "« Petit à petit, l'oiseau fait son nid. »"))
for number, (left, right) in enumerate([(17, 25), (48, 6), (99, 12)]):
    add((U, f"What is {left} + {right}?"), (A, f"It is {left + right}.", {"reasoning_content": f"{left} and {right}: {left + right}."}))
add((U, "Which is heavier, a kilo of feathers or a kilo of iron?"), (A, "Neither: both weigh a kilo.", {"reasoning_content": "The trap is to think of density.\nBoth are one kilo."}), (U, "And in water?"), (A, "The feathers seem lighter, since they displace more water.", {"reasoning_content": "Buoyancy goes by volume."}))
add((U, "Think first: is 0.1 + 0.2 equal to 0.3 in floating point?"), (A, "<think>\nBinary fractions cannot hold a tenth.\n</think>\n\nNo. It is 0.30000000000000004."))
CITIES = [("Paris", 18), ("Oslo", -3), ("北京", 27), ("São Paulo", 22)]
for city, degrees in CITIES:
    add((U, f"How warm is it in {city}?"), (A, None, {"tool_calls": [call("get_weather", {"city": city, "unit": "celsius"})]}), (T, json.dumps({"degrees": degrees}), {"tool_call_id": "call_0", "name": "get_weather"}), (A, f"It is {degrees} degrees in {city}."), tools=[WEATHER])
add((S, "Use the tools."), (U, "Compare Paris and Oslo."), (A, "I look both up.", {"reasoning_content": "Two calls are needed."}, {"tool_calls": [call("get_weather", {"city": "Paris"}), call("get_weather", {"city": "Oslo"}, "call_1")]}), (T, "18", {"tool_call_id": "call_0"}), (T, "-3", {"tool_call_id": "call_1"}), (A, "Paris is 21 degrees warmer.", {"reasoning_content": "18 - -3 = 21"}), tools=[WEATHER, SUM])
add((U, "Add 1.5, 2 and 1e3."), (A, "", {"tool_calls": [call("sum", {"values": [1.5, 2, 1000.0]})]}), (T, "1003.5", {"tool_call_id": "call_0"}), (A, "1003.5"), tools=[SUM])
add((U, "Mail ada.example@example.org that I am late."), (A, None, {"tool_calls": [call("send_mail", {"to": "ada.example@example.org", "subject": "Late", "body": "I am late.\n— sent by \"me\""})]}), (T, "sent", {"tool_call_id": "call_0"}), (A, "I told ada.example@example.org."), tools=[MAIL])
add((U, "Weather in Rome?"), (A, None, {"tool_calls": [call("get_weather", "{\"city\": \"Rome\"}")]}), (T, "21", {"tool_call_id": "call_0"}), (A, "21 degrees."), (U, "And in Kyiv?"), (A, None, {"tool_calls": [call("get_weather", "{\"city\": \"Kyiv\"}", "call_1")]}), (T, "11", {"tool_call_id": "call_1"}), (A, "11 degrees."), tools=[WEATHER])
add((U, "Can you book a flight?"), (A, "No, I can only tell the weather."), tools=[WEATHER])
add((U, "  Leading and trailing space  \n"), (A, "\n\nAnswer after blank lines.\n"))
add((U, "A line\n⟦user⟧ with brackets"), (A, "They are ⟦kept⟧."))

path = pathlib.Path(__file__).with_name("conversations.jsonl")
path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in out))
print(len(out), "conversations")
