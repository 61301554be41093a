import { type Context, Hono } from 'hono'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { createKeyChecker, type KeyChecker, type KeyRefusal } from '../auth/api-keys.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { randomId } from '../lib/ids.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { storeByKeyHash } from '../storage/stores.ts'
import { type Answer, type Route, Unavailable } from './call.ts'
import { openApiDocument } from './openapi/document.ts'
import { problemResponse } from './problems.ts'
import { ROUTES } from './routes.ts'

interface ApiBindings {
  Bindings: EdgeEnv
  Variables: { requestId: string }
}

type ApiContext = Context<ApiBindings>

const KEY_WORDS: Record<KeyRefusal['reason'], string> = {
  api_key_missing: 'send your key as Authorization: Bearer <key>',
  api_key_invalid: 'the key is not known, was revoked, or is not of the form Authorization: Bearer <key>',
  directory_unavailable: 'the key cannot be checked right now',
}

/**
 * The merchant API under `/v1`. The edge door hands it every request whose path is `/v1` or below, by
 * `api.fetch(request, env, ctx)` or `app.route('/', api)`; it answers all of them, unknown ones with a problem too.
 */
export function createApi(clock: Clock = systemClock): Hono<ApiBindings> {
  const app = new Hono<ApiBindings>()
  const keys = createKeyChecker(clock)

  app.use('/v1/*', async (c, next) => {
    c.set('requestId', randomId('req'))
    await next()
    c.res.headers.set('x-request-id', c.get('requestId'))
    c.res.headers.set('cache-control', 'no-store')
    c.res.headers.set('x-content-type-options', 'nosniff')
  })

  app.get('/v1/openapi.json', (c) => c.json(openApiDocument(c.env.ORIGIN)))
  for (const route of ROUTES) app.on(route.method, `/v1${route.path}`, (c) => answerRoute(c, route, keys, clock))

  for (const path of ['/openapi.json', ...new Set(ROUTES.map((route) => route.path))]) {
    const methods = ROUTES.filter((route) => route.path === path).map((route) => route.method)
    const allowed =
      methods.includes('POST') && !methods.includes('GET')
        ? 'POST'
        : ['GET', 'HEAD', ...methods.filter((method) => method === 'POST')].join(', ')
    app.all(`/v1${path}`, (c) => {
      const refused = problemResponse({ reason: 'method_not_allowed', detail: `allowed here: ${allowed}` }, c.get('requestId'))
      refused.headers.set('allow', allowed)
      return refused
    })
  }
  app.all('/v1/*', (c) =>
    problemResponse({ reason: 'route_not_found', detail: 'see /v1/openapi.json for what there is' }, c.get('requestId')),
  )
  app.onError(answerError)
  return app
}

async function answerRoute(c: ApiContext, route: Route, keys: KeyChecker, clock: Clock): Promise<Response> {
  const { env } = c
  const requestId = c.get('requestId')
  const identity = await keys.check(c.req.header('authorization') ?? null, (hash) => storeByKeyHash(env.DIRECTORY, hash))
  if (!identity.ok) return problemResponse({ reason: identity.error.reason, detail: KEY_WORDS[identity.error.reason] }, requestId)
  const answered = await route.handle({
    env,
    request: c.req.raw,
    identity: identity.value,
    param: (name) => c.req.param(name) ?? '',
    nowMs: clock(),
  })
  return answered.ok ? answerResponse(answered.value) : problemResponse(answered.error, requestId)
}

function answerResponse({ status, body, headers }: Answer): Response {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array
  return new Response(isRaw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })
}

/** What was not foreseen: told to the log, not to the caller. */
function answerError(thrown: Error, c: ApiContext): Response {
  const requestId = c.get('requestId')
  const known = thrown instanceof Unavailable
  const cause = thrown.cause === undefined ? undefined : reasonOf(thrown.cause)
  logEvent(known ? 'warn' : 'error', known ? 'api_unavailable' : 'api_failed', {
    requestId,
    method: c.req.method,
    path: c.req.path,
    reason: reasonOf(thrown),
    cause,
  })
  if (known) return problemResponse({ reason: 'unavailable', detail: `${thrown.message}; try again` }, requestId)
  return problemResponse({ reason: 'defect', detail: 'the failure is logged under the requestId' }, requestId)
}
