import { raw } from './markup';

/** The look of the page. Light first; dark where the reader's system says so. */
export const style = raw(`<style>
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#171b22;--muted:#5a6372;--line:#e6e9ee;--axis:#b9c0cb;--accent:#2456c7;--reference:#a7b0be;--window:#2f6fed;--good:#137a45;--good-back:#e0f4e8;--warn:#8a5300;--warn-back:#fdf0d7;--bad:#b3261e;--bad-back:#fce6e4;--plain-back:#eceff4;--arm2:#0c8577;--arm3:#8b3fd9;--arm4:#c2620a;--arm5:#c62368;--shadow:0 1px 2px #10182812}
@media(prefers-color-scheme:dark){:root{--page:#0e1116;--card:#171b22;--ink:#e8ebf0;--muted:#9aa4b4;--line:#272d37;--axis:#4a5361;--accent:#8db2ff;--reference:#667183;--window:#6ea1ff;--good:#6fd69c;--good-back:#10301f;--warn:#f2bd61;--warn-back:#382808;--bad:#ff938b;--bad-back:#421916;--plain-back:#232a34;--arm2:#3fc4b4;--arm3:#bd8cf5;--arm4:#f0994a;--arm5:#f27aa8;--shadow:none}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
.head{display:flex;gap:16px;align-items:flex-end;justify-content:space-between;flex-wrap:wrap}
.eyebrow{margin:0;color:var(--muted);font-size:12px;font-weight:600;letter-spacing:.08em;text-transform:uppercase}
h1{margin:2px 0 0;font-size:32px;line-height:1.2;letter-spacing:-.02em;font-weight:650}
h2{margin:0 0 4px;font-size:22px;line-height:1.3;letter-spacing:-.01em;font-weight:650}
h3{margin:0;font-size:16px;font-weight:600}
h4{margin:0;font-size:14px;font-weight:600;line-height:1.4}
.meta,.muted,.note,.legend,footer,caption{color:var(--muted)}
.meta{margin:8px 0 0;font-size:13px}
code{font:12px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
nav{display:flex;gap:4px 20px;flex-wrap:wrap;margin-top:20px;padding-bottom:10px;border-bottom:1px solid var(--line);font-size:14px;font-weight:500}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-999px;top:8px;padding:6px 12px;background:var(--card)}
.skip:focus{left:8px}
.verdict{display:flex;gap:8px;flex-wrap:wrap}
.verdict .pill{font-size:14px;padding:4px 14px}
.pill{display:inline-block;padding:1px 9px;border-radius:99px;background:var(--plain-back);color:var(--muted);font-size:12px;font-weight:600;line-height:1.6;white-space:nowrap}
.pill.good{background:var(--good-back);color:var(--good)}
.pill.warn{background:var(--warn-back);color:var(--warn)}
.pill.bad{background:var(--bad-back);color:var(--bad)}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;box-shadow:var(--shadow);padding:16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:12px;margin:24px 0 0}
.tile dt{color:var(--muted);font-size:13px}
.tile dd{margin:0}
.tile .value{font-size:26px;font-weight:620;letter-spacing:-.02em;line-height:1.35;white-space:nowrap}
.tile .note{font-size:13px}
.meter{height:4px;margin:6px 0!important;border-radius:2px;background:var(--plain-back);overflow:hidden}
.meter i{display:block;height:100%;border-radius:2px;background:var(--good)}
.meter .warn{background:var(--warn)}
.meter .bad{background:var(--bad)}
section{margin-top:44px}
.lead{margin:0 0 16px;max-width:78ch;color:var(--muted)}
.note{margin:10px 0 0;font-size:13px}
figure{margin:0}
figcaption{margin-bottom:8px;font-size:14px;font-weight:600}
figcaption .muted{font-weight:400;font-size:13px}
svg{display:block;font-size:11px;width:100%;height:auto;overflow:visible}
.narrow{display:none}
.row{display:flex;gap:4px 20px;align-items:baseline;justify-content:space-between;flex-wrap:wrap;margin:28px 0 12px}
.legend{margin:0;font-size:13px}
.key{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 6px 0 0}
.key+.key,.legend .window{margin-left:14px}
.reference{background:var(--reference)}
.window{background:var(--window)}
.key.good{background:var(--good)}
.key.bad{background:var(--bad)}
.arm0,.meter .arm0{background:var(--reference)}
.arm1,.meter .arm1{background:var(--window)}
.arm2,.meter .arm2{background:var(--arm2)}
.arm3,.meter .arm3{background:var(--arm3)}
.arm4,.meter .arm4{background:var(--arm4)}
.arm5,.meter .arm5{background:var(--arm5)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,310px),1fr));gap:12px}
.card+.card,.card+.cards{margin-top:12px}
.cards .card,.tiles .card{margin:0}
.feature{display:grid;grid-template-columns:1fr auto;gap:4px 10px;align-content:start;align-items:start}
.feature>figure,.feature>dl,.feature>details{grid-column:1/-1;min-width:0}
.feature h4{min-width:0}
.feature>figure{margin-top:6px}
.numbers{display:grid;grid-template-columns:repeat(4,1fr);gap:8px;margin:6px 0 0}
.numbers dt{color:var(--muted);font-size:12px}
.numbers dd{margin:0;font-size:14px;font-weight:550;white-space:nowrap}
abbr{text-decoration:none;cursor:help}
summary{cursor:pointer;color:var(--accent);font-size:13px;font-weight:500}
details>.scroll{margin-top:8px}
.feature details{border-top:1px solid var(--line);margin-top:8px;padding-top:8px}
.rest{margin-top:12px}
.rest>summary{font-size:14px}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:13.5px;line-height:1.4}
caption{text-align:left;font-size:12.5px;padding-bottom:6px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
th,td{padding:7px 14px 7px 0;text-align:left;vertical-align:baseline;overflow-wrap:normal}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--muted);font-size:12px;font-weight:600;border-bottom:1px solid var(--line);white-space:nowrap}
tbody th{font-weight:550;min-width:9em;max-width:26em;overflow-wrap:anywhere}
tbody td{max-width:26em;overflow-wrap:anywhere}
tbody td:not(.n){min-width:7em}
.feature tbody th{min-width:0;font-weight:400}
tbody tr+tr>*{border-top:1px solid var(--line)}
.n{text-align:right;white-space:nowrap}
.time{white-space:nowrap}
.text{min-width:22em;max-width:none}
.strong{font-weight:650}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:8px 24px;margin:16px 0 0;font-size:13.5px}
.facts div{display:flex;justify-content:space-between;gap:12px;border-top:1px solid var(--line);padding-top:8px}
.facts dt{color:var(--muted)}
.facts dd{margin:0;font-weight:550}
.rollout+.rollout{margin-top:48px;padding-top:8px;border-top:1px solid var(--line)}
.rollout h3 .pill,.rollout h4 .pill{margin-left:6px;vertical-align:2px}
.reason{margin:0}
.alarm{margin:12px 0 0;padding:8px 12px;list-style:none;border-radius:8px;background:var(--warn-back);color:var(--warn);font-size:13.5px}
.shares{display:flex;gap:2px;height:10px;margin:14px 0 8px;border-radius:5px;overflow:hidden;background:var(--plain-back)}
.shares i{display:block;min-width:2px}
.meters{display:grid;grid-template-columns:fit-content(40%) 1fr auto;gap:6px 10px;align-items:center;margin:8px 0 0;font-size:13px}
.meters div{display:contents}
.meters dt{color:var(--muted)}
.meters dd{margin:0;white-space:nowrap}
.meters dd:last-child{text-align:right}
.legend .dashed{margin-left:14px}
.rollout td code{white-space:nowrap}
.rollout th .muted{font-weight:400}
.axis{margin:0;color:var(--muted);font-size:12px;text-align:right}
.feature>p{grid-column:1/-1}
.line{display:flex;gap:4px 12px;align-items:baseline;justify-content:space-between;flex-wrap:wrap;margin-bottom:8px}
.timeline{margin:2px 0 0 5px;padding:0 0 0 19px;list-style:none;border-left:2px solid var(--line)}
.timeline li{position:relative;padding-bottom:18px}
.timeline li:last-child{padding-bottom:0}
.timeline li::before{content:"";position:absolute;left:-25px;top:6px;width:10px;height:10px;border-radius:50%;background:var(--reference);box-shadow:0 0 0 3px var(--card)}
.timeline .good::before{background:var(--good)}
.timeline .warn::before{background:var(--warn)}
.timeline .bad::before{background:var(--bad)}
.timeline p{margin:0}
.timeline .note{margin-top:2px}
footer{margin-top:56px;padding-bottom:40px;font-size:13px}
@media(max-width:640px){header,main,footer{padding-left:16px;padding-right:16px}header{padding-top:24px}h1{font-size:26px}h2{font-size:20px}.tiles{grid-template-columns:1fr 1fr}.tile{padding:12px}.tile:last-child:nth-child(odd){grid-column:1/-1}.tile .value{font-size:21px}.wide{display:none}.narrow{display:block}section{margin-top:36px}}
@media print{.card{break-inside:avoid;box-shadow:none}nav,.skip{display:none}}
</style>`);
