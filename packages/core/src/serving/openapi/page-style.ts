/** The look of the page. Light first; dark where the reader's system says so. */
export const style = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--field:#fbfcfd;--ink:#171b22;--muted:#5a6372;--line:#e2e6ec;--accent:#2456c7;--on-accent:#fff;--good:#137a45;--good-back:#e0f4e8;--bad:#b3261e;--bad-back:#fce6e4;--plain-back:#e9edf5;--shadow:0 1px 2px #10182812}
@media(prefers-color-scheme:dark){:root{--page:#0e1116;--card:#171b22;--field:#11151b;--ink:#e8ebf0;--muted:#9aa4b4;--line:#2a313c;--accent:#8db2ff;--on-accent:#0b1220;--good:#6fd69c;--good-back:#10301f;--bad:#ff938b;--bad-back:#421916;--plain-back:#232c3b;--shadow:none}}
*{box-sizing:border-box}
[hidden]{display:none!important}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:960px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
.eyebrow{margin:0;color:var(--muted);font-size:12px;font-weight:600;letter-spacing:.08em;text-transform:uppercase}
h1{margin:2px 0 0;font-size:32px;line-height:1.2;letter-spacing:-.02em;font-weight:650}
h2{margin:0;font-size:22px;line-height:1.3;letter-spacing:-.01em;font-weight:650}
h3{margin:0;padding:12px 16px 8px;color:var(--muted);font-size:12px;font-weight:600;letter-spacing:.04em;text-transform:uppercase}
.lead{margin:10px 0 0;max-width:70ch}
.meta,.note,footer,caption,.what,.took{color:var(--muted)}
.meta{margin:8px 0 0;font-size:13px}
.note{margin:8px 0;font-size:13px}
code,pre,textarea,input,select{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
nav{margin-top:20px;padding-bottom:12px;border-bottom:1px solid var(--line);font-size:14px;font-weight:500}
nav p{display:flex;gap:2px 18px;flex-wrap:wrap;margin:0}
nav p+p{margin-top:6px}
nav span{color:var(--muted);font-weight:400;min-width:72px}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-999px;top:8px;padding:6px 12px;background:var(--card)}
.skip:focus{left:8px}
.head{display:flex;gap:10px;align-items:center;flex-wrap:wrap}
.pill,.method{display:inline-block;padding:1px 9px;border-radius:99px;background:var(--plain-back);color:var(--muted);font-size:12px;font-weight:600;line-height:1.6;white-space:nowrap}
.pill.good{background:var(--good-back);color:var(--good)}
.pill.bad{background:var(--bad-back);color:var(--bad)}
.method{flex:none;min-width:50px;border-radius:6px;padding:1px 7px;color:var(--accent);font-size:11px;letter-spacing:.03em;text-align:center}
.method.get{color:var(--good);background:var(--good-back)}
.method.delete{color:var(--bad);background:var(--bad-back)}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;box-shadow:var(--shadow);padding:16px}
.card+.card{margin-top:12px}
main>.card{margin-top:24px}
section{margin-top:40px;scroll-margin-top:16px}
section>.head+.card{margin-top:14px}
.tensors{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:12px;margin:14px 0 12px}
.tensors .card{margin:0}
table{width:100%;border-collapse:collapse;font-size:13.5px;line-height:1.4}
caption{text-align:left;font-size:12px;font-weight:600;letter-spacing:.04em;text-transform:uppercase;padding-bottom:6px}
th,td{padding:6px 14px 6px 0;text-align:left;vertical-align:baseline;font-weight:400}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--muted);font-size:12px;font-weight:600;border-bottom:1px solid var(--line)}
tbody tr+tr>*{border-top:1px solid var(--line)}
.card.routes{padding:0;overflow:hidden}
.routes .route{display:block;border-top:1px solid var(--line)}
.routes>.route:first-child{border-top:0}
.routes a.route,.route>summary{padding:10px 16px;display:flex;gap:4px 10px;align-items:baseline;flex-wrap:wrap;color:var(--ink);font-weight:400}
a.route:hover,.route>summary:hover{background:var(--field);text-decoration:none}
.route>summary::-webkit-details-marker{display:none}
.route>summary::after{content:"";flex:none;align-self:center;width:7px;height:7px;margin:0 3px 3px auto;border:solid var(--muted);border-width:0 1.5px 1.5px 0;transform:rotate(45deg)}
.route[open]>summary::after{margin:3px 3px 0 auto;transform:rotate(225deg)}
a.route::after{content:"↑";flex:none;margin-left:auto;color:var(--muted);font-size:13px}
.route[open]>summary{background:var(--field)}
.path{font-size:13px;font-weight:600;min-width:0}
.what{font-size:13px}
summary{cursor:pointer;font-weight:500}
form{padding:14px 16px 16px}
form>*+*{margin-top:12px}
.credentials ul{margin:0 0 12px;padding-left:20px;font-size:13px}
label{display:block;font-size:12px;font-weight:600;color:var(--muted)}
textarea,input,select{display:block;width:100%;margin-top:4px;padding:10px 12px;color:var(--ink);background:var(--field);border:1px solid var(--line);border-radius:8px}
textarea{resize:vertical;tab-size:2}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,220px),1fr));gap:12px}
.body{margin-top:12px}
.body:first-child{margin-top:0}
.actions{font-size:13px;color:var(--muted)}
button{font:600 14px/1 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;padding:11px 20px;border:0;border-radius:8px;background:var(--accent);color:var(--on-accent);cursor:pointer}
button:hover{filter:brightness(1.08)}
button:disabled{opacity:.55;cursor:default}
.command{position:relative}
.curl{max-height:220px;padding-right:78px}
.copy{position:absolute;top:7px;right:7px;padding:6px 11px;font-size:12px;color:var(--ink);background:var(--card);border:1px solid var(--line)}
.answers{font-size:13px}
.answers>summary{color:var(--muted);font-weight:500}
dl{margin:8px 0 0}
dl div{display:grid;grid-template-columns:44px 1fr;gap:8px;padding:4px 0}
dl div+div{border-top:1px solid var(--line)}
dt{font-weight:600}
dd{margin:0;color:var(--muted)}
.answer p{margin:0 0 8px;font-size:13px}
pre{margin:0;padding:12px;max-height:360px;overflow:auto;background:var(--field);border:1px solid var(--line);border-radius:8px;white-space:pre-wrap}
.empty{color:var(--muted)}
footer{margin-top:48px;padding-bottom:40px;font-size:13px}
@media(max-width:640px){header,main,footer{padding-left:16px;padding-right:16px}header{padding-top:24px}h1{font-size:26px}h2{font-size:20px}nav span{min-width:100%}textarea,input,select{font-size:16px}.routes a.route,.route>summary{display:grid;grid-template-columns:auto 1fr auto}.what{grid-column:1/-1}.routes a.route::after,.route>summary::after{grid-area:1/3}button[type=submit]{width:100%}}
`;
