"""Refuses orders that cannot be delivered and works out the total."""

PRICES = {"bolt": 2, "winch": 240, "rope": 35, "crane": 4900}


class InvalidOrder(Exception):
    pass


def handler(order, context):
    if not order.get("items"):
        raise InvalidOrder("it has no items")
    for item in order["items"]:
        if item["sku"] not in PRICES:
            raise InvalidOrder("there is no %r to be had" % item["sku"])
        if item["quantity"] < 1:
            raise InvalidOrder("%d times %r cannot be delivered" % (item["quantity"], item["sku"]))
    total = sum(PRICES[item["sku"]] * item["quantity"] for item in order["items"])
    return {**order, "total": total}
