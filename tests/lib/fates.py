# SPDX-License-Identifier: Apache-2.0
"""What becomes of a datagram, by the real server's own counters. So a test need not wait for an answer that does not come, and can send thousands."""
import wire
from world import wait_until

DROPPED = ("dropped_malformed", "dropped_unopened", "dropped_unknown", "dropped_signature", "dropped_store")
HINTS = ("hints_flight_key", "hints_ticket_key")
SEALED = ("flights_answered", "flights_refused", "checkins_answered", "checkins_refused")
AT_ONCE = 32  # well within a receive buffer


class Fates:
    """A client's socket, used as wire.Udp is."""

    def __init__(self, world):
        self.world = world
        self.udp = wire.Udp(world.port, timeout=10)

    def close(self):
        self.udp.close()

    def counters(self):
        return wait_until("the server's counters", self.world.counters)

    def since(self, before):
        """What has met which fate since then."""
        now = self.counters()
        return {name: now[name] - before[name] for name in (*DROPPED, *HINTS, *SEALED) if now[name] != before[name]}

    def send(self, datagrams):
        """Returns (answers, {fate: how many}) once every one of them has met its fate."""
        answers, before = [], self.counters()
        for at in range(0, len(datagrams), AT_ONCE):
            group, start = datagrams[at:at + AT_ONCE], self.counters()
            for datagram in group:
                self.udp.socket.send(datagram)
            met = wait_until(f"the fate of {len(group)} datagrams", lambda n=len(group), s=start: self.decided(s, n), timeout=60, every=0.002)
            answers += [self.udp.socket.recv(2048) for _ in range(sum(met.get(name, 0) for name in (*HINTS, *SEALED)))]
        return answers, self.since(before)

    def decided(self, before, count):
        met = self.since(before)
        return met if sum(met.values()) >= count else None

    def ask(self, path, payload, **kwargs):
        """(code, payload), or None: it was dropped."""
        answers, _ = self.send([wire.coap_request(path, payload, **kwargs)])
        return wire.coap_answer(answers[0]) if answers else None
