"""Read a page of Prometheus metrics and the difference between two. Read by the suites."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Counts:
    """The samples of a page: name and labels to value."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    @classmethod
    async def read(cls, page: Callable[[], Awaitable[str]]) -> "Counts":
        """Fetch and parse a page."""
        return cls.parse(await page())

    @classmethod
    def parse(cls, text: str) -> "Counts":
        """Parse a page; ValueError when it is none."""
        return cls(
            {
                (sample.name, frozenset(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }
        )

    def since(self, before: "Counts") -> "Counts":
        """Return what was added."""
        return Counts({key: value - before.samples.get(key, 0.0) for key, value in self.samples.items()})

    def total(self, name: str, *, kind: tuple[str, str] | None = None) -> float:
        """Sum the samples of a name, of one label value if it is given."""
        wanted = {kind} if kind else set()
        return sum(value for (each, has), value in self.samples.items() if each == name and wanted <= has)
