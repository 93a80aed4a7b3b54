"""The order of documents in training, in a second implementation (`pip install xxhash`).

Prints what `src/train/order.rs` has as FROZEN_ORDER and FROZEN_IDENTITY.
"""

import xxhash

MASK = (1 << 64) - 1


def mix(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def stream(key, index):
    return mix((mix(key) + (index + 1) * 0x9E3779B97F4A7C15) & MASK)


def key(seed, epoch, identity):
    return stream(stream(seed, epoch), identity)


def identity(document_id, purpose=b"training order", seed=0):
    return xxhash.xxh3_64_intdigest(purpose + document_id.to_bytes(16, "little"), seed)


for epoch in range(2):
    print(sorted(range(8), key=lambda identity: key(17, epoch, identity)))
print(identity(0x0123456789ABCDEF0011223344556677))
