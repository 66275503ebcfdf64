"""How the page looks, in light and in dark, and the policy by which a browser runs and loads nothing else."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

_LIGHT = """
--ground:#fbfaf7;--card:#fff;--ink:#23211d;--soft:#66625a;--line:#e6e2d9;--link:#155e75;
--good:#4f9d7e;--retried:#8cc3aa;--warned:#d9a441;--failed:#d9703f;--stopped:#b3372b;--none:#d5d0c5;
--fine:#1f6b4e;--bad:#a3271c;--amber:#7a5200;--code:#f3f0e9"""
_DARK = """
--ground:#171817;--card:#1f2120;--ink:#e9e6df;--soft:#a5a198;--line:#343633;--link:#7cc7dd;
--good:#4c9d7d;--retried:#2f6a53;--warned:#c9973a;--failed:#d9703f;--stopped:#e0584a;--none:#4a4c48;
--fine:#7fd0ae;--bad:#ff9c8f;--amber:#e8bd6a;--code:#262826"""

STYLE = f"""
:root{{color-scheme:light dark;{_LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}}
header,main,footer{{max-width:76rem;margin:0 auto;padding:0 1.5rem}}
header{{padding-top:2.2rem}}
h1{{font-size:.95rem;font-weight:600;color:var(--soft);margin:0}}
h2{{font-size:1.05rem;margin:0 0 .2rem}}
p{{margin:.2rem 0}}
a{{color:var(--link);text-underline-offset:.15em}}
a:focus-visible,summary:focus-visible,.wide:focus-visible,pre:focus-visible{{outline:3px solid var(--link);
outline-offset:2px;border-radius:3px}}
.verdict{{font-size:1.55rem;line-height:1.3;font-weight:600;margin:.3rem 0 1.4rem;text-wrap:balance}}
.verdict::before{{content:"";display:inline-block;width:.65em;height:.65em;border-radius:50%;
background:var(--good);margin-right:.5em}}
.needs::before{{background:var(--stopped)}}
section{{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.1rem 1.3rem;
margin:0 0 1.1rem}}
.soft,dt,th,footer,.tiles span{{color:var(--soft)}}
.soft{{font-size:.9rem}}
.tiles{{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:1.1rem;background:none;border:0;
padding:0}}
.tiles p{{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:.8rem 1.3rem;margin:0}}
.tiles b{{display:block;font-size:1.3rem;font-weight:600}}
.tiles span{{display:block;font-size:.9rem;overflow-wrap:anywhere}}
.wide{{overflow-x:auto}}
table{{border-collapse:collapse;width:100%;font-size:.92rem}}
th,td{{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:middle;font-weight:400;white-space:nowrap}}
thead th{{font-size:.85rem;border-bottom:1px solid var(--line)}}
tbody th{{color:var(--ink);font-weight:500;white-space:normal;overflow-wrap:break-word;min-width:9rem;max-width:20rem}}
td.say{{white-space:normal;overflow-wrap:anywhere;min-width:16rem}}
.n{{text-align:right;font-variant-numeric:tabular-nums}}
.strip{{display:block;width:240px;height:20px}}
.big{{width:100%;max-width:720px;height:48px}}
.strip path,.key path,.night path{{fill:none}}
.strip path,.key path{{stroke-dasharray:6.6 1.4}}
.o,.r,.w{{stroke-width:16}} .f,.c{{stroke-width:8}} .m,.d{{stroke-width:3}}
.o{{stroke:var(--good)}} .r{{stroke:var(--retried)}} .w{{stroke:var(--warned)}} .f{{stroke:var(--failed)}}
.c,.m{{stroke:var(--stopped)}} .d{{stroke:var(--none)}}
.key{{width:10px;height:18px;vertical-align:-4px;margin-right:.35rem}}
.legend{{display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;list-style:none;padding:0;margin:.3rem 0 .8rem;font-size:.87rem;
color:var(--soft)}}
.night{{display:block;width:100%;height:150px;margin-top:.6rem}}
.night line{{stroke:var(--line);vector-effect:non-scaling-stroke}}
.night path{{stroke-width:.7}}
.hours{{display:flex;justify-content:space-between;font-size:.8rem;color:var(--soft);
font-variant-numeric:tabular-nums}}
.bar{{display:block;width:100%;min-width:8rem;height:10px}} .bar path{{stroke:var(--good);stroke-width:10}}
.fine{{color:var(--fine)}} .bad{{color:var(--bad);font-weight:600}} .amber{{color:var(--amber)}}
.case{{border-top:1px solid var(--line);padding:.7rem 0}} .case:first-of-type{{border:0}}
.case p{{overflow-wrap:anywhere;max-width:80ch}}
.step::before{{content:"→ "}}
dl{{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.3rem;margin:0}}
dd{{margin:0;overflow-wrap:anywhere}}
summary{{cursor:pointer}} details[open] summary{{margin-bottom:.4rem}}
.names{{display:flex;flex-wrap:wrap;gap:.1rem 1rem;list-style:none;padding:0;margin:0;font-size:.9rem}}
pre{{background:var(--code);border-radius:8px;padding:.8rem 1rem;margin:.5rem 0 0;overflow-x:auto;
font:.9rem/1.6 ui-monospace,monospace}}
footer{{font-size:.87rem;padding-bottom:2.5rem}}
@media (max-width:40rem){{header,main,footer{{padding-left:.9rem;padding-right:.9rem}}
.verdict{{font-size:1.25rem}}dl{{grid-template-columns:1fr}}dd{{margin-bottom:.4rem}}}}
""".strip()

_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
# Whatever gets into the page, a browser runs no script, sends no form and loads nothing.
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
# The same in the header of an answer, which says as well that no other site may show the page in a frame.
HEADER_POLICY = f"{POLICY}; frame-ancestors 'none'"
