/** The shop's style sheet. */
export const CSS = `
:root{--paper:#fbf7f1;--card:#fff;--ink:#221d19;--soft:#6d6259;--line:#e9e0d5;--accent:#c94a2b;--on-accent:#fff;--good:#23784a;--wait:#8a5a00;--bad:#a8321f;--shadow:0 1px 2px #3b2a2410,0 8px 24px #3b2a2412}
@media (prefers-color-scheme:dark){:root{--paper:#181513;--card:#231f1c;--ink:#f4ece3;--soft:#b3a69a;--line:#38312b;--accent:#f0805f;--on-accent:#1d0f0a;--good:#6fd09a;--wait:#f0c05a;--bad:#ff9a86;--shadow:0 1px 2px #0006}}
*{box-sizing:border-box;margin:0}
body{background:var(--paper);color:var(--ink);font:16px/1.5 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;min-height:100vh;display:flex;flex-direction:column}
a{color:inherit}
:focus-visible{outline:3px solid var(--accent);outline-offset:3px;border-radius:6px}
.top,main,footer{width:100%;max-width:1080px;margin:0 auto;padding:0 20px}
.top{display:flex;align-items:center;justify-content:space-between;padding-top:20px;padding-bottom:20px}
.brand{display:flex;align-items:center;gap:12px;font-weight:700;font-size:18px;letter-spacing:-.01em;text-decoration:none}
.note{font-size:13px;color:var(--soft);border:1px solid var(--line);padding:3px 10px;border-radius:99px}
main{flex:1}
footer{padding-top:48px;padding-bottom:28px;color:var(--soft);font-size:13px}
.hero{padding:28px 0 32px;max-width:620px}
h1{font-size:clamp(30px,5vw,46px);line-height:1.08;letter-spacing:-.03em;text-wrap:balance}
.hero p{margin-top:14px;color:var(--soft);font-size:17px}
.hero .button{margin-top:22px}
.grid{list-style:none;padding:0;display:grid;gap:20px;grid-template-columns:repeat(auto-fill,minmax(min(100%,280px),1fr))}
.card{background:var(--card);border:1px solid var(--line);border-radius:18px;overflow:hidden;box-shadow:var(--shadow);display:flex;flex-direction:column}
.picture{display:block;width:100%;aspect-ratio:4/3}
@media (max-width:600px){.card .picture{aspect-ratio:16/10}}
.card-text{padding:18px 20px 20px;display:flex;flex-direction:column;flex:1}
.card h2{font-size:18px;letter-spacing:-.01em}
.card p{color:var(--soft);font-size:15px;margin:4px 0 18px;flex:1}
.card form{display:flex;align-items:center;justify-content:space-between}
.price{font-weight:650;font-size:18px;font-variant-numeric:tabular-nums;white-space:nowrap}
button,.button{font:inherit;font-weight:650;background:var(--accent);color:var(--on-accent);border:0;border-radius:12px;padding:11px 26px;min-height:46px;cursor:pointer;text-decoration:none;display:inline-flex;align-items:center;justify-content:center}
button:hover,.button:hover{filter:brightness(1.07)}
.recent{margin-top:44px}
.recent h2{font-size:20px;letter-spacing:-.01em;margin-bottom:12px}
.recent ul{list-style:none;padding:0;border:1px solid var(--line);border-radius:16px;background:var(--card);overflow:hidden}
.recent li+li{border-top:1px solid var(--line)}
.recent a{display:flex;justify-content:space-between;gap:16px;align-items:center;padding:14px 20px;text-decoration:none}
.pill{font-size:13px;font-weight:600;color:var(--soft);text-align:right}
.pill[data-status=paid]{color:var(--good)}.pill[data-status=seen]{color:var(--wait)}.pill[data-status=trouble]{color:var(--bad)}
.back{display:inline-block;color:var(--soft);text-decoration:none;padding:8px 0 18px}
.back:hover{color:var(--ink)}
.order{display:grid;gap:20px;grid-template-columns:minmax(0,1fr);align-items:start}
@media (min-width:860px){.order{grid-template-columns:minmax(0,1.15fr) minmax(340px,1fr)}}
.panel{background:var(--card);border:1px solid var(--line);border-radius:20px;padding:26px;box-shadow:var(--shadow)}
.number{color:var(--soft);font-size:14px;font-variant-numeric:tabular-nums;margin-bottom:14px}
.status{display:flex;gap:16px;align-items:flex-start}
.status h1{font-size:26px;letter-spacing:-.02em;line-height:1.2}
.status p{color:var(--soft);margin-top:6px}
.dot{flex:none;width:42px;height:42px;border-radius:50%;display:grid;place-items:center;background:color-mix(in srgb,var(--wait) 14%,transparent);color:var(--wait);position:relative}
.dot svg{opacity:0}
.dot::after{content:"";position:absolute;inset:10px;border-radius:50%;border:3px solid currentColor;border-right-color:transparent}
[data-status=waiting] .dot::after,[data-status=seen] .dot::after{animation:turn 1.4s linear infinite}
[data-status=paid] .dot{background:var(--good);color:var(--card)}
[data-status=paid] .dot svg{opacity:1}[data-status=paid] .dot::after{display:none}
[data-status=expired] .dot,[data-status=trouble] .dot{background:color-mix(in srgb,var(--bad) 14%,transparent);color:var(--bad)}
[data-status=expired] .dot::after,[data-status=trouble] .dot::after{content:"!";border:0;inset:0;display:grid;place-items:center;font-weight:800;font-size:22px}
@keyframes turn{to{transform:rotate(1turn)}}
@media (prefers-reduced-motion:reduce){.dot::after{animation:none!important}}
.bought{display:grid;grid-template-columns:72px 1fr auto;gap:16px;align-items:center;margin-top:26px;padding-top:22px;border-top:1px solid var(--line)}
.bought .picture{border-radius:12px;aspect-ratio:1}
.bought h2{font-size:17px}.bought p{color:var(--soft);font-size:14px}
.sum{margin-top:20px;border-top:1px solid var(--line);padding-top:14px}
.sum div{display:flex;justify-content:space-between;color:var(--soft);padding:3px 0}
.sum .total{color:var(--ink);font-weight:700;font-size:19px;font-variant-numeric:tabular-nums}
.pay{min-height:120px}
.pay-box{display:flex;flex-direction:column;gap:14px}
.pay-box h2{font-size:20px;letter-spacing:-.01em}.pay-box p{color:var(--soft)}
.pay-box paytomat-pay{display:block;margin-top:8px}
.pay-box paytomat-pay:not(:defined){visibility:hidden;min-height:52px}
paytomat-pay::part(button){width:100%;min-height:52px;border-radius:12px;background:var(--accent);color:var(--on-accent)}
.fallback{color:var(--soft);font-size:14px;text-align:center}
.after{display:none;flex-direction:column;gap:16px;align-items:flex-start}
[data-status=paid] .after,[data-status=expired] .after,[data-status=trouble] .after{display:flex}
[data-status=expired] .pay-box{display:none}
[data-status=paid] .pay-box,[data-status=trouble] .pay-box{display:none}
`

/** Follows the order by server-sent events; EventSource comes back by itself when the connection breaks. */
export const SCRIPT = `
const order = document.getElementById('order')
const words = JSON.parse(document.getElementById('words').textContent)
const show = (status) => {
  if (!words[status]) return
  order.dataset.status = status
  document.getElementById('status-title').textContent = words[status].title
  document.getElementById('status-text').textContent = words[status].text
  if (status === 'paid') document.title = words.paid.title
}
const events = new EventSource('/orders/' + order.dataset.order + '/events')
events.addEventListener('message', (event) => show(event.data))
// Straight from "Buy" the checkout opens by itself, once; the button is for later.
const pay = document.querySelector('paytomat-pay')
if (location.hash === '#pay') {
  history.replaceState(null, '', location.pathname)
  if (pay && window.Paytomat && order.dataset.status === 'waiting') window.Paytomat.open({ invoice: pay.getAttribute('invoice') })
}
`
