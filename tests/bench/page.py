#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the tables and plots of docs/performance.md anew from a bench.json: what stands between «<!-- NAME -->» and «<!-- end -->».

usage: page.py BENCH.JSON [DOCS]
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures import BOUNDS, SIGNS, reached  # noqa: E402
from plot import plot  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
FLOOR = (("import_e", "decompress E"), ("multiply_q", "e·q"), ("import_d", "take D"), ("verify", "verify"), ("generate_f", "make f"),
         ("multiply_f", "e·f"))


def short(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |",
                      *("| " + " | ".join(row) + " |" for row in rows)])


def bounds_table(b):
    rows = [(f"`{name}`", f"{SIGNS[sign]} {bound:g}", short(b[name]), "yes" if reached(name, b[name]) else "**no**")
            for name, (sign, bound) in BOUNDS.items() if name in b]
    return table(("figure", "bound", "measured", "reached"), rows)


def machine_lines(b):
    m = b["machine"]
    return (f"{m['cpu']}, {m['cores']} cores, {m['memory_bytes'] / 2**30:.0f} GiB, Linux {m['kernel']}, {m['openssl']}, SQLite {m['sqlite']}; "
            f"{b['date'][:10]}, commit {b['commit']}; load average before the run {b['load_average_before']:g} (an idle machine has less than 0.5).")


def floor_table(b):
    rows = [(what, short(b[f"floor.{name}_us"])) for name, what in FLOOR if b.get(f"floor.{name}_us")]
    rows += [("**a flight, in one loop**", f"**{short(b['floor.flight_us'])}**"),
             ("`openssl speed` ecdhp256", short(b["openssl_speed.ecdh_us"])), ("`openssl speed` ecdsap256, verify", short(b["openssl_speed.verify_us"]))]
    if "floor.echo_us" in b:
        rows.append(("a UDP echo", short(b["floor.echo_us"])))
    return table(("operation", "µs"), rows)


def other_table(b):
    named = [name for name, value in sorted(b.items()) if isinstance(value, (int, float)) and name not in BOUNDS
             and not name.startswith(("floor.", "openssl_speed."))]
    return table(("figure", "measured"), [(f"`{name}`", short(b[name])) for name in named])


def devices_plot(b):
    points = [(devices, rate) for devices, rate in b["curves"]["rate_by_devices"]]
    points += [(b["large.devices"], b["large.rate"])] if "large.rate" in b else []
    return plot("Provisioning: rate against devices in the store", "devices in the store", "devices/s on one core", {"samarad": points},
                log_x=True, levels=[(b["floor.flight_per_second"], "bare public-key operations")])


def load_plot(b):
    curve = b["curves"]["latency_by_load"]
    series = {name: [(percent, max(latency[name], 0.01)) for percent, _, _, latency in curve] for name in ("p50", "p99", "max")}
    return plot("Provisioning: latency against offered load, open loop", "offered load, % of the peak", "ms, from the moment due", series,
                log_y=True, x_ticks=[percent for percent, *_ in curve])


def batch_plot(b):
    curve = b["curves"]["rate_by_batch"]
    return plot("Provisioning: rate against batch size", "datagrams taken at a time, at most", "devices/s on one core",
                {"samarad": [(batch, rate) for batch, rate, _ in curve]}, log_x=True, x_ticks=[batch for batch, *_ in curve],
                levels=[(b["floor.flight_per_second"], "bare public-key operations")])


TABLES = {"machine": machine_lines, "bounds": bounds_table, "floors": floor_table, "others": other_table}
PLOTS = {"rate_by_devices": devices_plot, "latency_by_load": load_plot, "rate_by_batch": batch_plot}


def plots(b, directory):
    os.makedirs(directory, exist_ok=True)
    for name, draw in PLOTS.items():
        if name in b.get("curves", {}):
            with open(os.path.join(directory, name + ".svg"), "w", encoding="utf-8") as f:
                f.write(draw(b))


def fill(text, b):
    for name, make in TABLES.items():
        text, count = re.subn(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m, make=make: m[1] + make(b) + "\n" + m[2], text, flags=re.S)
        if count != 1:
            raise SystemExit(f"performance.md has {count} places for «{name}», not one")
    return text


def main():
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    docs = sys.argv[2] if len(sys.argv) == 3 else os.path.join(HERE, "..", "..", "docs")
    with open(sys.argv[1], encoding="utf-8") as f:
        b = json.load(f)
    page = os.path.join(docs, "performance.md")
    with open(page, encoding="utf-8") as f:
        text = fill(f.read(), b)
    with open(page, "w", encoding="utf-8") as f:
        f.write(text)
    plots(b, os.path.join(docs, "performance"))


if __name__ == "__main__":
    main()
