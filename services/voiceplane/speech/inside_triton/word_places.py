"""Find each word's end among the phonemes of its sentence, although espeak says "I am" in one breath. Pure.

`spoken` is the sentence's phonemes with " " between groups; `alone` has each word's phonemes when it is said alone.
"""


def word_ends(spoken, alone):
    """Return for each word the index one past its last phoneme in `spoken`."""
    groups = _groups(spoken)
    parts = [(index, len(group)) for index, word in enumerate(alone) for group in "".join(word).split(" ") or [""]]
    if not groups or len(groups) > len(parts):
        return _by_share(len(spoken), [max(1, len(word)) for word in alone])
    ends = [0] * len(alone)
    taken = 0
    for (start, end), count in zip(
        groups, _merged([e - s for s, e in groups], [size for _, size in parts]), strict=True
    ):
        run = parts[taken : taken + count]
        shares = _by_share(end - start, [max(1, size) for _, size in run])
        for (word, _), share in zip(run, shares, strict=True):
            ends[word] = start + share
        taken += count
    return ends


def _groups(spoken):
    groups, start = [], 0
    for index, phoneme in enumerate([*spoken, " "]):
        if phoneme == " ":
            if index > start:
                groups.append((start, index))
            start = index + 1
    return groups


def _merged(groups, parts):
    """Say how many parts each group holds, so that the lengths differ least. Both are lists of lengths."""
    infinity = float("inf")
    best = [[infinity] * (len(parts) + 1) for _ in range(len(groups) + 1)]
    runs = [[0] * (len(parts) + 1) for _ in range(len(groups) + 1)]
    best[0][0] = 0.0
    for g, length in enumerate(groups, 1):
        for used in range(g, len(parts) + 1):
            total = 0
            for count in range(1, used - g + 2):
                total += parts[used - count]
                cost = best[g - 1][used - count] + abs(length - total)
                if cost < best[g][used]:
                    best[g][used], runs[g][used] = cost, count
    counts, used = [], len(parts)
    for g in range(len(groups), 0, -1):
        counts.append(runs[g][used])
        used -= runs[g][used]
    return counts[::-1]


def _by_share(length, weights):
    total, so_far, ends = sum(weights), 0, []
    for weight in weights:
        so_far += weight
        ends.append(round(length * so_far / total))
    return ends
