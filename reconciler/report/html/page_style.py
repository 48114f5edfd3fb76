"""``STYLE``: the style sheet of the plan's page, for light and dark screens of any width."""

from __future__ import annotations

from reconciler.model.plan.plan import Effect

_BASE = """
:root{color-scheme:light dark;--bg:#fff;--panel:#f6f8fa;--text:#1c2128;--faint:#57606a;
--line:#d0d7de;--link:#0550ae;--bad-bg:#ffebe9;--bad:#a40e26;--warn-bg:#fff3c4;--warn:#6b4300;
--good-bg:#dafbe1;--good:#0b5424;--note-bg:#ddf4ff;--note:#0a4187;--calm-bg:#eaeef2;--calm:#424a53;
--track:#d8dee4;--keep:#57606a;--grow:#1a7f37;--shrink:#bf5b00}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--panel:#161b22;--text:#e6edf3;
--faint:#a5afba;--line:#3d444d;--link:#79b8ff;--bad-bg:#4a1519;--bad:#ffb8b3;--warn-bg:#3d2f00;
--warn:#f2cc60;--good-bg:#0f3d1e;--good:#86e5a6;--note-bg:#0c2d5b;--note:#a5d6ff;
--calm-bg:#262c34;--calm:#c9d1d9;--track:#30363d;--keep:#8b949e;--grow:#3fb950;--shrink:#f0883e}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:80rem;padding:1rem clamp(.75rem,3vw,2rem) 4rem;background:var(--bg);
color:var(--text);font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--bg);padding:.5rem}
h1{font-size:clamp(1.35rem,4vw,1.9rem);line-height:1.25;margin:.5rem 0}
h2{font-size:1.2rem;margin:2.25rem 0 .6rem;padding-top:.4rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:0;display:inline}
code{font:.92em ui-monospace,monospace}
.faint,caption{color:var(--faint)}
.note{border-left:4px solid var(--warn);background:var(--warn-bg);color:var(--warn);
padding:.5rem .75rem;margin:.6rem 0}
.note.bad{border-color:var(--bad);background:var(--bad-bg);color:var(--bad)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:.6rem;
margin:1rem 0}
.tiles div{padding:.5rem .75rem;border-radius:8px;background:var(--panel)}
.tiles dt{font-size:.85rem}
.tiles dd{margin:0;font-size:1.35rem;font-weight:650;line-height:1.3}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.75rem 0}
.facts dt{color:var(--faint)}
.facts dd{margin:0}
table{border-collapse:collapse;width:100%;margin:.25rem 0 .5rem}
caption{text-align:left;padding:.25rem 0;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem .45rem 0;
border-top:1px solid var(--line)}
thead th{border:0;font-size:.85rem;color:var(--faint);font-weight:600}
th[scope=row]{font-weight:600}
th[scope=rowgroup]{background:var(--panel);padding-left:.5rem}
td p{margin:.25rem 0 0}
small{display:block;color:var(--faint);font:.82rem/1.4 ui-monospace,monospace;font-weight:400}
details caption{position:absolute;left:-99rem}
.vms{table-layout:fixed;content-visibility:auto}
.vms th{width:26%}
.vms th+th,.vms th+td{width:27%}
.vms thead th:last-child{width:47%}
.badge,.vms td:last-child>a:first-child{border-radius:5px;padding:.05rem .4rem;font-size:.9rem;
font-weight:600;background:var(--calm-bg);color:var(--calm)}
svg{display:block;width:120px;height:14px;margin:.3rem 0 .1rem;border-radius:3px;overflow:hidden;
background:var(--track)}
svg path{stroke:var(--keep);stroke-width:14;fill:none}
svg path+path{stroke:var(--grow)}
svg.s path+path{stroke:var(--shrink)}
svg path:last-child{stroke:var(--text);stroke-width:2}
svg.time{width:100%;height:12px}
svg.time path:first-child{stroke:var(--grow);stroke-width:12}
svg.time path:last-child{stroke:var(--grow);stroke-width:12;opacity:.45}
.lanes caption{position:absolute;left:-99rem}
.reasons,.settings,.lanes{table-layout:fixed}
.reasons th:first-child{width:24%}
.settings th:first-child{width:46%}
.lanes th:first-child{width:24%}
.lanes .n{width:11%}
.lanes .w{width:25%}
.axis{display:flex;justify-content:space-between}
.key{display:inline-block;width:.9rem;height:.9rem;border-radius:2px;vertical-align:-.12rem;
margin:0 .25rem 0 .9rem;background:var(--keep)}
.key.g{background:var(--grow)}
.key.s{background:var(--shrink)}
.key.t{background:var(--track)}
.key.b{background:var(--text);width:2px}
details{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;padding:0 .75rem}
summary{cursor:pointer;padding:.5rem 0}
summary>span{color:var(--faint);margin-left:.6rem}
fieldset{border:0;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1rem}
legend{float:left;margin-right:1rem;font-weight:600}
.tools{position:sticky;top:0;z-index:1;background:var(--bg);padding:.5rem 0;
border-bottom:1px solid var(--line);display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;
align-items:center}
.tools label{display:inline-flex;align-items:center;gap:.35rem;min-height:24px}
input[type=checkbox]{width:1.1rem;height:1.1rem;margin:0}
#find[hidden]{display:none}
#find{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center}
input[type=search],button{font:inherit;color:inherit;background:var(--panel);
border:1px solid var(--faint);border-radius:6px;padding:.2rem .5rem;max-width:100%}
tr[hidden],details[hidden]{display:none}
@media (max-width:40rem){body{font-size:14px}.tools{position:static}
.facts{grid-template-columns:1fr;gap:0}
.facts dd{margin-bottom:.35rem}svg{width:96px}table{font-size:13px}
.tiles{grid-template-columns:repeat(3,1fr);gap:.4rem}.reasons th:first-child{width:33%}
.vms th{width:29%}.vms th+th,.vms th+td{
width:29%}.vms thead th:last-child{width:42%}.lanes .n{width:14%}}
@media print{.tools,.skip{display:none}}
"""
_TONES = {
    Effect.BLOCKED: "bad",
    Effect.RESTART: "warn",
    Effect.WAIT: "warn",
    Effect.LIVE: "good",
    Effect.CREATE: "good",
    Effect.CONFIG: "note",
    Effect.COLD: "note",
    Effect.NONE: "calm",
}


def _of(effect: Effect, tone: str) -> str:
    """Return the style rules that color an effect, and that hide rows by a cleared checkbox."""
    colors = f"background:var(--{tone}-bg);color:var(--{tone})"
    row = f".vms .{effect}"
    return (
        f".badge.{effect},.tiles .{effect},{row}>td:last-child>a:first-child{{{colors}}}\n"
        f"body:has(#show-{effect}:not(:checked)) {row}{{display:none}}\n"
    )


_SINCE = "".join(
    f"body:has(#show-{each}:not(:checked)) .vms .{each}{{display:none}}\n"
    for each in ("added", "known")
)
"""Hides the rows that are new or updated since the base, or those that are as on the base."""
STYLE = _BASE + _SINCE + "".join(_of(effect, tone) for effect, tone in _TONES.items())
