"""All pages of an endpoint: one loop, one guard against circles, one place that learns from a refused query."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import msgspec

from tap_exactonline.exact.client import ExactClient
from tap_exactonline.exact.context import RequestContext
from tap_exactonline.exact.errors import BrokenAnswer, QueryRefused


class HasNextPage(Protocol):
    """A page as `paginate` needs it."""

    @property
    def next_url(self) -> str | None:
        """Exact's own link to the next page, None on the last."""
        ...


PageT = TypeVar("PageT", bound=HasNextPage)
PageT_co = TypeVar("PageT_co", bound=HasNextPage, covariant=True)


class PageQuery(Protocol[PageT_co]):
    """A query for pages that may adapt to what Exact refuses."""

    def form(self) -> tuple[str, Callable[[bytes], PageT_co]]:
        """The query as it is now, encoded, and what reads its pages."""
        ...

    def learn(self, refusal: QueryRefused) -> None:
        """Adapt to a refusal; raises if there is no other form to try."""
        ...

    def answered(self) -> None:
        """The last form was answered."""
        ...


class FixedQuery(msgspec.Struct, Generic[PageT], frozen=True):
    """A query that does not adapt."""

    text: str
    decode: Callable[[bytes], PageT]

    def form(self) -> tuple[str, Callable[[bytes], PageT]]:
        return self.text, self.decode

    def learn(self, refusal: QueryRefused) -> None:
        raise refusal

    def answered(self) -> None:
        pass


def paginate(client: ExactClient, context: RequestContext, query: PageQuery[PageT]) -> Iterator[PageT]:
    """All pages of an endpoint, one after the other. A page is not kept here.

    Args:
        client: Reads the pages.
        context: What is asked for.
        query: How; asked for its form until Exact takes it.

    Raises:
        BrokenAnswer: if the links go round in a circle.
        ExactError: as `ExactClient.get` and `follow`, and what the query raises.
    """
    while True:
        text, decode = query.form()
        try:
            page = client.get(context, query=text, decode=decode)
        except QueryRefused as refusal:
            query.learn(refusal)
        else:
            break
    query.answered()
    followed: set[int] = set()
    while True:
        url = page.next_url
        yield page
        del page
        if not url:
            return
        if hash(url) in followed:
            raise context.error(
                BrokenAnswer,
                "the link to the next page leads back to a page that was read",
                "Run again later",
            )
        followed.add(hash(url))
        page = client.follow(url, context, decode=decode)
