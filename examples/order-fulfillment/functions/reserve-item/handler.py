"""Sets items aside. A real shop would write this into its database."""

STOCK = {"bolt": 10_000, "winch": 12, "rope": 400, "crane": 1}


class OutOfStock(Exception):
    pass


def handler(event, context):
    item = event["item"]
    if item["quantity"] > STOCK[item["sku"]]:
        raise OutOfStock("only %d of %s are left" % (STOCK[item["sku"]], item["sku"]))
    return {"reservation": "%s/%s" % (event["orderId"], item["sku"]), **item}
