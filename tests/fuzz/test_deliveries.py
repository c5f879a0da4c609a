"""Whatever a proxy does, and however its stream breaks, it ends holding its bundle, and nothing came too early.

`make test` holds a few hundred conversations, the same each time; `make fuzz` holds many, new ones. A failure names its
seed, which repeats the conversation, and tells its story.
"""

import os
from random import SystemRandom

import pytest

from fuzz.conversation import CALM, HOT, Conversation, Temper

EXAMPLES = int(os.environ.get("MOORAGE_FUZZ_EXAMPLES", "0"))
FIRST = int(os.environ.get("MOORAGE_FUZZ_SEED", SystemRandom().randrange(2**32) if EXAMPLES else 0))


@pytest.mark.parametrize("temper", [CALM, HOT], ids=["calm", "hot"])
def test_a_proxy_ends_with_its_bundle_and_hears_of_nothing_too_early(temper: Temper) -> None:
    for seed in range(FIRST, FIRST + (EXAMPLES or 300)):
        try:
            Conversation(temper, seed).run()
        except AssertionError as wrong:
            wrong.add_note(f"repeat it with MOORAGE_FUZZ_SEED={seed} MOORAGE_FUZZ_EXAMPLES=1")
            raise
