import { html, raw } from 'hono/html'
import type { Order, OrderStatus } from './orders.ts'
import { PRODUCTS, type Product, productOf } from './products.ts'

export type Html = ReturnType<typeof html>

/** What the shopper reads for each status of an order; the order page's script reads it from the page. */
export const STATUS_WORDS: Record<OrderStatus, { title: string; text: string }> = {
  waiting: { title: 'Waiting for your payment', text: 'Pay below. This page follows along by itself.' },
  seen: { title: 'Payment seen', text: 'Your payment is on its network. A few confirmations, and the order is yours.' },
  paid: { title: 'Paid. Thank you!', text: 'We are packing your order now.' },
  expired: { title: 'The time to pay is over', text: 'Nothing was charged. You can order again whenever you like.' },
  trouble: { title: 'We are looking at your payment', text: 'Something about it changed. Keep this page; we will sort it out.' },
}

export function cataloguePage(newOrderId: () => string, recent: readonly Order[]): Html {
  return page(
    'The Corner Kiosk',
    html`<section class="hero"><h1>Small things, well made.</h1>
<p>Pick something and pay with Bitcoin, Lightning, Ether or USDC from the demo wallet. Nothing here costs real money.</p></section>
<ul class="grid">${PRODUCTS.map((product) => productCard(product, newOrderId()))}</ul>
${recent.length === 0 ? '' : recentOrders(recent)}`,
  )
}

function productCard(product: Product, orderId: string): Html {
  return html`<li class="card">${picture(product)}
<div class="card-text"><h2>${product.name}</h2><p>${product.line}</p>
<form method="post" action="/buy"><input type="hidden" name="order" value="${orderId}"><input type="hidden" name="product" value="${product.id}">
<span class="price">${price(product)}</span><button type="submit" aria-label="Buy ${product.name}">Buy</button></form></div></li>`
}

function recentOrders(orders: readonly Order[]): Html {
  return html`<section class="recent"><h2>Your orders</h2><ul>${orders.map(
    (order) =>
      html`<li><a href="/orders/${order.id}"><span>${productOf(order.productId)?.name ?? order.productId}</span><span class="pill" data-status="${order.status}">${STATUS_WORDS[order.status].title}</span></a></li>`,
  )}</ul></section>`
}

/** `paytomatOrigin` is where the widget and the checkout come from. */
export function orderPage(order: Order, paytomatOrigin: string): Html {
  const product = productOf(order.productId)
  const words = STATUS_WORDS[order.status]
  return page(
    `Order ${shortId(order)}`,
    html`<a class="back" href="/">‹ Back to the shop</a>
<div class="order" id="order" data-order="${order.id}" data-status="${order.status}">
<section class="panel" aria-labelledby="status-title">
<p class="number">Order ${shortId(order)}</p>
<div class="status" role="status"><span class="dot" aria-hidden="true">${raw(CHECK)}</span><div><h1 id="status-title">${words.title}</h1><p id="status-text">${words.text}</p></div></div>
${product === null ? '' : html`<div class="bought">${picture(product)}<div><h2>${product.name}</h2><p>${product.line}</p></div><span class="price">${price(product)}</span></div>`}
<dl class="sum"><div><dt>Delivery</dt><dd>Free</dd></div><div class="total"><dt>Total</dt><dd>${money(order.amount, order.currency)}</dd></div></dl>
</section>
<section class="panel pay" aria-label="Payment">${payment(order)}
<div class="after"><p class="after-text">Anything else? The shop is open.</p><a class="button" href="/">Back to the shop</a></div></section>
</div>
<script type="application/json" id="words">${raw(JSON.stringify(STATUS_WORDS).replaceAll('<', '\\u003c'))}</script>
<script src="${paytomatOrigin}/widget.js" defer></script><script src="/shop.js" defer></script>`,
  )
}

function payment(order: Order): Html {
  if (order.invoiceId === null || order.checkoutUrl === null)
    return html`<div class="pay-box"><p>The payment could not be prepared. Nothing was charged.</p><a class="button" href="/orders/${order.id}">Try again</a></div>`
  return html`<div class="pay-box"><h2>Payment</h2><p>Bitcoin, Lightning, Ether or USDC, from any wallet. In this demo there is one that pays for you.</p>
<paytomat-pay invoice="${order.invoiceId}">Pay ${money(order.amount, order.currency)}</paytomat-pay>
<p class="fallback">or <a href="${order.checkoutUrl}">open the payment page</a></p></div>`
}

export function messagePage(title: string, text: string): Html {
  return page(
    title,
    html`<section class="hero"><h1>${title}</h1><p>${text}</p><a class="button" href="/">Back to the shop</a></section>`,
  )
}

function page(title: string, body: Html): Html {
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${title}</title><link rel="icon" href="/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/shop.css"></head>
<body><header class="top"><a href="/" class="brand">${raw(ICON)}<span>The Corner Kiosk</span></a><span class="note">Demo shop</span></header>
<main>${body}</main><footer>A merchant’s shop for Paytomat’s development. Orders turn paid when a signed webhook says so.</footer></body></html>`
}

function picture(product: Product): Html {
  return html`<svg class="picture" viewBox="0 0 200 200" role="img" aria-label="${product.name}"><rect x="-200" y="-200" width="600" height="600" fill="${product.tint}"/>${raw(product.art)}</svg>`
}

function price(product: Product): string {
  return money(product.price, product.currency)
}

function money(amount: string, currency: string): string {
  return currency === 'EUR' ? `€${amount}` : `${amount} ${currency}`
}

function shortId(order: Order): string {
  return order.id.slice(-6).toUpperCase()
}

export const ICON = `<svg viewBox="0 0 32 32" width="32" height="32" xmlns="http://www.w3.org/2000/svg" aria-hidden="true"><rect width="32" height="32" rx="9" fill="#e2603f"/><path d="M7 13h18l-2-6H9z" fill="#fff"/><path d="M7 13a3 3 0 0 0 6 0 3 3 0 0 0 6 0 3 3 0 0 0 6 0" fill="#fbd9cf"/><path d="M9 18v8h14v-8" fill="none" stroke="#fff" stroke-width="2.4"/></svg>`
const CHECK = `<svg viewBox="0 0 24 24" width="22" height="22"><path d="m5 12.5 4.6 4.5L19 7.5" fill="none" stroke="currentColor" stroke-width="2.8" stroke-linecap="round" stroke-linejoin="round"/></svg>`
