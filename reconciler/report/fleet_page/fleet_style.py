"""``FLEET_STYLE``: the style sheet of the status pages, for light and dark mode and any width."""

from __future__ import annotations

from reconciler.report.html.page_style import BASE_STYLE

_FRAME = """
body{max-width:88rem}
.bar{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;align-items:center;color:var(--faint);
padding-bottom:.75rem;margin-bottom:1.25rem;border-bottom:1px solid var(--line)}
.bar nav{margin:0}
.bar .brand{font-weight:650;color:var(--text);text-decoration:none}
footer.bar{border:0;border-top:1px solid var(--line);margin:2.5rem 0 0;padding:.75rem 0 0;
font-size:.9rem}
#live{margin:0 0 0 auto;font-size:.9rem;white-space:nowrap}
#live::before{content:"";display:inline-block;width:.6rem;height:.6rem;border-radius:50%;
margin-right:.4rem;background:var(--keep)}
#live.on::before{background:var(--grow)}
#live.off::before{background:var(--later)}
.quiet{position:absolute;left:-99rem}
main:focus{outline:0}
h1{margin-bottom:.2rem}
.lead{margin-bottom:1rem}
.facts dd{min-height:1.5em}
section{margin-top:2.5rem}
h2+p,h2+table{margin-top:0}
"""
_FLEET = """
.groups+table{margin-top:1.5rem}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.5rem;margin:0 0 1rem;padding:0}
.chip{display:inline-flex;align-items:center;gap:.45rem;min-height:2rem;padding:.15rem .7rem;
border:1px solid var(--line);border-radius:2rem;color:var(--text);text-decoration:none}
.chip b{font-weight:650}
span.chip{border-style:dashed}
a.chip:hover{border-color:var(--keep);background:var(--panel)}
.chip[aria-current]{border-color:var(--link);box-shadow:inset 0 0 0 1px var(--link)}
#filter{display:flex;flex-wrap:wrap;gap:.6rem .9rem;align-items:end;margin-bottom:1rem}
#filter>div{display:flex;flex-direction:column;gap:.1rem;min-width:0}
#filter label{font-size:.85rem;color:var(--faint)}
#filter input,#filter select,#filter button{font:inherit;color:inherit;background:var(--bg);
border:1px solid var(--keep);border-radius:6px;padding:.25rem .6rem;min-height:2.1rem;width:auto;
max-width:14rem}
#filter select{max-width:9rem}
#filter input{width:11rem}
#filter button{background:var(--panel)}
#clear{padding:.3rem 0}
#clear[hidden]{display:none}
.found{color:var(--faint);margin:0 0 .75rem}
.groups{display:grid;grid-template-columns:repeat(auto-fill,minmax(17.5rem,1fr));gap:1.1rem 1.6rem;
align-items:start}
.group{margin:0;min-width:0}
.group h3{display:block;font-size:.95rem;margin-bottom:.35rem}
.group h3 a{color:inherit;text-decoration-color:var(--line)}
.group h3 small{display:inline;font:inherit;font-weight:400;margin-left:.25rem}
.cells{display:flex;flex-wrap:wrap;gap:4px;margin:0}
.cell{display:inline-block;flex:none;width:20px;height:20px;border-radius:4px;
background:var(--dot);color:var(--bg);font:700 13px/20px system-ui,sans-serif;text-align:center;
text-decoration:none;position:relative}
.cell.none{background:var(--panel);box-shadow:inset 0 0 0 1px var(--edge)}
.cell.blocked::before{content:"\\00d7" / ""}
.cell.restart::before{content:"\\21bb" / ""}
.cell.wait::before{content:"\\2026" / ""}
.cell.create::before{content:"+" / ""}
.cell.live::before{content:"\\2191" / ""}
.cell.cold::before{content:"\\2013" / ""}
.cell.changing,.cell.done,.cell.failed{background:var(--bg);color:var(--text);
box-shadow:inset 0 0 0 3px var(--soon)}
.cell.done{box-shadow:inset 0 0 0 2px var(--grow);color:var(--good)}
.cell.failed{box-shadow:inset 0 0 0 2px var(--stop);color:var(--bad)}
.cell.changing::before{content:"\\2022" / ""}
.cell.done::before{content:"\\2713" / ""}
.cell.failed::before{content:"!" / ""}
a.cell:hover{outline:2px solid var(--text);outline-offset:1px}
a.cell:focus-visible{outline-width:3px;z-index:1}
#peek{position:fixed;bottom:.75rem;left:.75rem;right:.75rem;width:fit-content;z-index:2;
margin:0 auto;padding:.45rem 1rem;background:var(--text);color:var(--bg);
border-radius:8px;font-size:.95rem;pointer-events:none}
#peek:empty{display:none}
html{scroll-padding-bottom:5rem}
@media (min-width:70rem) and (not (pointer:coarse)){.many{grid-template-columns:
repeat(auto-fill,minmax(11.5rem,1fr));gap:.8rem 1.2rem}.many .cells{gap:3px}
.many .cell{width:14px;height:14px;border-radius:3px;font-size:10px;line-height:14px}
.many h3{font-size:.85rem;margin-bottom:.2rem}}
:root{--edge:#8c959f}
@media screen and (prefers-color-scheme:dark){:root{--edge:#6b7480}}
"""
_ROWS = """
.flow td,.flow th{padding-block:.4rem}
.changes{list-style:none;margin:0;padding:0}
.changes li{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.1rem .75rem;
padding:.6rem 0;border-top:1px solid var(--line)}
.changes b{font-weight:600;min-width:0}
.changes p{flex:1 0 100%;margin:0}
.changes p+p{font-size:.9rem;color:var(--faint)}
.changes small{font-size:.8rem}
@media (min-width:70rem){.columns{display:grid;grid-template-columns:22rem minmax(0,1fr);
gap:2.5rem;align-items:start}.columns:has(.idle){display:block}}
table.flow th:first-child{width:24%}
.flow th:nth-child(2),.flow td:nth-child(2){width:16%}
.flow th:nth-child(4),.flow td:nth-child(4){width:30%}
.past th:first-child{width:21%}
.past th:nth-child(2),.past td:nth-child(2){width:21%}
.past{margin-bottom:1.5rem}
.values th:first-child{width:14rem}
.values th:nth-child(2),.values td:nth-child(2){width:9rem}
.pairs th:nth-child(2),.pairs td:nth-child(2){width:auto}
h3+table{margin-bottom:1.25rem}
.values td,.values th{padding-block:.35rem}
.time{margin-top:.35rem;max-width:100%}
progress{appearance:none;width:calc(100% - 3.5rem);height:10px;vertical-align:middle;border:0;
border-radius:5px;overflow:hidden;background:var(--track)}
progress::-webkit-progress-bar{background:var(--track);border-radius:5px}
progress::-webkit-progress-value{background:var(--soon);border-radius:5px}
progress::-moz-progress-bar{background:var(--soon)}
progress:not([value]){background:repeating-linear-gradient(-45deg,var(--until) 0 8px,
var(--track) 8px 16px)}
progress:not([value])::-webkit-progress-bar{background:transparent}
progress+span{color:var(--faint);font-size:.9rem}
.memory{margin:0 0 1rem}
.memory svg{width:100%;max-width:48rem;height:34px;
background:linear-gradient(var(--track),var(--track)) center/100% 18px no-repeat}
.memory path{stroke:var(--keep);stroke-width:18;fill:none;vector-effect:non-scaling-stroke}
.memory path+path{stroke:var(--grow)}
.memory.restart path+path,.memory.wait path+path{stroke:var(--later)}
.memory.blocked path+path{stroke:var(--stop)}
.memory .s path+path{stroke:var(--shrink)}
.memory svg path:last-child{stroke:var(--text);stroke-width:3}
pre{overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:8px;
padding:.75rem 1rem;margin:.5rem 0;overflow-wrap:normal}
@media (max-width:44rem){
.flow thead,.past thead,.values thead{position:absolute;left:-99rem}
.flow tr,.past tr,.values tr{display:grid;grid-template-columns:1fr auto;gap:.2rem 1rem;
padding:.6rem 0;border-top:1px solid var(--line)}
.flow th,.flow td,.past th,.past td,.values th,.values td{border:0!important;
padding:0!important;width:auto!important;min-width:0}
.flow td:nth-child(n+3),.past td:nth-child(3),.values td:nth-child(n+3){grid-column:1/3}
.values.pairs tr{grid-template-columns:1fr}
#filter>div{flex:1 1 8rem}#filter input,#filter select{width:100%;max-width:none}
.groups{grid-template-columns:1fr}
#live{margin-left:0}}
@media (prefers-reduced-motion:no-preference){
.cell.changing{animation:pulse 2s ease-in-out infinite}
@keyframes pulse{50%{opacity:.55}}}
@media (forced-colors:active){.cell{border:1px solid}.cell.changing,.cell.done,.cell.failed{
border-width:3px}}
@media print{#filter,#peek,#live{display:none}}
"""
FLEET_STYLE = f"{BASE_STYLE}{_FRAME}{_FLEET}{_ROWS}"
