"""Style sheet and script of the HTML pages, both written into each page."""

from __future__ import annotations

STYLE = """
:root {
  --paper: #ffffff; --ink: #1c1e21; --faint: #5c6370; --line: #d5d9df; --panel: #f4f6f8;
  --accent: #0072b2; --now: #e69f00; --now-ink: #1c1e21; --window: #d7ebf7; --good: #00795a; --bad: #b34700;
  --train: #0072b2; --val: #00795a; --test: #b86e00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181c; --ink: #e4e6ea; --faint: #a2a9b4; --line: #3a3f47; --panel: #20242a;
    --accent: #6fb9e6; --now: #e69f00; --now-ink: #16181c; --window: #24465a; --good: #4cc2a0; --bad: #f0a060;
    --train: #6fb9e6; --val: #4cc2a0; --test: #f0b040;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; padding-top: 0.75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 0.25rem; }
p, ul, ol { max-width: 46rem; margin: 0.5rem 0; }
header p, figcaption, .faint { color: var(--faint); }
a { color: var(--accent); }
code, pre, td, th, output { font-variant-numeric: tabular-nums; }
code, pre, .grid, .number { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
pre, code { background: var(--panel); border-radius: 4px; font-size: 0.85rem; }
pre { margin: 0; padding: 0.6rem 0.8rem; overflow-wrap: normal; width: max-content; min-width: 100%; }
code { padding: 0.1em 0.3em; }
.scroll { overflow-x: auto; max-width: 100%; margin: 0.5rem 0; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; font-size: 0.9rem; overflow-wrap: normal; }
th, td { padding: 0.25rem 0.6rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--faint); font-weight: 600; white-space: nowrap; }
th.number { font-family: inherit; }
.number { text-align: right; white-space: nowrap; }
figure { margin: 0.75rem 0; max-width: 100%; }
figcaption { font-size: 0.85rem; max-width: 46rem; }
img { display: block; max-width: 100%; height: auto; border-radius: 4px; background: #ffffff; }
svg { display: block; max-width: 100%; height: auto; }
.row { display: flex; flex-wrap: wrap; gap: 0.5rem 1.5rem; align-items: flex-start; }
.row > * { min-width: 0; }
.grid { font-size: 0.8rem; }
.grid td { border: 1px solid var(--line); padding: 0.2rem 0.4rem; text-align: right; white-space: nowrap; }
.grid .padding { color: var(--faint); background: var(--panel); font-style: italic; }
.grid .window { background: var(--window); }
.grid .dropped { color: var(--faint); text-decoration: line-through; }
.js .now { background: var(--now); color: var(--now-ink); }
.js .grid .now { font-style: normal; font-weight: 700; }
.js .readout > * { display: none; }
.js .readout > .now { display: block; background: none; color: inherit; }
.js .group:not(:has(.now)) { display: none; }
.bar {
  display: none; position: sticky; top: 0; z-index: 1; flex-wrap: wrap; align-items: center; gap: 0.25rem 0.75rem;
  background: var(--paper); padding: 0.5rem 0; border-bottom: 1px solid var(--line);
}
.js .bar { display: flex; }
.bar input { flex: 1 1 12rem; min-width: 0; height: 2.25rem; accent-color: var(--accent); }
.bar button {
  font-size: 1.2rem; line-height: 1; width: 2.75rem; height: 2.25rem; color: var(--ink); background: var(--panel);
  border: 1px solid var(--line); border-radius: 6px; cursor: pointer;
}
.long { max-height: 22rem; overflow-y: auto; border: 1px solid var(--line); border-radius: 6px; padding: 0 0.5rem; }
.long > .scroll { overflow: visible; margin: 0; }
.long th { position: sticky; top: 0; background: var(--paper); }
.long { overflow-x: auto; }
details { margin: 0.5rem 0; }
summary { cursor: pointer; color: var(--accent); padding: 0.25rem 0; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.1rem 1rem; list-style: none; padding: 0; max-width: none; }
.value { overflow-wrap: anywhere; }
nav a { display: inline-block; padding: 0.25rem 0; }
.tiles { display: flex; flex-wrap: wrap; gap: 0.75rem; margin: 0.75rem 0; }
.tiles > div { background: var(--panel); border-radius: 6px; padding: 0.5rem 0.9rem; flex: 0 1 auto; }
.tiles b { display: block; font-size: 1.35rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--faint); font-size: 0.85rem; }
.finding { border-left: 4px solid var(--bad); background: var(--panel); border-radius: 0 6px 6px 0; }
.finding { padding: 0.5rem 0.9rem; margin: 0.75rem 0; max-width: 46rem; }
.finding h3 { margin-top: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 0 1.5rem; }
.chart-box { margin: 0; min-width: 0; max-width: 36rem; }
.chart { width: 100%; }
.chart text { fill: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; }
.chart .grid-line { stroke: var(--line); stroke-width: 1; }
.chart .mark { stroke: var(--faint); stroke-width: 1.2; stroke-dasharray: 2 4; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .line.train { stroke: var(--train); }
.chart .line.val { stroke: var(--val); stroke-dasharray: 7 3; }
.chart .line.test { stroke: var(--test); stroke-dasharray: 2 3; }
.chart .dot.train { fill: var(--train); }
.chart .dot.val { fill: var(--val); }
.chart .dot.test { fill: var(--test); }
.legend { display: flex; flex-wrap: wrap; gap: 0 1.25rem; margin: 0; font-size: 0.85rem; }
.key { display: inline-block; width: 1.6rem; margin-right: 0.4rem; vertical-align: 0.25em; border-top: 2px solid; }
.key.train { border-color: var(--train); }
.key.val { border-color: var(--val); border-top-style: dashed; }
.key.test { border-color: var(--test); border-top-style: dotted; }
.key.mark { border-color: var(--faint); border-top-style: dotted; }
.shares { font-size: 0.8rem; }
.shares th { font-weight: normal; overflow-wrap: anywhere; }
.shares thead th { vertical-align: bottom; }
.shares thead th span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 10rem; overflow: hidden; }
.shares tbody th { max-width: 12rem; white-space: normal; }
.shares td { text-align: right; font-variant-numeric: tabular-nums; min-width: 2.2rem; }
.pictures { display: flex; flex-wrap: wrap; gap: 0.4rem; align-items: flex-start; margin: 0.25rem 0 0.75rem; }
.pixels { image-rendering: pixelated; border-radius: 2px; }
.kernel { display: flex; gap: 2px; }
.strip { width: min(100%, 40rem); }
.strip img { width: 100%; height: 0.8rem; }
.card { margin: 0 0.25rem 0.5rem 0; width: 6.5rem; }
.card figcaption { font-size: 0.75rem; line-height: 1.35; margin-top: 0.2rem; }
.good { color: var(--good); }
.bad { color: var(--bad); }
@media (max-width: 480px) {
  body { padding: 0.75rem; }
  th, td { padding: 0.2rem 0.4rem; }
  table { font-size: 0.8rem; }
  .grid { font-size: 0.7rem; }
}
@media print {
  :root {
    --paper: #ffffff; --ink: #000000; --faint: #444444; --line: #bbbbbb; --panel: #f4f4f4; --accent: #000000;
    --window: #e2e2e2; --now: #ffffff; --now-ink: #000000; --good: #000000; --bad: #000000;
    --train: #000000; --val: #000000; --test: #000000;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  .bar, .js .bar { display: none; }
  .js .readout > * { display: block; }
  .js .group, .js .group:not(:has(.now)) { display: block; }
  .js .now { background: none; color: inherit; }
  .js .grid .now { font-weight: inherit; }
  .long, .scroll { max-height: none; overflow: visible; border: none; }
  section { break-inside: auto; }
  h2, h3 { break-after: avoid; }
  figure, tr, .finding { break-inside: avoid; }
  nav { display: none; }
}
"""

SCRIPT = """
document.documentElement.classList.add('js');
for (const block of document.querySelectorAll('.steps')) {
  const bar = block.querySelector('.bar'), input = bar.querySelector('input'), output = bar.querySelector('output');
  const [back, on] = bar.querySelectorAll('button');
  const marked = [...block.querySelectorAll('[data-step]')];
  const count = Number(input.max) + 1;
  const show = () => {
    const step = Number(input.value);
    for (const one of marked) {
      const own = Number(one.dataset.step);
      one.classList.toggle('now', own === step);
      one.classList.toggle('past', own < step);
    }
    for (const box of block.querySelectorAll('.long')) {
      const row = box.querySelector('.now');
      if (row) box.scrollTop = row.offsetTop - box.clientHeight / 2;
    }
    output.textContent = `${bar.dataset.label} ${step + 1} of ${count}`;
    back.disabled = step === 0;
    on.disabled = step === count - 1;
  };
  const move = (by) => { input.value = Number(input.value) + by; show(); };
  input.addEventListener('input', show);
  back.addEventListener('click', () => move(-1));
  on.addEventListener('click', () => move(1));
  show();
}
"""
