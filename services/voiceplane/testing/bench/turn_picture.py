"""Draw a sweep: false cut-offs against delay, a line for each threshold of the turn model. Pure: SVG text."""

from collections.abc import Sequence
from dataclasses import replace

from voiceplane.testing.bench.turn_sweep import WANTED_SHARE, Point, Setting, recommended

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 40, 52
COLOURS = ("#2563a8", "#0f766e", "#b7791f", "#6d28d9")
_STYLE = "text{font:12px 'DejaVu Sans',system-ui,sans-serif;fill:#1f2937}.s{font-size:11px;fill:#6b7280}"


def draw(points: Sequence[Point], now: Point, recordings: int) -> str:
    """Return the picture as an SVG document."""
    delays = [point.delay_ms() for point in points]
    longest = 100 * (int(max(delays) / 100) + 1)
    most = min(100, 10 * (int(max(max(point.share() for point in points), WANTED_SHARE) / 10) + 1))

    def at(point: Point) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * point.delay_ms() / longest,
            HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * point.share() / most,
        )

    parts = [*_axes(longest, most)]
    for number, done in enumerate(sorted({point.setting.done_probability for point in points})):
        colour = COLOURS[number % len(COLOURS)]
        # Points of another "sure" or of other waits for doubts are in the table.
        chosen = (each for each in points if replace(now.setting, done_probability=done) == _unscaled(each.setting))
        line = sorted(chosen, key=lambda each: each.setting.scale)
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in map(at, line)]
        top = TOP + 18 * number
        parts.append(
            f'<text x="{WIDTH - RIGHT - 190}" y="{top}" style="fill:{colour}">turn model done at {done:g}</text>'
        )
    best = recommended(points)
    for point, name, lift in ((now, "in use", -12), (best, "recommended", -26)):
        if point is not None:
            x, y = at(point)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="#c2341d" stroke-width="2"/>')
            label = f"{name}: x {point.setting.scale:g}"
            parts.append(f'<text x="{x + 9:.1f}" y="{y + lift:.1f}" style="fill:#c2341d">{label}</text>')
    title = f"False cut-offs against delay, {recordings} recordings; each point stretches the patience table"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{title}"><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{LEFT}" y="20">{title}</text>{"".join(parts)}</svg>\n'
    )


def _unscaled(setting: Setting) -> Setting:
    return replace(setting, scale=1.0)


def _axes(longest: float, most: float) -> list[str]:
    bottom, parts = HEIGHT - BOTTOM, []
    for step in range(6):
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / 5
        y = bottom - (bottom - TOP) * step / 5
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>')
        parts.append(f'<text class="s" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{most * step / 5:.0f} %</text>')
        parts.append(
            f'<text class="s" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{longest * step / 5:.0f}</text>'
        )
    goal = bottom - (bottom - TOP) * WANTED_SHARE / most
    across = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{goal:.1f}" y2="{goal:.1f}"'
    parts.append(f'<line {across} stroke="#c2341d" stroke-dasharray="5 4"/>')
    label = f"under {WANTED_SHARE:g} % are wanted"
    parts.append(f'<text class="s" x="{WIDTH - RIGHT}" y="{goal - 5:.1f}" text-anchor="end">{label}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text class="s" x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">'
        "median of last sound to end of turn, ms</text>"
    )
    return parts
