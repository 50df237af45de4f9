"""The process of one trial of `fieldmate doctor --tune`: reads an order, prints samples. No command of its own.

An interruption is its parent's to report, so it ends without a word.
"""

from __future__ import annotations

import sys

import msgspec

from assistant.errors import FieldmateError


def main() -> int:
    """Do what standard input says; one JSON list on standard output."""
    from assistant.settings import load
    from assistant.trials import Order, samples
    from assistant.wiring import Parts

    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    parts = Parts(load(environment={}, flags=order.flags))
    try:
        found = list(samples(parts, order))
    except FieldmateError as exc:
        sys.stderr.write(f"{exc}\n")
        return exc.exit_code
    except KeyboardInterrupt:
        return 130
    finally:
        parts.close()
    sys.stdout.buffer.write(msgspec.json.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
