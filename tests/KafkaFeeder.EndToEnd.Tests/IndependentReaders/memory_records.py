"""Reads segments with python3-kafka's MemoryRecords; prints a JSON object a record, bytes in base64, null as null."""
import base64
import json
import sys

from kafka.record import MemoryRecords


def text(data):
    return None if data is None else base64.b64encode(data).decode("ascii")


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        records = MemoryRecords(file.read())
    while True:
        batch = records.next_batch()
        if batch is None:
            break
        if not batch.validate_crc():
            sys.exit("%s: a batch with a wrong CRC" % path)
        for record in batch:
            print(json.dumps({
                "offset": record.offset,
                "timestamp": record.timestamp,
                "timestampType": record.timestamp_type,
                "key": text(record.key),
                "value": text(record.value),
                "headers": [[name, text(value)] for name, value in record.headers],
            }))
