# SPDX-License-Identifier: MIT
"""The bar chart of all rows: SVG, a logarithmic axis, intervals as whiskers, the groups' targets as lines."""
import math
from xml.sax.saxutils import escape

COLOURS = {"int": "#4878a8", "mem": "#58a080", "fp": "#b07048", "simd": "#a05078", "crypto": "#7868b0", "os": "#888840", "jit": "#507888",
           "atom": "#a06060", "app": "#606060"}
LEFT, WIDTH, LINE, TOP = 170, 640, 15, 46


def draw(rows, means):
    """ROWS and MEANS as report.py has them."""
    rows = [row for row in rows if row["ratio"]]
    most = max([row["high"] for row in rows] + [1.0])
    least = min([row["low"] for row in rows] + [1.0])
    low, high = math.log2(least) - 0.1, math.log2(most) + 0.1
    targets = {name: target for name, _, target, _ in means}

    def x(value):
        return LEFT + WIDTH * (math.log2(value) - low) / (high - low)

    bottom = TOP + LINE * len(rows) + LINE // 2 * (len({row["group"] for row in rows}) - 1)
    height = bottom + 26
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 60} {height}" font-family="sans-serif" font-size="11">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{LEFT}" y="16" font-size="13">Times as fast as QEMU 10.0 (the faster of two processors); bars with 95 % intervals</text>']
    for power in range(math.ceil(low), math.floor(high) + 1):
        at = x(2.0 ** power)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 8}" y2="{bottom}" stroke="{"#444" if power == 0 else "#ddd"}"/>'
                     f'<text x="{at:.1f}" y="{TOP - 12}" text-anchor="middle">{2.0 ** power:g}x</text>')
    y, group = TOP, None
    for row in rows:
        if row["group"] != group:
            y += LINE // 2 if group else 0
            group = row["group"]
            count = sum(1 for one in rows if one["group"] == group)
            if group in targets:
                at = x(min(max(targets[group], least), most))
                parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y}" y2="{y + LINE * count}" stroke="#c00" stroke-dasharray="3 2"/>')
        begin, end = sorted((x(1.0), x(row["ratio"])))
        middle = y + LINE / 2
        parts.append(f'<text x="{LEFT - 6}" y="{middle + 4:.1f}" text-anchor="end">{escape(group + " " + row["name"])}</text>'
                     f'<rect x="{begin:.1f}" y="{y + 2}" width="{max(end - begin, 0.5):.1f}" height="{LINE - 4}" '
                     f'fill="{COLOURS.get(group, "#888")}"/>'
                     f'<line x1="{x(row["low"]):.1f}" x2="{x(row["high"]):.1f}" y1="{middle}" y2="{middle}" stroke="black"/>'
                     f'<text x="{max(end, x(row["high"])) + 4:.1f}" y="{middle + 4:.1f}">{row["ratio"]:.2f}</text>')
        y += LINE
    parts.append(f'<text x="{LEFT}" y="{y + 16}" fill="#c00">dashed: what the group\'s geometric mean is to reach</text></svg>')
    return "\n".join(parts) + "\n"
