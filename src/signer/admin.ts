import { type Context, Hono } from 'hono'
import type { SignerEnv } from '../../workers/signer/env.ts'
import type { FieldRefusal } from '../lib/fields.ts'
import { isId } from '../lib/ids.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import type { Result } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import { parseImport, parsePolicyOrder, parseWord } from './admin-requests.ts'
import { ALL_WALLETS, LOG_PAGE_MAX, type SignerObjectRpc } from './object-rpc.ts'
import { parsePolicy, writePolicy } from './policy.ts'

type Bindings = { Bindings: SignerEnv }
type Call = Context<Bindings>

const BODY_CHARS_MAX = 65_536

/**
 * What operators do with the signer, which has no public address: `npm run signer` calls it. Nothing here signs. A wallet
 * is named by its id; `all` is the switch of all of them. Problems are RFC 9457.
 *
 *     GET  /signer/wallets/:wallet             account, policy, switch, where the log ends
 *     GET  /signer/wallets/:wallet/log?after=  a page of the log, oldest first
 *     POST /signer/wallets/:wallet/seed        { by, envelope }: what the ceremony sealed
 *     POST /signer/wallets/:wallet/policy      { by, policy }
 *     POST /signer/wallets/:wallet/stop        { by, reason }
 *     POST /signer/wallets/:wallet/allow       { by, reason }
 */
export function createSignerAdmin(): Hono<Bindings> {
  const app = new Hono<Bindings>()
  app.get('/signer/wallets/:wallet', (c) =>
    withWallet(c, async (signer, walletId) => {
      const { policy, ...standing } = await signer.standing()
      return answer({ walletId, ...standing, policy: policy && writePolicy(policy) })
    }),
  )
  app.get('/signer/wallets/:wallet/log', (c) =>
    withWallet(c, async (signer) => {
      const after = c.req.query('after') ?? '0'
      if (!/^\d{1,15}$/.test(after)) return problem(400, 'invalid_field', 'after must be the number of an entry', 'after')
      const data = await signer.log(Number(after))
      return answer({ data, next: data.length < LOG_PAGE_MAX ? null : data.at(-1)?.no })
    }),
  )
  app.post('/signer/wallets/:wallet/seed', (c) =>
    withWallet(c, (signer) =>
      withBody(c, parseImport, async ({ envelope, by }) => {
        const imported = await signer.importSeed(envelope, by)
        return imported.ok ? answer({ account: imported.value }) : problem(409, imported.error.reason, imported.error.detail)
      }),
    ),
  )
  app.post('/signer/wallets/:wallet/policy', (c) =>
    withWallet(c, (signer) =>
      withBody(c, parsePolicyOrder, async ({ by, policy: input }) => {
        const policy = parsePolicy(input, registryOf(c.env))
        if (!policy.ok) return refused(policy.error)
        const set = await signer.setPolicy(policy.value, by)
        return set.ok ? answer({ policyVersion: set.value }) : notHot()
      }),
    ),
  )
  app.post('/signer/wallets/:wallet/stop', (c) =>
    withWallet(c, (signer) =>
      withBody(c, parseWord, async (word) => ((await signer.stop(word)).ok ? answer({ stopped: word.reason }) : notHot())),
    ),
  )
  app.post('/signer/wallets/:wallet/allow', (c) =>
    withWallet(c, (signer) =>
      withBody(c, parseWord, async (word) => ((await signer.allow(word)).ok ? answer({ stopped: null }) : notHot())),
    ),
  )
  app.notFound(() => problem(404, 'route_not_found', 'there is no such route'))
  app.onError((thrown) => {
    logEvent('error', 'signer_admin_failed', { reason: reasonOf(thrown) })
    return problem(500, 'defect', reasonOf(thrown))
  })
  return app
}

async function withWallet(c: Call, then: (signer: SignerObjectRpc, walletId: string) => Promise<Response>): Promise<Response> {
  const walletId = c.req.param('wallet') ?? ''
  if (walletId !== ALL_WALLETS && !isId('wal', walletId))
    return problem(404, 'wallet_not_found', 'a wallet’s id is wal_ and 32 characters', 'wallet')
  return then(c.env.SIGNERS.getByName(walletId), walletId)
}

async function withBody<T>(
  c: Call,
  parse: (input: unknown) => Result<T, FieldRefusal>,
  then: (body: T) => Promise<Response>,
): Promise<Response> {
  const text = await c.req.text()
  if (text.length > BODY_CHARS_MAX) return problem(413, 'body_too_large', `a body has at most ${BODY_CHARS_MAX} characters`)
  let input: unknown
  try {
    input = JSON.parse(text)
  } catch {
    return problem(400, 'malformed_json', 'the body must be JSON')
  }
  const parsed = parse(input)
  return parsed.ok ? then(parsed.value) : refused(parsed.error)
}

function refused({ reason, detail, param }: FieldRefusal): Response {
  return problem(400, reason, detail, param)
}

function notHot(): Response {
  return problem(404, 'wallet_not_hot', 'the signer has no seed of this wallet', 'wallet')
}

function answer(body: unknown): Response {
  return new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
}

function problem(status: number, code: string, detail: string, param: string | null = null): Response {
  const body = { type: `/docs/errors#${code}`, title: 'The signer was left as it was', status, detail, code, param }
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}
