"""What nobody could settle about Exact Online, as switches: each doubtful fact in either reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Switches:
    """How the stand-in answers where public knowledge is thin or contradictory.

    Attributes:
        latency: Seconds that each API call takes.
        token_lifetime: Seconds that an access token is good for; 95 % of it must pass before the next.
        expires_in_as: Exact's page shows ``"600"`` as text; a number would be usual.
        token_type: Upper and lower case were both seen.
        too_early_status: 400 in recent reports, 401 in older ones.
        too_early_rotates: One report says that a refused early refresh still returned a new token.
        wrong_secret_status: Answer to a wrong client id or secret.
        old_refresh_token: When a superseded refresh token dies: at once (``refused``), as soon as its
            successor or that one's access token is first used (``until_used``), or with the next refresh.
        headers_429: Which rate headers a 429 carries: those of the exceeded limit, all, or none.
        body_429: Whether a 429 has a JSON body.
        retry_after: Whether a 429 has Retry-After.
        error_limit: Answers 400/401/403/404 per endpoint, division and hour before the key is blocked.
        error_block_status: Status during such a block.
        check_divisions_division: Whether the number in the URL of system/Divisions must be one that
            the app may read.
        inactive_forbidden: Whether an inactive or archived administration answers 403.
        envelope: ``results`` always, or a bare array where nothing follows.
        next_when_done: ``__next`` left out, or null, on the last page.
        page_rows: Rows of a page where Exact gives 60 or 1,000, so that a few rows make many pages; 0 as Exact.
        next_on_full_page: A page that is just full has a ``__next`` although nothing follows.
        top_as_array: ``$top`` answers ``{"d": [...]}``.
        int64_as: Int64 as text (OData 2 verbose JSON) or as a number.
        date_suffix: Appended inside ``/Date(ms)/``, for example ``+0100``.
        sync_timestamp: SyncTimestamp answers with the first row in order of Timestamp, with the one that was modified first
            (``by_modified``), or 404 for everything.
        move_order: New Timestamps after a move come in the old order, or in that of the keys, as rows may be copied.
        sync_order: Rows of a sync read in order of Timestamp, unless ``$orderby=Timestamp`` is given: out of order within
            each page (``any``), the newest page first (``across``), or paged by their key (``key``).
        sync_top: Whether sync endpoints honour ``$top``.
        select_required_on_single: Whether single endpoints, too, refuse a request without ``$select``.
        select_on_functions: Whether functions accept ``$select``.
        plain_functions: Whether ItemExtraField also answers without its parameters, or some of them, as some clients show.
        select_star_on_sync: Whether sync endpoints accept ``$select=*``.
        null_compares: Whether ``Field ne 5`` and the like hold for rows without a value: never, as in SQL, or as in
            .NET, where null differs from every value.
        null_literal: Whether a filter may compare with ``null``; otherwise that is refused.
        unknown_field: In which words a field in ``$select`` is refused, see `wordings.UNKNOWN_FIELD`.
        date_only_literals: Whether ``datetime'2024-01-31'`` is a literal.
        long_url_status: Answer to a URL of more than 6,000 characters.
        log_names_entry: What the log of deletions calls ``EntityKey`` where an endpoint's key is ``EntryID``: that one,
            or a GUID that the endpoint does not show.
        deleted_days: Days that the log of deletions remembers.
        references: Whether generated rows refer to rows that exist, see `references`.
    """

    latency: float = 0.0
    token_lifetime: float = 600
    expires_in_as: Literal["string", "number"] = "string"
    token_type: str = "Bearer"
    too_early_status: int = 400
    too_early_rotates: bool = False
    wrong_secret_status: int = 400
    old_refresh_token: Literal["refused", "until_used", "until_next_refresh"] = "until_used"
    headers_429: Literal["own", "full", "none"] = "own"
    body_429: bool = False
    retry_after: bool = False
    error_limit: int = 10
    error_block_status: int = 429
    check_divisions_division: bool = False
    inactive_forbidden: bool = True
    envelope: Literal["results", "array"] = "results"
    next_when_done: Literal["absent", "null"] = "absent"
    page_rows: int = 0
    next_on_full_page: bool = True
    top_as_array: bool = True
    int64_as: Literal["string", "number"] = "string"
    date_suffix: str = ""
    sync_timestamp: Literal["known", "by_modified", "404"] = "known"
    move_order: Literal["old", "key"] = "old"
    sync_order: Literal["timestamp", "any", "across", "key"] = "timestamp"
    sync_top: bool = True
    select_required_on_single: bool = False
    select_on_functions: bool = True
    plain_functions: bool = True
    select_star_on_sync: bool = False
    null_compares: Literal["never", "as_value"] = "never"
    null_literal: bool = True
    unknown_field: str = "odata lib"
    date_only_literals: bool = True
    long_url_status: int = 414
    log_names_entry: bool = True
    deleted_days: int = 61
    references: bool = False

    @property
    def token_wait(self) -> float:
        """Seconds after which a new access token may be asked for (570 of 600)."""
        return self.token_lifetime * 0.95

    def shape(self) -> tuple[object, ...]:
        """Everything that alters the bytes of a page; remembered pages depend on it."""
        wrapped = (
            self.envelope,
            self.next_when_done,
            self.page_rows,
            self.next_on_full_page,
            self.top_as_array,
        )
        return (*wrapped, self.int64_as, self.date_suffix, self.sync_order, self.sync_top, self.null_compares)
