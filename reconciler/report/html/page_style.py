"""``STYLE``: the style sheet of a plan's HTML page, for light and dark mode and any width."""

from __future__ import annotations

from reconciler.model.plan.plan import Effect

_COLORS = """
:root{color-scheme:light dark;--bg:#fff;--panel:#f6f8fa;--text:#1f2328;--faint:#59636e;
--line:#d1d9e0;--link:#0550ae;--bad-bg:#ffebe9;--bad:#a40e26;--warn-bg:#fff3c4;--warn:#6b4300;
--good-bg:#dafbe1;--good:#0b5424;--note-bg:#ddf4ff;--note:#0a4187;--calm-bg:#eaeef2;--calm:#424a53;
--track:#dfe4ea;--keep:#6e7781;--grow:#1f883d;--shrink:#8250df;--later:#bf8700;--stop:#cf222e;
--soon:#0969da;--until:#9ecbff}
@media screen and (prefers-color-scheme:dark){:root{--bg:#0d1117;--panel:#151b23;--text:#e6edf3;
--faint:#a5afba;--line:#3d444d;--link:#79b8ff;--bad-bg:#4a1519;--bad:#ffb8b3;--warn-bg:#3d2f00;
--warn:#f2cc60;--good-bg:#0f3d1e;--good:#86e5a6;--note-bg:#0c2d5b;--note:#a5d6ff;
--calm-bg:#262c34;--calm:#c9d1d9;--track:#30363d;--keep:#9198a1;--grow:#3fb950;--shrink:#ab7df8;
--later:#d29922;--stop:#f85149;--soon:#4493f8;--until:#23497d}}
"""
_FRAME = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:4.5rem}
body{margin:0 auto;max-width:76rem;padding:1.5rem clamp(.9rem,3vw,2rem) 4rem;background:var(--bg);
color:var(--text);font:15px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums;
overflow-wrap:anywhere}
a{color:var(--link);text-underline-offset:2px}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:3px}
section:focus{outline:0}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;z-index:2;background:var(--bg);padding:.5rem}
h1{font-size:clamp(1.4rem,3.6vw,2rem);line-height:1.2;letter-spacing:-.01em;margin:.15rem 0 .4rem;
text-wrap:balance}
h2{font-size:1.25rem;line-height:1.3;margin:0 0 .75rem}
h3{font-size:1rem;margin:0;display:inline}
p{margin:.5rem 0}
section{margin-top:2.75rem}
code,.mono{font:.9em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.faint{color:var(--faint)}
.top,.lead{margin:0;color:var(--faint)}
.lead{font-size:1.05rem}
.box{border-left:4px solid var(--warn);border-radius:0 6px 6px 0;background:var(--warn-bg);
color:var(--warn);padding:.55rem .9rem;margin:.75rem 0}
.box.bad{border-color:var(--stop);background:var(--bad-bg);color:var(--bad)}
.box.calm{border-color:var(--keep);background:var(--panel);color:var(--text)}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem 2.25rem;margin:.9rem 0 1.5rem}
.tiles div{display:flex;flex-direction:column-reverse}
.tiles dt{font-size:.85rem;color:var(--faint);white-space:nowrap}
.tiles dt::before{content:"";display:inline-block;width:.65rem;height:.65rem;border-radius:50%;
margin-right:.4rem;background:var(--dot)}
.tiles .plain dt::before{display:none}
.tiles dd{margin:0;font-size:1.5rem;font-weight:650;line-height:1.25;white-space:nowrap}
.facts{display:flex;flex-wrap:wrap;gap:.6rem 2.25rem;margin:0;padding:.8rem 0;
border-block:1px solid var(--line)}
.facts dt{font-size:.85rem;color:var(--faint)}
.facts dd{margin:0}
nav{display:flex;flex-wrap:wrap;gap:.15rem 1.25rem;margin:.8rem 0 0}
nav a{padding:.15rem 0}
"""
_TABLES = """
table{border-collapse:collapse;width:100%;table-layout:fixed;margin:0}
caption{position:absolute;left:-99rem}
th,td{text-align:left;vertical-align:top;padding:.6rem 1rem .65rem 0;
border-top:1px solid var(--line)}
th:last-child,td:last-child{padding-right:0}
thead th{border:0;padding-block:.25rem;font-size:.85rem;color:var(--faint);font-weight:600;
vertical-align:bottom}
th[scope=row]{font-weight:600}
td p{margin:.3rem 0 0}
tr:target{background:var(--note-bg)}
small{display:block;color:var(--faint);font:.8rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,
monospace}
.reasons th:first-child{width:27%}
.settings th:first-child{width:46%}
.badge,.vms td>a:first-child{border-radius:2rem;padding:.08rem .55rem;font-size:.85rem;
font-weight:600;background:var(--calm-bg);color:var(--calm);white-space:nowrap}
td b,section>p>b{border:1px solid var(--keep);border-radius:2rem;padding:.05rem .5rem;
font-size:.8rem;font-weight:600;white-space:nowrap}
.vms td>a:first-child{text-decoration-thickness:1px}
.badge.error{background:var(--bad-bg);color:var(--bad)}
.badge.warning{background:var(--warn-bg);color:var(--warn)}
.vms th{width:23%}
.vms th:first-child{padding-left:.75rem}
.vms th+th,.vms th+td{width:25%}
.vms th+th+th,.vms td+td{width:13%}
.vms td+td+td,.vms th+th+th+th{width:39%}
.vms tbody th{border-left:3px solid var(--dot)}
.vms td+td{color:var(--faint)}
.vms td+td+td{color:inherit}
.vms th+td{color:var(--faint);font-size:.85rem}
.vms th+td::first-line{color:var(--text);font-size:.95rem;font-weight:600}
.vms td p{color:var(--faint)}
.vms tbody tr:hover{background:var(--panel)}
.vms{content-visibility:auto}
svg{display:block;overflow:hidden}
.vms svg{width:160px;height:14px;margin:.25rem 0 .15rem;
background:linear-gradient(var(--track),var(--track)) center/100% 8px no-repeat}
.vms path{stroke:var(--keep);stroke-width:8;fill:none}
.vms path+path{stroke:var(--grow)}
.vms .restart path+path,.vms .wait path+path{stroke:var(--later)}
.vms .blocked path+path{stroke:var(--stop)}
.vms .s path+path{stroke:var(--shrink)}
.vms svg path:last-child{stroke:var(--text);stroke-width:2}
.mix{width:100%;height:10px;border-radius:5px;background:var(--track)}
.mix path{stroke:var(--dot);stroke-width:10}
.time{width:100%;height:12px;border-radius:2px;background:
repeating-linear-gradient(90deg,var(--line) 0 1px,transparent 1px 25%) var(--panel)}
.time path{stroke:var(--soon);stroke-width:12}
.time path:last-child{stroke:var(--until)}
.lanes{margin-bottom:1rem}
.lanes th:first-child{width:23%}
.lanes .n{width:9%}
.lanes .w{width:17%}
.lanes td:nth-child(2),.lanes .n{text-align:right;padding-right:1.5rem}
.lanes td,.lanes th{padding-block:.4rem}
.lanes td:nth-child(3){vertical-align:middle}
.axis{display:flex;justify-content:space-between;font-weight:400}
.key{display:inline-block;width:1.1rem;height:8px;border-radius:2px;vertical-align:.05rem;
margin-right:.4rem;background:var(--keep)}
.keys{display:flex;flex-wrap:wrap;gap:.1rem 1rem;color:var(--faint);font-size:.9rem}
.key.g{background:var(--grow)}
.key.l{background:var(--later)}
.key.x{background:var(--stop)}
.key.s{background:var(--shrink)}
.key.t{background:var(--track)}
.key.b{background:var(--text);width:2px;height:14px;vertical-align:-.1rem}
.key.soon{background:var(--soon)}
.key.until{background:var(--until)}
"""
_CONTROLS = """
details{border:1px solid var(--line);border-radius:8px;margin:.6rem 0;padding:0 1rem}
details[open]{padding-bottom:.5rem}
summary{cursor:pointer;padding:.55rem 0;overflow:hidden}
summary>span{color:var(--faint);margin-left:.6rem}
summary .badge{font-size:.8rem;margin-left:.4rem}
fieldset{border:0;margin:0;padding:0;min-width:0;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem}
legend{float:left;padding:0;margin-right:.4rem;font-weight:600}
.tools{position:sticky;top:0;z-index:1;background:var(--bg);padding:.6rem 0;
border-bottom:1px solid var(--line);display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;
align-items:center;justify-content:space-between}
.tools label{display:inline-flex;align-items:center;gap:.4rem;min-height:24px}
input[type=checkbox]{width:1.05rem;height:1.05rem;margin:0;accent-color:var(--soon)}
#find[hidden]{display:none}
#find{display:flex;flex-wrap:wrap;gap:.5rem .75rem;align-items:center}
#matches:empty{display:none}
input[type=search]{width:14rem}
input[type=search],button{font:inherit;color:inherit;background:var(--bg);
border:1px solid var(--keep);border-radius:6px;padding:.25rem .6rem;max-width:100%}
button{background:var(--panel);cursor:pointer}
tr[hidden],details[hidden],#nothing[hidden]{display:none}
"""
_NARROW = """
@media (max-width:44rem){body{padding-top:1rem}
.tools{position:static}html{scroll-padding-top:.5rem}
section{margin-top:2.25rem}.tiles{gap:.75rem 1.5rem}.facts{gap:.5rem 1.5rem}
.vms thead,.reasons thead{position:absolute;left:-99rem}
.vms tr,.reasons tr,.lanes tr{display:grid;padding:.6rem 0;border-top:1px solid var(--line)}
.vms tr{grid-template-columns:1fr auto;gap:.3rem 1rem;border-left:3px solid var(--dot);
padding-left:.75rem}
.vms tbody tr,.reasons tbody tr,.lanes tbody tr{min-width:0}
.vms th,.vms td,.reasons th,.reasons td,.lanes th,.lanes td{border:0!important;padding:0!important;
width:auto!important;min-width:0}
.vms th{grid-area:1/1/2/3}.vms td+td+td{grid-area:3/1/4/3}
.reasons tr{grid-template-columns:1fr;gap:.3rem}
.lanes tr{grid-template-columns:1fr auto auto;gap:.15rem 1rem}
.lanes td:nth-child(3),.lanes th:nth-child(3){grid-area:2/1/3/4}
.lanes thead tr{border:0}
details{padding:0 .75rem}summary>span{display:block;margin:.2rem 0 0}
summary .badge{margin:0 .3rem 0 0}
.settings tr{display:grid;grid-template-columns:1fr 1fr auto;gap:.2rem 1rem;padding:.5rem 0}
.settings th,.settings td{border:0;padding:0}.settings tr>:first-child{grid-column:1/4}
.settings tbody tr{border-top:1px solid var(--line)}input[type=search]{width:100%}}
"""
_PRINT = """
@media print{body{max-width:none;padding:0;font-size:10pt;print-color-adjust:exact;
-webkit-print-color-adjust:exact}.tools,.skip,nav{display:none}.vms{content-visibility:visible}
tr,.box,.tiles{break-inside:avoid}h2,h3,summary{break-after:avoid}section{margin-top:1.5rem}
details::details-content{content-visibility:visible;display:block;height:auto}}
"""
_TONES = {
    Effect.BLOCKED: ("bad", "stop"),
    Effect.RESTART: ("warn", "later"),
    Effect.WAIT: ("warn", "later"),
    Effect.LIVE: ("good", "grow"),
    Effect.CREATE: ("good", "grow"),
    Effect.CONFIG: ("note", "soon"),
    Effect.COLD: ("note", "soon"),
    Effect.NONE: ("calm", "track"),
}
"""The colors of the badge and of the row for each effect of a change (live, by a restart, …)."""


def _of(effect: Effect, tone: str, dot: str) -> str:
    """Build the CSS rules for the colors of one effect of a change, such as ``live``."""
    colors = f"background:var(--{tone}-bg);color:var(--{tone})"
    row = f".vms .{effect}"
    return f".{effect}{{--dot:var(--{dot})}}\n.badge.{effect},{row} td>a:first-child{{{colors}}}\n"


_EFFECTS = "".join(_of(effect, tone, dot) for effect, (tone, dot) in _TONES.items())
_CLEARED = "".join(
    f"body:has(#show-{effect}:not(:checked)) .vms .{effect}{{display:none}}\n" for effect in _TONES
)
"""The CSS rules that hide VMs after the user clears a checkbox (live, restart, …)."""
_SINCE = "".join(
    f"body:has(#show-{each}:not(:checked)) .vms .{each}{{display:none}}\n"
    for each in ("added", "known")
)
"""The CSS rules that hide VMs after the user clears a checkbox in "Since the base commit"."""
BASE_STYLE = f"{_COLORS}{_FRAME}{_TABLES}{_CONTROLS}{_NARROW}{_PRINT}{_EFFECTS}"
"""The CSS rules that a plan's page shares with the status pages of ``serve``."""
STYLE = f"{BASE_STYLE}{_CLEARED}{_SINCE}"
