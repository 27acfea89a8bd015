"""Charges a card at a bank that is sometimes slow."""


class BankTimeout(Exception):
    pass


class CardDeclined(Exception):
    pass


def handler(event, context):
    if event["card"].endswith("0002"):
        raise CardDeclined("the card was declined")
    # The bank does not answer the first call, so that the workflow's Retry has something to do.
    if event["attempt"] == 0:
        raise BankTimeout("the bank did not answer in time")
    return {"paymentId": "pay-" + event["idempotencyKey"], "amount": event["amount"]}
