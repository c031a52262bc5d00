"""What a stack costs while nothing arrives."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from infra.changes import Change
from infra.monthly_cost import snapshot_gb_seconds
from infra.prices import (
    KMS_KEY_PRICE,
    LAMBDA_SNAPSHOT_GB_SECOND,
    RESOURCE_PRICES,
    UPLOADS_ALARM,
    UPLOADS_ALARM_PRICE,
    MonthlyPrice,
)
from infra.settings import StackSettings


@dataclass(frozen=True, slots=True)
class IdleItem:
    """Resources of one kind; `usd` is what they cost together, per month."""

    name: str
    count: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class IdleCost:
    """What the resources cost that are paid for by the month; none for no items."""

    items: tuple[IdleItem, ...] = ()

    @property
    def usd(self) -> Decimal:
        """The sum, per month."""
        return sum((item.usd for item in self.items), Decimal(0))


def idle_cost(changes: Iterable[Change], settings: StackSettings) -> IdleCost:
    """Return what the resources that a plan adds cost per month while nothing uses them.

    A customer managed key is included, though the user pays for it without a stack as well. So is
    the snapshot of a new version, for as long as that is published.
    """
    adding = [change for change in changes if change.action == "Add"]
    added = Counter(item.resource_type for item in adding if item.logical_id != UPLOADS_ALARM)
    items = [_item(price, added[type_]) for type_, price in RESOURCE_PRICES.items() if added[type_]]
    if any(item.logical_id == UPLOADS_ALARM for item in adding):
        items.append(_item(UPLOADS_ALARM_PRICE, 1))
    if items and settings.kms_key is not None:
        items.append(_item(KMS_KEY_PRICE, 1))
    if settings.snap_start and (count := added["AWS::Lambda::Version"]):
        usd = snapshot_gb_seconds(settings) * LAMBDA_SNAPSHOT_GB_SECOND.usd
        items.append(_item(MonthlyPrice(usd, "snapshot of a version"), count))
    return IdleCost(tuple(items))


def _item(price: MonthlyPrice, count: int) -> IdleItem:
    return IdleItem(price.name, count, price.usd * count)
