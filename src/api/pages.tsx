import { Hono } from 'hono'
import type { Child } from 'hono/jsx'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { toBase64 } from '../lib/base64.ts'
import { PROBLEMS } from './problems.ts'

const STYLE = `:root{color-scheme:light dark;--ink:#13231f;--soft:#4d5d58;--line:#d8e0dd;--back:#eef2f1;--card:#fff;--link:#0b6b5a}
@media(prefers-color-scheme:dark){:root{--ink:#e9f0ee;--soft:#a9b8b3;--line:#2c3936;--back:#0f1614;--card:#17201e;--link:#5cc9b3}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:46rem;margin:3rem auto;padding:2rem;background:var(--card);border-radius:1rem}
h1{margin:0 0 .5rem;font-size:1.75rem;line-height:1.2}h2{font-size:1.05rem;margin:0}p{margin:.25rem 0 1rem;color:var(--soft)}
a{color:var(--link)}ul{padding:0;list-style:none;margin:0}li{padding:.85rem 0;border-top:1px solid var(--line)}li p{margin:0}
code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}
@media(max-width:48rem){main{margin:0;border-radius:0;min-height:100vh;padding:1.5rem 1.25rem}}`

let policy: string | null = null

/** Pages for the engineer who arrives with an address only: what is here, and what each error code means. */
export function createPages(): Hono<{ Bindings: EdgeEnv }> {
  return new Hono<{ Bindings: EdgeEnv }>()
    .get('/', () => page('Paytomat', <Home />))
    .get('/docs/errors', () => page('Error codes', <Errors />))
}

function Home() {
  return (
    <>
      <h1>Paytomat</h1>
      <p>A payment processor. Shops create invoices, shoppers pay them on the page each invoice has.</p>
      <ul>
        <li>
          <h2>
            <a href="/v1/openapi.json">Merchant API</a>
          </h2>
          <p>
            The OpenAPI document of <code>/v1</code>. Keys are sent as <code>Authorization: Bearer …</code>
          </p>
        </li>
        <li>
          <h2>
            <a href="/docs/errors">Error codes</a>
          </h2>
          <p>What each problem means and whether to try again.</p>
        </li>
        <li>
          <h2>
            <a href="/widget.js">Widget</a>
          </h2>
          <p>
            <code>{'<script src="/widget.js"></script> <paytomat-pay invoice="inv_…">Pay</paytomat-pay>'}</code>
          </p>
        </li>
        <li>
          <h2>
            <a href="/health">Health</a>
          </h2>
          <p>How far each chain is read.</p>
        </li>
      </ul>
    </>
  )
}

/** Several reasons may share a code; each code is shown once, in the order of its status. */
function Errors() {
  const rows = new Map(
    Object.values(PROBLEMS).map((row) => [
      row.code as string,
      row as { status: number; title: string; retryAfterSeconds?: number },
    ]),
  )
  return (
    <>
      <h1>Error codes</h1>
      <p>
        Every error of the API is a problem (RFC 9457) with one of these as its <code>code</code>.
      </p>
      <ul>
        {[...rows]
          .sort(([, a], [, b]) => a.status - b.status)
          .map(([code, { status, title, retryAfterSeconds }]) => (
            <li id={code}>
              <h2>
                <code>{code}</code>
              </h2>
              <p>
                {status}. {title}. {retryAfterSeconds === undefined ? '' : 'Try again: nothing was done, or it is done once.'}
              </p>
            </li>
          ))}
      </ul>
    </>
  )
}

async function page(title: string, content: Child): Promise<Response> {
  policy ??= await contentPolicy()
  const html = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <title>{title}</title>
        <style>{STYLE}</style>
      </head>
      <body>
        <main>{content}</main>
      </body>
    </html>
  )
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  }
  return new Response(`<!doctype html>${html}`, { headers })
}

async function contentPolicy(): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(STYLE)))
  return `default-src 'none'; style-src 'sha256-${toBase64(digest)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}
