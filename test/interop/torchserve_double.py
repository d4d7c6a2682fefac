"""A handler of TorchServe that doubles what it is sent: bare arrays, arrays by name, or rows in KServe's envelope; and fails when asked."""


def double(value):
    return [double(each) for each in value] if isinstance(value, list) else 2 * value


def answer(body):
    if not isinstance(body, dict):
        return double(body)
    if "fail" in body:
        raise ValueError("asked to fail")
    if "instances" in body:
        return {"predictions": double(body["instances"])}
    return {name: double(value) for name, value in body.items()}


def handle(data, context):
    if data is None:
        return None
    return [answer(row.get("body", row.get("data"))) for row in data]
