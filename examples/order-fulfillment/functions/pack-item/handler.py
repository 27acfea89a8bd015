"""Packs an item and prints its label."""


def handler(reservation, context):
    return {"label": "%dx %s" % (reservation["quantity"], reservation["sku"]), "from": reservation["reservation"]}
