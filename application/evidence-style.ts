/** The look of the page inside a bundle: readable on a telephone, in the dark and on paper. */
export const EVIDENCE_STYLE = `
:root { color-scheme: light dark; --line: light-dark(#c9ced6, #454c57); --soft: light-dark(#f3f5f8, #1d2229);
  --text: light-dark(#14181f, #e8ebf0); --dim: light-dark(#4b5563, #a9b2bf); --back: light-dark(#fff, #12161c);
  --good: light-dark(#12663a, #6fd39c); --bad: light-dark(#a3121f, #ff9a9f); --warn: light-dark(#7a4b00, #f0c36a);
  --focus: light-dark(#1d4fd7, #8fb4ff); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .25rem 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
p { margin: .25rem 0 .5rem; }
code, pre, .digest { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; background: var(--soft); border: 1px solid var(--line); border-radius: .35rem; padding: .75rem; margin: .5rem 0; max-height: 30rem; overflow: auto; }
.dim { color: var(--dim); }
.notice { border: 2px solid var(--warn); border-radius: .35rem; padding: .5rem .75rem; margin: 1rem 0; }
.outcome { display: inline-block; border: 2px solid currentcolor; border-radius: 1rem; padding: .05rem .75rem; font-weight: 600; }
.box { background: var(--soft); border: 1px solid var(--line); border-radius: .35rem; padding: .75rem; }
label { display: block; font-weight: 600; margin: .5rem 0 .25rem; }
input[type=text] { width: 100%; font: .9rem ui-monospace, monospace; padding: .6rem; border: 1px solid var(--dim); border-radius: .35rem; background: var(--back); color: inherit; }
button { font: inherit; font-weight: 600; padding: .6rem 1.25rem; margin: .75rem 0; border: 0; border-radius: .35rem; background: var(--text); color: var(--back); cursor: pointer; min-height: 2.75rem; }
input[type=file] { max-width: 100%; font: inherit; min-height: 2.75rem; padding: .5rem 0; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.result { border-left: .35rem solid var(--line); padding: .25rem .75rem; margin-top: .75rem; overflow-wrap: anywhere; }
.result.valid { border-color: var(--good); } .result.valid h3 { color: var(--good); }
.result.incomplete { border-color: var(--warn); } .result.incomplete h3 { color: var(--warn); }
.result.invalid { border-color: var(--bad); } .result.invalid h3, .problem, li.failed, .said { color: var(--bad); font-weight: 600; }
.result ul { list-style: none; padding: 0; margin: .5rem 0 0; } li.skipped { color: var(--dim); }
dl { display: grid; grid-template-columns: minmax(8rem, 12rem) 1fr; gap: .35rem 1rem; margin: 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
ol.story { list-style: none; margin: 0; padding: 0; }
ol.story > li { border-top: 1px solid var(--line); padding: .6rem .25rem; display: grid; grid-template-columns: 15rem 1fr; gap: .1rem 1rem; }
ol.story .digest, .said { display: block; }
ol.story > li.bad { background: light-dark(#fdecec, #3a1519); outline: 2px solid var(--bad); }
ol.story .what { font-weight: 600; overflow-wrap: anywhere; }
ol.story .more { grid-column: 2; overflow-wrap: anywhere; }
blockquote { margin: .35rem 0; padding: .25rem .75rem; border-left: .25rem solid var(--line); white-space: pre-wrap; overflow-wrap: anywhere; }
details { margin: .5rem 0; } summary { cursor: pointer; padding: .4rem 0; font-weight: 600; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
  ol.story > li { grid-template-columns: 1fr; } ol.story .more { grid-column: 1; } }
@media print { .box, button { display: none; } pre { max-height: none; } }
`;
