#!/usr/bin/env python3
"""Makes the tables and charts of docs/simulation.md from what weft-sim wrote.

Usage: report.py SIM.json docs/simulation.md docs/charts

The part of the page between the two markers is replaced; the rest is written by hand.
"""
import html
import json
import math
import pathlib
import sys

BEGIN, END = "<!-- made by scripts/sim --docs: begin -->", "<!-- made by scripts/sim --docs: end -->"
COLOURS = ["#0b6e4f", "#d1495b", "#edae49", "#00798c", "#8d5a97", "#6b705c", "#f4845f", "#3a506b", "#b5838d", "#7f7f7f"]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 760, 300, 60, 34, 44


def number(value):
    if value == int(value):
        return str(int(value))
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def cell(text):
    return text.replace("|", "\\|")


def ticks(low, high):
    step = 10 ** math.floor(math.log10((high - low) / 4 or 1))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 6)
    first = math.ceil(low / step) * step
    return [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]


class Chart:
    """Lines over a common x; logarithmic in y where asked for."""

    def __init__(self, chart):
        self.chart, self.lines = chart, {name: values for name, values in chart["lines"].items() if values}
        longest = max(len(v) for v in self.lines.values())
        self.at = chart["at"] or list(range(longest))
        values = [v for line in self.lines.values() for v in line]
        self.log = chart["logarithmic"]
        self.low = min(v for v in values if v > 0) * 0.9 if self.log else min(0, *values)
        self.high = max(values) * (1.1 if self.log else 1.02)
        self.right = WIDTH - 190

    def x(self, value):
        span = (self.at[-1] - self.at[0]) or 1
        return LEFT + (value - self.at[0]) / span * (self.right - LEFT)

    def y(self, value):
        if self.log:
            part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)

    def marks(self):
        if not self.log:
            return ticks(self.low, self.high)
        return [m * 10 ** e for e in range(6) for m in (1, 2, 5) if self.low <= m * 10 ** e <= self.high]

    def svg(self):
        text = lambda x, y, words, anchor="start", size=11: (
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{html.escape(words)}</text>')
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" fill="#222">',
               f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', text(LEFT, 20, self.chart["title"], size=14)]
        for mark in self.marks():
            out.append(f'<path d="M{LEFT} {self.y(mark):.1f}H{self.right}" stroke="#ddd"/>')
            out.append(text(LEFT - 6, self.y(mark) + 4, number(mark), "end"))
        for mark in (self.chart["at"] or ticks(self.at[0], self.at[-1])):
            out.append(text(self.x(mark), HEIGHT - BOTTOM + 16, number(mark), "middle"))
        out.append(text((LEFT + self.right) / 2, HEIGHT - 8, self.chart["x"], "middle"))
        out.append(text(8, TOP - 4, self.chart["y"]))
        for i, (name, values) in reversed(list(enumerate(self.lines.items()))):
            points = " ".join(f"{self.x(a):.1f},{self.y(v):.1f}" for a, v in zip(self.at, values))
            colour = COLOURS[i % len(COLOURS)]
            out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{2.5 if i == 0 else 1.4}"/>')
            at = TOP + 10 + i * 20
            out.append(f'<path d="M{self.right + 12} {at}h18" stroke="{colour}" stroke-width="3"/>')
            out.append(text(self.right + 36, at + 4, name))
        return "\n".join(out + ["</svg>"]) + "\n"


def figures(scenario):
    if not scenario["shown"]:
        return []
    variants = scenario["variants"]
    lines = ["", "| | " + " | ".join(cell(v) for v in variants) + " |", "|---|" + "--:|" * len(variants)]
    for shown in scenario["shown"]:
        values = [number(round(shown["values"][v]["mean"], 4)) for v in variants]
        unit = f" ({shown['unit']})" if shown["unit"] else ""
        lines.append(f"| {cell(shown['figure'])}{unit} | " + " | ".join(values) + " |")
    return lines


def section(scenario, charts):
    lines = ["", f"### {scenario['id']} · {scenario['title']}", ""]
    if scenario["text"]:
        lines.append(scenario["text"])
    lines += figures(scenario)
    notes = [f"- *{c['text']}*: {c['verdict']}. {c['note']}" for c in scenario["criteria"]
             if "note" in c and c["verdict"] != "pass"]
    if notes:
        lines += [""] + notes
    for i, chart in enumerate(scenario["charts"]):
        if not any(chart["lines"].values()):
            continue
        name = f"{scenario['id'].lower()}-{i + 1}.svg"
        (charts / name).write_text(Chart(chart).svg())
        lines += ["", f"![{chart['title']}](charts/{name})"]
    return lines


def overview(scenarios):
    lines = ["", "| | criterion | limit | figure (95 %) | verdict |", "|---|---|---|---|---|"]
    for s in scenarios:
        for c in s["criteria"]:
            verdict = f"not built: {c['missing']}" if "missing" in c else c["verdict"]
            verdict = f"**{verdict.lower()}**" if c["verdict"] == "MISSED" else verdict
            lines.append(f"| {s['id']} | {cell(c['text'])} | {c['limit']} | {c['figure']} | {verdict} |")
    return lines


def main():
    source, page, charts = (pathlib.Path(a) for a in sys.argv[1:4])
    data = json.loads(source.read_text())
    charts.mkdir(parents=True, exist_ok=True)
    shorter = ", shorter soaks (`--quick`)" if data["quick"] else ""
    lines = [BEGIN, "", "## What came out", "", f"{data['seeds']} seeds{shorter}."] + overview(data["scenarios"])
    for scenario in data["scenarios"]:
        if scenario["variants"]:
            lines += section(scenario, charts)
    before, rest = page.read_text().split(BEGIN, 1)
    page.write_text(before + "\n".join(lines + ["", END]) + rest.split(END, 1)[1])


if __name__ == "__main__":
    main()
