import { type Context, Hono } from 'hono'
import type { EdgeEnv } from '../../workers/edge/env.ts'
import { isApprovalToken } from '../auth/approval-token.ts'
import { fromBase64Url } from '../lib/base64.ts'
import { isId } from '../lib/ids.ts'
import { logEvent, reasonOf } from '../lib/log.ts'
import { unreachable } from '../lib/result.ts'
import { registryOf } from '../money/registry.ts'
import { createAnswers } from '../page/answers.ts'
import { textOf } from '../page/document.tsx'
import { sentFields } from '../page/form.ts'
import { pageHeaders } from '../page/headers.ts'
import { askedLanguage, languageOf } from '../page/language.ts'
import type { Approval } from '../signer/rpc.ts'
import { storeNameOf } from '../storage/stores.ts'
import { APPROVAL_FIELDS, readApproval } from '../wallet/transfers/read-approval.ts'
import { cssHash } from './built/assets.ts'
import { Card } from './card.tsx'
import { MESSAGES } from './language.ts'
import { approvePage, approverPage, HEAD } from './page.tsx'
import { type ApproveRequest, createView, type Fault } from './view.ts'

const PATH = '/approve/:transfer/:wallet/:token'
const CARD_PATH = '/approve/:transfer/:wallet/:token/card'
type ApproveContext = Context<{ Bindings: EdgeEnv }, typeof PATH>

/** An assertion has four parts, the longest of some 4,000 characters. */
const BODY_BYTES_MAX = 16_384
const HEADERS = pageHeaders(cssHash, { scripts: true, passkeys: true })
const { notFound, failure } = createAnswers(HEAD, HEADERS, MESSAGES)

/**
 * Where people look at a transfer and approve it with a passkey, and where they make one; mounted at `/`. Only the POST of
 * an assertion changes anything, and what it is worth the signer alone decides. A token that is wrong and a transfer that
 * does not exist look the same, and wake no object.
 */
export function createApprove(): Hono<{ Bindings: EdgeEnv }> {
  const approve = new Hono<{ Bindings: EdgeEnv }>()

  approve.get(PATH, async (c) => {
    const request = await requestOf(c)
    if (!request) return notFound(c)
    const [view, storeName] = await Promise.all([createView(request), nameOf(c.env, request.transfer.storeId)])
    return c.html(textOf(approvePage(view, storeName, rpIdOf(c.env))), 200, HEADERS)
  })

  approve.get(CARD_PATH, async (c) => {
    const request = await requestOf(c)
    return request ? card(c, request, null, 200) : notFound(c)
  })

  approve.post(PATH, async (c) => {
    const request = await requestOf(c)
    if (!request) return notFound(c)
    const { transfer } = request
    const approval = await sentFields(c.req, APPROVAL_FIELDS, readApproval, BODY_BYTES_MAX)
    if (!approval) return card(c, request, 'failed', 400)
    // Approved, ended or sent meanwhile: the page says so itself.
    if (transfer.status !== 'needs_approval') return card(c, request, null, 409)
    if (challengeIn(approval) !== transfer.challenge) return card(c, request, 'changed', 409)
    const isKnown = transfer.approvals.some(({ credentialId, member }) => credentialId === approval.credentialId && member !== null)
    if (isKnown) return card(c, request, 'already', 409)

    const approved = await c.env.WALLETS.getByName(transfer.walletId).approveTransfer(transfer.id, approval)
    if (approved.ok) return card(c, { ...request, transfer: approved.value }, null, 200)
    const { reason } = approved.error
    switch (reason) {
      case 'transfer_not_found':
        return notFound(c)
      case 'wrong_status':
      case 'signature_refused':
        return card(c, request, 'changed', 409)
      case 'too_many_approvals':
        return card(c, request, 'tooMany', 409)
      default:
        return unreachable(reason)
    }
  })

  approve.get('/approver', (c) => c.html(textOf(approverPage(languageOf(c.req), rpIdOf(c.env))), 200, HEADERS))

  approve.all('/approve/*', (c) => notFound(c))
  approve.onError((error, c) => {
    logEvent('error', 'approve_failed', { reason: reasonOf(error) })
    return failure(c, 500)
  })
  return approve
}

/** The transfer that the link names; null when there is none, or the token is not its own. */
async function requestOf(c: ApproveContext): Promise<ApproveRequest | null> {
  const { transfer: id, wallet: walletId, token } = c.req.param()
  if (!isId('tr', id) || !isId('wal', walletId) || !isId('apr', token)) return null
  if (!(await isApprovalToken(c.env.ID_SECRET, { id, walletId }, token))) return null
  const transfer = await c.env.WALLETS.getByName(walletId).transfer(id)
  const registry = registryOf(c.env)
  if (!transfer || !registry.findChain(transfer.chainId)) return null
  const path = `/approve/${id}/${walletId}/${token}`
  return { transfer, registry, language: languageOf(c.req), asked: askedLanguage(c.req), path }
}

/** What the browser says it signed; null when it says nothing that can be read. Only so that people hear it at once. */
function challengeIn({ clientDataJson }: Approval): unknown {
  try {
    const said: unknown = JSON.parse(new TextDecoder().decode(fromBase64Url(clientDataJson) ?? new Uint8Array()))
    return typeof said === 'object' && said !== null && 'challenge' in said ? said.challenge : null
  } catch {
    return null
  }
}

/** The store's name, for people; null when D1 does not answer: nobody has to wait for it. */
function nameOf({ DIRECTORY }: EdgeEnv, storeId: string): Promise<string | null> {
  return storeNameOf(DIRECTORY, storeId).catch((thrown: unknown) => {
    logEvent('warn', 'store_name_unread', { storeId, reason: reasonOf(thrown) })
    return null
  })
}

/** Passkeys are of the host of our origin (WebAuthn Level 2, 5.1.2: the RP ID). */
function rpIdOf({ ORIGIN }: EdgeEnv): string {
  return new URL(ORIGIN).hostname
}

async function card(c: Context, request: ApproveRequest, fault: Fault | null, status: 200 | 400 | 409) {
  return c.html(<Card view={await createView(request, fault)} />, status, HEADERS)
}
