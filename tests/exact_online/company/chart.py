"""The chart of accounts, the journals and the VAT codes, with the types that Exact gives them (reference page "GLAccounts")."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GLAccount:
    """One ledger account.

    Attributes:
        type: Exact's ``GLAccount.Type``: 12 bank, 20 receivable, 22 payable, 24 VAT, 110 revenue, 111 cost of goods, …
        balance: ``B`` balance sheet, ``W`` profit and loss.
        side: ``D`` debit, ``C`` credit: the side on which its balance usually stands.
    """

    code: str
    description: str
    type: int
    balance: str
    side: str


TYPES = {
    10: "Kas", 12: "Bank", 20: "Debiteuren", 22: "Crediteuren", 24: "BTW", 25: "Te betalen lonen", 30: "Vaste activa",
    35: "Cumulatieve afschrijving", 40: "Voorraad", 50: "Aandelenkapitaal", 52: "Ingehouden winst", 55: "Langlopende schulden",
    110: "Omzet", 111: "Kostprijs van de omzet", 121: "Verkoop-, algemene en beheerskosten", 122: "Afschrijvingskosten",
    125: "Personeelskosten", 130: "Buitengewone lasten", 160: "Rentebaten",
}  # fmt: skip

INVENTORY, DEPRECIATED, FURNITURE = "3000", "0209", "0200"
CAPITAL, RESERVE, YEAR_RESULT, LOAN = "0500", "0510", "0590", "0700"
BANK, RECEIVABLE, PAYABLE = "1100", "1300", "1600"
VAT_DUE, VAT_CLAIM, VAT_RETURN, WAGES_DUE = "1500", "1510", "1520", "1700"
WAGES, RENT, OFFICE, SELLING, CARS, SOFTWARE = "4000", "4100", "4200", "4300", "4400", "4500"
DEPRECIATION, EXCHANGE, COST_OF_GOODS, INTEREST = "4600", "4900", "7000", "9000"
REVENUE_GOODS, REVENUE_LOW, REVENUE_SUBSCRIPTIONS, REVENUE_ABROAD = "8000", "8010", "8020", "8030"

GL_ACCOUNTS = tuple(
    GLAccount(*row)
    for row in (
        (FURNITURE, "Inventaris", 30, "B", "D"),
        (DEPRECIATED, "Afschrijving inventaris", 35, "B", "C"),
        (CAPITAL, "Aandelenkapitaal", 50, "B", "C"),
        (RESERVE, "Algemene reserve", 52, "B", "C"),
        (YEAR_RESULT, "Resultaat lopend boekjaar", 52, "B", "C"),
        (LOAN, "Lening o/g", 55, "B", "C"),
        ("1000", "Kas", 10, "B", "D"),
        (BANK, "ING Bank", 12, "B", "D"),
        (RECEIVABLE, "Debiteuren", 20, "B", "D"),
        (VAT_DUE, "Af te dragen BTW", 24, "B", "C"),
        (VAT_CLAIM, "Te vorderen BTW", 24, "B", "D"),
        (VAT_RETURN, "BTW-afdracht", 24, "B", "C"),
        (PAYABLE, "Crediteuren", 22, "B", "C"),
        (WAGES_DUE, "Netto lonen", 25, "B", "C"),
        (INVENTORY, "Voorraad", 40, "B", "D"),
        (WAGES, "Lonen en salarissen", 125, "W", "D"),
        (RENT, "Huur", 121, "W", "D"),
        (OFFICE, "Kantoorkosten", 121, "W", "D"),
        (SELLING, "Verkoopkosten", 121, "W", "D"),
        (CARS, "Autokosten", 121, "W", "D"),
        (SOFTWARE, "ICT-kosten", 121, "W", "D"),
        (DEPRECIATION, "Afschrijvingskosten", 122, "W", "D"),
        (EXCHANGE, "Koersverschillen", 130, "W", "D"),
        (COST_OF_GOODS, "Inkoopwaarde van de omzet", 111, "W", "D"),
        (REVENUE_GOODS, "Omzet handelsgoederen hoog", 110, "W", "C"),
        (REVENUE_LOW, "Omzet handelsgoederen laag", 110, "W", "C"),
        (REVENUE_SUBSCRIPTIONS, "Omzet abonnementen", 110, "W", "C"),
        (REVENUE_ABROAD, "Omzet buitenland", 110, "W", "C"),
        (INTEREST, "Rentebaten en -lasten", 160, "W", "C"),
    )
)
GL_BY_CODE = {account.code: account for account in GL_ACCOUNTS}


@dataclass(frozen=True, slots=True)
class Journal:
    """One journal; ``type`` is Exact's: 12 bank, 20 sales, 22 purchase, 90 general."""

    code: str
    description: str
    type: int
    gl_account: str | None


BANK_JOURNAL, SALES, PURCHASES, GENERAL = "20", "70", "60", "90"
JOURNALS = (
    Journal(BANK_JOURNAL, "ING Bank", 12, BANK),
    Journal(PURCHASES, "Inkoopboek", 22, PAYABLE),
    Journal(SALES, "Verkoopboek", 20, RECEIVABLE),
    Journal(GENERAL, "Memoriaal", 90, None),
)


@dataclass(frozen=True, slots=True)
class VatCode:
    """A VAT code; Exact keeps the percentage as a fraction (api-facts: 0.21)."""

    code: str
    description: str
    fraction: float
    gl_due: str | None
    gl_claim: str | None

    def on(self, cents: int) -> int:
        """The VAT on an amount, both in cents."""
        return round(cents * self.fraction)


HIGH, LOW, NONE, IMPORT, PURCHASE_HIGH = "2", "1", "0", "7", "4"
VAT_CODES = {
    one.code: one
    for one in (
        VatCode(NONE, "Geen BTW", 0.0, None, None),
        VatCode(LOW, "BTW laag tarief, exclusief", 0.09, VAT_DUE, None),
        VatCode(HIGH, "BTW hoog tarief, exclusief", 0.21, VAT_DUE, None),
        VatCode(PURCHASE_HIGH, "BTW hoog tarief inkoop, exclusief", 0.21, None, VAT_CLAIM),
        VatCode(IMPORT, "Export buiten de EU", 0.0, None, None),
    )
}
CURRENCIES = {"EUR": "Euro", "USD": "Amerikaanse dollar"}

# Exact's transaction types (field description of TransactionLines.Type).
OPENING, SALES_ENTRY, SALES_CREDIT, PURCHASE_ENTRY, PURCHASE_CREDIT = 10, 20, 21, 30, 31
CASH_FLOW, VAT_RETURNED, DEPRECIATED_TYPE, GENERAL_ENTRY, PAYROLL = 40, 50, 70, 90, 170
PERIOD_CLOSED, YEAR_END = 310, 320
