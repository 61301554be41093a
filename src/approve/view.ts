import type { Asset } from '../money/asset.ts'
import type { ChainConfig } from '../money/chain.ts'
import type { Registry } from '../money/registry.ts'
import { money } from '../page/format.ts'
import type { Language } from '../page/language.ts'
import { challengeOf, wordsOf } from '../signer/intent.ts'
import { approvalsGiven } from '../wallet/transfers/approvals.ts'
import { intentOf } from '../wallet/transfers/step.ts'
import type { Transfer } from '../wallet/transfers/types.ts'
import { MESSAGES, type Messages } from './language.ts'

export type Stage =
  /** A yes is wanted. */
  | 'ask'
  /** A yes is wanted to something else than what can be shown: nobody should give it. */
  | 'differs'
  | 'queued'
  | 'signing'
  | 'sent'
  | 'unknown'
  | 'done'
  | 'failed'

/** What went wrong with the last click. */
export type Fault = 'already' | 'changed' | 'tooMany' | 'failed'

/** Everything one rendering of the page depends on. */
export interface ApproveView {
  readonly transfer: Transfer
  readonly stage: Stage
  /** The intent in canonical JSON, of which passkeys sign the SHA-256; and that, base64url. */
  readonly words: string
  readonly challenge: string
  readonly asset: Asset
  readonly chain: ChainConfig
  readonly amountText: string
  readonly language: Language
  readonly t: Messages
  /** The language that was asked for by name; links hand it on. */
  readonly asked: Language | null
  /** The page's own path, which is a secret. */
  readonly path: string
  readonly problem: string | null
}

export type ApproveRequest = Pick<ApproveView, 'transfer' | 'language' | 'asked' | 'path'> & { readonly registry: Registry }

/** What is shown is made from the intent as the signer is given it, and from nothing else that a yes depends on. */
export async function createView(request: ApproveRequest, fault: Fault | null = null): Promise<ApproveView> {
  const { transfer, registry, language, asked, path } = request
  const intent = intentOf(transfer)
  const [asset, chain, challenge] = [registry.asset(intent.asset), registry.chain(intent.chainId), await challengeOf(intent)]
  const t = MESSAGES[language]
  return {
    transfer,
    stage: stageOf(transfer, challenge),
    words: wordsOf(intent),
    challenge,
    asset,
    chain,
    amountText: money(
      asset,
      intent.outputs.reduce((sum, { units }) => sum + units, 0n),
      language,
    ),
    language,
    t,
    asked,
    path,
    problem: fault && t[fault],
  }
}

function stageOf({ status, challenge: wanted, approvals, approvalsWanted }: Transfer, challenge: string): Stage {
  switch (status) {
    // Enough have said yes: the signer is asked again.
    case 'queued':
      return approvalsWanted > 0 && approvalsGiven(approvals) >= approvalsWanted ? 'signing' : 'queued'
    case 'needs_approval':
      return wanted === challenge ? 'ask' : 'differs'
    case 'broadcast':
      return 'sent'
    case 'confirmed':
      return 'done'
    case 'signing':
    case 'unknown':
    case 'failed':
      return status
  }
}

/** This page with the language handed on. */
export function linkTo({ path, asked }: Pick<ApproveView, 'path' | 'asked'>, lang: string | null = asked): string {
  return lang ? `${path}?lang=${lang}` : path
}

/** The page's one h1 and its title. */
export function headline({ stage, t, transfer, amountText }: ApproveView): string {
  switch (stage) {
    case 'ask':
    case 'differs':
      return t.askTitle({ what: t[transfer.kind], amount: amountText })
    case 'queued':
      return t.queuedTitle
    case 'signing':
      return t.signingTitle
    case 'sent':
      return t.sentTitle
    case 'unknown':
      return t.unknownTitle
    case 'done':
      return t.doneTitle
    case 'failed':
      return t.failedTitle
  }
}

export function isOver({ stage }: ApproveView): boolean {
  return stage === 'done' || stage === 'failed'
}
