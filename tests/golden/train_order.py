"""The order of an epoch in training, in a second implementation (`pip install xxhash`).

Prints what `src/train/order.rs` has as `frozen` and FROZEN_IDENTITY: for two epochs the whole windows
and the tails of five documents, each as identity and number of the piece.
"""

import xxhash

MASK = (1 << 64) - 1
LENGTH = 3
TOKENS = [2, 9, 1, 5, 4]


def mix(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def stream(key, index):
    return mix((mix(key) + (index + 1) * 0x9E3779B97F4A7C15) & MASK)


def key(seed, epoch, identity, number):
    return stream(stream(stream(seed, epoch), identity), number)


def identity(document_id, purpose=b"training order", seed=0):
    return xxhash.xxh3_64_intdigest(purpose + document_id.to_bytes(16, "little"), seed)


whole = [(tokens - 1) // LENGTH for tokens in TOKENS]
for epoch in range(2):
    wholes = [(document, number) for document in range(5) for number in range(whole[document])]
    tails = list(enumerate(whole))
    for pieces in wholes, tails:
        print(sorted(pieces, key=lambda piece: key(17, epoch, *piece)))
print(identity(0x0123456789ABCDEF0011223344556677))
