"""Failure: a command that did not do what it was asked, said as `what: why` with the next step. Never a traceback."""


class Failure(Exception):
    """Ends a command. `next_step` is a sentence that says what to do now; `code` is the exit code."""

    def __init__(self, what: str, why: str, next_step: str = "", code: int = 1) -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what = what
        self.why = why
        self.next_step = next_step
        self.code = code
